"""Publishing a unit: what was computed and what is carried over, put together, validated whole, committed.

What depends on other articles, of the day and of those before, is settled by `pipeline.neighbours`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import inbox, schemas
from pipeline.errors import Conflict, ValidationFailed
from pipeline.inputs import gather, versions
from pipeline.lake import GRACE, Lake
from pipeline.manifest import Manifest
from pipeline.outcome import Outcome
from pipeline.plan import Due, Shard, Unit
from pipeline.stages import STAGES, Context, fingerprint, recipe, stale
from pipeline.staging import Day, Staged, StageRun
from pipeline.store import AT_ONCE

COUNTS = ("rows_in", "rows_out", "rejected", "duplicates", "seconds")
BY_ARTICLE = ("articles", "sentences", "repairs", "signatures", "mentions", "stances")


def base(lake: Lake, due: Due, context: Context) -> Manifest | None:
    """The manifest that a day is built on.

    Raises Conflict when another run has published the day since it was planned, ValidationFailed when this
    process would not build what was planned (another version, configuration or model).
    """
    manifest = lake.manifest(due.date)
    if (manifest.snapshot if manifest else "") != due.base:
        raise Conflict(
            f"day {due.day}: another run has published it since it was planned; nothing is lost, run again"
        )
    if fingerprint(recipe(context), due.inputs) != due.fingerprint:
        raise ValidationFailed(
            f"day {due.day}: code, configuration or model are not those that it was planned with; run again"
        )
    return manifest


def take_up(lake: Lake, unit: Unit, context: Context) -> dict[date, Day]:
    """What the unit's days, or its shard of them, are built from, as planned. Raises Conflict as `base`."""
    for due in unit.days:
        base(lake, due, context)
    names = {name for due in unit.days for name in due.batches}
    try:
        batches = [inbox.read(lake.store, name) for name in sorted(names)]
        return {due.date: _day(lake, due, context, batches, unit.shard) for due in unit.days}
    except FileNotFoundError as error:
        raise Conflict(
            f"unit {unit.id}: another run has taken up what it was planned with; nothing is lost, run again"
        ) from error


def _day(lake: Lake, due: Due, context: Context, batches: Sequence[inbox.Landed], shard: Shard | None) -> Day:
    manifest = base(lake, due, context)
    found = gather(lake, due.date, manifest, [b for b in batches if b.name in due.batches])
    raw = shard.of(found.raw) if shard else found.raw
    fresh, known = versions(raw), versions(lake.table(manifest, "raw"))
    if due.carries:
        fresh -= known
    again = fresh & known if manifest and _cleaned_alike(manifest, due, context) else set()
    ingests = [
        {
            "name": b.name,
            "started_at": b.began_at.isoformat(),
            "counts": {"code": b.code} | {k: b.days[due.date][k] for k in COUNTS},
        }
        for b in found.batches
    ]
    named = [tuple(sorted(version[0] for version in some)) for some in (fresh, again)]
    if shard and shard.number > 1:  # what is the day's and no article's goes with the first
        return Day(raw, found.rejects.slice(0, 0), named[0], named[1], ())
    return Day(raw, found.rejects, named[0], named[1], tuple(ingests))


def _cleaned_alike(manifest: Manifest, due: Due, context: Context) -> bool:
    """Whether `clean` would leave a published day's articles as they are.

    Not where the day is built again although it is current: then nothing that is published is relied on.
    """
    if manifest.fingerprint == due.fingerprint:
        return False
    return STAGES[0].name not in stale(json.loads(manifest.recipe), recipe(context))


def cleaned(lake: Lake, unit: Unit, inputs: Mapping[date, Day], context: Context) -> Outcome:
    """What `clean` makes of the articles that it need not be asked about again, from what is published."""
    kept: dict[str, list[pa.Table]] = {name: [] for name in STAGES[0].writes}
    refused, articles = [], 0
    for due in unit.days:
        manifest, again = base(lake, due, context), inputs[due.date].cleaned
        for name, tables in kept.items():
            tables.append(of(lake.table(manifest, name), again))
        old = lake.table(manifest, "rejects")
        refused.append(of(old.filter(pc.equal(old["stage"], STAGES[0].name)), again))
        articles += len(again)
    return Outcome({n: pa.concat_tables(t) for n, t in kept.items()}, articles, pa.concat_tables(refused))


def assemble(lake: Lake, due: Due, day: Day, staging: Staged, context: Context) -> dict[str, pa.Table]:
    """One day's tables, not settled yet: fresh rows from staging, the others carried over.

    `entities` and `runs` are not among them: they are made from the settled ones.
    """
    manifest = base(lake, due, context)
    carried = sorted(set(day.raw["article_id"].to_pylist()) - set(day.fresh))
    tables: dict[str, pa.Table] = {"raw": day.raw}
    for name in BY_ARTICLE:
        stage = [s.name for s in STAGES if name in s.writes][-1]
        new = staging.of(stage, name, day.fresh)
        tables[name] = pa.concat_tables([of(lake.table(manifest, name), carried), new])
    old = lake.table(manifest, "rejects")
    refused = [of(old.filter(pc.not_equal(old["stage"], "ingest")), carried), day.rejects]
    refused += [staging.of(stage.name, "rejects", day.fresh) for stage in STAGES]
    tables["rejects"] = pa.concat_tables(refused)
    return {name: schemas.conform(name, table) for name, table in tables.items()}


def runs(
    lake: Lake,
    due: Due,
    day: Day,
    staging: Staged,
    tables: Mapping[str, pa.Table],
    publishing: StageRun,
    context: Context,
) -> pa.Table:
    """The day's `runs`: those of earlier builds, the ingests taken up, and this build's stages."""
    before = lake.table(base(lake, due, context), "runs")
    rows = [
        _run_row(due, i["name"], "ingest", datetime.fromisoformat(i["started_at"]), **i["counts"])
        for i in day.ingests
    ]
    for stage in STAGES:
        unit = staging.run(stage.name)
        kept = staging.of(stage.name, stage.counts, day.fresh).num_rows
        refused = staging.of(stage.name, "rejects", day.fresh)
        broken = pc.any(pc.equal(refused["reason"], "rule")).as_py()
        rows.append(
            _run_row(
                due,
                publishing.run_id,
                stage.name,
                unit.started_at,
                rows_in=len(day.fresh) if stage.name == "clean" else kept + refused.num_rows,
                rows_out=kept,
                rejected=refused.num_rows,
                seconds=unit.share(len(day.fresh)),
                tokens=sum(unit.tokens.get(article, 0) for article in day.fresh),
                verdict="quarantined" if broken else "passed",
                **recipe(context)[stage.name],
            )
        )
    count = sum(table.num_rows for table in tables.values())
    done: dict[str, object] = {"rows_in": count, "rows_out": count, "seconds": publishing.seconds}
    done |= recipe(context)["publish"]
    rows.append(_run_row(due, publishing.run_id, "publish", publishing.started_at, **done))
    return schemas.conform("runs", pa.concat_tables([before, schemas.from_rows("runs", rows)]))


def _run_row(due: Due, run_id: str, stage: str, started_at: datetime, **values: object) -> dict[str, object]:
    zero = {"rejected": 0, "duplicates": 0, "tokens": 0, "code": "", "config": "", "model": ""}
    named = {"run_id": run_id, "stage": stage, "started_at": started_at, "fingerprint": due.fingerprint}
    return zero | {"verdict": "passed"} | named | values


def write(
    lake: Lake, days: Sequence[Due], tables: Mapping[date, Mapping[str, pa.Table]], context: Context
) -> dict[date, dict[str, Mapping[str, Any]]]:
    """Write these tables of days as files, several at once; returns by day their entries for its manifest."""
    previous = {due.date: base(lake, due, context) for due in days}
    files = [(due, name, table) for due in days for name, table in tables[due.date].items()]

    def written(due: Due, name: str, table: pa.Table) -> dict[str, Any]:
        return lake.write_table(name, due.date, due.snapshot, table, previous[due.date])

    entries: dict[date, dict[str, Mapping[str, Any]]] = {due.date: {} for due in days}
    # A disk makes many files durable in about the time of one (docs/performance.md), a far store likewise.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for (due, name, _), entry in zip(files, pool.map(written, *zip(*files, strict=True)), strict=True):
            entries[due.date][name] = entry
    return entries


def manifest(
    lake: Lake,
    due: Due,
    tables: Mapping[str, pa.Table],
    entries: Mapping[str, Mapping[str, Any]],
    run_id: str,
    context: Context,
) -> Manifest:
    """The manifest that commits a day's tables as they were written (`Lake.commit`)."""
    previous = base(lake, due, context)
    now = datetime.now(UTC)
    waiting = set(inbox.names(lake.store))
    return Manifest(
        day=due.day,
        snapshot=due.snapshot,
        fingerprint=due.fingerprint,
        recipe=json.dumps(recipe(context), sort_keys=True),
        inputs=due.inputs,
        articles=tables["raw"].num_rows,
        run_id=run_id,
        published_at=now.isoformat(),
        tables=entries,
        characters=int(inbox.characters(tables["raw"]).sum()),
        consumed=sorted({*due.batches, *(previous.consumed if previous else ())} & waiting),
        superseded=_superseded(previous, entries, now),
    )


def settled_anew(lake: Lake, published: Manifest, tables: Mapping[str, pa.Table]) -> Manifest:
    """Write those tables of a published day that its neighbours changed; all else of it stays."""
    day = date.fromisoformat(published.day)
    written = {name: lake.write_table(name, day, published.snapshot, table) for name, table in tables.items()}
    entries: dict[str, Mapping[str, Any]] = {**published.tables, **written}
    replaced = _superseded(published, entries, datetime.now(UTC))
    return replace(published, tables=entries, superseded=replaced)


def _superseded(
    previous: Manifest | None, entries: Mapping[str, Mapping[str, Any]], now: datetime
) -> dict[str, str]:
    """The files that these entries of a manifest replace, and when: also those of a short while before."""
    if previous is None:
        return {}
    since = now - 7 * GRACE  # runs may be killed for days before one makes DuckDB's file anew
    replaced = {f: t for f, t in previous.superseded.items() if datetime.fromisoformat(t) > since}
    replaced |= {entry["file"]: now.isoformat() for entry in previous.tables.values()}
    current = {entry["file"] for entry in entries.values()}
    return {file: when for file, when in sorted(replaced.items()) if file not in current}


def of(table: pa.Table, articles: Sequence[str]) -> pa.Table:
    """The rows of these articles."""
    return table.filter(pc.is_in(table["article_id"], pa.array(articles, pa.string())))


def without(table: pa.Table, articles: Sequence[str]) -> pa.Table:
    """The rows of all other articles."""
    return table.filter(pc.invert(pc.is_in(table["article_id"], pa.array(articles, pa.string()))))
