"""Showing query results, and a prompt for SQL."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from pipeline import database, terminal
from pipeline.errors import UsageError
from pipeline.export import CANNOT_HOLD, flat, plain

Batches = Iterator[pa.RecordBatch]

ROWS_SHOWN = 200  # more than that nobody reads in a terminal; the other formats print all
HELP = "SQL ends with a semicolon. SHOW TABLES; DESCRIBE evidence; .quit (or Ctrl-D) leaves."


def show(connection: database.Connection, sql: str, form: str) -> None:
    """Print a query's result as `table`, `csv`, `json` (one object a line) or `parquet` (bytes).

    Raises UsageError for SQL that does not run and for a result that the format cannot hold.
    """
    if form == "parquet" and sys.stdout.isatty():
        raise UsageError("--format parquet: bytes are nothing for a terminal; add `> FILE.parquet`")
    write(*database.batches(database.query(connection, sql)), form)


def write(schema: pa.Schema, batches: Batches, form: str) -> None:
    """Print rows as `table`, `csv`, `json` or `parquet`.

    Raises UsageError for a value that the format cannot hold.
    """
    sys.stdout.flush()
    try:
        if form == "table":
            _print(schema, batches)
        else:
            sink = cast(BinaryIO, terminal.Inert()) if sys.stdout.isatty() else sys.stdout.buffer
            {"csv": _csv, "json": _json, "parquet": _parquet}[form](schema, batches, sink)
    except CANNOT_HOLD as error:
        raise UsageError(f"--format {form} cannot hold a value ({error}): cast it to text") from error
    sys.stdout.flush()


def read_query() -> str:
    """The query on standard input. Raises UsageError where that is no text."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")  # the text stream may let wrong bytes pass
    except UnicodeDecodeError as error:
        raise UsageError(f"sql: standard input is no UTF-8 text (byte {error.start})") from error


def prompt(connection: database.Connection, form: str = "table") -> None:
    """Read statements from the terminal and print their results, until the input ends."""
    with suppress(ImportError):  # some builds of Python have none
        import readline  # noqa: F401 - gives `input` line editing and a history

    terminal.note(HELP)
    held = ""
    while True:
        try:
            line = input("   ...> " if held else "standpoint> ")
            if not held and line.strip().rstrip(";") in (".quit", ".exit", "quit", "exit"):
                return
            held = f"{held}\n{line}" if held else line
            if held.strip().endswith(";"):
                statement, held = held, ""
                show(connection, statement, form)
        except EOFError:
            terminal.note("")
            return
        except KeyboardInterrupt:  # gives up a line or a query that takes too long, not the prompt
            terminal.note("")
            held = ""
        except UsageError as error:
            terminal.fail(str(error))


def _print(schema: pa.Schema, batches: Batches) -> None:
    # By position: a result may have two columns of one name.
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        part = batch.slice(0, ROWS_SHOWN + 1 - len(rows))
        rows += zip(*(map(_number, column.to_pylist()) for column in part.columns), strict=True)
        if len(rows) > ROWS_SHOWN:
            break
    terminal.out.print(terminal.table(schema.names, rows[:ROWS_SHOWN]))
    if len(rows) > ROWS_SHOWN:
        terminal.note(f"the first {ROWS_SHOWN} rows; --format csv, json or parquet prints all")


def _number(value: Any) -> Any:
    """Decimals as numbers, as the sum of whole numbers is one; all else as it is."""
    return plain(value) if isinstance(value, Decimal) else value


def _csv(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    csv.write_csv(flat(schema.empty_table()), stream)
    for batch in batches:
        csv.write_csv(flat(pa.Table.from_batches([batch])), stream, csv.WriteOptions(include_header=False))


def _json(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    if len(set(schema.names)) < len(schema.names):
        raise UsageError("--format json: two columns have one name; tell them apart with AS")
    for batch in batches:
        rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="strict")
        for row in rows:
            stream.write(f"{json.dumps(plain(row), ensure_ascii=False, allow_nan=False)}\n".encode())


def _parquet(schema: pa.Schema, batches: Batches, stream: BinaryIO) -> None:
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
