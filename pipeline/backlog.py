"""What waits to be built, told from manifests and the inbox's lists alone, so that it is quick to ask.

`pipeline.plan` reads the articles too: it alone tells a late article from a corrected one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pipeline.inbox import Landed
from pipeline.manifest import Manifest
from pipeline.stages import Context, fingerprint, recipe, stale


@dataclass(frozen=True)
class Waiting:
    """How many days are due for a reason, and how many of their articles are to be computed at most."""

    days: int = 0
    articles: int = 0

    def __add__(self, other: Waiting) -> Waiting:
        return Waiting(self.days + other.days, self.articles + other.articles)


@dataclass(frozen=True)
class Backlog:
    """What is due in all and by reason (a day may have several), and what waits in the inbox since when."""

    total: Waiting
    reasons: Mapping[str, Waiting]
    batches: int
    oldest_batch: datetime | None


def backlog(manifests: Mapping[date, Manifest], batches: Sequence[Landed], context: Context) -> Backlog:
    """The dirty days of a lake with these manifests and this inbox."""
    pending: dict[date, int] = {}
    waiting = []
    for batch in batches:
        open_ = [d for d in batch.days if d not in manifests or batch.name not in manifests[d].consumed]
        waiting += [batch.started_at] if open_ else []
        for day in open_:
            pending[day] = pending.get(day, 0) + batch.days[day]["rows_out"]
    now = recipe(context)
    kinds = {built: _changes(built, now) for built in {m.recipe for m in manifests.values()}}
    total, reasons = Waiting(), dict[str, Waiting]()
    for day in sorted({*manifests, *pending}):
        manifest, landed = manifests.get(day), pending.get(day)
        if manifest is None:
            why, articles = ["new"], landed or 0
        elif landed is None and manifest.fingerprint == fingerprint(now, manifest.inputs):
            continue
        else:
            changes, anew = kinds[manifest.recipe]
            why = [*changes, *(["landed since"] if landed is not None else [])]
            articles = (landed or 0) + (manifest.articles if anew else 0)
        total += Waiting(1, articles)
        for reason in why:
            reasons[reason] = reasons.get(reason, Waiting()) + Waiting(1, articles)
    return Backlog(total, reasons, len(waiting), min(waiting, default=None))


def _changes(built: str, now: Mapping[str, Mapping[str, str]]) -> tuple[list[str], bool]:
    """What of a recipe has changed, and whether that means that the articles are computed again."""
    then = json.loads(built)
    changed: dict[str, list[str]] = {}
    for stage in now:
        for part in now[stage]:
            if then.get(stage, {}).get(part) != now[stage][part]:
                changed.setdefault(part, []).append(stage)
    return [f"{part} ({', '.join(stages)})" for part, stages in sorted(changed.items())], bool(
        stale(then, now)
    )
