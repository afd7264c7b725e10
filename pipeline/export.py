"""Plain files for tools that only know globs: one file per partition, or one for a query."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from pipeline import database, schemas
from pipeline.errors import UsageError
from pipeline.lake import Lake
from pipeline.places import base, lies_in
from pipeline.store import Store

# TypeError: a map whose keys are lists.
CANNOT_HOLD = (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, OverflowError, TypeError)
T = pa.types
IN_CSV = (T.is_boolean, T.is_integer, T.is_floating, T.is_string, T.is_large_string, T.is_date, T.is_time,
          T.is_timestamp)  # fmt: skip


def tables(
    lake: Lake,
    folder: str,
    form: str,
    names: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write `FOLDER/<table>/YYYY-MM-DD.<form>` for every day from first to last.

    The folders are no `day=…`: readers that take such names for a column stumble over the one in the files.
    `folder` is a folder or URI. Returns the number of rows. Raises UsageError for a table that is none, and
    for a folder that is a lake or lies in this one.
    """
    known = [t.name for t in schemas.PUBLISHED]
    for name in names or ():
        if name not in known:
            raise UsageError(f"--tables: {name!r} is none of {', '.join(known)}")
    target, rows = _target(folder, lake), 0
    for day, manifest in lake.manifests().items():
        if (first and day < first) or (last and day > last):
            continue
        for name in names or known:
            if name not in manifest.tables:  # written before there was such a table
                continue
            with lake.store.open(manifest.tables[name]["file"]) as file:
                table = pq.read_table(file)
            path = f"{name}/{day.isoformat()}.{form}"
            target.write(path, _bytes(table, form))
            rows += table.num_rows
    return rows


def query(lake: Lake, sql: str, folder: str, form: str) -> int:
    """Write a query's result as `FOLDER/query.<form>`; returns the number of rows.

    Raises UsageError for SQL that does not run and for a result that the format cannot hold.
    """
    target = _target(folder, lake)
    with database.connect(lake) as connection, database.problems(connection):
        table = database.query(connection, sql).to_arrow_table()
    try:
        data = _bytes(table, form)
    except CANNOT_HOLD as error:
        raise UsageError(f"--format {form} cannot hold a value ({error}): cast it to text") from error
    target.write(f"query.{form}", data)
    return int(table.num_rows)


def flat(table: pa.Table) -> pa.Table:
    """The table as CSV can hold it: lists, maps and structs as JSON text, bytes in base 64, decimals as text.

    Types that CSV knows stay; all others become the text that Python gives them.
    """
    for index, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            table = table.set_column(index, column.name, table[index].cast(pa.string()))
        elif not any(test(column.type) for test in IN_CSV):
            values = table[index].to_pylist(maps_as_pydicts="strict")
            texts = [None if value is None else _text(value) for value in values]
            table = table.set_column(index, column.name, pa.array(texts, pa.string()))
    return table


def plain(value: Any) -> Any:
    """The value as JSON can hold it: dates as ISO text, bytes in base 64, decimals as numbers.

    A decimal with more digits than a number has is text.
    """
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(str(float(value))) == value else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _target(folder: str, lake: Lake) -> Store:
    """The store to write to; no lake and nothing in this one, whose `data` these files would look like."""
    target = Store(folder)
    if target.exists("lake.json"):
        raise UsageError(f"FOLDER {folder!r} is a lake: name another folder, such as {folder}-tables")
    if lies_in(base(target), lake.store):
        raise UsageError(f"FOLDER {folder!r} lies in the lake {lake.store.uri!r}: name a folder outside it")
    if target.exists(""):
        raise UsageError(f"FOLDER {folder!r} is a file: name a folder")
    return target


def _bytes(table: pa.Table, form: str) -> bytes:
    sink = io.BytesIO()
    if form == "csv":
        csv.write_csv(flat(table), sink)
    else:
        pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _text(value: object) -> str:
    found = plain(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
