"""Running stages on units of work: the same functions for Airflow's tasks and the command line."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa

from pipeline import (
    accounts,
    checks,
    compact,
    database,
    datadocs,
    garbage,
    locks,
    logs,
    neighbours,
    plan,
    publish,
    validate,
)
from pipeline.errors import Conflict, UsageError, ValidationFailed
from pipeline.lake import GRACE, Lake
from pipeline.locks import Claim, Claims, Say
from pipeline.plan import Due, Unit
from pipeline.stages import STAGES, Context, Stage
from pipeline.staging import Staged, StageRun, Staging, sweep
from pipeline.tidy import tidy

Progress = Callable[[Unit], None]
log = logging.getLogger(__name__)


def new_run_id() -> str:
    """An id for a run: when it started, and something that keeps two runs of one second apart."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


@logs.within(run="run_id", unit="unit_id", stage="name")
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
    logs.note(days=[due.day for due in unit.days])
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
    outcome = checks.of_stage(lake, unit_id, stage, outcome, tables, raw)
    run = StageRun(
        run_id=run_id,
        stage=name,
        started_at=started,
        seconds=time.perf_counter() - clock,
        articles=raw.num_rows,
        days=len(unit.days),
        rows_out=outcome.kept[stage.counts].num_rows,
        rejected=outcome.rejected.num_rows,
        tokens=outcome.tokens,
    )
    staging.write(name, outcome, run)
    logs.event(
        log,
        "stage done",
        articles=run.articles,
        rows_in=outcome.rows_in,
        rows_out=run.rows_out,
        rejected=run.rejected,
        duplicates=outcome.duplicates,
        tokens=sum(run.tokens.values()),
        seconds=round(run.seconds, 3),
    )
    return run


@logs.within(run="run_id", unit="unit_id")
def publish_unit(lake: Lake, unit_id: str, context: Context, run_id: str, claims: Claims) -> list[str]:
    """Put a unit's days together, validate them whole, and commit them; returns their snapshots.

    Nothing is returned, or done, while other shards of the same days are not ready: the last one publishes.
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
    staging = Staged(lake, unit_id)
    if staging.waits(STAGES[-1].name):
        return []
    days, inputs = staging.unit.days, staging.inputs()
    logs.note(stage="publish", days=[due.day for due in days])
    accounts.check(staging)
    built = {due.date: publish.assemble(lake, due, inputs[due.date], staging, context) for due in days}
    around = neighbours.around(lake, built, context)
    settled, changed = around.settle()
    for day, tables in settled.items():
        built[day] |= tables
    snapshots = {due.date: due.snapshot for due in days}
    checks.of_days(lake, unit_id, snapshots, built, "publish")
    later = {day: around.manifests[day].snapshot for day in changed}
    checks.of_days(lake, unit_id, later, changed, "neighbours")
    # Written before the time is taken: on a store that is far away that is most of it.
    written = publish.write(lake, days, built, context)
    spent = accounts.shares(time.perf_counter() - clock, {**built, **changed})
    for due in days:
        tables, own = built[due.date], StageRun(run_id, "publish", started, spent[due.date])
        tables["runs"] = publish.runs(lake, due, inputs[due.date], staging, tables, own, context)
    for day, tables in changed.items():
        own = StageRun(run_id, "publish", started, spent[day])
        tables["runs"] = accounts.settled(lake, around.manifests[day], tables, own, context)
    done = {day: {"runs": tables["runs"]} for day, tables in {**built, **changed}.items()}
    checks.of_days(lake, unit_id, snapshots | later, done, "runs")
    for day, entries in publish.write(lake, days, done, context).items():
        written[day] |= entries
    manifests = [
        publish.manifest(lake, due, built[due.date], written[due.date], run_id, context) for due in days
    ]
    follow = [publish.settled_anew(lake, around.manifests[day], t) for day, t in changed.items()]

    def check() -> None:
        claims.check([due.day for due in days])
        around.check()

    lake.commit([*manifests, *follow], check)
    staging.remove()
    logs.event(
        log,
        "published",
        snapshots=[m.snapshot for m in manifests],
        settled=[m.day for m in follow],
        articles=sum(m.articles for m in manifests),
        seconds=round(time.perf_counter() - clock, 3),
    )
    return [m.snapshot for m in manifests]


def run(
    lake: Lake,
    units: Sequence[Unit],
    context: Context,
    progress: Progress = lambda _: None,
    say: Say = lambda _: None,
    run_id: str | None = None,
) -> list[str]:
    """Make these units' days current, one after the other; returns what failed, a line each.

    A unit of several days that fails is taken apart, so that only the days at fault stay as they were; of
    days in shards, one that fails stops all. Days that other runs are at work on come last, as they are then;
    `say` is told when nothing else is left. `progress` is told what of each unit is done. The
    run has a new id unless it is given one.
    """
    failures: list[str] = []
    lost: set[tuple[Due, ...]] = set()
    run_id = run_id or new_run_id()
    queue, later = deque(units), list[Due]()
    begun = 0
    with Claims(lake.store, run_id) as claims:
        while queue or later:
            if not queue:
                queue.extend(_as_others_left_it(lake, later, context, claims, progress, say))
                later = []
                continue
            if begun < 2:  # what validates is loaded; then the model, too
                validate.load()
                garbage.settle()
                begun += 1
            unit = queue.popleft()
            put_off: Sequence[Due] = ()
            try:
                if unit.days not in lost:
                    put_off = _run_unit(lake, unit, context, run_id, claims)
            except Conflict as error:
                log.info("unit %s: %s", unit.id, error)
                put_off = unit.days
            except ValidationFailed as error:
                alone = [] if unit.shard else list(plan.units(unit.days, lake, apart=True))
                if len(alone) > 1:
                    queue.extendleft(reversed(alone))
                    continue
                failures.append(str(error))
                lost.add(unit.days)
                _note_failure(lake, unit, run_id, str(error))
            later += [due for due in put_off if due not in later]
            if done := tuple(due for due in unit.days if due not in put_off):
                progress(replace(unit, days=done))
    return failures


def claim(lake: Lake, unit: Unit, claims: Claims) -> tuple[tuple[Due, ...], dict[str, Claim]]:
    """Claim a unit's days; returns those claimed, and what others hold of it.

    Days that exchange articles are claimed together or not at all.
    """
    refused = claims.take([[due.day for due in unit.days]])
    if refused:
        refused = claims.take([[due.day for due in group] for group in plan.groups(unit.days)])
    return tuple(due for due in unit.days if due.day not in refused), refused


def finish(lake: Lake) -> None:
    """What follows a run: tidying up, compacting, DuckDB's file, and the index of the validation pages."""
    locks.sweep(lake.store)
    # First, by what DuckDB's file shows until now: what it shows no more from now on has its grace ahead.
    removed = tidy(lake)
    logs.event(log, "tidied", removed=removed, units=sweep(lake, datetime.now(UTC) - GRACE))
    try:
        compact.compact(lake)
    finally:  # what is published can be asked, also where there is no room to compact it
        database.refresh(lake)
        datadocs.rebuild_index(lake.store)


def _run_unit(lake: Lake, unit: Unit, context: Context, run_id: str, claims: Claims) -> list[Due]:
    """Run a unit without the days that others hold, which are returned. Raises Conflict as `publish_unit`."""
    if unit.shard and all(_is_published(lake, due) for due in unit.days):
        return []  # an earlier shard found all of them ready, as a run that was cut off had left them
    days, refused = claim(lake, unit, claims)
    if unit.shard and refused:  # what its shards stand for is published at once, or not at all
        claims.release([due.day for due in days])
        days = ()
    if not days:
        return list(unit.days)
    if unit.shard:
        _run_shard(lake, unit, context, run_id, claims)
        return []
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


def _is_published(lake: Lake, due: Due) -> bool:
    manifest = lake.manifest(due.date)
    return manifest is not None and manifest.snapshot == due.snapshot


def _as_others_left_it(
    lake: Lake, days: Sequence[Due], context: Context, claims: Claims, progress: Progress, say: Say
) -> list[Unit]:
    """These days, once others have got on with some of them, as they are due then; in units."""
    names = {due.day for due in days}
    claims.wait_until_free(names, say)
    due = plan.due(lake, context, min(d.date for d in days), max(d.date for d in days))
    left = [due for group in plan.groups(due) if names & {d.day for d in group} for due in group]
    if gone := tuple(d for d in days if d.day not in {other.day for other in left}):
        progress(Unit(gone))
    return list(plan.units(left, lake))


def _run_shard(lake: Lake, unit: Unit, context: Context, run_id: str, claims: Claims) -> None:
    """Run a shard, and publish with the last of them; a run that is cut off leaves them to the next one.

    The days stay claimed until they are published, or a shard fails.
    """
    # Named by what is built alone: hours of work on one day must not be lost with a run.
    Staging(lake, unit.id).begin(unit)
    staged, names = Staged(lake, unit.id), [due.day for due in unit.days]
    try:
        for due in unit.days:
            publish.base(lake, due, context)
        for stage in STAGES:
            if not Staging(lake, unit.id).done(stage.name):
                run_stage(lake, unit.id, stage.name, context, run_id)
                claims.check(names)
        if publish_unit(lake, unit.id, context, run_id, claims):
            claims.release(names)
    except ValidationFailed:
        staged.remove()
        claims.release(names)
        raise


@logs.within(run="run_id")
def _note_failure(lake: Lake, unit: Unit, run_id: str, error: str) -> None:
    """Leave the unit in staging with why it failed, until a run a day later tidies up."""
    staging = Staging(lake, f"{unit.id}-{run_id[-8:]}")
    staging.begin(unit)
    staging.fail(error)
    days = [due.day for due in unit.days]
    logs.event(log, "unit failed", logging.ERROR, unit=staging.unit_id, days=days, error=error)


def _staged(staging: Staging, stage: Stage, table: str) -> pa.Table:
    """The table as the last stage before this one left it."""
    before = STAGES[: STAGES.index(stage)]
    return staging.read([s.name for s in before if table in s.writes][-1], table)
