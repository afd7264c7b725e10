"""Running stages on units of work: the same functions for Airflow's tasks and the command line."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pipeline import database, datadocs, plan, publish, schemas, validate
from pipeline.errors import StandpointError, UsageError, ValidationFailed
from pipeline.lake import Lake
from pipeline.outcome import Outcome
from pipeline.plan import Unit
from pipeline.stages import STAGES, Context, Stage
from pipeline.staging import Staging, StageRun

Progress = Callable[[int], None]


def new_run_id() -> str:
    """An id for a run: when it started, and something that keeps two runs of one second apart."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def begin(lake: Lake, units: Sequence[Unit]) -> list[str]:
    """Stage the units' descriptions and return their ids: all that their tasks need."""
    for unit in units:
        Staging(lake, unit.id).begin(unit)
    return [unit.id for unit in units]


def run_stage(lake: Lake, unit_id: str, name: str, context: Context, run_id: str) -> StageRun:
    """Run one stage on a unit, validate what it returns, and stage it.

    Rows that break a row-level rule become rejects with the rule's name. Raises ValidationFailed when a
    table-level rule is broken or rows vanished; nothing is staged then.
    """
    stage = next((s for s in STAGES if s.name == name), None)
    if stage is None:
        raise UsageError(f"stage {name!r}: allowed are {', '.join(s.name for s in STAGES)}")
    started, clock = datetime.now(UTC), time.perf_counter()
    staging = Staging(lake, unit_id)
    raw = pa.concat_tables(publish.fresh(lake, due) for due in staging.unit().days)
    tables = {table: raw if table == "raw" else _staged(staging, stage, table) for table in stage.reads}
    outcome = stage.run(tables, context)
    accounted = outcome.kept[stage.counts].num_rows + outcome.rejected.num_rows + outcome.duplicates
    if accounted != outcome.rows_in:
        raise ValidationFailed(
            f"unit {unit_id}, stage {name}: {outcome.rows_in} rows in, {accounted} accounted for; nothing is published"
        )
    outcome = _validated(lake, unit_id, stage, outcome, tables, raw)
    run = StageRun(
        run_id=run_id,
        stage=name,
        started_at=started,
        seconds=time.perf_counter() - clock,
        articles=raw.num_rows,
        rows_out=outcome.kept[stage.counts].num_rows,
        rejected=outcome.rejected.num_rows,
        tokens=outcome.tokens,
    )
    staging.write(name, outcome, run)
    return run


def publish_unit(lake: Lake, unit_id: str, context: Context, run_id: str) -> list[str]:
    """Put a unit's days together, validate them whole, and commit them; returns their snapshots.

    Raises ValidationFailed, with what was published before untouched, when any rule is broken.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    staging = Staging(lake, unit_id)
    days = staging.unit().days
    built = [publish.assemble(lake, due, staging, context) for due in days]
    _check_published(lake, unit_id, days, built)
    share = (time.perf_counter() - clock) / len(days)
    publishing = StageRun(run_id, "publish", started, share)
    for due, tables in zip(days, built, strict=True):
        tables["runs"] = publish.runs(lake, due, staging, tables, publishing, context)
    _check_published(lake, unit_id, days, [{"runs": tables["runs"]} for tables in built], record=False)
    manifests = [
        publish.manifest(lake, due, tables, run_id, context)
        for due, tables in zip(days, built, strict=True)
    ]
    lake.commit(manifests)
    staging.remove()
    return [m.snapshot for m in manifests]


def run(lake: Lake, units: Sequence[Unit], context: Context, progress: Progress = lambda _: None) -> list[str]:
    """Make these units' days current, one after the other; returns what failed, a line each.

    A unit of several days that fails is taken apart, so that only the days at fault stay as they were.
    `progress` is told the number of fresh articles done.
    """
    failures: list[str] = []
    run_id = new_run_id()
    for unit in units:
        try:
            _run_unit(lake, unit, context, run_id)
        except ValidationFailed as error:
            alone = [u for u in plan.units(unit.days, lake, articles=0) if u != unit]
            if alone:
                failures += run(lake, alone, context)
            else:
                failures.append(str(error))
        progress(sum(due.fresh for due in unit.days))
    return failures


def finish(lake: Lake) -> None:
    """What follows a run: DuckDB's file, the index of the validation pages, and tidying up."""
    database.refresh(lake)
    datadocs.rebuild_index(lake.store)
    lake.tidy()


def _run_unit(lake: Lake, unit: Unit, context: Context, run_id: str) -> None:
    begin(lake, [unit])
    try:
        for stage in STAGES:
            run_stage(lake, unit.id, stage.name, context, run_id)
        publish_unit(lake, unit.id, context, run_id)
    except StandpointError:
        Staging(lake, unit.id).remove()
        raise


def _staged(staging: Staging, stage: Stage, table: str) -> pa.Table:
    """The table as the last stage before this one left it."""
    before = STAGES[: STAGES.index(stage)]
    return staging.read([s.name for s in before if table in s.writes][-1], table)
