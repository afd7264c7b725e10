"""The Great Expectations suite of each table as plain data, derived from `pipeline.schemas`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline import rules
from pipeline.schemas import Table
from pipeline.volumes import Bound

Expectation = dict[str, Any]


def table_level(columns: Sequence[str], bounds: Sequence[Bound], *, exact: bool = True) -> list[Expectation]:
    """That the columns are these (or, not `exact`, among others), and the rows within these bounds."""
    return [
        _expectation(
            "table_columns_to_match_set", "columns", "the columns are those declared.",
            column_set=list(columns), exact_match=exact,
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
    """That no row breaks a rule, told by the column of its name, which counts those that do.

    A maximum takes Great Expectations a third of the time of a condition on each value (1.3 ms, not 4); for a
    sum it would look whether a value is a decimal, one by one.
    """
    return [
        _expectation("column_max_to_be_between", rule, meaning, description=meaning, column=rule, max_value=0)
        for rule, meaning in rules.meanings(declared).items()
    ]


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
