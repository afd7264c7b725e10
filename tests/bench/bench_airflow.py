"""What Airflow adds to a unit of work: the DAG `backfill` under `standpoint airflow`, and `standpoint run`.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.bench.bench_airflow ARCHIVE [--articles 75] [--days 3]
        [--bulk [--parallel 1]]

Makes a corpus (`tests.bench.corpus`) and has it made current twice: by one process that does what
`standpoint run` does, and by a real local Airflow. What they differ by is what Airflow costs: it starts a
process for each task, which loads what its stage needs, and asks a database what is next. With `--bulk`
that is a backfill of all days in units of the usual size, `--parallel` at a time, against as many processes
that share the units out; give it as many cores. Without, each day is a unit and a run of the DAG of its own:
what a unit costs is the same whatever its size; the three tasks of a run are in it, too.
Of all days at once the one process loads the model within the time that is measured.

Prints for each day seconds by the wall and of processor time of both (of Airflow: all of its processes and
PostgreSQL); for each kind of task its seconds, how many of these `runs` knows as its stage's own, and how
long after the task before it it started; and Airflow's share, of all or in a unit that takes `--unit` seconds
by itself. Fails where the tables differ.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline import airflow_api, database, plan, runner
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.bench import corpus
from tests.lakes import digests
from tests.local_airflow import Airflow

STAGES = ("clean", "tag", "link", "judge", "publish")
PATIENCE = 3 * 3600  # seconds, for a backfill with a model on a busy core
ALL = "all"
Spent = dict[str, tuple[float, float]]
"""By day: seconds by the wall, and of processor time."""
PLANNED = "planned"
"""In what a process tells: how many units it planned, of which it did its share."""


def alone(folder: Path, share: int, parallel: int, *, bulk: bool) -> Spent:
    """Each day as a unit, or this process's share of all units, one after the other in this process."""
    lake, context, spent = Lake(str(folder / "alone")), Context(Settings.load()), Spent()
    due = list(plan.due(lake, context))
    planned = list(plan.units(due, lake))
    work = {ALL: planned[share::parallel]} if bulk else {one.day: [plan.Unit((one,))] for one in due}
    for name, units in work.items():
        wall, cpu = time.perf_counter(), time.process_time()
        failures = runner.run(lake, units, context)
        assert not failures, failures
        spent[name] = time.perf_counter() - wall, time.process_time() - cpu
    return spent | {PLANNED: (len(planned), 0.0)}


def beside(folder: Path, archive: Path, parallel: int, *, bulk: bool) -> Spent:
    """The same by `parallel` processes at once: the longest time by the wall, all processor time."""
    ingest(Lake(str(folder / "alone")), (), str(folder / "landing"))
    command = [sys.executable, "-m", "tests.bench.bench_airflow", str(archive), "--alone", str(folder)]
    command += ["--parallel", str(parallel), *(["--bulk"] if bulk else [])]
    every = [
        subprocess.Popen([*command, "--share", str(share)], stdout=subprocess.PIPE, text=True)
        for share in range(parallel)
    ]
    told = [one.communicate()[0] for one in every]
    assert not any(one.returncode for one in every), "a process failed: see above"
    spent = [json.loads(out.splitlines()[-1]) for out in told]
    planned = {one.pop(PLANNED)[0] for one in spent}
    assert len(planned) == 1, f"the processes did not share the same units: {planned}"
    return {day: (max(one[day][0] for one in spent), sum(one[day][1] for one in spent)) for day in spent[0]}


def under_airflow(folder: Path, days: Iterable[str], parallel: int) -> tuple[Spent, list[dict[str, Any]]]:
    """Each of them, a day or all, by a run of the DAG; and all tasks."""
    landing, aside = folder / "landing", folder / "aside"
    landing.rename(aside)  # so that the nightly run with which Airflow begins has nothing to do
    landing.mkdir()
    airflow, spent, tasks = Airflow(folder, PATIENCE), Spent(), list[dict[str, Any]]()
    try:
        airflow.settle()
        for pool in airflow_api.POOLS:  # each model has one thread here
            wider = {"pool": pool, "slots": parallel, "include_deferred": False}
            airflow.ask("PATCH", f"pools/{pool}?update_mask=slots", wider)
        landing.rmdir()
        aside.rename(landing)
        for day in days:
            before = airflow.cpu()
            bounds = {} if day == ALL else {"from": day, "to": day}
            run = airflow.backfill({"units_in_parallel": parallel, **bounds})
            wall = (moment(run["end_date"]) - moment(run["start_date"])).total_seconds()
            spent[day] = wall, airflow.cpu() - before
            tasks += airflow.tasks(run)
    finally:
        airflow.stop()
    return spent, tasks


def moment(text: str) -> datetime:
    """A time as the API has it."""
    return datetime.fromisoformat(text)


def stages(lake: Lake) -> dict[str, float]:
    """Seconds of each stage's own work, with its validation, as `runs` has them."""
    with database.connect(lake) as connection:
        rows = database.query(connection, "SELECT stage, sum(seconds) FROM runs GROUP BY stage").fetchall()
    return dict(rows)


def report(tasks: list[dict[str, Any]], own: Mapping[str, float]) -> None:
    """What each kind of task took, and how long after what it follows it started."""
    seconds, before = defaultdict[str, list[float]](list), defaultdict[str, float](float)
    ended = {(t["dag_run_id"], t["task_id"], t["map_index"]): t["end_date"] for t in tasks}
    for task in tasks:
        name = task["task_id"].removeprefix("unit.")
        seconds[name].append(task["duration"] or 0.0)
        if name in STAGES:
            follows = ("begin", *STAGES)[STAGES.index(name)]
            after = ended[task["dag_run_id"], f"unit.{follows}", task["map_index"]]
            before[name] += (moment(task["start_date"]) - moment(after)).total_seconds()
    print(f"{'task':10}{'of them':>8}{'seconds':>9}{'its own':>9}{'beside':>9}{'waited':>9}")
    for name, took in seconds.items():
        work, whole = own.get(name, 0.0), sum(took)
        print(f"{name:10}{len(took):>8}{whole:>9.1f}{work:>9.1f}{whole - work:>9.1f}{before[name]:>9.1f}")


def compare(given: argparse.Namespace, folder: Path) -> None:
    """Both ways, and what they differ by."""
    articles = corpus.made(corpus.read(given.archive), given.articles, given.days)
    corpus.write(articles, folder / "landing")
    ours = beside(folder, given.archive, given.parallel, bulk=given.bulk)
    theirs, tasks = under_airflow(folder, ours, given.parallel)
    lake = Lake(str(folder / "lake"))
    report(tasks, stages(lake))
    print(f"{'day':12}{'ours: wall, s':>15}{'cpu, s':>9}{'Airflow: wall, s':>18}{'cpu, s':>9}")
    for day, (wall, cpu) in ours.items():
        print(f"{day:12}{wall:>15.1f}{cpu:>9.1f}{theirs[day][0]:>18.1f}{theirs[day][1]:>9.1f}")
    # The first day is left out: our process loads the model then, once for all.
    later = list(ours) if given.bulk else list(ours)[1:]
    for at, what in enumerate(("by the wall", "of processor time")):
        more = sum(theirs[day][at] - ours[day][at] for day in later) / len(later)
        whole = ours[ALL][at] if given.bulk else given.unit
        print(f"{more:.1f} s more {what}: {more / (whole + more):.1%} of {whole + more:.0f} s")
    assert digests(lake) == digests(Lake(str(folder / "alone")))
    print("tables equal byte for byte")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures what Airflow adds to a unit of work.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--articles", type=int, default=75)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--bulk", action="store_true", help="one backfill of all days")
    parser.add_argument("--parallel", type=int, default=1, help="units at a time, of --bulk")
    parser.add_argument("--unit", type=float, default=88, help="seconds of a whole unit with this model")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--share", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.parallel > 1 and not given.bulk:
        parser.error("--parallel is of --bulk")
    os.environ["STANDPOINT_THREADS"] = "1"
    if given.alone:
        print(json.dumps(alone(given.alone, given.share, given.parallel, bulk=given.bulk)))
        return
    with tempfile.TemporaryDirectory(prefix="standpoint-airflow-") as scratch:
        Path(scratch).chmod(0o711)  # under root PostgreSQL runs as a user of its own
        compare(given, Path(scratch))


if __name__ == "__main__":
    main()
