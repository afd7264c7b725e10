"""What Airflow adds to a bulk backfill: the DAG `backfill` under `standpoint airflow`, and `standpoint run`.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.bench.bench_airflow ARCHIVE [--articles 1000]

Makes a corpus (`tests.bench.corpus`) and has it made current twice: by `standpoint ingest` and `standpoint
run`, and by a real local Airflow, one unit after the other. `--model` is for a trial with another model than
the shipped one (as `STANDPOINT_MODEL`).

Prints what each took by the wall and of processor time (Airflow's own processes and PostgreSQL included); for
each task how long it took, how much of that was its stage's own work, as `runs` has it, and how long after
the task before it it started; and the share of Airflow in the whole. Fails where the tables differ.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline import database
from pipeline.lake import Lake
from tests.bench import corpus
from tests.bench.bench_plain import Spent, measured
from tests.bench.bench_workers import digests
from tests.bench.local_airflow import Airflow

STAGES = ("clean", "tag", "link", "judge", "publish")


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
    kinds, before = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    ended = {(t["task_id"], t["map_index"]): moment(t["end_date"]) for t in tasks if t["end_date"]}
    for task in tasks:
        name = task["task_id"].removeprefix("unit.")
        kinds[name].append(task["duration"] or 0.0)
        at = STAGES.index(name) if name in STAGES else -1
        follows = ended.get((f"unit.{STAGES[at - 1]}" if at > 0 else "unit.begin", task["map_index"]))
        if at >= 0 and follows and task["start_date"]:
            before[name].append((moment(task["start_date"]) - follows).total_seconds())
    print(f"{'task':10}{'of them':>8}{'seconds':>9}{'of work':>9}{'beside it':>11}{'before it':>11}")
    for name, seconds in kinds.items():
        work = own.get(name, 0.0)
        print(
            f"{name:10}{len(seconds):>8}{sum(seconds):>9.1f}{work:>9.1f}{sum(seconds) - work:>11.1f}"
            f"{sum(before[name]):>11.1f}"
        )


def command_line(folder: Path) -> Spent:
    """What has landed made current by our own commands, in a lake beside."""
    given = ("--lake", folder / "alone", "--landing", folder / "landing")
    return measured(["pipeline", "ingest", *given]) + measured(["pipeline", "run", *given])


def under_airflow(folder: Path) -> tuple[float, float, list[dict[str, Any]]]:
    """What has landed made current by the DAG: seconds by the wall, of processor time, and the tasks."""
    landing, aside = folder / "landing", folder / "aside"
    landing.rename(aside)  # so that the nightly run with which Airflow begins has nothing to do
    landing.mkdir()
    airflow = Airflow(folder)
    try:
        airflow.settle()
        landing.rmdir()
        aside.rename(landing)
        before = airflow.cpu()
        run = airflow.backfill()
        cpu, tasks = airflow.cpu() - before, airflow.tasks(run)
    finally:
        airflow.stop()
    return (moment(run["end_date"]) - moment(run["start_date"])).total_seconds(), cpu, tasks


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures what Airflow adds to a bulk backfill.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--articles", type=int, default=1000)
    parser.add_argument("--days-per", type=float, default=0.0365, help="days of history per article")
    parser.add_argument("--model", default="")
    given = parser.parse_args()
    os.environ |= {"STANDPOINT_THREADS": "1"} | ({"STANDPOINT_MODEL": given.model} if given.model else {})
    with tempfile.TemporaryDirectory(prefix="standpoint-airflow-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)  # under root PostgreSQL runs as a user of its own
        days = max(1, round(given.articles * given.days_per))
        articles = corpus.made(corpus.read(given.archive), given.articles, days)
        corpus.write(articles, folder / "landing")
        alone = command_line(folder)
        print(f"our commands: {alone.wall:.1f} s, {alone.cpu:.1f} of processor time, {alone.peak:.0f} MB")
        print("of these:", json.dumps(stages(Lake(str(folder / "alone")))))
        wall, cpu, tasks = under_airflow(folder)
        lake = Lake(str(folder / "lake"))
        report(tasks, own := stages(lake))
        units, work = sum(task["task_id"] == "unit.publish" for task in tasks), sum(own.values())
        print(f"under Airflow: {wall:.1f} s, {cpu:.1f} of processor time, {units} units")
        print(f"of these {work:.1f} s the stages' own work; {1 - work / wall:.1%} are beside it")
        print(f"against ours: {wall / alone.wall - 1:+.1%}, {cpu / alone.cpu - 1:+.1%} of processor time")
        assert digests(lake) == digests(Lake(str(folder / "alone")))
        print("tables equal byte for byte")


if __name__ == "__main__":
    main()
