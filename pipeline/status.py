"""How a lake stands: how fresh it is, what waits, how fast it goes, what failed, how the quality goes.

Every answer is bounded: manifests and the inbox's lists are read whole, tables only of the days published
last and of the last eight weeks, so that ten years of days take seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import backlog as waiting
from pipeline import failures as wrong
from pipeline import inbox, spans, speeds, trend
from pipeline.backlog import Backlog
from pipeline.failures import Failures
from pipeline.lake import Lake, settled
from pipeline.locks import Claim, claimed
from pipeline.manifest import Manifest
from pipeline.speeds import Rate
from pipeline.stages import Context, recipe
from pipeline.store import Entry
from pipeline.trend import Measure

RECENT = 200
"""So many of the days published last are looked into for rates and times."""
COMMAND_LINE = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
"""The run ids of `standpoint run`; others are Airflow's, which begin with the DAG's name."""


@dataclass(frozen=True)
class Run:
    """The run that published last: when, by whom, and the days and articles that are published from it."""

    run_id: str
    by: str
    started_at: datetime
    ended_at: datetime
    days: int
    articles: int


@dataclass(frozen=True)
class Freshness:
    """How many days and articles are published, the first and last day with articles, and when the newest
    article landed.
    """

    days: int
    articles: int
    first_day: date | None
    last_day: date | None
    newest_landed: datetime | None
    last_run: Run | None


@dataclass(frozen=True)
class Size:
    """Files and bytes of the lake; of these, what is compacted, what nothing names any more, what is missing.

    `superseded`: replaced within a day, kept for those who still read them; `orphans`: named by nothing, as a
    crash leaves them, and superseded for longer. Both go when a run tidies up. `missing`: days of whose files
    one is not there.
    """

    files: int
    bytes: int
    compacted_bytes: int
    superseded_files: int
    superseded_bytes: int
    orphan_files: int
    orphan_bytes: int
    missing: tuple[date, ...]


@dataclass(frozen=True)
class Model:
    """The model in use, and how many days are published as another left them."""

    name: str
    digest: str
    days_with_another: int


@dataclass(frozen=True)
class Status:
    """How a lake stood at a time; `claims`: which runs were at work on what."""

    lake: str
    at: datetime
    freshness: Freshness
    backlog: Backlog
    claims: tuple[Claim, ...]
    rates: tuple[Rate, ...]
    failures: Failures
    quality: tuple[Measure, ...]
    size: Size
    model: Model


def examine(lake: Lake, context: Context, now: datetime | None = None) -> Status:
    """How the lake stands now, for this process's code, settings and model."""
    return settled(lambda: _examine(lake, context, now or datetime.now(UTC)))


def _examine(lake: Lake, context: Context, now: datetime) -> Status:
    # The inbox after the manifests, as for planning: what is taken up meanwhile is then not counted twice.
    manifests, batches = lake.manifests(), inbox.batches(lake.store)
    size = _size(lake.store.list(), manifests, spans.read(lake.store))
    whole = {day: m for day, m in manifests.items() if day not in size.missing}
    recent = sorted(whole.values(), key=lambda m: m.published_at)[-RECENT:]
    runs = lake.rows("runs", recent, speeds.COLUMNS)
    return Status(
        lake=lake.store.uri,
        at=now,
        freshness=_freshness(lake, manifests, whole, recent, batches),
        backlog=waiting.backlog(manifests, batches, context),
        claims=tuple(claimed(lake.store)),
        rates=tuple(speeds.speeds(runs)),
        failures=wrong.failures(lake, whole, now),
        quality=tuple(trend.trend(lake, whole)),
        size=size,
        model=_model(manifests.values(), context),
    )


def _freshness(
    lake: Lake,
    manifests: Mapping[date, Manifest],
    whole: Mapping[date, Manifest],
    recent: Sequence[Manifest],
    batches: Sequence[inbox.Landed],
) -> Freshness:
    landed = lake.rows("raw", recent, ("landed_at",))["landed_at"]
    waits = [batch.known(lake.store)["landed_at"] for batch in batches[-1:]]
    articles = {day: m.articles for day, m in manifests.items() if m.articles}
    return Freshness(
        days=len(manifests),
        articles=sum(articles.values()),
        first_day=min(articles, default=None),
        last_day=max(articles, default=None),
        newest_landed=max(filter(None, (pc.max(part).as_py() for part in (landed, *waits))), default=None),
        last_run=_last_run(lake, whole.values(), recent),
    )


def _last_run(lake: Lake, manifests: Iterable[Manifest], recent: Sequence[Manifest]) -> Run | None:
    if not recent:
        return None
    run_id = recent[-1].run_id
    own = sorted((m for m in manifests if m.run_id == run_id), key=lambda m: m.published_at)
    # It began with what it published first, or nearly: units may be worked on beside each other.
    runs: pa.Table = lake.rows("runs", own[:20], ("run_id", "started_at"))
    started = pc.min(runs.filter(pc.equal(runs["run_id"], run_id))["started_at"]).as_py()
    ended = datetime.fromisoformat(own[-1].published_at)
    by = "standpoint run" if COMMAND_LINE.fullmatch(run_id) else f"Airflow, {run_id.partition('.')[0]}"
    return Run(run_id, by, started or ended, ended, len(own), sum(m.articles for m in own))


def _size(entries: Iterable[Entry], manifests: Mapping[date, Manifest], index: spans.Index) -> Size:
    sizes = {entry.path: entry.size for entry in entries}
    files = {day: {e["file"] for e in m.tables.values()} for day, m in manifests.items()}
    named = index.files.union(*files.values())
    replaced = {file for m in manifests.values() for file in m.superseded}.union(index.superseded) - named
    folders = ("data/", f"{spans.FOLDER}/")
    data = {p for p in sizes if p.startswith(folders) and not p.endswith(("/none.parquet", spans.INDEX))}
    superseded, orphans = data & replaced, data - replaced - named
    return Size(
        files=len(sizes),
        bytes=sum(sizes.values()),
        compacted_bytes=sum(sizes.get(file, 0) for file in index.files),
        superseded_files=len(superseded),
        superseded_bytes=sum(sizes[p] for p in superseded),
        orphan_files=len(orphans),
        orphan_bytes=sum(sizes[p] for p in orphans),
        missing=tuple(day for day in sorted(files) if not files[day] <= sizes.keys()),
    )


def _model(manifests: Iterable[Manifest], context: Context) -> Model:
    asked = {stage: parts["model"] for stage, parts in recipe(context).items() if parts["model"]}
    recipes: dict[str, int] = {}
    for manifest in manifests:
        recipes[manifest.recipe] = recipes.get(manifest.recipe, 0) + 1
    other = sum(
        days
        for built, days in recipes.items()
        if any(json.loads(built).get(stage, {}).get("model") != digest for stage, digest in asked.items())
    )
    return Model(context.model_description, context.model_digest, other)
