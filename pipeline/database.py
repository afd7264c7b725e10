"""DuckDB over the committed files of a lake: `standpoint.duckdb`, and read-only connections to it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline import objectstore, readonly, schemas, spans
from pipeline.errors import EnvironmentProblem, StandpointError, UsageError
from pipeline.lake import DATABASE, Lake
from pipeline.manifest import Manifest
from pipeline.scans import unlocked

Connection = duckdb.DuckDBPyConnection
FILE = DATABASE
QUOTED = "\nLINE "  # what stands after it points into the query, which is no single line
SPILL = "16GB"  # of intermediate results that memory does not hold, in a private temporary folder
READS = "the lake is read-only; allowed: its tables and views, and its own Parquet files"


def refresh(lake: Lake) -> None:
    """Rebuild `standpoint.duckdb` from the manifests and put it in place atomically.

    Another publisher may commit or compact meanwhile: it is built again until it shows what is there.
    On an object store there is no such file, since DuckDB could not read its own views from there
    without an extension; `connect` makes the same views in memory.
    """
    shown = None
    while lake.store.is_local and shown != (now := (lake.settled_manifests(), spans.read(lake.store))):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            with duckdb.connect(str(path)) as connection:
                _create_views(connection, lake, spans.cover(lake.store, now[0].values(), now[1]))
            lake.store.write(FILE, path.read_bytes())
        shown = now


def connect(lake: Lake) -> Connection:
    """A read-only connection with every table and view; it can read the lake's data and nothing else.

    Raises EnvironmentProblem when nothing has been published yet.
    """
    if not lake.store.is_local:
        return _over(lake, spans.cover(lake.store, lake.manifests().values(), spans.read(lake.store)))
    if not lake.store.exists(FILE):
        raise EnvironmentProblem(f"lake {lake.store.uri!r}: nothing is published yet; run `standpoint run`")
    connection = _open(lake)
    named = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'raw'").fetchall()
    if _literal(lake.store.full("data/raw/none.parquet")) not in named[0][0]:
        connection.close()  # the lake was moved or copied: its views name files elsewhere
        refresh(lake)
        connection = _open(lake)
    return _locked(connection, *(f"{lake.store.full(folder)}/" for folder in ("data", spans.FOLDER)))


def over(lake: Lake, manifests: Iterable[Manifest]) -> Connection:
    """A read-only connection in memory with every table and view over these days alone."""
    return _over(lake, spans.Cover(list(manifests)))


def _over(lake: Lake, cover: spans.Cover) -> Connection:
    connection = duckdb.connect()
    for name, files in lake.files(cover.loose).items():
        if not cover.stale:
            connection.register(name, unlocked(lake.dataset(name, [*files, *cover.compacted(name)])))
            continue
        connection.register(f"{name} of days", unlocked(lake.dataset(name, files)))
        connection.register(f"{name} of spans", unlocked(lake.dataset(name, cover.compacted(name))))
        compacted = _but(f'"{name} of spans"', cover.stale)
        connection.execute(f'CREATE VIEW {name} AS FROM "{name} of days" UNION ALL {compacted}')
    for name, sql in analyst_views().items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
    return _locked(connection)


def query(connection: Connection, sql: str) -> Connection:
    """The result of the last of the statements in `sql`.

    Raises UsageError for SQL that does not parse or run, or that would do anything else than read.
    """
    with problems(connection):
        statements = connection.extract_statements(sql)
        if not statements:
            raise UsageError("sql: the query is empty; try `SELECT * FROM who_on_whom LIMIT 10`")
        for statement in statements:
            readonly.check(connection, statement)
            connection.execute(statement)
    return connection


@contextmanager
def problems(connection: Connection) -> Iterator[None]:
    """Turns what DuckDB says of a query, while it runs or its rows are read, into the user's error.

    Raises KeyboardInterrupt on Ctrl-C, when the query has been given up.
    """
    try:
        yield
    except KeyboardInterrupt:
        connection.interrupt()
        raise
    except duckdb.PermissionException as error:
        refused = str(error).removeprefix("Permission Error: ").partition(" - ")[0]
        raise UsageError(f"sql: {refused}: {READS}") from error
    except duckdb.Error as error:
        raise _problem(error) from error
    except RuntimeError as error:  # as DuckDB hands on Ctrl-C
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        connection.interrupt()  # else what still works at the query keeps the connection from closing
        raise error.__cause__ from None


def batches(result: Connection) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The columns of a result, and its rows as they are computed.

    Raises UsageError, also between two batches, where a row cannot be computed.
    """
    with problems(result):
        reader = result.to_arrow_reader()

    def following() -> Iterator[pa.RecordBatch]:
        # In a thread of its own, since Ctrl-C waits for the end of a call of Arrow's.
        with ThreadPoolExecutor(1) as apart:
            while True:
                try:
                    with problems(result):
                        batch = apart.submit(next, reader, None).result()
                except (OSError, pa.ArrowException) as error:  # as Arrow hands on what DuckDB says
                    raise _problem(error) from error
                if batch is None:
                    return
                yield batch

    return reader.schema, following()


def _problem(error: Exception) -> StandpointError:
    """What DuckDB says of a query, or what it quotes of an object store that failed under it."""
    if told := objectstore.told(str(error)):
        return EnvironmentProblem(told)
    return UsageError(f"sql: {str(error).partition(QUOTED)[0]}")


def analyst_views() -> dict[str, str]:
    """The analyst views by name, as the SQL of `pipeline/views/*.sql`, in the order of their names."""
    files = (f for f in resources.files("pipeline.views").iterdir() if f.name.endswith(".sql"))
    return {f.name.removesuffix(".sql"): f.read_text("utf-8") for f in sorted(files, key=lambda f: f.name)}


def comment_of(sql: str) -> str:
    """The comment that a view's SQL starts with, as one line."""
    lines = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def _open(lake: Lake) -> Connection:
    try:
        return duckdb.connect(lake.store.full(FILE), read_only=True)
    except duckdb.IOException as error:
        raise EnvironmentProblem(
            f"{lake.store.full(FILE)} cannot be opened: another program holds it for writing; "
            f"close it there, or open it with -readonly ({error})"
        ) from error


def _locked(connection: Connection, *folders: str) -> Connection:
    """The connection, shut for good: it reads files in these folders and reaches nothing else."""
    if connection.execute("SELECT current_setting('lock_configuration')").fetchall() == [(True,)]:
        return connection  # connections of a process to one file share what one of them has set
    connection.execute("SET TimeZone = 'UTC'")
    spill = tempfile.mkdtemp(prefix="standpoint-sql-")  # not beside the lake, and for nobody else to read
    weakref.finalize(connection, shutil.rmtree, spill, ignore_errors=True)
    connection.execute(f"SET temp_directory = {_literal(spill)}")
    connection.execute(f"SET max_temp_directory_size = '{SPILL}'")
    connection.execute("SET python_enable_replacements = false")  # a table's name is never our variable's
    connection.execute(f"SET allowed_directories = [{', '.join(map(_literal, folders))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _create_views(connection: Connection, lake: Lake, cover: spans.Cover) -> None:
    for name, files in lake.files(cover.loose).items():
        compacted = cover.compacted(name)
        if cover.stale and compacted:
            source = f"{_parquet(lake, files)} UNION ALL {_but(_parquet(lake, compacted), cover.stale)}"
        else:
            source = _parquet(lake, [*files, *compacted])
        connection.execute(f"CREATE VIEW {name} AS FROM {source}")
        table = schemas.TABLES[name]
        connection.execute(f"COMMENT ON VIEW {name} IS {_literal(table.row)}")
        for column in (*schemas.PARTITION, *table.columns):
            connection.execute(f'COMMENT ON COLUMN {name}."{column.name}" IS {_literal(column.meaning)}')
    for name, sql in analyst_views().items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
        connection.execute(f"COMMENT ON VIEW {name} IS {_literal(comment_of(sql))}")


def _parquet(lake: Lake, files: Iterable[str]) -> str:
    paths = ", ".join(_literal(lake.store.full(f)) for f in files)
    return f"read_parquet([{paths}], hive_partitioning = false)"


def _but(source: str, days: Iterable[str]) -> str:
    """The query for all rows of a source but those of these days."""
    return f"FROM {source} WHERE day NOT IN ({', '.join(f'DATE {_literal(day)}' for day in days)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
