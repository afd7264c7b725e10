"""What is due and why: dirty days, and what each is to be built from.

A day is dirty when the fingerprint that its tables were built with is not the one they would be built
with now. Nothing else decides: not a file's existence, not a date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pipeline import inbox
from pipeline.arrivals import Arrivals
from pipeline.lake import Lake, settled
from pipeline.manifest import Manifest
from pipeline.stages import Context, fingerprint, recipe, stale
from pipeline.units import CHARACTERS_PER_ARTICLE, TOKENS_PER_UNIT, Due, Shard, Unit, groups, tokens_of, units

__all__ = ["TOKENS_PER_UNIT", "Due", "Shard", "Unit", "due", "groups", "units"]


def due(
    lake: Lake,
    context: Context,
    first: date | None = None,
    last: date | None = None,
    *,
    newest: bool = False,
) -> list[Due]:
    """The dirty days from `first` to `last` (inclusive; None: no bound), oldest first or newest first.

    A day that exchanges an article with one of these is due with it, wherever it lies.
    """
    days = settled(lambda: _due(lake, context, first, last))
    return days[::-1] if newest else days


def _due(lake: Lake, context: Context, first: date | None, last: date | None) -> list[Due]:
    # Manifests first: a batch that is taken up meanwhile is then still known as pending, or not at all.
    manifests, batches = lake.manifests(), inbox.batches(lake.store)
    now, arrivals = recipe(context), Arrivals(lake)
    wanted = {day for day in {*manifests, *(d for b in batches for d in b.days)}
              if (first is None or day >= first) and (last is None or day <= last)}  # fmt: skip
    together = {day: group for group in _moves(batches) for day in group}
    wanted |= {day for other in wanted for day in together.get(other, ())}
    found = []
    for day in sorted(wanted):
        manifest = manifests.get(day)
        pending = [b for b in batches if day in b.days and not (manifest and b.name in manifest.consumed)]
        if manifest and not pending and manifest.fingerprint == fingerprint(now, manifest.inputs):
            continue
        first_of_group = min(together[day]).isoformat() if day in together else ""
        found.append(_day(day, manifest, pending, arrivals, now, first_of_group))
    return found


def _day(
    day: date,
    manifest: Manifest | None,
    pending: Sequence[inbox.Landed],
    arrivals: Arrivals,
    now: Mapping[str, Mapping[str, str]],
    together: str,
) -> Due:
    """A dirty day: why it is due, and what it is to be built from."""
    built = json.loads(manifest.recipe) if manifest else {}
    reasons = [] if manifest else ["new"]
    if manifest:
        changed = {(stage, part) for stage in now for part in now[stage]
                   if built.get(stage, {}).get(part) != now[stage][part]}  # fmt: skip
        reasons += sorted({f"{part} ({stage})" for stage, part in changed})
    articles, held, digest = 0, 0, ""
    if manifest:
        articles, digest = manifest.articles, manifest.inputs
        held = manifest.characters or articles * CHARACTERS_PER_ARTICLE
    fresh, brought = 0, 0
    if pending:
        arrived = arrivals.of(day, manifest, pending)
        articles, digest, brought = arrived.articles, arrived.inputs, arrived.characters
        fresh = arrived.counts["late"] + arrived.counts["corrected"]
        if manifest:
            reasons += [f"{count} {what}" for what, count in arrived.counts.items() if count]
    carried = not stale(built, now)
    size = tokens_of(held + brought)
    return Due(
        day=day.isoformat(),
        reasons=tuple(reasons) or ("landed again, unchanged",),
        articles=articles,
        fresh=fresh if carried else articles,
        base=manifest.snapshot if manifest else "",
        inputs=digest,
        fingerprint=fingerprint(now, digest),
        batches=tuple(b.name for b in pending),
        tokens=(tokens_of(brought) if fresh else 0) if carried else size,
        size=size,
        together=together,
    )


def _moves(batches: Iterable[inbox.Landed]) -> list[set[date]]:
    """Sets of days among which articles moved: they must be published at once."""
    groups: list[set[date]] = []
    for batch in batches:
        for day, entry in batch.days.items():
            for target in entry["moved_to"]:
                pair = {day, date.fromisoformat(target)}
                joined = [g for g in groups if g & pair]
                groups = [g for g in groups if not g & pair] + [pair.union(*joined)]
    return groups
