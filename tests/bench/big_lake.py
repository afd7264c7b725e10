"""A published lake of any size: the days of a small real one, repeated under new article ids."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schemas
from pipeline.lake import Lake
from pipeline.manifest import Manifest
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
    rows = {name: _by_article(tables[name]) for name in ("raw", *BY_ARTICLE)}
    made, turn = 0, 0
    for no in range(days):
        chosen: list[tuple[str, int]] = []
        while made * days < mentions * (no + 1):
            article = ids[turn % len(ids)]
            chosen.append((article, turn))
            found = rows["mentions"].get(article)
            made, turn = made + (found.num_rows if found else 0), turn + 1
        _publish(lake, FIRST + timedelta(days=no), tables, rows, chosen)
        progress(1)


def _by_article(table: pa.Table) -> dict[str, pa.Table]:
    """The rows of each article that has some."""
    ids = pc.unique(table["article_id"]).to_pylist()
    found = {one: table.filter(pc.equal(table["article_id"], one)).combine_chunks() for one in ids}
    if "near_duplicate_of" in table.column_names:
        place = table.schema.get_field_index("near_duplicate_of")
        none = table.schema.field(place)
        found = {
            one: rows.set_column(place, none, pa.nulls(rows.num_rows, none.type))
            for one, rows in found.items()
        }
    return found


def _publish(lake: Lake, day: date, tables: dict[str, pa.Table], rows: dict[str, dict[str, pa.Table]],
             chosen: list[tuple[str, int]]) -> None:  # fmt: skip
    built: dict[str, pa.Table] = {name: schemas.TABLES[name].empty() for name in ("rejects", "runs")}
    for name, found in rows.items():
        parts = [_renamed(found[article], article, turn) for article, turn in chosen if article in found]
        built[name] = pa.concat_tables(parts or [tables[name].slice(0, 0)])
    named = pc.unique(built["mentions"]["entity_id"])
    built["entities"] = tables["entities"].filter(pc.is_in(tables["entities"]["entity_id"], named))
    snapshot = hashlib.sha256(day.isoformat().encode()).hexdigest()[:16]
    entries = {name: lake.write_table(name, day, snapshot, table) for name, table in built.items()}
    told = (day.isoformat(), snapshot, snapshot, "{}", "", len(chosen), "bench", f"{day}T00:00:00+00:00")
    lake.commit([Manifest(*told, tables=entries)])


def _renamed(rows: pa.Table, article: str, turn: int) -> pa.Table:
    renamed = hashlib.sha256(f"{article} {turn}".encode()).hexdigest()[:16]
    place = rows.schema.get_field_index("article_id")
    return rows.set_column(place, rows.schema.field(place), pa.repeat(pa.scalar(renamed), rows.num_rows))
