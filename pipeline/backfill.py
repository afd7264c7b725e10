"""A backfill: which days of a range are built, cut into units of work that begin one after the other.

    planned/<unit>.json    a unit that a backfill has planned; it moves to staging when its turn has come

What is staged is at work, and swept when it is a day old: so a backfill that takes a week stages a unit
when it begins, and not when it is planned.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipeline import orchestration
from pipeline import plan as planning
from pipeline.errors import UsageError
from pipeline.lake import Lake
from pipeline.plan import Due, Unit
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.staging import Staging
from pipeline.units import CHARACTERS_PER_ARTICLE, tokens_of

REPROCESS = ("none", "failed", "changed", "all")
ORDERS = ("oldest", "newest")
PARAMS = ("from", "to", "reprocess", "order", "units_in_parallel", "dry_run")
FOLDER = "planned"
KEEP = timedelta(days=30)
AGAIN = "asked for again"
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What a backfill is asked for: which days from `first` to `last` (None: no bound), in which order."""

    first: date | None = None
    last: date | None = None
    reprocess: str = "changed"
    order: str = "oldest"
    dry_run: bool = False

    @staticmethod
    def of(params: Mapping[str, object]) -> Request:
        """The request in the parameters of a run.

        Raises UsageError for one that is none of PARAMS, for a value that is not allowed, and where the first
        day is after the last.
        """
        if wrong := sorted(params.keys() - set(PARAMS)):
            raise UsageError(f"parameter {wrong[0]!r} is none of {', '.join(PARAMS)}")
        chosen = {"reprocess": "changed", "order": "oldest"} | dict(params)
        for name, allowed in (("reprocess", REPROCESS), ("order", ORDERS)):
            if chosen[name] not in allowed:
                raise UsageError(f"{name}: {chosen[name]!r} is not one of {', '.join(allowed)}")
        first, last = _day("from", params.get("from")), _day("to", params.get("to"))
        if first and last and first > last:
            raise UsageError(f"from {first} is after to {last}: exchange them")
        return Request(
            first, last, str(chosen["reprocess"]), str(chosen["order"]), bool(params.get("dry_run"))
        )


def plan(run_id: str, origin: str, request: Request) -> list[str]:
    """Plan the units of a backfill, log what is built and why, and return their ids in their order.

    `origin` is the run's id before it was cleared: what the run has built already is left out. A dry run
    plans nothing and returns no id.
    """
    settings = Settings.load()
    lake = Lake(settings.lake)
    due = select(lake, orchestration.context(settings), request, origin)
    units = orchestration.cut(lake, due, run_id)
    planned = list(units) if request.order == "oldest" else list(reversed(units))
    log.info("%s", table([(unit_id, units[unit_id]) for unit_id in planned]))
    if request.dry_run:
        log.info("dry run: nothing is built")
        return []
    for unit_id in planned:
        lake.store.write(f"{FOLDER}/{unit_id}.json", units[unit_id].json())
    return planned


def select(lake: Lake, context: Context, request: Request, origin: str = "") -> list[Due]:
    """The days that are asked for, oldest first, with those that must be published together with them.

    `all` builds current days too: from the same articles by the same code, so their tables come out the same
    (and where they do not, the new ones are published under another name). Those whose last build was run
    `origin` are left out.
    """
    due = planning.due(lake, context, request.first, request.last)
    if request.reprocess == "all":
        return sorted([*due, *_current(lake, due, request, origin)], key=lambda d: d.day)
    if request.reprocess == "changed":
        return due
    if request.reprocess == "none":
        chosen = {d.date for d in due if not d.base}
    else:
        failed = orchestration.failed_days(lake)
        chosen = {d.date for d in due if d.day in failed}
    return [d for group in planning.groups(due) if chosen & {d.date for d in group} for d in group]


def begin(unit_id: str) -> None:
    """Stage a unit whose turn has come, unless it was begun before.

    Raises UsageError when it is not planned (any more).
    """
    lake = Lake(Settings.load().lake)
    staging, path = Staging(lake, unit_id), f"{FOLDER}/{unit_id}.json"
    if staging.begun:
        return
    if not lake.store.exists(path):
        raise UsageError(f"unit {unit_id!r} is planned no more (after {KEEP.days} days): clear the task plan")
    staging.begin(Unit.parse(lake.store.read(path)))


def ahead(states: Mapping[str, str | None], task: str, index: int, parallel: int) -> int:
    """How many units must end before the one of this map index may begin, so that `parallel` are at work.

    `states` are those of the last task of every unit, by `<task>_<index>`. A unit waits for those before it
    alone: so they begin in their order, and at most `parallel` of them are ever between begin and end.
    """
    unfinished = sum(states.get(f"{task}_{before}") not in ENDED for before in range(index))
    return max(0, unfinished - parallel + 1)


def forget(lake: Lake, now: datetime) -> int:
    """Remove what was planned more than KEEP ago; returns how many units."""
    old = [entry.path for entry in lake.store.list(FOLDER) if entry.modified < now - KEEP]
    for path in old:
        lake.store.delete(path)
    return len(old)


def table(units: Sequence[tuple[str, Unit]]) -> str:
    """What is built and why, a line a day under one for each unit."""
    lines = [f"{'unit':<34} {'day':<10} {'articles':>8} {'compute':>8}  why"]
    for unit_id, unit in units:
        lines += [
            f"{unit_id:<34} {due.day:<10} {due.articles:>8,} {due.fresh:>8,}  {', '.join(due.reasons)}"
            for due in unit.days
        ]
    days = [due for _, unit in units for due in unit.days]
    articles, fresh = sum(due.articles for due in days), sum(due.fresh for due in days)
    return "\n".join(
        [*lines, f"{len(units):,} units, {len(days):,} days, {articles:,} articles, {fresh:,} to compute"]
    )


def _current(lake: Lake, due: Sequence[Due], request: Request, origin: str) -> list[Due]:
    """The current days of the range, as if they were due, without those that the run has built."""
    dirty = {d.day for d in due}
    return [
        Due(
            day=manifest.day,
            reasons=(AGAIN,),
            articles=manifest.articles,
            fresh=manifest.articles,
            base=manifest.snapshot,
            inputs=manifest.inputs,
            fingerprint=manifest.fingerprint,
            batches=(),
            tokens=tokens_of(manifest.characters or manifest.articles * CHARACTERS_PER_ARTICLE),
            size=tokens_of(manifest.characters or manifest.articles * CHARACTERS_PER_ARTICLE),
        )
        for day, manifest in lake.manifests().items()
        if (request.first is None or day >= request.first)
        and (request.last is None or day <= request.last)
        and manifest.day not in dirty
        and not (origin and f"{manifest.run_id}.".startswith(f"{origin}."))
    ]


def _day(name: str, value: object) -> date | None:
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise UsageError(f"{name}: {value!r} is not a day such as 2022-02-14") from error
