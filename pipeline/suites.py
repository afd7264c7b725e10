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
        *(
            _expectation(
                "column_values_to_be_in_set", name, meaning,
                description=meaning, column=name, value_set=[True],
            )
            for name, meaning in rules.meanings(declared).items()
        ),
    ]  # fmt: skip


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
    if column.limits:  # NaN is in no range
        limits = {"min_value": column.low, "max_value": column.high}
        found.append(values("be_between", "range", f"is {column.limits}.", **limits))
    if column.pattern is not None:
        # `$` alone would let a last newline pass.
        regex = column.pattern + r"(?!\n)"
        found.append(values("match_regex", "pattern", f"matches {column.pattern}", regex=regex))
    return found


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
