"""What Great Expectations finds, and what follows: a row aside, or a unit that is not published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa

from pipeline import datadocs, quarantine, schemas, validate
from pipeline.errors import ValidationFailed
from pipeline.lake import Lake
from pipeline.outcome import Outcome, rejects_table
from pipeline.stages import Stage, Tables


def of_stage(
    lake: Lake, unit_id: str, stage: Stage, outcome: Outcome, given: Tables, raw: pa.Table
) -> Outcome:
    """The outcome without the rows that broke a row-level rule; those are rejects now.

    Raises ValidationFailed when a table-level rule is broken.
    """
    tables = {**outcome.kept, "rejects": outcome.rejected}
    report = validate.check(tables, given, unit_id, stage.name)
    datadocs.record(lake.store, report)
    if report.failures:
        raise _failed(unit_id, stage.name, report)
    sources = dict(zip(*(raw[c].to_pylist() for c in ("article_id", "source_uri")), strict=True))
    kept, refused = quarantine.split(outcome, report.violations, stage.counts, stage.name, sources)
    rejected = pa.concat_tables([outcome.rejected, rejects_table(refused)])
    return replace(outcome, kept=kept, rejected=rejected)


def of_days(
    lake: Lake, unit_id: str, snapshots: Mapping[date, str], built: Mapping[date, Tables], stage: str
) -> None:
    """Validate what is about to be published, by day; here a broken row-level rule is a failure too.

    Raises ValidationFailed.
    """
    names = next(iter(built.values()), {}).keys()
    if not names:
        return
    tables = {
        name: pa.concat_tables(
            schemas.stamp(name, built[day][name], day, snapshot) for day, snapshot in snapshots.items()
        ).combine_chunks()  # DuckDB and Great Expectations take twice as long over hundreds of pieces
        for name in names
    }
    report = validate.check(tables, {}, unit_id, stage)
    datadocs.record(lake.store, report)
    if report.violations:
        raise _failed(unit_id, stage, report)


def _failed(unit_id: str, stage: str, report: validate.Report) -> ValidationFailed:
    broken = "; ".join(str(v) for v in report.violations[:3])
    more = f" and {len(report.violations) - 3} more" if len(report.violations) > 3 else ""
    return ValidationFailed(
        f"unit {unit_id}, stage {stage}: {broken}{more}; nothing of it is published (see _docs/index.html)"
    )
