"""What the tasks of the DAGs do: `pipeline.runner`, made safe for runs that overlap and are repeated.

Each Airflow run stages its units under ids of its own, so that runs never disturb each other's work.
Where two runs build the same day, the first to publish it wins, and the day drops out of the other's
unit: the same inputs would have given the same tables.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import date
from functools import cache
from typing import TypeVar

from pipeline import plan as planning
from pipeline import runner
from pipeline.errors import UsageError, ValidationFailed
from pipeline.lake import Lake
from pipeline.plan import ARTICLES_PER_UNIT, Due, Unit
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.staging import Staging

MAX_UNITS = 1000  # below Airflow's core.max_map_length, 1024 unless configured
FAILED = "failed.json"  # in the staging of a unit whose data failed validation: its days, and why

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@cache
def context(settings: Settings) -> Context:
    """One context per process and settings, so that tasks that share a process load the model once."""
    return Context(settings)


def ingest() -> None:
    """Take what is new in the landing zone into the lake."""
    from pipeline.ingest import ingest as take_in

    settings = Settings.load()
    summary = take_in(Lake(settings.lake), (), settings.landing)
    log.info("ingest %s: %s", settings.landing, json.dumps(asdict(summary)))


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
        log.info("unit %s: %s", unit_id, "; ".join(f"{d.day} ({', '.join(d.reasons)})" for d in unit.days))
    log.info("%d days are due, %d articles to compute, in %d units",
             len(due), sum(d.fresh for d in due), len(units))  # fmt: skip
    return list(units)


def cut(lake: Lake, due: Sequence[Due], run_id: str) -> dict[str, Unit]:
    """The days packed into units of work, by the ids that they have in this run, at most MAX_UNITS."""
    # Units grow where there would be too many: two neighbours hold more than the bound, so this halves it.
    bound = max(ARTICLES_PER_UNIT, 2 * sum(d.fresh for d in due) // MAX_UNITS)
    units = list(_apart(lake, list(planning.units(due, lake, bound))))
    suffix = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return {f"{unit.id}-{suffix}": unit for unit in units}


def days(unit_id: str) -> list[str]:
    """The days of a unit; its first alone where it has been published and is in staging no more."""
    staging = Staging(Lake(Settings.load().lake), unit_id)
    return [due.day for due in staging.unit().days] if staging.begun else [unit_id[:10]]


def stage(unit_id: str, name: str, run_id: str) -> bool:
    """Run one stage on a unit; false when other runs have made all of its days current meanwhile.

    Raises ValidationFailed as `runner.run_stage`.
    """
    settings = Settings.load()
    lake, about = Lake(settings.lake), context(settings)
    run = _on_what_is_left(lake, unit_id, about, lambda: runner.run_stage(lake, unit_id, name, about, run_id))
    if run:
        log.info("unit %s, %s: %d articles, %d rows out, %d rejected, %.1f s",
                 unit_id, name, run.articles, run.rows_out, run.rejected, run.seconds)  # fmt: skip
    return run is not None


def publish(unit_id: str, run_id: str) -> list[str]:
    """Publish a unit and return its days' snapshots; none when other runs have made its days current.

    Raises ValidationFailed as `runner.publish_unit`.
    """
    settings = Settings.load()
    lake, about = Lake(settings.lake), context(settings)
    first = lake.manifest(date.fromisoformat(unit_id[:10]))
    if first and first.run_id == run_id:  # A try before this one died between its commit and its end.
        return [first.snapshot]
    snapshots = _on_what_is_left(
        lake, unit_id, about, lambda: runner.publish_unit(lake, unit_id, about, run_id)
    )
    log.info("unit %s: %d days published", unit_id, len(snapshots or ()))
    return snapshots or []


def finish() -> None:
    """Refresh what stands beside the tables, and log what the lake now holds."""
    lake = Lake(Settings.load().lake)
    runner.finish(lake)
    rows = {
        name: sum(m.tables[name]["rows"] for m in lake.manifests().values())
        for name in ("articles", "mentions", "stances", "rejects")
    }
    log.info("lake %s: %d days, %s", lake.store.uri, len(lake.manifests()),
             ", ".join(f"{count} {name}" for name, count in rows.items()))  # fmt: skip


def _apart(lake: Lake, units: Sequence[Unit]) -> Iterator[Unit]:
    """The units, those with days of a unit that has failed taken apart into their days.

    So one day at fault holds up its neighbours once, and not every night. There are at most MAX_UNITS then.
    """
    stuck, total = failed_days(lake), len(units)
    for unit in units:
        alone = [unit]
        if stuck & {due.day for due in unit.days}:
            alone = list(planning.units(unit.days, lake, articles=0))
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


def _on_what_is_left(lake: Lake, unit_id: str, about: Context, work: Callable[[], Result]) -> Result | None:
    """What `work` returns on the days of the unit that no other run has published; None if none is left."""
    staging = Staging(lake, unit_id)
    left = _left(lake, staging.unit(), about)
    while left:
        staging.begin(Unit(left))
        try:
            return work()
        except ValidationFailed as error:
            before, left = left, _left(lake, staging.unit(), about)
            if left == before:
                marker = {"days": [due.day for due in left], "error": str(error)}
                lake.store.write(f"{staging.folder}/{FAILED}", json.dumps(marker).encode())
                raise
    staging.remove()
    return None


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
            log.info("day %s: another run has made it current", due.day)
    return tuple(left)


def _day(key: str | None) -> date | None:
    if not key:
        return None
    try:
        return date.fromisoformat(key)
    except ValueError as error:
        raise UsageError(f"partition key {key!r} is not a day such as 2022-02-14; name one") from error
