"""What a query may do: read the lake, and nothing else.

A connection of `database.connect` is shut already: no extensions, no settings, no network, and no file
outside `data/` and `compacted/`. But DuckDB can still write where it may read, by EXPLAIN ANALYZE of a COPY
and by table functions such as enable_logging. So only what is known to read is let through.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.errors import UsageError

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
FUNCTIONS = frozenset(
    """glob read_parquet parquet_scan parquet_bloom_probe parquet_file_metadata parquet_full_metadata
    parquet_kv_metadata parquet_metadata parquet_schema generate_series range repeat repeat_row unnest
    json_each json_tree histogram histogram_values summary query_table icu_calendar_names pg_timezone_names
    pragma_collations pragma_database_size pragma_platform pragma_show pragma_storage_info pragma_table_info
    pragma_user_agent pragma_version duckdb_columns duckdb_constraints duckdb_databases duckdb_functions
    duckdb_indexes duckdb_keywords duckdb_memory duckdb_optimizers duckdb_schemas duckdb_settings
    duckdb_tables duckdb_temporary_files duckdb_types duckdb_views""".split()
)
"""The table functions that only read; what a later DuckDB adds is refused until it stands here."""

_PARSED = """
SELECT json_array_length(tree, '$.statements'), json_extract_string(tree, '$..function.function_name')
FROM (SELECT json_serialize_sql(?) AS tree)
"""


def check(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    """Raises UsageError for a statement that would, or could, do anything else than read."""
    if statement.type == duckdb.StatementType.CREATE and not statement.query:
        raise UsageError("sql: PIVOT must name its values, the lake is read-only: PIVOT t ON c IN ('a', 'b')")
    if statement.type not in READING:
        raise _refused(statement.type.name)
    sql = statement.query
    if statement.type == duckdb.StatementType.EXPLAIN:
        sql = _explained(sql)
    count, functions = connection.execute(_PARSED, [sql]).fetchall()[0]
    if count != 1:  # DuckDB takes only a SELECT apart
        raise _refused(f"EXPLAIN of {sql.split()[0].upper()}" if sql != statement.query else "this statement")
    for name in functions:
        if name.lower() not in FUNCTIONS:
            raise UsageError(
                f"sql: the table function {name} is refused, the lake is read-only; allowed: its tables and "
                "views, read_parquet, parquet_metadata and glob on its own files, range, unnest, json_each"
            )


def _explained(sql: str) -> str:
    """What an EXPLAIN explains, found with DuckDB's own tokens, in which comments are none."""
    data = sql.encode()  # tokens are counted in bytes
    starts = [start for start, _ in duckdb.tokenize(sql)][1:]
    if re.match(rb"analyze\b", data[starts[0] :], re.I):
        starts = starts[1:]
    elif options := re.match(rb"\([^()'\"]*\)", data[starts[0] :]):
        starts = [start for start in starts if start >= starts[0] + options.end()] or starts
    return data[starts[0] :].decode()


def _refused(what: str) -> UsageError:
    return UsageError(
        f"sql: {what} is refused, the lake is read-only; allowed: SELECT, EXPLAIN, SHOW, DESCRIBE"
    )
