"""Validation: Great Expectations over the tables of one stage, from what `pipeline.schemas` declares.

Great Expectations is imported here only, and only when something is checked. Which rows break a rule is
worked out by `pipeline.rules`; Great Expectations gets a column a rule that counts them, and expects that
there are none, so that its results are the whole record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pipeline import rules, schemas, suites
from pipeline.schemas import Table
from pipeline.volumes import bounds

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 500  # characters of a table-level violation's message
SAMPLE = 20  # broken row numbers kept per rule in the record; the violations themselves name all rows


@dataclass(frozen=True)
class Violation:
    """A broken rule; `rows` holds the keys of the rows that broke it, None where the table as a whole did."""

    table: str
    rule: str
    meaning: str
    rows: pa.Table | None = None

    def __str__(self) -> str:
        """The violation in one line, for messages and rejects."""
        count = "" if self.rows is None else f" ({self.rows.num_rows} rows)"
        return f"{self.table}.{self.rule}: {self.meaning}{count}"


@dataclass(frozen=True)
class Report:
    """What validation found on one stage of one unit of work.

    `results` is Great Expectations' own record, one JSON-able validation result per table.
    """

    unit: str
    stage: str
    violations: tuple[Violation, ...]
    results: Mapping[str, dict[str, Any]]

    @property
    def failures(self) -> tuple[Violation, ...]:
        """The broken table-level rules: any of them stops the partition."""
        return tuple(v for v in self.violations if v.rows is None)

    @property
    def verdict(self) -> str:
        """`failed` with a broken table-level rule, else `quarantined` with a row-level one, else `passed`."""
        return "failed" if self.failures else "quarantined" if self.violations else "passed"


def check(tables: Mapping[str, pa.Table], parents: Mapping[str, pa.Table], unit: str, stage: str) -> Report:
    """Validates the tables of a stage against their declarations; an empty table is legal.

    The tables are as between stages, or stamped with `day` and `snapshot`; `day` is part of the key then.
    `parents` holds the tables that they refer to and that the stage did not write itself (and `raw` for
    `clean`, for its volume). Row-level violations name the keys of the broken rows; a missing column, a
    repeated key, an insane volume or an expectation that raised is a table-level one.
    Raises ValueError when a table that is referred to is given in neither mapping.
    """
    present = {**parents, **tables}
    declared = {name: _declared(name, table) for name, table in tables.items()}
    # With a column missing, nothing else can be asked of any table that may refer to it.
    whole = all(set(tables[name].column_names) == {c.name for c in declared[name].columns} for name in tables)
    expected = bounds(tables, parents, stage) if whole else {}
    source = _context().data_sources.add_pandas(stage)
    violations: list[Violation] = []
    results: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        broken = rules.broken(declared[name], present) if whole else {}
        columns = [c.name for c in declared[name].columns]
        expectations = suites.table_level(columns, expected.get(name, ()), exact=not broken)
        # No row breaks a rule of an empty table, and every expectation has its price.
        expectations += suites.row_level(declared[name]) if broken and table.num_rows else []
        result = _validate(source, name, _frame(table, broken), expectations)
        violations += _violations(declared[name], table, result, broken)
        results[name] = _record(result, broken)
    return Report(unit, stage, tuple(violations), results)


def load() -> None:
    """Great Expectations, which is otherwise loaded when something is checked."""
    import great_expectations  # noqa: F401


def page(report: Report) -> str:
    """A report as Great Expectations' Data Docs: one HTML page that needs nothing beside it."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    load, render = ExpectationSuiteValidationResultSchema().load, ValidationResultsPageRenderer().render
    sections = []
    for name, result in report.results.items():
        overview, table, *rows = [s.to_json_dict() for s in render(load(result)).sections]
        del overview["content_blocks"][0]  # links to a page of the suite
        sections += [{**section, "table": name} for section in (overview, table, *_one(rows))]
    # Great Expectations' own page loads its styles and scripts from other hosts: its blocks, our frame.
    view = DefaultJinjaPageView(custom_views_directory=str(resources.files("pipeline") / "pages"))
    frame = view.env.get_template("validation.html")
    return str(frame.render(report=report, sections=sections, renderer_type="ValidationResultsPageRenderer"))


def _one(sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sections of a table's rules, each of one row, as one."""
    for first in sections[:1]:
        heading, listed = first["content_blocks"]
        heading["header"]["string_template"]["template"] = "Rules that a row can break"
        listed["header_row"] = ["Status", "Rule", "Rows that break it"]
        listed["table"] = [row for s in sections for row in s["content_blocks"][1]["table"]]
    return sections[:1]


def _declared(name: str, table: pa.Table) -> Table:
    """The declaration of a table; of a stamped one, with the partition's columns, all within a day."""
    declared = schemas.TABLES[name]
    if "day" not in table.column_names:
        return declared
    references = tuple(
        replace(r, columns=("day", *r.columns), to=("day", *r.to)) for r in declared.references
    )
    columns = (*schemas.PARTITION, *declared.columns)
    return replace(declared, key=("day", *declared.key), columns=columns, references=references)


def _context() -> Any:
    """A context of Great Expectations in memory, without progress bars. 1.24 has no telemetry left."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context


def _validate(source: Any, name: str, frame: pd.DataFrame, expectations: list[suites.Expectation]) -> Any:
    """What Great Expectations finds; nothing is added to a store of its own."""
    import great_expectations as gx

    suite = gx.ExpectationSuite(name, expectations=expectations)
    asset = source.add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name).get_batch({"dataframe": frame})
    return batch.validate(suite, result_format="BASIC")


def _frame(table: pa.Table, broken: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """What Great Expectations sees: of each rule the broken rows so far; of the table's columns the names."""
    import pandas as pd

    names = pd.DataFrame(True, index=range(table.num_rows), columns=table.column_names)
    counts = {rule: np.cumsum(rows, dtype=np.int32) for rule, rows in broken.items()}
    return pd.concat([names, pd.DataFrame(counts, index=names.index)], axis=1)


def _violations(
    declared: Table, table: pa.Table, result: Any, broken: Mapping[str, np.ndarray]
) -> list[Violation]:
    found = []
    for r in result.results:
        config = r.expectation_config
        rule, meaning = config.meta["rule"], config.meta["meaning"]
        if r.success or config.severity == "warning":
            continue
        numbers = np.flatnonzero(broken.get(rule, ()))
        if not len(numbers):
            # Where an expectation raised, `exception_info` is keyed by metric, in no stable shape.
            seen = r.result.get("details") or r.result.get("observed_value", r.exception_info)
            found.append(Violation(declared.name, rule, f"{meaning} Found: {seen}"[:LONGEST]))
        elif rule == rules.KEY:
            first = table.select(declared.key).take(numbers[:1]).to_pylist()[0]
            found.append(Violation(declared.name, rule, f"{meaning} {len(numbers)} rows are not, as {first}"))
        else:
            rows = table.select(declared.key).take(numbers)
            found.append(Violation(declared.name, rule, meaning, rows))
    return found


def _record(result: Any, broken: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The JSON-able result, with a sample of the numbers of the broken rows."""
    record: dict[str, Any] = result.to_json_dict()
    for r in record["results"]:
        rule = r["expectation_config"]["meta"]["rule"]
        if rule == "columns" and r["success"]:
            del r["result"]["observed_value"]  # says it once more, with the columns of rules between them
        rows = np.flatnonzero(broken.get(rule, ()))
        if len(rows):
            r["result"]["details"] = {"rows": rows[:SAMPLE].tolist()}
    return record
