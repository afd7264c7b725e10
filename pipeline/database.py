"""DuckDB over the committed files of a lake: `standpoint.duckdb`, and read-only connections to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from pipeline import objectstore, schemas
from pipeline.errors import EnvironmentProblem, StandpointError, UsageError
from pipeline.lake import Lake, Manifest

Connection = duckdb.DuckDBPyConnection
FILE = "standpoint.duckdb"
QUOTED = "\nLINE "  # what stands after it points into the query, which is no single line
READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def refresh(lake: Lake) -> None:
    """Rebuild `standpoint.duckdb` from the manifests and put it in place atomically.

    Another publisher may commit meanwhile: it is built again until it shows the manifests as they are.
    On an object store there is no such file, since DuckDB could not read its own views from there
    without an extension; `connect` makes the same views in memory.
    """
    shown = None
    while lake.store.is_local and shown != (manifests := list(lake.manifests().values())):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            with duckdb.connect(str(path)) as connection:
                _create_views(connection, lake, manifests)
            lake.store.write(FILE, path.read_bytes())
        shown = manifests


def connect(lake: Lake) -> Connection:
    """A read-only connection with every table and view; it can read the lake's data and nothing else.

    Raises EnvironmentProblem when nothing has been published yet.
    """
    if not lake.store.is_local:
        return _connect_remote(lake)
    if not lake.store.exists(FILE):
        raise EnvironmentProblem(f"lake {lake.store.uri!r}: nothing is published yet; run `standpoint run`")
    connection = _open(lake)
    named = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'raw'").fetchall()
    if _literal(lake.store.full("data/raw/none.parquet")) not in named[0][0]:
        connection.close()  # the lake was moved or copied: its views name files elsewhere
        refresh(lake)
        connection = _open(lake)
    connection.execute(f"SET allowed_directories = [{_literal(lake.store.full('data') + '/')}]")
    return _locked(connection)


def query(connection: Connection, sql: str) -> Connection:
    """The result of the last of the statements in `sql`.

    Raises UsageError for SQL that does not parse or run, or that would do anything else than read.
    """
    with problems():
        statements = connection.extract_statements(sql)
        if not statements:
            raise UsageError("sql: the query is empty; try `SELECT * FROM who_on_whom LIMIT 10`")
        for statement in statements:
            if statement.type not in READING:
                kind = statement.type.name
                raise UsageError(
                    f"sql: {kind} is refused, the lake is read-only; allowed: SELECT, EXPLAIN, SHOW, DESCRIBE"
                )
            connection.execute(statement)
    return connection


@contextmanager
def problems() -> Iterator[None]:
    """Turns what DuckDB says of a query, while it runs or its rows are read, into the user's error."""
    try:
        yield
    except duckdb.Error as error:
        raise _problem(error) from error


def batches(result: Connection) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The columns of a result, and its rows as they are computed.

    Raises UsageError, also between two batches, where a row cannot be computed.
    """
    with problems():
        reader = result.to_arrow_reader()

    def following() -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (OSError, pa.ArrowException) as error:  # as Arrow hands on what DuckDB says
                raise _problem(error) from error
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


def _connect_remote(lake: Lake) -> Connection:
    connection = duckdb.connect()
    for name, files in lake.files(lake.manifests().values()).items():
        paths = [lake.store.full(f) for f in files]
        schema = schemas.TABLES[name].published_schema
        connection.register(name, ds.dataset(paths, schema=schema, filesystem=lake.store.filesystem))
    for name, sql in analyst_views().items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
    return _locked(connection)


def _locked(connection: Connection) -> Connection:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _create_views(connection: Connection, lake: Lake, manifests: Iterable[Manifest]) -> None:
    for name, files in lake.files(manifests).items():
        paths = ", ".join(_literal(lake.store.full(f)) for f in files)
        source = f"read_parquet([{paths}], hive_partitioning = false)"
        connection.execute(f"CREATE VIEW {name} AS FROM {source}")
        table = schemas.TABLES[name]
        connection.execute(f"COMMENT ON VIEW {name} IS {_literal(table.row)}")
        for column in (*schemas.PARTITION, *table.columns):
            connection.execute(f'COMMENT ON COLUMN {name}."{column.name}" IS {_literal(column.meaning)}')
    for name, sql in analyst_views().items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
        connection.execute(f"COMMENT ON VIEW {name} IS {_literal(comment_of(sql))}")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
