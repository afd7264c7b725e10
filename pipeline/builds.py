"""The builds of days that runs published, as far as their tables are still in the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import diff
from pipeline.diff import Comparison
from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.lake import GRACE, Lake
from pipeline.manifest import Manifest
from pipeline.schemas import STAGE_NAMES

PARTS = ("code", "config", "model")
LISTED = 5
"""Runs or days named in a message; the rest is a number."""


@dataclass(frozen=True)
class Build:
    """A day as one run built it; `recipe` is what each stage's output depended on (`stages.recipe`)."""

    day: date
    run_id: str
    published: datetime
    fingerprint: str
    recipe: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class History:
    """Every build of the days from `first` to `last` (None: no bound), in the order of time."""

    lake: Lake
    manifests: Mapping[date, Manifest]
    builds: Sequence[Build] = field(repr=False)

    @staticmethod
    def of(lake: Lake, first: date | None = None, last: date | None = None) -> History:
        """As the table `runs` tells it."""
        days = {
            day: manifest
            for day, manifest in lake.manifests().items()
            if (first is None or day >= first) and (last is None or day <= last)
        }
        names = ("day", "run_id", "stage", "started_at", "fingerprint", *PARTS)
        runs = lake.rows("runs", days.values(), names)
        rows: dict[tuple[date, str], dict[str, dict[str, object]]] = {}
        for row in runs.to_pylist():
            if row["stage"] not in ("ingest", "settle"):
                rows.setdefault((row["day"], row["run_id"]), {})[row["stage"]] = row
        builds = [
            Build(day, run_id, stages["publish"]["started_at"], stages["publish"]["fingerprint"],  # type: ignore[arg-type]
                  {stage: {part: str(row[part]) for part in PARTS} for stage, row in stages.items()})
            for (day, run_id), stages in rows.items()
        ]  # fmt: skip
        return History(lake, days, sorted(builds, key=lambda b: (b.published, b.run_id, b.day)))

    def run(self, name: str) -> dict[date, Build]:
        """The days that a run built; `latest` is the last run, `current` what is published
        now, whoever built it.

        Raises UsageError for a run that built none of the days.
        """
        if name == "current":
            return {build.day: build for build in self.builds}
        wanted = self.builds[-1].run_id if name == "latest" and self.builds else name
        found = {build.day: build for build in self.builds if build.run_id == wanted}
        if not found:
            known = list(dict.fromkeys(build.run_id for build in reversed(self.builds)))
            raise UsageError(
                f"run {name!r}: no day of lake {self.lake.store.uri!r} that was asked for was built by it; "
                f"allowed are latest, previous, current and the runs {_some(known) or '(none yet)'}"
            )
        return found

    def before(self, builds: Mapping[date, Build]) -> dict[date, Build]:
        """What these builds replaced."""
        found: dict[date, Build] = {}
        for build in self.builds:
            if build.day in builds and build.published < builds[build.day].published:
                found[build.day] = build
        return found

    def files(self, build: Build) -> dict[str, str]:
        """The files of a build that are compared, by table; without those that are gone."""
        manifest = self.manifests[build.day]
        found: dict[str, str] = {}
        named = [*(str(entry["file"]) for entry in manifest.tables.values()), *manifest.superseded]
        for table in diff.READS:
            start = f"data/{table}/day={build.day.isoformat()}/{build.fingerprint[:16]}"
            # The digest that may follow tells builds apart that differ in what their neighbours settle.
            fitting = (file for file in named if file.startswith((f"{start}.", f"{start}-")))
            there = next((file for file in fitting if self.lake.store.exists(file)), None)
            if there:
                found[table] = there
        return found

    def tables(self, build: Build) -> dict[str, pa.Table]:
        """What of a build is compared. Raises EnvironmentProblem where it is gone."""
        found = {}
        for table, file in self.files(build).items():
            with self.lake.store.open(file) as opened:
                found[table] = pq.read_table(opened, columns=list(diff.READS[table]))
        if len(found) < len(diff.READS):
            raise _gone([build])
        return found


@dataclass(frozen=True)
class Pairing:
    """Two runs' builds of the days that both built."""

    before: Mapping[date, Build]
    after: Mapping[date, Build]
    histories: tuple[History, History]

    def compared(self, progress: Callable[[int], None] = lambda _: None) -> Iterator[tuple[date, Comparison]]:
        """Day after day, so that one day's tables are held at a time; `progress` is told each day done."""
        old, new = self.histories
        for day in self.before:
            yield day, diff.compare(old.tables(self.before[day]), new.tables(self.after[day]))
            progress(1)

    def why(self) -> list[tuple[str, str, str, str, int]]:
        """Stage, part of its recipe, what it was, what it is, and on how many days it differs."""
        found = diff.why((self.before[day].recipe, self.after[day].recipe) for day in self.before)
        rows = ((*what, days) for what, days in found.items())
        return sorted(rows, key=lambda row: (STAGE_NAMES.index(row[0]), row[1:]))


def pair(
    before: str,
    after: str,
    lake: Lake,
    other: Lake | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Pairing:
    """The builds of two runs from `first` to `last`; the second run is one of the lake `other`, if given.

    `previous` is what the other of the two replaced, day by day. Raises UsageError for runs that are none or
    share no day, EnvironmentProblem where tables are gone.
    """
    histories = History.of(lake, first, last), History.of(other or lake, first, last)
    names = (before, after)
    if "previous" in names and (other or before == after):
        raise UsageError(
            "previous: it is what the other run replaced in the same lake; name that one by its id, latest "
            "or current"
        )
    found = [h.run(name) if name != "previous" else {} for h, name in zip(histories, names, strict=True)]
    for n, name in enumerate(names):
        if name == "previous":
            found[n] = histories[n].before(found[1 - n])
    days = sorted(found[0].keys() & found[1].keys())
    if not days:
        said = " and ".join(f"{n} ({span(f)})" for n, f in zip(names, found, strict=True))
        raise UsageError(f"runs {said} have built no day in common: name two that built the same days")
    sides = [{day: side[day] for day in days} for side in found]
    for history, side in zip(histories, sides, strict=True):
        if gone := [b for b in side.values() if len(history.files(b)) < len(diff.READS)]:
            raise _gone(gone)
    return Pairing(sides[0], sides[1], histories)


def _gone(builds: Sequence[Build]) -> EnvironmentProblem:
    hours = int(GRACE.total_seconds() // 3600)
    runs, days = list(dict.fromkeys(b.run_id for b in builds)), [b.day.isoformat() for b in builds]
    return EnvironmentProblem(
        f"run {_some(runs)}: the tables that it built for {_some(days)} are gone, as they were superseded "
        f"more than {hours} hours ago; leave these days out with --from and --to, or build a second "
        "lake with the older model and compare by --other-lake"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def span(builds: Mapping[date, Build]) -> str:
    """The days, in words: how many, from the first to the last."""
    if len(builds) < 2:
        return str(*builds) if builds else "no day"
    return f"{len(builds):,} days, {min(builds)} to {max(builds)}"
