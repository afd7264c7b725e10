"""Running stages on units of work: the same functions for Airflow's tasks and the command line."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa

from pipeline import database, datadocs, neighbours, plan, publish, quarantine, schemas, validate
from pipeline.errors import UsageError, ValidationFailed
from pipeline.lake import GRACE, Lake
from pipeline.outcome import Outcome, rejects_table
from pipeline.plan import Unit
from pipeline.stages import STAGES, Context, Stage, Tables
from pipeline.staging import Staged, StageRun, Staging, sweep

Progress = Callable[[Unit], None]


def new_run_id() -> str:
    """An id for a run: when it started, and something that keeps two runs of one second apart."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


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
    unit = staging.unit()
    if stage is STAGES[0]:
        staging.take_up(publish.take_up(lake, unit, context))
    for due in unit.days:
        publish.base(lake, due, context)
    inputs = staging.inputs()
    raw = pa.concat_tables(publish.of(inputs[due.date].raw, inputs[due.date].fresh) for due in unit.days)
    tables = {table: raw if table == "raw" else _staged(staging, stage, table) for table in stage.reads}
    if stage is STAGES[0]:
        again = [article for day in inputs.values() for article in day.cleaned]
        outcome = stage.run({"raw": publish.without(raw, again)}, context)
        outcome += publish.cleaned(lake, unit, inputs, context)
    else:
        outcome = stage.run(tables, context)
    accounted = outcome.kept[stage.counts].num_rows + outcome.rejected.num_rows + outcome.duplicates
    if accounted != outcome.rows_in:
        raise ValidationFailed(
            f"unit {unit_id}, stage {name}: {outcome.rows_in} rows in, {accounted} accounted for; "
            "nothing of it is published"
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

    Nothing is returned, or done, while other shards of the same days are not ready: the last one publishes.
    Committed with them are the published days after them that they change (`pipeline.neighbours`). Raises
    ValidationFailed, with what was published before untouched, when any rule is broken.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    staging = Staged(lake, unit_id)
    if staging.waits(STAGES[-1].name):
        return []
    days, inputs = staging.unit.days, staging.inputs()
    built = {due.date: publish.assemble(lake, due, inputs[due.date], staging, context) for due in days}
    around = neighbours.around(lake, built, context)
    settled, changed = around.settle()
    for day, tables in settled.items():
        built[day] |= tables
    snapshots = {due.date: due.snapshot for due in days}
    _check_published(lake, unit_id, snapshots, built, "publish")
    later = {day: around.manifests[day].snapshot for day in changed}
    _check_published(lake, unit_id, later, changed, "neighbours")
    share = (time.perf_counter() - clock) / len(days)
    publishing = StageRun(run_id, "publish", started, share)
    for due in days:
        tables = built[due.date]
        tables["runs"] = publish.runs(lake, due, inputs[due.date], staging, tables, publishing, context)
    _check_published(lake, unit_id, snapshots, {d: {"runs": t["runs"]} for d, t in built.items()}, "runs")
    manifests = [publish.manifest(lake, due, built[due.date], run_id, context) for due in days]
    follow = [publish.settled_anew(lake, around.manifests[day], t) for day, t in changed.items()]
    around.check()
    lake.commit([*manifests, *follow])
    staging.remove()
    return [m.snapshot for m in manifests]


def run(
    lake: Lake, units: Sequence[Unit], context: Context, progress: Progress = lambda _: None
) -> list[str]:
    """Make these units' days current, one after the other; returns what failed, a line each.

    A unit of several days that fails is taken apart, so that only the days at fault stay as they were; of
    days in shards, one that fails stops all. `progress` is told each unit that is done.
    """
    failures: list[str] = []
    over: set[tuple[plan.Due, ...]] = set()
    run_id = new_run_id()
    for unit in units:
        try:
            # A shard of days that have failed, or that an earlier shard found ready and published.
            if unit.days not in over and _run_unit(lake, unit, context, run_id):
                over.add(unit.days)
        except ValidationFailed as error:
            alone = [] if unit.shard else list(plan.units(unit.days, lake, apart=True))
            if len(alone) > 1:
                failures += run(lake, alone, context)
            else:
                failures.append(str(error))
                over.add(unit.days)
        progress(unit)
    return failures


def finish(lake: Lake) -> None:
    """What follows a run: DuckDB's file, the index of the validation pages, and tidying up."""
    database.refresh(lake)
    datadocs.rebuild_index(lake.store)
    sweep(lake, datetime.now(UTC) - GRACE)
    lake.tidy()


def _run_unit(lake: Lake, unit: Unit, context: Context, run_id: str) -> list[str]:
    if unit.shard:
        return _run_shard(lake, unit, context, run_id)
    # The run's own staging: two runs at once must not take away each other's.
    staging = Staging(lake, f"{unit.id}-{run_id[-8:]}")
    staging.begin(unit)
    try:
        for stage in STAGES:
            run_stage(lake, staging.unit_id, stage.name, context, run_id)
        return publish_unit(lake, staging.unit_id, context, run_id)
    finally:
        staging.remove()


def _run_shard(lake: Lake, unit: Unit, context: Context, run_id: str) -> list[str]:
    """Run a shard, and publish with the last of them; a run that is cut off leaves them to the next one."""
    # Named by what is built alone: hours of work on one day must not be lost with a run.
    Staging(lake, unit.id).begin(unit)
    staged = Staged(lake, unit.id)
    try:
        for stage in STAGES:
            if not Staging(lake, unit.id).done(stage.name):
                run_stage(lake, unit.id, stage.name, context, run_id)
        return publish_unit(lake, unit.id, context, run_id)
    except ValidationFailed:
        staged.remove()
        raise


def _validated(
    lake: Lake, unit_id: str, stage: Stage, outcome: Outcome, given: Tables, raw: pa.Table
) -> Outcome:
    """The outcome without the rows that broke a row-level rule; those are rejects now."""
    tables = {**outcome.kept, "rejects": outcome.rejected}
    report = validate.check(tables, given, unit_id, stage.name)
    datadocs.record(lake.store, report)
    if report.failures:
        raise _failed(unit_id, stage.name, report)
    sources = dict(zip(*(raw[c].to_pylist() for c in ("article_id", "source_uri")), strict=True))
    kept, refused = quarantine.split(outcome, report.violations, stage.counts, stage.name, sources)
    rejected = pa.concat_tables([outcome.rejected, rejects_table(refused)])
    return replace(outcome, kept=kept, rejected=rejected)


def _check_published(
    lake: Lake, unit_id: str, snapshots: Mapping[date, str], built: Mapping[date, Tables], stage: str
) -> None:
    """Validate what is about to be published; here a broken row-level rule is a failure too."""
    names = next(iter(built.values()), {}).keys()
    if not names:
        return
    tables = {
        name: pa.concat_tables(
            schemas.stamp(name, built[day][name], day, snapshot) for day, snapshot in snapshots.items()
        )
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


def _staged(staging: Staging, stage: Stage, table: str) -> pa.Table:
    """The table as the last stage before this one left it."""
    before = STAGES[: STAGES.index(stage)]
    return staging.read([s.name for s in before if table in s.writes][-1], table)
