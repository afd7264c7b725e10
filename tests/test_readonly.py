"""`standpoint sql` against everything that DuckDB offers: it reads the lake, or refuses in one line."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline import database, readonly
from pipeline.errors import UsageError
from pipeline.lake import Lake
from pipeline.store import Store

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = "the lake is read-only; allowed: SELECT, EXPLAIN, SHOW, DESCRIBE"
FUNCTION = r"the table function {} is refused, the lake is read-only; allowed: its tables"
FILE = "the lake is read-only; allowed: its tables and views, and its own Parquet files"

STATEMENTS = [  # each is run with {data}, the lake's own folder of data, and {out}, a folder that is nobody's
    ("COPY raw TO '{out}/x.csv'", "COPY is refused"),
    ("COPY (SELECT 1) TO '{data}/x.csv'", "COPY is refused"),
    ("COPY raw FROM '{out}/x.csv'", "COPY is refused"),
    ("EXPORT DATABASE '{out}/x'", "EXPORT is refused"),
    ("ATTACH '{out}/x.db'", "ATTACH is refused"),
    ("ATTACH ':memory:' AS m", "ATTACH is refused"),
    ("DETACH standpoint", "DETACH is refused"),
    ("INSTALL httpfs", "LOAD is refused"),
    ("LOAD '{out}/evil.duckdb_extension'", "LOAD is refused"),
    ("SET enable_external_access = true", "SET is refused"),
    ("RESET enable_external_access", "SET is refused"),
    ("SET VARIABLE a = 1", "SET is refused"),
    ("USE memory", "SET is refused"),
    ("PRAGMA enable_profiling", "PRAGMA is refused"),
    ("CREATE SECRET s (TYPE s3)", "CREATE is refused"),
    ("CREATE TEMP TABLE t AS SELECT 1", "CREATE is refused"),
    ("CREATE TEMP MACRO m() AS 1", "CREATE is refused"),
    ("DROP VIEW raw", "DROP is refused"),
    ("ALTER VIEW raw RENAME TO b", "ALTER is refused"),
    ("COMMENT ON VIEW raw IS 'x'", "ALTER is refused"),
    ("INSERT INTO raw VALUES (1)", "INSERT is refused"),
    ("UPDATE raw SET title = ''", "UPDATE is refused"),
    ("DELETE FROM raw", "DELETE is refused"),
    ("TRUNCATE raw", "DELETE is refused"),
    ("MERGE INTO raw USING raw r ON true WHEN MATCHED THEN DELETE", "MERGE_INTO is refused"),
    ("CALL force_checkpoint()", "CALL is refused"),
    ("CHECKPOINT", "CALL is refused"),
    ("VACUUM", "VACUUM is refused"),
    ("BEGIN TRANSACTION", "TRANSACTION is refused"),
    ("PREPARE p AS SELECT 1", "PREPARE is refused"),
    ("EXECUTE p", "EXECUTE is refused"),
    ("SELECT 1; DROP VIEW raw", "DROP is refused"),
    ("EXPLAIN ANALYZE COPY raw TO '{data}/x.parquet'", "EXPLAIN of COPY is refused"),
    ("EXPLAIN (ANALYZE) COPY raw TO '{data}/x.parquet'", "EXPLAIN of COPY is refused"),
    ("/* ü */ explain/* /* SELECT */ */analyze--\ncopy raw TO '{data}/x'", "EXPLAIN of COPY is refused"),
    ("EXPLAIN ANALYZE CREATE TEMP VIEW raw AS SELECT 1", "EXPLAIN of CREATE is refused"),
    ("EXPLAIN ANALYZE INSTALL httpfs", "EXPLAIN of INSTALL is refused"),
    ("EXPLAIN ANALYZE SET memory_limit = '1TB'", "EXPLAIN of SET is refused"),
]  # fmt: skip


FUNCTIONS = {  # tables that are no tables: what each would do
    "enable_logging(storage='file', storage_config={{'path': '{data}/log'}})": "enable_logging",
    "enable_logging(storage='stdout')": "enable_logging",
    "system.main.\"Enable_Logging\"()": "enable_logging",
    "query('SELECT * FROM enable_logging()')": "query",
    "json_execute_serialized_sql(json_serialize_sql('FROM enable_logging()'))": "json_execute_serialized_sql",
    "enable_profiling(save_location='{data}/p.json')": "enable_profiling",
    "force_checkpoint()": "force_checkpoint",
    "arrow_scan(1, 2, 3)": "arrow_scan",
    "pandas_scan(1)": "pandas_scan",
    "read_csv('/etc/passwd')": "read_csv",
    "read_text('/etc/passwd')": "read_text",
    "read_blob('{data}/raw')": "read_blob",
    "read_json('/etc/passwd')": "read_json",
    "read_duckdb('{out}/x.db')": "read_duckdb",
    "sniff_csv('/etc/passwd')": "sniff_csv",
    "duckdb_secrets()": "duckdb_secrets",
    "duckdb_extensions()": "duckdb_extensions",
    "sqlite_scan('/etc/passwd', 'x')": "sqlite_scan",
    "iceberg_scan('/etc')": "iceberg_scan",
}  # fmt: skip
PLACES = [
    "SELECT * FROM {}",
    "WITH x AS (SELECT * FROM {}) SELECT 1",
    "SELECT (SELECT count(*) FROM {})",
    "FROM range(3) t(a), LATERAL (SELECT * FROM {})",
    "SELECT 1 UNION ALL FROM {}",
    "EXPLAIN ANALYZE FROM {}",
    "DESCRIBE FROM {}",
    "SUMMARIZE FROM {}",
]
FILES = [
    "FROM read_parquet('/etc/passwd')",
    "FROM read_parquet('http://127.0.0.1:1/x.parquet')",
    "FROM 's3://bucket/x.parquet'",
    "FROM '{out}/x.parquet'",
    "FROM parquet_metadata('/etc/passwd')",
    "FROM parquet_kv_metadata('{out}/x.parquet')",
    "FROM glob('/etc/*')",
    "FROM glob('{data}/../*')",
    "FROM read_parquet('{data}/../lake.json')",
    "FROM read_parquet('{data}/link.parquet')",
    "FROM read_parquet('{data}-beside/x.parquet')",
]
READS = [
    "SHOW TABLES",
    "DESCRIBE evidence",
    "SUMMARIZE SELECT title FROM raw",
    "FROM raw LIMIT 1",
    "VALUES (1)",
    "PRAGMA version",
    "explain\nSELECT 'COPY'",
    "-- why\nEXPLAIN (ANALYZE, FORMAT json) SELECT ';' -- COPY",
    "/* ü */ EXPLAIN /* COPY */ SELECT 1",
    "PIVOT (SELECT day, 1 AS n FROM raw) ON day IN ('2022-01-05') USING count(*)",
    "SELECT unnest([1, 2]), a.generate_series FROM generate_series(2) a, json_each('[1]')",
    f"SELECT {'+'.join('1' * 600)}",
    f"SELECT {'(' * 5000}1{')' * 5000}",
]


@pytest.fixture(scope="module")
def home(built_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A lake with a link out of its data, a folder beside that begins like it, and one to write to."""
    folder = tmp_path_factory.mktemp('it\'s "mine"; [x]*\n')  # a name that is an injection by itself
    lake = Lake(str(folder / "lake"))
    for path in built_once.rglob("*"):
        if path.is_file() and path.name != database.FILE:
            lake.store.write(str(path.relative_to(built_once)), path.read_bytes())
    database.refresh(lake)
    (folder / "out").mkdir()
    data = folder / "lake" / "data"
    (data / "link.parquet").symlink_to("/etc/passwd")
    (folder / "lake" / "data-beside").mkdir()
    (folder / "lake" / "data-beside" / "x.parquet").write_bytes(next(data.rglob("*.parquet")).read_bytes())
    return {"lake": str(folder / "lake"), "data": str(data), "out": str(folder / "out")}


@pytest.fixture(scope="module", params=["disk", "object store"])
def connection(
    home: dict[str, str], object_store: str, request: pytest.FixtureRequest
) -> Iterator[database.Connection]:
    """A connection to the lake, where it is or copied to an object store; nothing may change there."""
    lake = Lake(home["lake"])
    if request.param == "object store":
        copy = Store(object_store.replace("/root", "/readonly"))
        for entry in lake.store.list():
            if not entry.is_link:
                copy.write(entry.path, lake.store.read(entry.path))
        lake = Lake(copy.uri)
    before = files(home)
    with database.connect(lake) as connection:
        yield connection
    assert files(home) == before


def files(home: dict[str, str]) -> list[tuple[Path, int]]:
    return sorted((p, p.lstat().st_size) for p in Path(home["lake"]).parent.rglob("*"))


def refusal(connection: database.Connection, sql: str, home: dict[str, str]) -> str:
    quoted = {name: path.replace("'", "''") for name, path in home.items()}
    with pytest.raises(UsageError) as raised:
        list(database.batches(database.query(connection, sql.format(**quoted)))[1])
    return str(raised.value)


@pytest.mark.parametrize(("sql", "said"), STATEMENTS)
def test_only_statements_that_read_are_run(connection, home, sql, said):
    assert refusal(connection, sql, home) == f"sql: {said}, {ALLOWED}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_that_do_more_than_read_are_refused_wherever_they_stand(connection, home, function):
    for place in PLACES:
        said = refusal(connection, place.format(function), home)
        assert said.startswith("sql: " + FUNCTION.format(FUNCTIONS[function])), place


@pytest.mark.parametrize("sql", FILES)
def test_files_outside_the_data_are_refused(connection, home, sql):
    assert FILE in refusal(connection, sql, home)


@pytest.mark.parametrize("sql", READS, ids=lambda sql: sql[:30])
def test_what_reads_is_run(connection, sql):
    assert list(database.batches(database.query(connection, sql))[1])


def test_variables_of_the_program_are_no_tables(connection, home):
    frame = {"a": [1]}  # what DuckDB would take for a table, by its name
    for name in ("frame", "sys", "statements"):
        assert "does not exist" in refusal(connection, f"FROM {name}", home)
    assert frame


def test_a_pivot_without_its_values_is_told_what_to_do(connection, home):
    said = refusal(connection, "PIVOT raw ON day USING count(*)", home)
    assert "PIVOT t ON c IN ('a', 'b')" in said


def test_the_lakes_own_parquet_files_are_allowed(home):
    one = str(next(Path(home["data"], "raw").glob("day=*/*.parquet"))).replace("'", "''")
    with database.connect(Lake(home["lake"])) as connection:
        for query in (f"FROM '{one}'", f"FROM read_parquet('{one}')", f"FROM parquet_metadata('{one}')"):
            assert database.query(connection, f"SELECT count(*) > 0 {query}").fetchall() == [(True,)]


def test_every_table_function_is_known_to_read_or_known_not_to(home):
    """A new DuckDB brings new functions: each must be looked at once."""
    writes_or_reads_elsewhere = {
        "arrow_scan", "arrow_scan_dumb", "checkpoint", "disable_logging", "disable_profiling",
        "duckdb_approx_database_count", "duckdb_connection_count", "duckdb_coordinate_systems",
        "duckdb_dependencies", "duckdb_extensions", "duckdb_external_file_cache", "duckdb_log_contexts",
        "duckdb_logs", "duckdb_logs_parsed", "duckdb_prepared_statements", "duckdb_profiling_settings",
        "duckdb_secret_types", "duckdb_secrets", "duckdb_sequences", "duckdb_table_sample",
        "duckdb_variables", "enable_logging", "enable_profiling", "force_checkpoint",
        "json_execute_serialized_sql", "pandas_scan", "pragma_metadata_info", "python_map_function", "query",
        "read_blob", "read_csv", "read_csv_auto", "read_duckdb", "read_json", "read_json_auto",
        "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto",
        "read_ndjson_objects", "read_text", "seq_scan", "sniff_csv", "test_all_types", "test_vector_types",
        "truncate_duckdb_logs", "which_secret",
    }  # fmt: skip
    sql = "SELECT function_name FROM duckdb_functions() WHERE starts_with(function_type, 'table')"
    with database.connect(Lake(home["lake"])) as connection:
        there = {name for (name,) in database.query(connection, sql).fetchall()}
    assert there == readonly.FUNCTIONS | writes_or_reads_elsewhere


def test_two_connections_at_once_are_both_shut(home):
    lake = Lake(home["lake"])
    with database.connect(lake), database.connect(lake) as second:
        for sql in ("FROM parquet_metadata('/etc/passwd')", "SET threads = 1"):
            assert "the lake is read-only" in refusal(second, sql, home)


def test_large_results_spill_into_a_private_folder(home, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with database.connect(Lake(home["lake"])) as connection:
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        query = "SELECT current_setting('temp_directory'), current_setting('max_temp_directory_size')"
        assert database.query(connection, query).fetchall() == [(str(folder), "14.9 GiB")]
    del connection
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ("table", "SELECT count(*) FROM range(1_000_000_000_000) WHERE sin(range) > 2"),
        ("csv", "SELECT range FROM range(1_000_000_000_000) WHERE range < 5000 OR sin(range) > 2"),
    ],
)
def test_ctrl_c_ends_a_query_without_end(home, form, query):
    # The tests may run in the background, where Ctrl-C is ignored, and what they start would ignore it too.
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [sys.executable, "-m", "pipeline", "sql", query, "--format", form, "--lake", home["lake"]]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, preexec_fn=heeded
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):  # it is at work, and the first rows are out
            process.communicate(timeout=15)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, said) == (130, b"standpoint: stopped\n")
