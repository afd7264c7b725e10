"""Measure planning alone: many articles in the inbox, and many days that are due for another model.

    python -m tests.bench.bench_plan [--articles 100000] [--days 3650] [--crowd 20000]

Articles are landed in batches of 2,000 on random days, as an archive in no order would be; `--crowd` more on
one day, which is cut into shards. Then every day gets a manifest as an earlier model would have left it.
Prints seconds of processor time, and by how much the process grew, for each plan.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, islice

import pyarrow as pa

from pipeline import plan, schemas
from pipeline.inbox import Batch, DayBatch
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.settings import Settings
from pipeline.stages import Context

CHUNK = 2_000
FIRST = date(2012, 1, 1)
LINES = ["The council met on Tuesday and praised what it had praised before. " * 8] * 10


def land(lake: Lake, days: Iterator[date]) -> None:
    """Land an article for each of these days, in chunks as ingest makes them."""
    rng, number = random.Random(3), 0
    while chunk := sorted(islice(days, CHUNK)):
        rows = [
            {
                "article_id": f"{rng.getrandbits(64):016x}", "source_uri": f"archive.jsonl#{number + n}",
                "raw_sha256": f"{rng.getrandbits(256):064x}", "title": "The council met", "date_raw": None,
                "url_raw": None, "lines": LINES, "landed_at": datetime(2022, 3, 1, tzinfo=UTC),
            }
            for n in range(len(chunk))
        ]  # fmt: skip
        table, number = pa.Table.from_pylist(rows, schemas.RAW.schema), number + len(chunk)
        counts = Counter(chunk)
        starts = dict(zip(counts, accumulate([0, *counts.values()]), strict=False))
        lake.land(Batch({d: DayBatch(table.slice(starts[d], n), rows_in=n) for d, n in counts.items()}, "1"))


def measure(what: str, lake: Lake, context: Context) -> None:
    """Plan once, and print what it took."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    days = plan.due(lake, context)
    told = time.process_time()
    units = list(plan.units(days, lake))
    cut = time.process_time()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{what:28} {len(days):>6,} days {sum(d.articles for d in days):>8,} articles {len(units):>5,} units"
        f"   due {told - begun:>6.1f} s, units {cut - told:>5.1f} s, peak grew by {grown:>6.0f} MB"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures planning alone.")
    for name, value in (("articles", 100_000), ("days", 3650), ("crowd", 20_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    rng, context = random.Random(5), Context(Settings())
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        land(lake, (FIRST + timedelta(rng.randrange(given.days)) for _ in range(given.articles)))
        measure("new", lake, context)
        land(lake, (FIRST for _ in range(given.crowd)))
        measure("new, and a crowded day", lake, context)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        for n in range(given.days):
            day, now = (FIRST + timedelta(n)).isoformat(), datetime.now(UTC).isoformat()
            each = given.articles // given.days
            built = Manifest(
                day, "a" * 16, "", "{}", "b" * 64, each, "run", now, {}, characters=len(LINES[0]) * 10 * each
            )
            lake.store.write(f"manifest/{day}.json", built.json())
        measure("another version", lake, context)


if __name__ == "__main__":
    main()
