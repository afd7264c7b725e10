"""Plain files for tools that only know globs: one file per partition, or one for a query."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from pipeline import database, schemas
from pipeline.errors import UsageError
from pipeline.lake import Lake
from pipeline.store import Store


def tables(
    lake: Lake,
    folder: Path,
    form: str,
    names: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write `FOLDER/<table>/day=YYYY-MM-DD/<table>.<form>` for every day from first to last.

    Returns the number of rows. Raises UsageError for a table that is none.
    """
    known = [t.name for t in schemas.PUBLISHED]
    for name in names or ():
        if name not in known:
            raise UsageError(f"--tables: {name!r} is none of {', '.join(known)}")
    target, rows = Store(str(folder)), 0
    for day, manifest in lake.manifests().items():
        if (first and day < first) or (last and day > last):
            continue
        for name in names or known:
            with lake.store.open(manifest.tables[name]["file"]) as file:
                table = pq.read_table(file)
            path = f"{name}/day={day.isoformat()}/{name}.{form}"
            target.write(path, _bytes(table, form))
            rows += table.num_rows
    return rows


def query(lake: Lake, sql: str, folder: Path, form: str) -> int:
    """Write a query's result as `FOLDER/query.<form>`; returns the number of rows."""
    with database.connect(lake) as connection:
        table = database.query(connection, sql).to_arrow_table()
    Store(str(folder)).write(f"query.{form}", _bytes(table, form))
    return int(table.num_rows)


def flat(table: pa.Table) -> pa.Table:
    """The table as CSV can hold it: lists and maps as JSON text, bytes in base 64, decimals as text."""
    for index, column in enumerate(table.schema):
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            texts = [None if value is None else _text(value) for value in table[index].to_pylist()]
            table = table.set_column(index, column.name, pa.array(texts, pa.string()))
        elif pa.types.is_decimal(column.type):
            table = table.set_column(index, column.name, table[index].cast(pa.string()))
    return table


def _bytes(table: pa.Table, form: str) -> bytes:
    sink = io.BytesIO()
    if form == "csv":
        csv.write_csv(flat(table), sink)
    else:
        pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json.dumps(value, ensure_ascii=False, default=str)
