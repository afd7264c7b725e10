"""The generated reference of the tables."""

from __future__ import annotations

from pipeline import docs, schemas
from pipeline.database import analyst_views
from pipeline.stages import STAGES


def test_the_page_is_current() -> None:
    assert docs.PAGE.read_text("utf-8") == docs.tables_markdown(), f"stale; run `{docs.COMMAND}`"


def test_the_command_line_page_is_current() -> None:
    assert docs.CLI_PAGE.read_text("utf-8") == docs.cli_markdown(), f"stale; run `{docs.COMMAND}`"


def test_every_table_column_and_rule_is_there() -> None:
    text = docs.tables_markdown()
    for table in schemas.TABLES.values():
        assert f"### {table.name}\n" in text
        for column in table.columns:
            assert f"| `{column.name}` | `" in text
            assert column.meaning in text
        for rule in table.rules:
            assert f"| `{rule.name}` | {rule.meaning} |" in text
    for view in analyst_views():
        assert f"### {view}\n" in text


def test_what_a_stage_counts_is_what_runs_counts() -> None:
    counted = {stage: table for stage, table, _ in docs.COUNTED}
    assert tuple(counted) == schemas.STAGE_NAMES
    for stage in STAGES:
        assert counted[stage.name] == stage.counts


def test_view_columns_are_those_of_the_last_select() -> None:
    sql = """-- A view.
WITH a AS (
    SELECT
        1 AS x, -- Inner.
)
SELECT
    a.x, -- One.
    a.x + 1 AS y -- Two.
FROM a
"""
    assert docs.view_columns(sql) == [("x", "One."), ("y", "Two.")]
