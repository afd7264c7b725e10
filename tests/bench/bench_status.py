"""Measure `standpoint status` on a lake of many days.

    python -m tests.bench.bench_status --lake LAKE [--days 3650]

LAKE is a current lake of a few days (`standpoint ingest seeds/landing`, `standpoint run`). Beside it a lake
of so many days is made: each has the files of one of its days, as hard links under the day's own names, with
a manifest of its own. The last 60 days are written anew, since rows are read by their day. Prints what was
made and the seconds of each part, of three rounds the fastest.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipeline import backlog, failures, inbox, rates, status, trend
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.settings import Settings
from pipeline.stages import Context

LAST = date(2022, 3, 1)
ANEW = 60


def extended(small: Lake, folder: Path, days: int) -> Lake:
    """A lake of so many days, each with the tables of one day of the small lake."""
    lake = Lake(str(folder / "lake"))
    found = [m for m in small.manifests().values() if m.articles]
    for n in range(days):
        day, model = LAST - timedelta(n), found[n % len(found)]
        lake._switch(copied(small, lake, model, day) if n < ANEW else linked(small, lake, model, day))
    return lake


def copied(small: Lake, lake: Lake, model: Manifest, day: date) -> Manifest:
    """The day's tables written with its date."""
    entries = {t: lake.write_table(t, day, model.snapshot, small.table(model, t)) for t in model.tables}
    return replace(model, day=day.isoformat(), tables=entries, published_at=datetime.now(UTC).isoformat())


def linked(small: Lake, lake: Lake, model: Manifest, day: date) -> Manifest:
    """The day's tables as links to the files of another day."""
    entries = {}
    for name, entry in model.tables.items():
        file = f"data/{name}/day={day}/{model.snapshot}.parquet"
        target = Path(lake.store.full(file))
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(small.store.full(entry["file"]), target)
        entries[name] = {**entry, "file": file}
    return replace(model, day=day.isoformat(), tables=entries)


def main() -> None:
    """Read the arguments, make the lake, and print the seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", required=True)
    parser.add_argument("--days", type=int, default=3650)
    given = parser.parse_args()
    small, context = Lake(given.lake, create=False), Context(Settings())
    # Beside it, so that hard links can be made.
    with tempfile.TemporaryDirectory(dir=Path(given.lake).resolve().parent) as folder:
        lake = extended(small, Path(folder), given.days)
        manifests = lake.manifests()
        now = datetime.now(UTC)
        recent = sorted(manifests.values(), key=lambda m: m.published_at)[-status.RECENT :]
        parts = {
            "manifests": lake.manifests,
            "listing": lambda: list(lake.store.list()),
            "backlog": lambda: backlog.backlog(manifests, inbox.batches(lake.store), context),
            "rates": lambda: rates.rates(lake.rows("runs", recent, rates.COLUMNS)),
            "failures": lambda: failures.failures(lake, manifests, now),
            "quality": lambda: trend.trend(lake, manifests),
            "status": lambda: status.examine(lake, context),
        }
        files = sum(1 for _ in lake.store.list())
        print(
            f"{given.days:,} days, {sum(m.articles for m in manifests.values()):,} articles, {files:,} files"
        )
        for name, part in parts.items():
            rounds = []
            for _ in range(3):
                clock, spent = time.perf_counter(), time.process_time()
                part()
                rounds.append((time.perf_counter() - clock, time.process_time() - spent))
            wall, processor = min(rounds)
            print(f"{name:<10} {wall:6.2f} s, {processor:6.2f} s of the processor")


if __name__ == "__main__":
    main()
