"""The suites ask for everything that is declared, and for nothing else."""

from __future__ import annotations

import pytest

from pipeline import schemas, suites
from pipeline.volumes import Bound


@pytest.mark.parametrize("table", schemas.TABLES.values(), ids=lambda t: t.name)
def test_every_declaration_has_its_expectation(table: schemas.Table) -> None:
    asked = {e["meta"]["rule"] for e in suites.row_level(table)}
    declared = {"key"} | {f"references_{r.table}" for r in table.references} | {r.name for r in table.rules}
    for c in table.columns:
        declared |= set() if c.nullable else {f"{c.name}_not_null"}
        declared |= {f"{c.name}_allowed"} if c.allowed else set()
        declared |= set() if c.low is None and c.high is None else {f"{c.name}_range"}
        declared |= {f"{c.name}_pattern"} if c.pattern else set()
    assert asked == declared
    assert all(e["meta"]["meaning"] for e in suites.row_level(table))


def test_a_bound_becomes_a_count_with_its_severity() -> None:
    columns, count = suites.table_level(["a", "b"], [Bound("few", "because.", 1, 9, "warning")])
    assert columns["kwargs"] == {"column_set": ["a", "b"], "exact_match": True}
    assert count["kwargs"] == {"min_value": 1, "max_value": 9}
    assert (count["severity"], count["meta"]) == ("warning", {"rule": "few", "meaning": "because."})
