"""A published lake of any size: the days of a small real one, repeated under new article ids."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schemas
from pipeline.lake import Lake, Manifest
from pipeline.publish import BY_ARTICLE

FIRST = date(2010, 1, 1)


def template(lake: Lake) -> dict[str, pa.Table]:
    """All days of a small lake as the tables of one day; entities are counted anew."""
    manifests = list(lake.manifests().values())
    tables = {t.name: pa.concat_tables([lake.table(m, t.name) for m in manifests]) for t in schemas.PUBLISHED}
    entities = {row["entity_id"]: row for row in tables["entities"].to_pylist()}
    tables["entities"] = schemas.from_rows("entities", entities.values())
    return {name: schemas.conform(name, table) for name, table in tables.items() if name != "runs"}


def fill(lake: Lake, tables: dict[str, pa.Table], days: int, mentions: int,
         progress: Callable[[int], None] = lambda _: None) -> None:  # fmt: skip
    """Publish so many days that together have at least so many mentions, in whole articles of `tables`."""
    ids = tables["raw"]["article_id"].to_pylist()
    found = pc.value_counts(tables["mentions"]["article_id"]).to_pylist()
    counts = {one["values"]: one["counts"] for one in found}
    made, turn = 0, 0
    for no in range(days):
        chosen: list[tuple[str, int]] = []
        while made * days < mentions * (no + 1):
            article = ids[turn % len(ids)]
            chosen.append((article, turn))
            made, turn = made + counts.get(article, 0), turn + 1
        _publish(lake, FIRST + timedelta(days=no), tables, chosen)
        progress(1)


def _publish(lake: Lake, day: date, tables: dict[str, pa.Table], chosen: list[tuple[str, int]]) -> None:
    built: dict[str, pa.Table] = {name: schemas.TABLES[name].empty() for name in ("rejects", "runs")}
    for name in ("raw", *BY_ARTICLE):
        parts = [_copy(tables[name], article, turn) for article, turn in chosen]
        built[name] = schemas.conform(name, pa.concat_tables(parts or [tables[name].slice(0, 0)]))
    named = built["mentions"]["entity_id"].combine_chunks()
    built["entities"] = tables["entities"].filter(pc.is_in(tables["entities"]["entity_id"], named))
    snapshot = hashlib.sha256(day.isoformat().encode()).hexdigest()[:16]
    entries = {name: lake.write_table(name, day, snapshot, table) for name, table in built.items()}
    told = (day.isoformat(), snapshot, snapshot, "{}", "", len(chosen), "bench", f"{day}T00:00:00+00:00")
    lake.commit([Manifest(*told, tables=entries)])


def _copy(table: pa.Table, article: str, turn: int) -> pa.Table:
    rows = table.filter(pc.equal(table["article_id"], article))
    renamed = hashlib.sha256(f"{article} {turn}".encode()).hexdigest()[:16]
    rows = rows.set_column(
        rows.schema.get_field_index("article_id"), rows.schema.field("article_id"),
        pa.array([renamed] * rows.num_rows, pa.string()),
    )  # fmt: skip
    if "near_duplicate_of" in rows.column_names:
        place = rows.schema.get_field_index("near_duplicate_of")
        rows = rows.set_column(place, rows.schema.field(place), pa.nulls(rows.num_rows, pa.string()))
    return rows
