"""Quarantine: rows that broke a row-level rule leave their stage's tables for `rejects`, with their unit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from pipeline import schemas
from pipeline.errors import ValidationFailed
from pipeline.outcome import Outcome, reject
from pipeline.validate import Violation

Key = tuple[Any, ...]


def split(
    outcome: Outcome,
    violations: Iterable[Violation],
    unit_table: str,
    stage: str,
    sources: Mapping[str, str],
) -> tuple[dict[str, pa.Table], list[dict[str, Any]]]:
    """The tables without the units that hold a broken row, and one row of `rejects` for each such unit.

    The unit is a row of `unit_table`, what the stage counts in: an article leaves with all its
    sentences, a mention with its vector. Kept units + rejects = units before, so that rows in = rows
    out + rejected stays true. `sources` maps article_id to the article's source_uri in `raw`.
    Raises ValidationFailed for a table-level violation, and where the broken row belongs to no unit.
    """
    key = schemas.TABLES[unit_table].key
    broken = _broken_units(violations, key, stage)
    if not broken:
        return dict(outcome.kept), []
    there = set(_keys(outcome.kept[unit_table], key))
    for unit, causes in broken.items():
        if unit not in there:
            violation = causes[0][0]
            raise ValidationFailed(
                f"stage {stage}: {violation}; {unit} is not in {unit_table}; nothing was published"
            )
    kept = {name: _without(table, key, broken) for name, table in outcome.kept.items()}
    units = list(broken.values())
    rows = _first_rows(outcome, units)
    return kept, [_reject(stage, unit, row, sources) for unit, row in zip(units, rows, strict=True)]


def _broken_units(
    violations: Iterable[Violation], key: tuple[str, ...], stage: str
) -> dict[Key, list[tuple[Violation, Key]]]:
    """For each unit that must leave, what was violated and by which row."""
    broken: dict[Key, list[tuple[Violation, Key]]] = {}
    for violation in violations:
        rows = violation.rows
        if rows is None or not set(key) <= set(rows.column_names):
            raise ValidationFailed(f"stage {stage}: {violation}; nothing was published")
        units, keys = _keys(rows, key), _keys(rows, tuple(rows.column_names))
        for unit, row in zip(units, keys, strict=True):
            broken.setdefault(unit, []).append((violation, row))
    return broken


def _keys(table: pa.Table, columns: tuple[str, ...]) -> list[Key]:
    return list(zip(*(table[c].to_pylist() for c in columns), strict=True))


def _without(table: pa.Table, key: tuple[str, ...], broken: Mapping[Key, Any]) -> pa.Table:
    if not set(key) <= set(table.column_names):
        return table
    return table.filter(pa.array([k not in broken for k in _keys(table, key)], pa.bool_()))


def _first_rows(outcome: Outcome, causes: list[list[tuple[Violation, Key]]]) -> list[dict[str, Any]]:
    """For each unit, the first of its rows that broke a rule, with all columns."""
    firsts = [unit[0] for unit in causes]
    numbers = {
        name: {key: i for i, key in enumerate(_keys(outcome.kept[name], schemas.TABLES[name].key))}
        for name in {violation.table for violation, _ in firsts}
    }
    return [outcome.kept[v.table].slice(numbers[v.table][key], 1).to_pylist()[0] for v, key in firsts]


def _reject(
    stage: str, causes: list[tuple[Violation, Key]], row: Mapping[str, Any], sources: Mapping[str, str]
) -> dict[str, Any]:
    """The reject of one unit: all the rules broken in it, where, and the first broken row as JSON."""
    violation, key = causes[0]
    columns = schemas.TABLES[violation.table].key
    where = ", ".join(f"{column} {value}" for column, value in zip(columns, key, strict=True))
    rules = "; ".join(dict.fromkeys(f"{v.table}.{v.rule}: {v.meaning}" for v, _ in causes))
    article = row.get("article_id")
    text = json.dumps(row, ensure_ascii=False, default=str)
    # Only a row whose article_id is itself what is wrong has no source.
    return reject(stage, sources.get(str(article), ""), "rule", f"{rules} ({where})", text.encode(), article)
