"""Showing query results, and a prompt for SQL."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from pipeline import database, terminal
from pipeline.errors import UsageError
from pipeline.export import flat, plain

ROWS_SHOWN = 200  # more than that nobody reads in a terminal; the other formats print all
HELP = "SQL ends with a semicolon. SHOW TABLES; DESCRIBE evidence; .quit (or Ctrl-D) leaves."


def show(connection: database.Connection, sql: str, form: str) -> None:
    """Print a query's result as `table`, `csv`, `json` (one object a line) or `parquet` (bytes).

    Raises UsageError for SQL that does not run and for a result that the format cannot hold.
    """
    with database.problems():
        result = database.query(connection, sql)
        if form == "table":
            _print(result)
            return
        if form == "parquet" and sys.stdout.isatty():
            raise UsageError("--format parquet: bytes are nothing for a terminal; add `> FILE.parquet`")
        reader = result.to_arrow_reader()
        sys.stdout.flush()
        try:
            {"csv": _csv, "json": _json, "parquet": _parquet}[form](reader, sys.stdout.buffer)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, OverflowError) as error:
            raise UsageError(f"--format {form} cannot hold a value ({error}): cast it to text") from error
        sys.stdout.buffer.flush()


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


def _print(result: database.Connection) -> None:
    columns = [column[0] for column in result.description or []]
    rows = result.fetchmany(ROWS_SHOWN + 1)
    terminal.out.print(terminal.table(None, columns, rows[:ROWS_SHOWN]))
    if len(rows) > ROWS_SHOWN:
        terminal.note(f"the first {ROWS_SHOWN} rows; --format csv, json or parquet prints all")


def _csv(reader: pa.RecordBatchReader, stream: BinaryIO) -> None:
    csv.write_csv(flat(reader.schema.empty_table()), stream)
    for batch in reader:
        csv.write_csv(flat(pa.Table.from_batches([batch])), stream, csv.WriteOptions(include_header=False))


def _json(reader: pa.RecordBatchReader, stream: BinaryIO) -> None:
    for batch in reader:
        rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="strict")
        for row in rows:
            stream.write(f"{json.dumps(plain(row), ensure_ascii=False, allow_nan=False)}\n".encode())


def _parquet(reader: pa.RecordBatchReader, stream: BinaryIO) -> None:
    with pq.ParquetWriter(stream, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
