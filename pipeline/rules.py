"""Row-level rules of `pipeline.schemas`, worked out over Arrow tables: of keys and values, and, by DuckDB,
references and rules in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schemas import Column, Table

KEY = "key"  # the rule that keys are unique


def meanings(declared: Table) -> dict[str, str]:
    """Every rule that a row can break, by name, with what it asks for."""
    found = {KEY: f"the key ({', '.join(declared.key)}) is unique."}
    found |= {rule.name: rule.meaning for column in declared.columns for rule in _of(column)}
    for reference in declared.references:
        found[f"references_{reference.table}"] = f"The row of {reference.table} that it refers to exists."
    return found | {rule.name: rule.meaning for rule in declared.rules}


def broken(declared: Table, present: Mapping[str, pa.Table]) -> dict[str, np.ndarray]:
    """Which rows break each rule: a bool array of the table's length by the rule's name.

    `present` holds the table and those that it refers to; a rule in SQL that comes out null is broken.
    Raises ValueError when one that is referred to is missing.
    """
    table = present[declared.name]
    flags = {KEY: _repeated(table.select(declared.key))}
    flags |= {rule.name: rule.broken(table[c.name]) for c in declared.columns for rule in _of(c)}
    if not (declared.references or declared.rules):
        return flags
    missing = {r.table for r in declared.references} - set(present)
    if missing:
        raise ValueError(f"table {declared.name} refers to {', '.join(sorted(missing))}, which was not given")
    with duckdb.connect() as connection:
        for name in {declared.name, *(r.table for r in declared.references)}:
            numbers = pa.array(np.arange(present[name].num_rows))
            connection.register(name, present[name].append_column("row_number", numbers))
        for names, query in _queries(declared):
            rows, *found = map(np.asarray, connection.execute(query).fetchnumpy().values())
            for rule, breaks in zip(names, found, strict=True):
                flags.setdefault(rule, np.zeros(table.num_rows, dtype=bool))[rows[breaks]] = True
    return flags


def _repeated(keys: pa.Table) -> np.ndarray:
    """Which rows share their key with another; a key that is all null breaks another rule than this."""
    import pandas as pd

    frame = keys.to_pandas(types_mapper=pd.ArrowDtype)
    return np.asarray(frame.duplicated(keep=False) & frame.notna().any(axis=1), dtype=bool)


class _OfValues(NamedTuple):
    """A rule on the values of one column: its name, what it asks for, and which of them break it."""

    name: str
    meaning: str
    broken: Callable[[pa.ChunkedArray], np.ndarray]


def _of(column: Column) -> Iterator[_OfValues]:
    """What a column asks of its values; null breaks the first rule alone."""
    name = column.name
    if not column.nullable:
        yield _OfValues(f"{name}_not_null", f"{name} is not null.", lambda v: np.asarray(pc.is_null(v)))
    if allowed := column.allowed:
        meaning = f"{name} is one of {', '.join(allowed)}."
        yield _OfValues(f"{name}_allowed", meaning, lambda v: _outside(pa.array(allowed, v.type), v))
    if column.limits:
        yield _OfValues(f"{name}_range", f"{name} is {column.limits}.", lambda v: _beyond(column, v))
    if (pattern := column.pattern) is not None:
        yield _OfValues(f"{name}_pattern", f"{name} matches {pattern}", lambda v: _unlike(pattern, v))


def _outside(allowed: pa.Array, values: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, allowed))))


def _beyond(column: Column, values: pa.ChunkedArray) -> np.ndarray:
    kept = pc.is_valid(values)
    if column.low is not None:
        kept = pc.and_kleene(kept, pc.greater_equal(values, column.low))
    if column.high is not None:
        kept = pc.and_kleene(kept, pc.less_equal(values, column.high))
    # NaN is in no range.
    return np.asarray(pc.and_(pc.is_valid(values), pc.invert(pc.fill_null(kept, False))))


def _unlike(pattern: str, values: pa.ChunkedArray) -> np.ndarray:
    known = pc.unique(values.drop_null())
    found = [text for text in known.to_pylist() if re.fullmatch(pattern, text)]
    return _outside(pa.array(found, values.type), values)


def _queries(declared: Table) -> list[tuple[list[str], str]]:
    """Queries for the rows that break references and rules, with the names of these.

    A query gives a row's number, and of each rule whether the row breaks it. What is asked of the same rows
    is one query, so that they are read once.
    """
    asked: dict[str, list[tuple[str, str]]] = {"": []}
    joins: dict[str | None, list[str]] = {None: [""]}
    for reference in declared.references:
        pairs = list(zip(reference.columns, reference.to, strict=True))
        same = " AND ".join(f't."{column}" = p."{to}"' for column, to in pairs)
        named = " AND ".join(f't."{column}" IS NOT NULL' for column, _ in pairs)
        orphan = f'{named} AND NOT EXISTS (SELECT 1 FROM "{reference.table}" p WHERE {same})'  # noqa: S608 - declared names
        asked[""].append((f"references_{reference.table}", orphan))
        joins.setdefault(reference.table, []).append(f'JOIN "{reference.table}" p ON {same}')
    for rule in declared.rules:
        for join in joins[rule.parent]:
            asked.setdefault(join, []).append((rule.name, f"({rule.sql}) IS NOT TRUE"))
    return [_query(declared.name, join, conditions) for join, conditions in asked.items() if conditions]


def _query(table: str, join: str, conditions: Sequence[tuple[str, str]]) -> tuple[list[str], str]:
    columns = ", ".join(f"{condition} AS c{no}" for no, (_, condition) in enumerate(conditions))
    some = " OR ".join(f"c{no}" for no in range(len(conditions)))
    rows = f'SELECT t.row_number, {columns} FROM "{table}" t {join}'  # noqa: S608 - declared names
    return [name for name, _ in conditions], f"SELECT * FROM ({rows}) WHERE {some}"  # noqa: S608
