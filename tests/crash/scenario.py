"""What is killed, and what must be true afterwards: the real ingest, runs and upkeep on a small corpus."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import (
    compact,
    database,
    headers,
    ingest,
    language,
    plan,
    runner,
    schemas,
    spans,
    staging,
    suites,
    validate,
)
from pipeline.clean import clean_record
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context, recipe
from pipeline.tidy import tidy
from pipeline.validate import Report
from tests.fake_models import KeywordJudge, KeywordTagger

PHASES = 2  # deliveries of tests.crash.corpus
CHUNK = 2  # items
TIMES = ("run_id", "started_at", "seconds")  # of `runs`: they differ from run to run

State = Mapping[str, Mapping[str, Any]]


@cache
def context() -> Context:
    """Default settings and the small models for tests, once for a series."""
    return Context(Settings(), KeywordTagger(), KeywordJudge())


def load() -> None:
    """Load in the parent what every child would otherwise load again."""
    clean_record({"id": 0, "title": "What cleaning loads", "lines": ["Its loaded before the forks."]})
    language.identify("What every child would load again is loaded before the forks.")
    headers.outlet("https://www.example.co.uk/news")
    recipe(context())
    _ = context().aliases


def work(lake: str, landing: Path) -> None:
    """One run, as `standpoint ingest` and `run` make it. Raises AssertionError where a day fails."""
    ingest.CHUNK_ITEMS, compact.LOOSE = CHUNK, 0  # several batches an ingest, and all days compacted
    home = Lake(lake)
    ingest.ingest(home, (), str(landing))
    units = list(plan.units(plan.due(home, context()), home))
    try:
        failures = runner.run(home, units, context())
    finally:
        runner.finish(home)
    assert failures == [], failures


def state(lake: Lake) -> State:
    """What a lake publishes, by day: snapshot, fingerprint, digest of every table's file, and its `runs`.

    `runs` are compared without run ids and times, and of ingests, whose repetition counts what is there
    already as duplicates, what they added to the day.
    """
    found = {}
    for day, manifest in lake.manifests().items():
        digests = {}
        for name, entry in manifest.tables.items():
            digest = hashlib.sha256(lake.store.read(entry["file"])).hexdigest()
            assert digest == entry["sha256"], f"{entry['file']} is not what its manifest says"
            digests[name] = digest
        del digests["runs"]
        runs = lake.table(manifest, "runs").drop_columns(list(TIMES)).to_pylist()
        builds = Counter(repr(row) for row in runs if row["stage"] != "ingest")
        added = [(row["rows_out"], row["rejected"]) for row in runs if row["stage"] == "ingest"]
        assert all(r["rows_in"] == r["rows_out"] + r["rejected"] + r["duplicates"] for r in runs), day
        found[day.isoformat()] = {
            "snapshot": manifest.snapshot,
            "fingerprint": manifest.fingerprint,
            "tables": digests,
            "builds": builds,
            "added": tuple(map(sum, zip(*added, strict=True))),
        }
    return found


def differences(found: State, wanted: State, *, builds: bool = True) -> list[str]:
    """What is not as in the undisturbed lake, a line each; `builds`: how often a day was built, too."""
    lines = [f"day {day}: missing or too many" for day in sorted(found.keys() ^ wanted.keys())]
    for day in sorted(found.keys() & wanted.keys()):
        for what, value in wanted[day].items():
            if found[day][what] != value and (builds or what not in ("builds", "added")):
                lines.append(f"day {day}, {what}: {found[day][what]} instead of {value}")
    return lines


def settled(lake: Lake) -> list[str]:
    """What is still to do or left over, a line each; after it, all that has passed its time is removed."""
    lines = [f"day {due.day} is due: {due.reasons}" for due in plan.due(lake, context())]
    database.refresh(lake)
    with database.connect(lake) as views, database.over(lake, lake.manifests().values()) as days:
        for name in (*(table.name for table in schemas.PUBLISHED), *database.analyst_views()):
            query = f"FROM {name} ORDER BY ALL"
            shown, held = (c.execute(query).to_arrow_table().to_pylist() for c in (views, days))
            lines += [f"{name}: the views show what the days do not hold"] if shown != held else []
    later = datetime.now(UTC) + timedelta(days=3)
    staging.sweep(lake, later)
    tidy(lake, later)
    root = Path(lake.store.full())
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    lines += [f"{path}: nothing names it" for path in sorted(files - _named(lake))]
    return lines


def _named(lake: Lake) -> set[str]:
    """The files that make up a lake at rest."""
    manifests = lake.manifests()
    named = {
        "lake.json",
        database.FILE,
        "locks/commit",
        *(f"manifest/{day.isoformat()}.json" for day in manifests),
    }
    named |= {file for files in lake.files(manifests.values()).values() for file in files}
    named |= {spans.INDEX} | spans.read(lake.store).files
    named |= {entry.path for entry in lake.store.list("sources")}
    index = lake.store.read("_docs/index.html").decode()
    pages = {e.path for e in lake.store.list("_docs") if e.path.removeprefix("_docs/") in index}
    return named | {"_docs/index.html"} | pages | {p.removesuffix(".html") + ".json" for p in pages}


def remember_validations(folder: Path, *, keys_only: bool) -> None:
    """Validate every distinct content once for all children of a series: it is most of a small run.

    What Great Expectations found, and the page of it, are kept in `folder`. `runs` are taken as equal that
    differ in ids and times. `keys_only`: of a row, nothing else is asked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    check, page, row_level = validate.check, validate.page, suites.row_level
    if keys_only:
        suites.row_level = lambda declared: row_level(declared)[:1]

    def checking(tables: Any, parents: Any, unit: str, stage: str) -> Report:
        key = _digest(tables, parents, stage)
        found: Report = _remembered(folder / f"{key}.check", lambda: check(tables, parents, unit, stage))
        return Report(unit, stage, found.violations, found.results)

    def paging(report: Report) -> str:
        key = hashlib.sha256(pickle.dumps(report.results)).hexdigest()
        return str(_remembered(folder / f"{key}.page", lambda: page(report)))

    validate.check, validate.page = checking, paging


def _remembered(path: Path, make: Any) -> Any:
    if not path.exists():
        beside = path.with_suffix(f".{id(path)}.tmp")
        beside.write_bytes(pickle.dumps(make()))
        beside.replace(path)
    return pickle.loads(path.read_bytes())


def _digest(tables: Mapping[str, pa.Table], parents: Mapping[str, pa.Table], stage: str) -> str:
    digest = hashlib.sha256(stage.encode())
    for name, table in [*sorted(tables.items()), *sorted(parents.items())]:
        without = [column for column in TIMES if name == "runs" and column in table.column_names]
        sink = io.BytesIO()
        pq.write_table(table.drop_columns(without), sink)
        digest.update(name.encode() + sink.getvalue())
    return digest.hexdigest()
