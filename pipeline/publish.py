"""Publishing a unit: what was computed and what is carried over, put together, validated whole, committed.

Partition-level facts are settled here, since they depend on a day's other articles: which article is a
near-duplicate of which, and the table of entities.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import duplicates, inbox, link, schemas
from pipeline.errors import ValidationFailed
from pipeline.lake import Inputs, Lake, Manifest
from pipeline.plan import Due, article_versions
from pipeline.stages import STAGES, Context, recipe
from pipeline.staging import StageRun, Staging

VERSION = "1"
COUNTS = ("rows_in", "rows_out", "rejected", "duplicates", "seconds")
BY_ARTICLE = ("articles", "sentences", "mentions", "stances")


def inputs(lake: Lake, due: Due) -> tuple[Manifest | None, Inputs]:
    """What a day of a unit is built from, as it was planned.

    Raises ValidationFailed when the day has been published by another run meanwhile.
    """
    manifest = lake.manifest(due.date)
    if (manifest.snapshot if manifest else "") != due.base:
        raise ValidationFailed(
            f"day {due.day}: another run has published it since it was planned; nothing is lost, run again"
        )
    batches = [b for b in inbox.batches(lake.store) if b.name in due.batches]
    return manifest, lake.inputs(due.date, manifest, batches)


def fresh(lake: Lake, due: Due) -> pa.Table:
    """The rows of `raw` that must be computed; the day's others are carried over."""
    manifest, found = inputs(lake, due)
    if due.fresh == due.articles:
        return found.raw
    arriving = article_versions(found.raw) - article_versions(lake.table(manifest, "raw"))
    return _of(found.raw, [article for article, _ in arriving])


def assemble(lake: Lake, due: Due, staging: Staging, context: Context) -> dict[str, pa.Table]:
    """Every published table of one day but `runs`: fresh rows from staging, the others carried over."""
    manifest, found = inputs(lake, due)
    computed = fresh(lake, due)["article_id"].to_pylist()
    every = found.raw["article_id"].to_pylist()
    carried = sorted(set(every) - set(computed))
    tables: dict[str, pa.Table] = {"raw": found.raw}
    for name in BY_ARTICLE:
        stage = [s.name for s in STAGES if name in s.writes][-1]
        new = _of(staging.read(stage, name), computed)
        tables[name] = pa.concat_tables([_of(lake.table(manifest, name), carried), new])
    old = lake.table(manifest, "rejects")
    refused = [_of(old.filter(pc.not_equal(old["stage"], "ingest")), carried), found.rejects]
    refused += [_of(staging.read(stage.name, "rejects"), computed) for stage in STAGES]
    tables["rejects"] = pa.concat_tables(refused)
    tables["articles"] = duplicates.mark(tables["articles"], tables["sentences"])
    tables["entities"] = link.entities(tables["mentions"], context.aliases)
    return {name: schemas.conform(name, table) for name, table in tables.items()}


def runs(
    lake: Lake,
    due: Due,
    staging: Staging,
    tables: Mapping[str, pa.Table],
    publishing: StageRun,
    context: Context,
) -> pa.Table:
    """The day's `runs`: those of earlier builds, the ingests taken up, and this build's stages."""
    previous, found = inputs(lake, due)
    before = lake.table(previous, "runs")
    rows = [
        _run_row(due, batch.name, "ingest", batch.started_at, **{k: batch.days[due.date][k] for k in COUNTS})
        for batch in found.batches
    ]
    computed = fresh(lake, due)["article_id"].to_pylist()
    for stage in STAGES:
        unit = staging.run(stage.name)
        kept = _of(staging.read(stage.name, stage.counts), computed).num_rows
        refused = _of(staging.read(stage.name, "rejects"), computed).num_rows
        rows.append(
            _run_row(
                due,
                publishing.run_id,
                stage.name,
                unit.started_at,
                rows_in=len(computed) if stage.name == "clean" else kept + refused,
                rows_out=kept,
                rejected=refused,
                seconds=unit.seconds * len(computed) / max(unit.articles, 1),
                tokens=sum(unit.tokens.get(article, 0) for article in computed),
                verdict="quarantined" if refused else "passed",
                **recipe(context)[stage.name],
            )
        )
    count = sum(table.num_rows for table in tables.values())
    times = {"seconds": publishing.seconds, "code": VERSION}
    rows.append(
        _run_row(
            due, publishing.run_id, "publish", publishing.started_at, rows_in=count, rows_out=count, **times
        )
    )
    return schemas.conform("runs", pa.concat_tables([before, schemas.from_rows("runs", rows)]))


def _run_row(due: Due, run_id: str, stage: str, started_at: datetime, **values: object) -> dict[str, object]:
    zero = {"rejected": 0, "duplicates": 0, "tokens": 0, "code": "", "config": "", "model": ""}
    named = {"run_id": run_id, "stage": stage, "started_at": started_at, "fingerprint": due.fingerprint}
    return zero | {"verdict": "passed"} | named | values


def manifest(lake: Lake, due: Due, tables: Mapping[str, pa.Table], run_id: str, context: Context) -> Manifest:
    """Write a day's tables as files; the manifest returned commits them (`Lake.commit`)."""
    previous = lake.manifest(due.date)
    waiting = {b.name for b in inbox.batches(lake.store)}
    consumed = {*due.batches, *(previous.consumed if previous else ())} & waiting
    return Manifest(
        day=due.day,
        snapshot=due.snapshot,
        fingerprint=due.fingerprint,
        recipe=json.dumps(recipe(context), sort_keys=True),
        inputs=due.inputs,
        articles=tables["raw"].num_rows,
        run_id=run_id,
        published_at=datetime.now(UTC).isoformat(),
        tables={
            name: lake.write_table(name, due.date, due.snapshot, table) for name, table in tables.items()
        },
        consumed=sorted(consumed),
    )


def _of(table: pa.Table, articles: Sequence[str]) -> pa.Table:
    return table.filter(pc.is_in(table["article_id"], pa.array(articles, pa.string())))
