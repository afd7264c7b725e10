"""Row-level rules of `pipeline.schemas`, worked out over Arrow tables: ranges and patterns, and, by DuckDB,
references and rules in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schemas import Column, Table


def meanings(declared: Table) -> dict[str, str]:
    """The table's references (as `references_<table>`) and rules by name, with what each asks for."""
    references = {
        f"references_{r.table}": f"The row of {r.table} that it refers to exists."
        for r in declared.references
    }
    return references | {rule.name: rule.meaning for rule in declared.rules}


def kept(declared: Table, present: Mapping[str, pa.Table]) -> dict[str, np.ndarray]:
    """Whether each row keeps each range, pattern, reference and rule: a bool array of the table's length by
    the rule's name.

    `present` holds the table and those that it refers to; a rule that comes out null is broken.
    Raises ValueError when one that is referred to is missing.
    """
    flags = _of_values(declared, present[declared.name])
    if not (declared.references or declared.rules):
        return flags
    missing = {r.table for r in declared.references} - set(present)
    if missing:
        raise ValueError(f"table {declared.name} refers to {', '.join(sorted(missing))}, which was not given")
    rows = present[declared.name].num_rows
    with duckdb.connect() as connection:
        for name in {declared.name, *(r.table for r in declared.references)}:
            numbers = pa.array(np.arange(present[name].num_rows))
            connection.register(name, present[name].append_column("row_number", numbers))
        for rule, query in _queries(declared):
            broken = connection.execute(query).fetchnumpy()["row_number"]
            flags.setdefault(rule, np.ones(rows, dtype=bool))[broken] = False
    return flags


def _of_values(declared: Table, table: pa.Table) -> dict[str, np.ndarray]:
    """Of each column with a range or a pattern, which rows keep it; null does."""
    flags = {}
    for column in declared.columns:
        if column.limits:
            flags[f"{column.name}_range"] = _within(column, table[column.name])
        if column.pattern is not None:
            flags[f"{column.name}_pattern"] = _matching(column.pattern, table[column.name])
    return flags


def _within(column: Column, values: pa.ChunkedArray) -> np.ndarray:
    kept = pc.is_valid(values)
    if column.low is not None:
        kept = pc.and_kleene(kept, pc.greater_equal(values, column.low))
    if column.high is not None:
        kept = pc.and_kleene(kept, pc.less_equal(values, column.high))
    return np.asarray(pc.or_(pc.is_null(values), pc.fill_null(kept, False)))  # NaN is in no range


def _matching(pattern: str, values: pa.ChunkedArray) -> np.ndarray:
    known = pc.unique(values.drop_null())
    found = [text for text in known.to_pylist() if re.fullmatch(pattern, text)]
    return np.asarray(pc.or_(pc.is_null(values), pc.is_in(values, pa.array(found, values.type))))


def _queries(declared: Table) -> list[tuple[str, str]]:
    """Per reference and rule, its name and a query for the numbers of the rows that break it."""
    queries = []
    joins: dict[str | None, list[str]] = {None: [""]}
    for reference in declared.references:
        pairs = list(zip(reference.columns, reference.to, strict=True))
        same = " AND ".join(f't."{column}" = p."{to}"' for column, to in pairs)
        named = " AND ".join(f't."{column}" IS NOT NULL' for column, _ in pairs)
        orphan = f'{named} AND NOT EXISTS (SELECT 1 FROM "{reference.table}" p WHERE {same})'  # noqa: S608 - declared names
        queries.append((f"references_{reference.table}", orphan, ""))
        joins.setdefault(reference.table, []).append(f'JOIN "{reference.table}" p ON {same}')
    for rule in declared.rules:
        queries += [(rule.name, f"({rule.sql}) IS NOT TRUE", join) for join in joins[rule.parent]]
    select = f'SELECT DISTINCT t.row_number FROM "{declared.name}" t'  # noqa: S608 - a declared name
    return [(name, f"{select} {join} WHERE {condition}") for name, condition, join in queries]
