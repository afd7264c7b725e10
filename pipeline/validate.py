"""Validation: Great Expectations over the tables of one stage, from what `pipeline.schemas` declares.

Great Expectations is imported here only, and only when something is checked. What it cannot say about
plain columns (references, SQL rules) is worked out by DuckDB into one true/false column a rule, which
Great Expectations then expects to be true, so that its results are the whole record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
        flags = rules.kept(declared[name], present) if whole else {}
        columns = [*(c.name for c in declared[name].columns), *flags]
        expectations = suites.table_level(columns, expected.get(name, ()))
        # No row breaks a rule of an empty table, and every expectation costs some 5 ms.
        expectations += suites.row_level(declared[name]) if whole and table.num_rows else []
        result = _validate(source, name, _frame(declared[name], table, flags), expectations)
        violations += _violations(declared[name], table, result)
        results[name] = _record(result)
    return Report(unit, stage, tuple(violations), results)


def page(report: Report) -> str:
    """A report as Great Expectations' Data Docs: one HTML page that needs nothing beside it."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    load, render = ExpectationSuiteValidationResultSchema().load, ValidationResultsPageRenderer().render
    documents = [(name, render(load(result))) for name, result in report.results.items()]
    sections = [{**s.to_json_dict(), "table": name} for name, d in documents for s in d.sections]
    for section in sections:
        if section["section_name"] == "Overview":  # its first block links to a page of the suite
            del section["content_blocks"][0]
    # Great Expectations' own page loads its styles and scripts from other hosts: its blocks, our frame.
    view = DefaultJinjaPageView(custom_views_directory=str(resources.files("pipeline") / "pages"))
    frame = view.env.get_template("validation.html")
    return str(frame.render(report=report, sections=sections, renderer_type="ValidationResultsPageRenderer"))


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
    found = batch.validate(suite, result_format="BASIC")
    if found.success:
        return found
    # Only where something is broken are the rows asked for: that takes half as long again.
    return batch.validate(
        suite, result_format={"result_format": "COMPLETE", "exclude_unexpected_values": True}
    )


def _frame(declared: Table, table: pa.Table, flags: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """What Great Expectations sees: flags, values that are checked, and of other columns true or null."""
    import pandas as pd

    checked = {*declared.key, *(c.name for c in declared.columns if c.allowed)}
    null = pa.scalar(None, pa.bool_())
    columns = {
        name: column if name in checked else pc.if_else(pc.is_valid(column), True, null)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table({**columns, **flags}).to_pandas(types_mapper=pd.ArrowDtype)


def _violations(declared: Table, table: pa.Table, result: Any) -> list[Violation]:
    found = []
    for r in result.results:
        config = r.expectation_config
        rule, meaning = config.meta["rule"], config.meta["meaning"]
        if r.success or config.severity == "warning":
            continue
        numbers = r.result.get("unexpected_index_list")
        if not numbers:
            # Where an expectation raised, `exception_info` is keyed by metric, in no stable shape.
            seen = r.result.get("details") or r.result.get("observed_value", r.exception_info)
            found.append(Violation(declared.name, rule, f"{meaning} Found: {seen}"[:LONGEST]))
        elif rule == "key":
            first = table.select(declared.key).take(numbers[:1]).to_pylist()[0]
            found.append(Violation(declared.name, rule, f"{meaning} {len(numbers)} rows are not, as {first}"))
        else:
            rows = table.select(declared.key).take(numbers)
            found.append(Violation(declared.name, rule, meaning, rows))
    return found


def _record(result: Any) -> dict[str, Any]:
    """The JSON-able result, with the lists of broken rows cut to a sample."""
    record: dict[str, Any] = result.to_json_dict()
    for r in record["results"]:
        r["result"].pop("unexpected_index_query", None)
        if "unexpected_index_list" in r["result"]:
            r["result"]["unexpected_index_list"] = r["result"]["unexpected_index_list"][:SAMPLE]
    return record
