"""Tidying up: what no manifest names any more leaves the lake, once nobody can be at it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from pipeline import inbox, locks, mutex, schemas, spans
from pipeline.lake import DATABASE, GRACE, Lake, settled
from pipeline.settings import LARGEST

AT_ONCE = 100  # files that are deleted in one go, while nobody else commits


def tidy(lake: Lake, now: datetime | None = None) -> int:
    """Remove consumed batches, and what nothing names after a day of grace: superseded files, and
    files that a crash left without a manifest. Returns how many data files were removed.

    What was superseded after `standpoint.duckdb` was made stays: that still names it, where a run was
    killed before it made a new one.
    """
    before = (now or datetime.now(UTC)) - GRACE
    if shown := lake.store.entry(DATABASE):
        before = min(before, shown.modified)
    manifests = lake.manifests()
    done = [
        batch.name
        for batch in settled(lambda: inbox.batches(lake.store))
        if all(day in manifests and batch.name in manifests[day].consumed for day in batch.days)
    ]
    inbox.remove(lake.store, done)
    left = [entry.path for entry in lake.store.leftovers() if entry.modified < before]
    for path in (*inbox.orphans(lake.store, before), *left):
        lake.store.delete(path)
    listed = (entry for folder in ("data", spans.FOLDER) for entry in lake.store.list(folder))
    old = [entry.path for entry in listed if entry.modified < before]
    # Named once more, after the listing: a build may have come back to an old file's name meanwhile.
    stale = sorted(set(old) - _needed(lake, before))
    return sum(_delete_old(lake, stale[at : at + AT_ONCE], before) for at in range(0, len(stale), AT_ONCE))


def _delete_old(lake: Lake, paths: Sequence[str], before: datetime) -> int:
    """Delete data files that nothing names; but what a run may be about to name again is left for later:
    files written meanwhile, and those of days that are claimed, or that such days may change.
    """
    reach = LARGEST["duplicate_days"]
    with mutex.exclusive(lake.store) as section:
        names = {name for claim in locks.living(lake.store, section) for name in claim.holds}
        held = [date.fromisoformat(name) for name in names if name[:1].isdigit()]
        busy = {f"day={day + timedelta(n)}" for day in held for n in range(-reach, reach + 1)}
        found = [e for p in paths if not busy & set(p.split("/")) and (e := lake.store.entry(p))]
        old = [entry.path for entry in found if entry.modified < before]
        for path in old:
            lake.store.delete(path)
    return len(old)


def _needed(lake: Lake, before: datetime) -> set[str]:
    """The files that a manifest or the index of the compacted ones names, or that were superseded after
    `before`.
    """
    needed = {f"data/{t.name}/none.parquet" for t in schemas.PUBLISHED} | spans.needed(lake.store, before)
    for manifest in lake.manifests().values():
        needed |= {entry["file"] for entry in manifest.tables.values()}
        needed |= {f for f, when in manifest.superseded.items() if datetime.fromisoformat(when) >= before}
    return needed
