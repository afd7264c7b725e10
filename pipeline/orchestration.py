"""What the tasks of the DAGs do: `pipeline.runner`, made safe for runs that overlap and are repeated.

Each Airflow run stages its units under ids of its own, so that runs never disturb each other's work.
A day that another run is at work on (pipeline.locks) or has published drops out of a unit: the same inputs
would have given the same tables.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import TypeVar

from pipeline import logs, runner
from pipeline import plan as planning
from pipeline.errors import Conflict, UsageError, ValidationFailed
from pipeline.lake import Lake
from pipeline.locks import Claims
from pipeline.plan import TOKENS_PER_UNIT, Due, Unit
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.staging import FAILED, Staging

MAX_UNITS = 1000  # below Airflow's core.max_map_length, 1024 unless configured

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@cache
def context(settings: Settings) -> Context:
    """One context per process and settings, so that tasks that share a process load the model once."""
    return Context(settings)


@logs.within()
def ingest() -> None:
    """Take what is new in the landing zone into the lake."""
    from pipeline.ingest import ingest as take_in

    settings = Settings.load()
    logs.note(landing=settings.landing)
    take_in(Lake(settings.lake), (), settings.landing, say=log.info)


@logs.within(run="run_id")
def plan(run_id: str, key: str | None, *, up_to: bool) -> list[str]:
    """Pack the dirty days into units of work, stage their descriptions, and return their ids.

    `key` is the run's day: with `up_to`, every dirty day until it, without, that day alone; None: all.
    Raises UsageError when the key is not a day.
    """
    settings = Settings.load()
    lake = Lake(settings.lake)
    last = _day(key)
    due = planning.due(lake, context(settings), None if up_to else last, last)
    units = cut(lake, due, run_id)
    for unit_id, unit in units.items():
        Staging(lake, unit_id).begin(unit)
        why = {d.day: list(d.reasons) for d in unit.days}
        logs.event(log, "unit planned", unit=unit_id, days=list(why), why=why,
                   articles=sum(d.fresh for d in unit.days))  # fmt: skip
    logs.event(log, "planned", units=len(units), due=len(due), articles=sum(d.fresh for d in due))
    return list(units)


def days(unit_id: str) -> list[str]:
    """The days of a unit; its first alone where it has been published and is in staging no more."""
    staging = Staging(Lake(Settings.load().lake), unit_id)
    return [due.day for due in staging.unit().days] if staging.begun else [unit_id[:10]]


def cut(lake: Lake, due: Sequence[Due], run_id: str) -> dict[str, Unit]:
    """The days packed into units of work, by the ids that they have in this run, at most MAX_UNITS.

    Units grow where there would be more than that.
    """
    bound, units = TOKENS_PER_UNIT, list(planning.units(due, lake, TOKENS_PER_UNIT))
    while len(units) > MAX_UNITS:
        bound *= 2
        units = list(planning.units(due, lake, bound))
    suffix = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return {f"{unit.id}-{suffix}": unit for unit in _apart(lake, units)}


@logs.within(run="run_id", unit="unit_id", stage="name")
def stage(unit_id: str, name: str, run_id: str) -> bool:
    """Run one stage on a unit; false when other runs are at work on all of its days or have published them.

    Raises ValidationFailed as `runner.run_stage`.
    """
    settings = Settings.load()
    lake, about = Lake(settings.lake), context(settings)
    with _claims(lake, run_id) as claims:
        run = _on_what_is_left(
            lake, unit_id, about, claims, lambda: runner.run_stage(lake, unit_id, name, about, run_id)
        )
    return run is not None


@logs.within(run="run_id", unit="unit_id")
def publish(unit_id: str, run_id: str) -> list[str]:
    """Publish a unit and return its days' snapshots; none when its days are left to other runs.

    Raises ValidationFailed as `runner.publish_unit`.
    """
    settings = Settings.load()
    lake, about = Lake(settings.lake), context(settings)
    first = lake.manifest(date.fromisoformat(unit_id[:10]))
    if first and first.run_id == run_id:  # A try before this one died between its commit and its end.
        return [first.snapshot]
    with _claims(lake, run_id) as claims:
        days = [due.day for due in Staging(lake, unit_id).unit().days]
        snapshots = _on_what_is_left(
            lake, unit_id, about, claims, lambda: runner.publish_unit(lake, unit_id, about, run_id, claims)
        )
        if snapshots == []:
            logs.event(log, "other shards are not ready")  # the last one publishes
        else:
            claims.release(days)
    return snapshots or []


def finish(run_id: str | None = None) -> None:
    """Release what the run still holds, refresh what stands beside the tables, and log what is there now."""
    lake = Lake(Settings.load().lake)
    if run_id:
        _claims(lake, run_id).release()
    runner.finish(lake)
    rows = {
        name: sum(m.tables[name]["rows"] for m in lake.manifests().values())
        for name in ("articles", "mentions", "stances", "rejects")
    }
    logs.event(log, "finished", lake=lake.store.uri, published=len(lake.manifests()), **rows)


def _apart(lake: Lake, units: Sequence[Unit]) -> Iterator[Unit]:
    """The units, those with days of a unit that has failed taken apart into their days.

    So one day at fault holds up its neighbours once, and not every night. There are at most MAX_UNITS then.
    """
    stuck, total = failed_days(lake), len(units)
    for unit in units:
        alone = [unit]
        if not unit.shard and stuck & {due.day for due in unit.days}:
            alone = list(planning.units(unit.days, lake, apart=True))
        if total + len(alone) - 1 > MAX_UNITS:
            alone = [unit]
        total += len(alone) - 1
        yield from alone


def failed_days(lake: Lake) -> set[str]:
    """The days of the units that have failed, without those that other runs are at work on."""
    found: set[str] = set()
    for entry in lake.store.list("staging"):
        if entry.path.endswith(f"/{FAILED}"):
            try:
                found |= set(json.loads(lake.store.read(entry.path))["days"])
            except FileNotFoundError:  # It was tried again and has been published, or was swept, meanwhile.
                continue
    return found


def _claims(lake: Lake, run_id: str) -> Claims:
    """The claims of a run of Airflow; those of a run that was cleared are its own."""
    return Claims(lake.store, re.sub(r"\.[0-9]+$", "", run_id), of_process=False)


def _on_what_is_left(
    lake: Lake, unit_id: str, about: Context, claims: Claims, work: Callable[[], Result]
) -> Result | None:
    """What `work` returns on the days of the unit that no other run holds or has published; None if none is
    left.
    """
    staging = Staging(lake, unit_id)
    unit = staging.unit()
    while left := _unclaimed(lake, replace(unit, days=_left(lake, unit, about)), claims):
        unit = replace(unit, days=left)
        staging.begin(unit)
        try:
            return work()
        except Conflict as error:
            log.info("unit %s: %s", unit_id, error)
        except ValidationFailed as error:
            staging.fail(str(error))
            failed = [due.day for due in left]
            logs.event(log, "unit failed", logging.ERROR, days=failed, error=str(error))
            claims.release(failed)
            raise
    staging.remove()
    return None


def _unclaimed(lake: Lake, unit: Unit, claims: Claims) -> tuple[Due, ...]:
    """The unit's days without those that other runs hold; the others are now this run's."""
    days, refused = runner.claim(lake, unit, claims)
    for day, other in refused.items():
        log.info("day %s is left to %s", day, other)
    return days


def _left(lake: Lake, unit: Unit, about: Context) -> tuple[Due, ...]:
    """The unit's days without those that other runs have made current since they were planned.

    Raises ValidationFailed where another run published a day, and it is due for another reason now.
    """
    left = []
    for due in unit.days:
        manifest = lake.manifest(due.date)
        if (manifest.snapshot if manifest else "") == due.base:
            left.append(due)
        elif any(now.day == due.day for now in planning.due(lake, about, due.date, due.date)):
            raise ValidationFailed(
                f"day {due.day}: another run has published it and more has landed since this run was "
                "planned; nothing is lost, run again"
            )
        else:
            logs.event(log, "another run has made the day current", days=[due.day])
    return tuple(left)


def _day(key: str | None) -> date | None:
    if not key:
        return None
    try:
        return date.fromisoformat(key)
    except ValueError as error:
        raise UsageError(f"partition key {key!r} is not a day such as 2022-02-14; name one") from error
