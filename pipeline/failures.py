"""What went wrong lately: units that failed or were left in the middle, and what was refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa

from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.plan import Unit
from pipeline.staging import FAILED
from pipeline.store import Entry

SILENT = timedelta(hours=6)
"""A unit that has written nothing for so long has ended: no task may take longer."""
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Failure:
    """A unit whose data failed validation and whose days are still as they were: when, which, why."""

    at: datetime
    unit: str
    days: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class Rejected:
    """How many inputs and rows a stage refused for a reason."""

    stage: str
    reason: str
    count: int


@dataclass(frozen=True)
class Failures:
    """What failed, the newest first; units at work, and since when those are silent that no run ended;
    what was refused in the days published within a week.
    """

    failed: tuple[Failure, ...]
    working: int
    stuck: Mapping[str, datetime]
    rejects: tuple[Rejected, ...]


def failures(lake: Lake, manifests: Mapping[date, Manifest], now: datetime) -> Failures:
    """What went wrong in a lake with these published days, which must have all their files."""
    failed: dict[tuple[str, ...], Failure] = {}
    working, stuck = 0, {}
    for unit in _staged(lake.store.list("staging")):
        try:
            days = Unit.parse(lake.store.read(f"staging/{unit.id}/unit.json")).days
            marker = json.loads(lake.store.read(f"staging/{unit.id}/{FAILED}")) if unit.failed else None
        except FileNotFoundError:  # published, or swept, meanwhile
            continue
        bases = {d.date: manifests[d.date].snapshot if d.date in manifests else "" for d in days}
        if marker is None and now - unit.last < SILENT:
            working += 1
        elif marker is None:
            stuck[unit.id] = unit.last
        elif any(bases[d.date] == d.base for d in days):  # else it has been published since
            found = Failure(unit.last, unit.id, tuple(marker["days"]), marker["error"])
            before = failed.get(found.days)
            failed[found.days] = max(found, before, key=lambda f: f.at) if before else found
    newest = sorted(failed.values(), key=lambda f: f.at, reverse=True)
    return Failures(tuple(newest), working, stuck, _rejects(lake, manifests.values(), now - WEEK))


class _Staged(NamedTuple):
    id: str
    last: datetime
    failed: bool


def _staged(entries: Iterable[Entry]) -> list[_Staged]:
    """The units in staging, when each last wrote something, and whether it is marked as failed."""
    units: dict[str, list[Entry]] = {}
    for entry in entries:
        units.setdefault(entry.path.split("/")[1], []).append(entry)
    return [
        _Staged(unit, max(e.modified for e in files), any(e.path.endswith(f"/{FAILED}") for e in files))
        for unit, files in units.items()
        if any(e.path.endswith("/unit.json") for e in files)
    ]


def _rejects(lake: Lake, manifests: Iterable[Manifest], since: datetime) -> tuple[Rejected, ...]:
    lately = [
        m
        for m in manifests
        if m.tables["rejects"]["rows"] and datetime.fromisoformat(m.published_at) >= since
    ]
    counted = lake.rows("rejects", lately, ("stage", "reason")).group_by(["stage", "reason"])
    rows: pa.Table = counted.aggregate([([], "count_all")])
    found = [Rejected(r["stage"], r["reason"], r["count_all"]) for r in rows.to_pylist()]
    return tuple(sorted(found, key=lambda r: (-r.count, r.stage, r.reason)))
