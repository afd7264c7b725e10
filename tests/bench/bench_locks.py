"""Measure what claims and the exclusive section cost: in an empty folder, or an object store.

    python -m tests.bench.bench_locks [URI]

Prints milliseconds, the median of ROUNDS: entering and leaving the section, claiming and releasing 100 days,
and a commit of 100 days, which holds the section. Divide the last by what a unit takes (runs: a minute and
more) for the share of its time in which a run holds up others.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from statistics import median

from pipeline.lake import Lake
from pipeline.locks import Claims
from pipeline.manifest import Manifest
from pipeline.mutex import exclusive

ROUNDS = 9
DAYS = [date(2022, 1, 1) + timedelta(n) for n in range(100)]


def main() -> None:
    """Command line."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(sys.argv[1] if len(sys.argv) > 1 else folder)
        claims = Claims(lake.store, "bench")
        entries = {
            name: {"file": f"data/{name}/x.parquet", "rows": 1, "sha256": "0" * 64} for name in "abcdefghij"
        }
        manifests = [
            Manifest(d.isoformat(), "0" * 16, "0" * 64, "{}", "", 1, "run", "", entries) for d in DAYS
        ]

        def enter() -> None:
            with exclusive(lake.store):
                pass

        def claim() -> None:
            claims.take([[day.isoformat() for day in DAYS]])
            claims.release()

        for what, work in (
            ("enter and leave the section", enter),
            ("claim 100 days and release them", claim),
            ("commit 100 days", lambda: lake.commit(manifests)),
        ):
            print(f"{what:35} {1000 * measured(work):>8.1f} ms")


def measured(work: Callable[[], None]) -> float:
    """Seconds, the median of ROUNDS."""
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return median(found)


if __name__ == "__main__":
    main()
