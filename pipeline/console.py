"""Showing query results, and a prompt for SQL."""

from __future__ import annotations

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import database, terminal
from pipeline.errors import UsageError
from pipeline.export import flat

ROWS_SHOWN = 200  # more than that nobody reads in a terminal; the other formats print all
HELP = "SQL ends with a semicolon. SHOW TABLES; DESCRIBE evidence; .quit (or Ctrl-D) leaves."


def show(result: database.Connection, form: str) -> None:
    """Print a result as `table`, `csv`, `json` (one object a line) or `parquet` (bytes)."""
    if form == "table":
        columns = [column[0] for column in result.description or []]
        rows = result.fetchmany(ROWS_SHOWN + 1)
        terminal.out.print(terminal.table(None, columns, rows[:ROWS_SHOWN]))
        if len(rows) > ROWS_SHOWN:
            terminal.note(f"the first {ROWS_SHOWN} rows; --format csv, json or parquet prints all")
        return
    _write(result.to_arrow_reader(), form)


def prompt(connection: database.Connection) -> None:
    """Read statements from the terminal and print their results, until the input ends."""
    import readline  # noqa: F401 - gives `input` line editing and a history

    terminal.note(HELP)
    held = ""
    while True:
        try:
            line = input("   ...> " if held else "standpoint> ")
        except EOFError:
            terminal.note("")
            return
        except KeyboardInterrupt:
            terminal.note("")
            held = ""
            continue
        if not held and line.strip() in (".quit", ".exit", "quit", "exit"):
            return
        held = f"{held}\n{line}" if held else line
        if held.strip().endswith(";"):
            try:
                show(database.query(connection, held), "table")
            except UsageError as error:
                terminal.fail(str(error))
            held = ""


def _write(reader: pa.RecordBatchReader, form: str) -> None:
    if form == "csv":
        from pyarrow import csv

        sys.stdout.flush()
        for number, batch in enumerate(reader):
            table = flat(pa.Table.from_batches([batch]))
            csv.write_csv(table, sys.stdout.buffer, csv.WriteOptions(include_header=number == 0))
    elif form == "json":
        for batch in reader:
            for row in batch.to_pylist():
                sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    else:
        with pq.ParquetWriter(sys.stdout.buffer, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
