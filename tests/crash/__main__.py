"""Kill runs at every call that changes a file, and at random, and run again: what is the lake then?

    python -m tests.crash [--fault kill|full|power] [--every N] [--skip N] [--at TEXT]
        [--kills N] [--writers N]

Without options it is the long version: a kill at each point, one after the other, then 300 random ones. A run
is the real one (ingest, stages, validation, publish, DuckDB's file, tidying up) over two small deliveries,
with a small model. After each kill the next run must complete, the tables must be those of an undisturbed
lake, byte by byte, nothing may be due or left over, and a reader that looked on throughout may have seen no
partial file, no mixed day and no missing one. With `--fault full` every write from the point on fails as on a
full disk, and the run must end with exit code 3. With `--fault power` what was not fsynced is lost too, all
or some of it. With `--writers 2` two runs at once are killed together.

`--every 0` or `--kills 0` leave one half out; `--every 2` and `--every 2 --skip 1`, at once on two cores, try
all points; `--quick` validates keys alone; `--work /dev/shm/crash` keeps the lakes in memory, where an fsync
costs nothing. Exit code 1: something was found; the lake is kept.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.crash import points
from tests.crash.scenario import PHASES
from tests.crash.trials import KILLED, Trials


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description="Kills runs, and runs again.")
    parser.add_argument("--every", type=int, default=1, help="try every Nth point only (0: none)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many points first")
    parser.add_argument("--at", default="", help="try points with this in their name only")
    parser.add_argument("--kills", type=int, default=300, help="random kills")
    parser.add_argument("--writers", type=int, default=1, help="runs at once that are killed at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", choices=("kill", "full", "power"), default="kill")
    parser.add_argument("--quick", action="store_true", help="validate keys alone")
    parser.add_argument("--work", type=Path, help="a new folder for the lakes; kept")
    given = parser.parse_args()
    folder = given.work or Path(tempfile.mkdtemp(prefix="standpoint-crash-"))
    trials, started = Trials(folder, keys_only=given.quick), time.monotonic()
    for _ in range(PHASES):
        trials.deliver()
    print(f"calls that change files: {[len(calls) for calls in trials.points]}", flush=True)
    rng = random.Random(given.seed)
    chosen = slice(given.skip, None, given.every or 1)
    wrong = at_points(trials, chosen, given.fault, rng, given.at) if given.every else 0
    wrong += at_random(trials, given.kills, given.writers, rng) if given.kills else 0
    print(f"{time.monotonic() - started:.0f} s, {wrong} findings")
    if wrong:
        sys.exit(1)
    if not given.work:
        shutil.rmtree(folder)


def at_points(trials: Trials, chosen: slice, fault: str, rng: random.Random, name: str = "") -> int:
    """A fault at the chosen points of both deliveries, shuffled, of those with this in their name; returns in
    how many trials something was wrong.
    """
    tried: Counter[str] = Counter()
    wrong = 0
    places = [
        (phase, at)
        for phase, calls in enumerate(trials.points)
        for at, point in enumerate(calls, start=1)
        if name in point
    ]
    rng.shuffle(places)  # a part of the series is a fair sample of it
    places = places[chosen]
    for phase, at in places:
        found = at_point(trials, phase, at, fault)
        point = trials.points[phase][at - 1]
        wrong += tell(trials, f"delivery {phase}, point {at} ({point})", found)
        tried[point.split()[0]] += 1
        if sum(tried.values()) % 25 == 0:
            print(f"{sum(tried.values())} of {len(places)} faults so far", flush=True)
    print(f"{sum(tried.values())} faults ({fault}): {dict(sorted(tried.items()))}; {wrong} with findings")
    return wrong


def at_point(trials: Trials, phase: int, at: int, fault: str) -> list[str]:
    """One fault, and the run after it; returns what is wrong then, a line each."""
    found: list[str] = []
    trials.restore(phase)
    if fault == "power":  # no reader outlives that
        ended = trials.cut(phase, at)
        again = trials.run(phase)
    else:
        with trials.reader(found):
            ended = trials.run(phase, at, points.kill if fault == "kill" else points.full)
            again = trials.run(phase)
    if ended not in ((0, 3) if fault == "full" else (KILLED,)):
        found.append(f"the run ended with {ended}")
    if again:
        found.append(f"the next run ended with {again}")
    return found + trials.check(phase)


def at_random(trials: Trials, kills: int, writers: int, rng: random.Random) -> int:
    """So many random kills, of recoveries too; returns in how many lakes something was wrong."""
    killed = lakes = wrong = 0
    length = 1.0  # seconds that a run takes, learnt from those that end
    while killed < kills:
        found: list[str] = []
        trials.restore(0)
        with trials.reader(found):
            for phase in range(PHASES):
                ended = [KILLED]
                while KILLED in ended:
                    started = time.monotonic()
                    ended = trials.race(phase, writers, rng.uniform(0, 2 * length))
                    killed += ended.count(KILLED)
                    if KILLED not in ended:
                        length = 0.7 * length + 0.3 * (time.monotonic() - started)
                    else:
                        length *= 1.1
                if set(ended) - ({0} if writers == 1 else {0, 1}):
                    found.append(f"delivery {phase}: runs ended with {ended}")
                trials.expect(0, trials.run(phase))
                found += trials.check(phase, builds=writers == 1)
        lakes += 1
        wrong += tell(trials, f"lake {lakes}, after {killed} kills", found)
        if lakes % 10 == 0:
            print(f"{killed} kills so far", flush=True)
    print(f"{killed} random kills of {writers} runs at once in {lakes} lakes; {wrong} with findings")
    return wrong


def tell(trials: Trials, where: str, found: list[str]) -> bool:
    """Print what was found, and keep the first lake with a finding; returns whether there was any."""
    for line in found:
        print(f"{where}: {line}", flush=True)
    kept = trials.folder / "wrong"
    if found and not kept.exists():
        shutil.copytree(trials.lake, kept)
    return bool(found)


if __name__ == "__main__":
    main()
