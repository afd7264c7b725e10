"""Running stages on units of work: the same functions for Airflow's tasks and the command line."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa

from pipeline import database, datadocs, locks, neighbours, plan, publish, quarantine, schemas, validate
from pipeline.errors import Conflict, UsageError, ValidationFailed
from pipeline.lake import GRACE, Lake
from pipeline.locks import Claim, Claims, Say
from pipeline.outcome import Outcome, rejects_table
from pipeline.plan import Due, Unit
from pipeline.stages import STAGES, Context, Stage, Tables
from pipeline.staging import StageRun, Staging, sweep

Progress = Callable[[int], None]
log = logging.getLogger(__name__)


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


def publish_unit(lake: Lake, unit_id: str, context: Context, run_id: str, claims: Claims) -> list[str]:
    """Put a unit's days together, validate them whole, and commit them; returns their snapshots.

    Committed with them are the published days after them that they change (`pipeline.neighbours`); where
    other runs publish among these meanwhile, that is done again. Raises ValidationFailed, with what was
    published before untouched, when any rule is broken, Conflict when others have published or claimed these.
    """
    while True:
        try:
            return _publish(lake, unit_id, context, run_id, claims)
        except neighbours.Unsettled as error:  # each time another run has got on: this ends
            log.info("unit %s: %s", unit_id, error)


def _publish(lake: Lake, unit_id: str, context: Context, run_id: str, claims: Claims) -> list[str]:
    started, clock = datetime.now(UTC), time.perf_counter()
    staging = Staging(lake, unit_id)
    days, inputs = staging.unit().days, staging.inputs()
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

    def check() -> None:
        claims.check([due.day for due in days])
        around.check()

    lake.commit([*manifests, *follow], check)
    staging.remove()
    return [m.snapshot for m in manifests]


def run(
    lake: Lake,
    units: Sequence[Unit],
    context: Context,
    progress: Progress = lambda _: None,
    say: Say = lambda _: None,
) -> list[str]:
    """Make these units' days current, one after the other; returns what failed, a line each.

    A unit of several days that fails is taken apart, so that only the days at fault stay as they were. Days
    that other runs are at work on come last, as they are then; `say` is told when nothing else is left.
    `progress` is told the number of fresh articles done.
    """
    failures: list[str] = []
    run_id = new_run_id()
    queue, later = deque(units), list[Due]()
    with Claims(lake.store, run_id) as claims:
        while queue or later:
            if not queue:
                queue.extend(_as_others_left_it(lake, later, context, claims, progress, say))
                later = []
                continue
            unit = queue.popleft()
            put_off: Sequence[Due] = ()
            try:
                put_off = _run_unit(lake, unit, context, run_id, claims)
            except Conflict as error:
                log.info("unit %s: %s", unit.id, error)
                put_off = unit.days
            except ValidationFailed as error:
                alone = [u for u in plan.units(unit.days, lake, articles=0) if u != unit]
                if alone:
                    queue.extendleft(reversed(alone))
                    continue
                failures.append(str(error))
            later += put_off
            progress(_fresh(unit.days) - _fresh(put_off))
    return failures


def claim(lake: Lake, unit: Unit, claims: Claims) -> tuple[tuple[Due, ...], dict[str, Claim]]:
    """Claim a unit's days; returns those claimed, and what others hold of it.

    Days that exchange articles are claimed together or not at all.
    """
    refused = claims.take([[due.day for due in unit.days]])
    if refused:
        groups = plan.units(unit.days, lake, articles=0)
        refused = claims.take([[due.day for due in group.days] for group in groups])
    return tuple(due for due in unit.days if due.day not in refused), refused


def finish(lake: Lake) -> None:
    """What follows a run: DuckDB's file, the index of the validation pages, and tidying up."""
    locks.sweep(lake.store)
    database.refresh(lake)
    datadocs.rebuild_index(lake.store)
    sweep(lake, datetime.now(UTC) - GRACE)
    lake.tidy()


def _run_unit(lake: Lake, unit: Unit, context: Context, run_id: str, claims: Claims) -> list[Due]:
    """Run a unit without the days that others hold, which are returned. Raises Conflict as `publish_unit`."""
    days, refused = claim(lake, unit, claims)
    if not days:
        return list(unit.days)
    put_off = [due for due in unit.days if due.day in refused]
    unit = Unit(days)
    # The run's own staging: two runs at once must not take away each other's.
    staging = Staging(lake, f"{unit.id}-{run_id[-8:]}")
    try:
        for due in days:
            publish.base(lake, due, context)
        staging.begin(unit)
        for stage in STAGES:
            run_stage(lake, staging.unit_id, stage.name, context, run_id)
            claims.check([due.day for due in days])
        publish_unit(lake, staging.unit_id, context, run_id, claims)
    finally:
        staging.remove()
        claims.release([due.day for due in days])
    return put_off


def _as_others_left_it(
    lake: Lake, days: Sequence[Due], context: Context, claims: Claims, progress: Progress, say: Say
) -> list[Unit]:
    """These days, once others have got on with some of them, as they are due then; in units."""
    names = {due.day for due in days}
    claims.wait_until_free(names, say)
    due = plan.due(lake, context, min(d.date for d in days), max(d.date for d in days))
    groups = [unit.days for unit in plan.units(due, lake, articles=0)]
    left = [due for group in groups if names & {d.day for d in group} for due in group]
    progress(max(0, _fresh(days) - _fresh(left)))
    return list(plan.units(sorted(left, key=lambda d: d.day), lake))


def _fresh(days: Iterable[Due]) -> int:
    return sum(due.fresh for due in days)


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
