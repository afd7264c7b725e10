"""The Great Expectations suite of each table as plain data, derived from `pipeline.schemas`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline import rules
from pipeline.schemas import Column, Table
from pipeline.volumes import Bound

Expectation = dict[str, Any]


def table_level(columns: Sequence[str], bounds: Sequence[Bound]) -> list[Expectation]:
    """That the columns are these, and the numbers of rows within these bounds."""
    return [
        _expectation(
            "table_columns_to_match_set", "columns", "the columns are those declared.",
            column_set=list(columns), exact_match=True,
        ),
        *(
            _expectation(
                "table_row_count_to_be_between", b.name, b.reason,
                severity=b.severity, min_value=b.low, max_value=b.high,
            )
            for b in bounds
        ),
    ]  # fmt: skip


def row_level(declared: Table) -> list[Expectation]:
    """That the key is unique, and what each column, reference and rule asks of a row."""
    return [
        _key(declared),
        *(expectation for column in declared.columns for expectation in _column(column)),
        *(_flag(name, meaning) for name, meaning in rules.meanings(declared).items()),
    ]


def _key(declared: Table) -> Expectation:
    meaning = f"the key ({', '.join(declared.key)}) is unique."
    if len(declared.key) == 1:
        return _expectation("column_values_to_be_unique", "key", meaning, column=declared.key[0])
    return _expectation("compound_columns_to_be_unique", "key", meaning, column_list=list(declared.key))


def _column(column: Column) -> list[Expectation]:
    def values(kind: str, rule: str, meaning: str, **kwargs: Any) -> Expectation:
        name = column.name
        return _expectation(f"column_values_to_{kind}", f"{name}_{rule}", f"{name} {meaning}",
                            column=name, **kwargs)  # fmt: skip

    found = []
    if not column.nullable:
        found.append(values("not_be_null", "not_null", "is not null."))
    if column.allowed:
        allowed = list(column.allowed)
        found.append(values("be_in_set", "allowed", f"is one of {', '.join(allowed)}.", value_set=allowed))
    if column.limits:
        found.append(_flag(f"{column.name}_range", f"{column.name} is {column.limits}."))
    if column.pattern is not None:
        found.append(_flag(f"{column.name}_pattern", f"{column.name} matches {column.pattern}"))
    return found


def _flag(rule: str, meaning: str) -> Expectation:
    """That a rule is kept, told by the column of its name (`pipeline.rules`)."""
    return _expectation(
        "column_values_to_be_in_set", rule, meaning, description=meaning, column=rule, value_set=[True]
    )


def _expectation(
    kind: str,
    rule: str,
    meaning: str,
    severity: str = "critical",
    description: str | None = None,
    **kwargs: Any,
) -> Expectation:
    return {
        "type": f"expect_{kind}",
        "kwargs": kwargs,
        "meta": {"rule": rule, "meaning": meaning},
        "severity": severity,
        "description": description,
    }
