"""What is due and why: dirty days, cut into units of work.

A day is dirty when the fingerprint that its tables were built with is not the one they would be built
with now. Nothing else decides: not a file's existence, not a date.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from pipeline import inbox
from pipeline.lake import Lake, Manifest, settled, versions
from pipeline.stages import Context, fingerprint, recipe, stale

# About a minute of the model on two cores: enough to hide what a unit costs beside it (validation,
# about 2 s; docs/performance.md), and little enough to see progress and to lose on a crash.
ARTICLES_PER_UNIT = 500


@dataclass(frozen=True)
class Due:
    """A dirty day, and what exactly it is to be built from.

    `articles`: how many it has; `fresh`: how many must be computed, the others are carried over;
    `base`: the snapshot that it is built on (empty: none yet); `batches`: the inbox batches taken up.
    """

    day: str
    reasons: tuple[str, ...]
    articles: int
    fresh: int
    base: str
    inputs: str
    fingerprint: str
    batches: tuple[str, ...]

    @property
    def date(self) -> date:
        """The day as a date."""
        return date.fromisoformat(self.day)

    @property
    def snapshot(self) -> str:
        """The id of the build, which every row carries."""
        return self.fingerprint[:16]


@dataclass(frozen=True)
class Unit:
    """Days that are built and published together."""

    days: tuple[Due, ...]

    @property
    def id(self) -> str:
        """First day, and a digest of what is built: equal work has an equal id."""
        digest = hashlib.sha256(" ".join(f"{d.day}{d.base}{d.fingerprint}" for d in self.days).encode())
        return f"{self.days[0].day}-{digest.hexdigest()[:12]}"

    def json(self) -> bytes:
        """The unit as JSON, for the tasks that work on it."""
        return json.dumps([asdict(d) for d in self.days], indent=1).encode()

    @staticmethod
    def parse(data: bytes) -> Unit:
        """The inverse of `json`."""
        rows = json.loads(data)
        for row in rows:
            row["reasons"], row["batches"] = tuple(row["reasons"]), tuple(row["batches"])
        return Unit(tuple(Due(**row) for row in rows))


def due(lake: Lake, context: Context, first: date | None = None, last: date | None = None) -> list[Due]:
    """The dirty days from `first` to `last` (inclusive; None: no bound), oldest first.

    A day that exchanges an article with one of these is due with it, wherever it lies.
    """
    return settled(lambda: _all_due(lake, context, first, last))


def _all_due(lake: Lake, context: Context, first: date | None, last: date | None) -> list[Due]:
    # Manifests first: a batch that is taken up meanwhile is then still known as pending, or not at all.
    manifests, batches = lake.manifests(), inbox.batches(lake.store)
    now = recipe(context)
    wanted = {day for day in {*manifests, *(d for b in batches for d in b.days)}
              if (first is None or day >= first) and (last is None or day <= last)}  # fmt: skip
    for group in moves(batches):
        if wanted & group:
            wanted |= group
    found = (_due(lake, day, manifests.get(day), batches, now) for day in sorted(wanted))
    return [entry for entry in found if entry]


def units(days: Sequence[Due], lake: Lake, articles: int = ARTICLES_PER_UNIT) -> Iterator[Unit]:
    """The days packed into units of about so many fresh articles, in their order.

    Days that exchange articles stay together, so that they are published at once; `articles=0` keeps
    nothing else together.
    """
    by_day = {d.date: d for d in days}
    groups = {day: frozenset({day}) for day in by_day}
    for group in moves(inbox.batches(lake.store)):
        members = frozenset(group & by_day.keys())
        groups |= dict.fromkeys(members, members)
    held: list[Due] = []
    done: set[date] = set()
    for day in by_day:
        if day in done:
            continue
        done |= groups[day]
        extra = [by_day[d] for d in sorted(groups[day])]
        if held and (not articles or sum(d.fresh for d in (*held, *extra)) > articles):
            yield Unit(tuple(held))
            held = []
        held.extend(extra)
    if held:
        yield Unit(tuple(held))


def _due(
    lake: Lake,
    day: date,
    manifest: Manifest | None,
    batches: Sequence[inbox.Landed],
    now: Mapping[str, Mapping[str, str]],
) -> Due | None:
    pending = [b for b in batches if day in b.days and not (manifest and b.name in manifest.consumed)]
    if manifest and not pending and manifest.fingerprint == fingerprint(now, manifest.inputs):
        return None
    reasons = [] if manifest else ["new"]
    built = json.loads(manifest.recipe) if manifest else {}
    carried = not stale(built, now)
    if manifest:
        changed = {(stage, part) for stage in now for part in now[stage]
                   if built.get(stage, {}).get(part) != now[stage][part]}  # fmt: skip
        reasons += sorted({f"{part} ({stage})" for stage, part in changed})
    if manifest and not pending:
        articles = manifest.articles
        fresh = 0 if carried else articles
        digest = manifest.inputs
    else:
        counts, articles, digest = _arrivals(lake, day, manifest, pending)
        fresh = counts["late"] + counts["corrected"] if carried else articles
        if manifest:
            reasons += [f"{count} {what}" for what, count in counts.items() if count]
    return Due(
        day=day.isoformat(),
        reasons=tuple(reasons) or ("landed again, unchanged",),
        articles=articles,
        fresh=fresh,
        base=manifest.snapshot if manifest else "",
        inputs=digest,
        fingerprint=fingerprint(now, digest),
        batches=tuple(b.name for b in pending),
    )


def _arrivals(
    lake: Lake, day: date, manifest: Manifest | None, pending: Sequence[inbox.Landed]
) -> tuple[dict[str, int], int, str]:
    """What batches change in a day: counts by kind, the articles it then has, and the inputs' digest."""
    inputs = lake.inputs(day, manifest, pending)
    published = versions(lake.table(manifest, "raw"))
    ids = {version[0] for version in published}
    arriving = versions(inputs.raw) - published
    late = sum(version[0] not in ids for version in arriving)
    counts = {
        "late": late,
        "corrected": len(arriving) - late,
        "moved away": sum(len(b.moved(day)) for b in pending),
        "refused": sum(b.days[day]["rejected"] for b in pending),
    }
    return counts, inputs.raw.num_rows, inputs.digest


def moves(batches: Iterable[inbox.Landed]) -> list[set[date]]:
    """Sets of days among which articles moved: they must be published at once."""
    groups: list[set[date]] = []
    for batch in batches:
        for day, entry in batch.days.items():
            for target in entry["moved_to"]:
                pair = {day, date.fromisoformat(target)}
                joined = [g for g in groups if g & pair]
                groups = [g for g in groups if not g & pair] + [pair.union(*joined)]
    return groups
