"""Airflow on several machines, with one worker and the scheduler lost in the middle of a backfill.

    python -m tests.cluster [--days 200] [--span 10] [--concurrency 2] [--folder DIR]

Needs root, iproute2, redis-server and PostgreSQL from the system's packages, and locks/cluster.txt in the
environment. Starts API server, scheduler, DAG processor, PostgreSQL and Redis on one machine and a Celery
worker on each of two others (network namespaces). Runs a backfill over an invented corpus of one article a
day: the DAG `backfill` once for every `--span` days (with 1, Airflow's own backfill of `nightly`). Sends
SIGKILL to one worker and all its tasks after a third of the days, and it stays away; and to the scheduler
after half of them, which starts again. Then the tables must be, byte by byte, those of an undisturbed
`standpoint run` over the same corpus, except for `runs`. Ends all that it started.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from pipeline import airflow_api, database
from pipeline.errors import StandpointError
from pipeline.lake import Lake
from pipeline.settings import Settings
from tests.cluster import corpus, machines
from tests.cluster.stack import PORT, Stack
from tests.lakes import digests

WORKERS = ("worker1", "worker2")
STARTED = time.monotonic()
# A day whose tables are not all of one build.
MIXED = "SELECT day FROM ({}) GROUP BY day HAVING count(*) > 1".format(
    " UNION ".join(f"SELECT day, snapshot FROM {name}" for name in ("articles", "sentences", "mentions"))
)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Loses a worker and the scheduler in a backfill.")
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--span", type=int, default=10, help="days of a run; 1: Airflow's own backfill")
    parser.add_argument("--concurrency", type=int, default=2, help="tasks at a time of each worker")
    parser.add_argument("--patience", type=int, default=6 * 3600, help="seconds for the whole backfill")
    parser.add_argument("--folder", type=Path, help="kept afterwards; must be empty")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if os.geteuid():
        sys.exit("tests.cluster: gives each machine a network of its own, which needs root")
    if not given.inside:
        machines.enter("tests.cluster", sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of `finally`
    with tempfile.TemporaryDirectory(prefix="standpoint-cluster-") as made:
        folder = (given.folder or Path(made)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # PostgreSQL runs as a user of its own
        settings = Settings(lake=str(folder / "lake"), landing=str(folder / "landing"), threads=1)
        machines.connect(WORKERS)
        stack = Stack(folder, settings, given.concurrency, len(WORKERS))
        try:
            check(stack, settings, given)
        finally:
            say("stopping")
            stack.stop()
    say("done")


def check(stack: Stack, settings: Settings, given: argparse.Namespace) -> None:
    """The whole story; raises AssertionError where the tables are not as they should be."""
    number, patience = given.days, given.patience
    Path(settings.landing).mkdir()
    stack.start_servers()
    say("PostgreSQL and Redis answer")
    stack.start_airflow(WORKERS)
    api = Api(stack, "nightly" if given.span == 1 else "backfill")
    stack.wait(api.knows_the_dag, "the DAG is parsed")
    # The first start runs the night that has just passed, over a landing zone that is still empty.
    stack.wait(lambda: [r["state"] for r in api.nights()] == ["success"], "the night that passed")
    say("Airflow is up, and both workers; the scheduled run has ended")
    corpus.write(Path(settings.landing), number)
    undisturbed = stack.folder / "undisturbed"
    standpoint("ingest", undisturbed, settings)
    standpoint("run", undisturbed, settings)
    expected = digests(Lake(str(undisturbed)))
    assert sorted(expected) == [f"{day}" for day in corpus.days(number)]
    say(f"undisturbed `standpoint run`: {len(expected)} days")

    runs = api.backfill(number) if given.span == 1 else api.backfills(number, given.span)
    started = time.monotonic()
    say(f"backfill of {number} days in {runs} runs")
    reach(stack, settings, number // 3, patience)
    running = api.running("worker2")
    say(f"SIGKILL to worker2: {stack.lose('worker2')} processes, at work on {running or 'nothing'}")
    reach(stack, settings, number // 2, patience)
    say(f"SIGKILL to the scheduler: {stack.lose('scheduler')} processes")
    time.sleep(10)
    stack.start_component("scheduler")
    say("the scheduler is started again")
    stack.wait(lambda: sum(ended(run) for run in api.runs()) >= runs, "backfill", patience)
    say(f"the backfill has ended, {time.monotonic() - started:.0f} s after its start")

    states = Counter(run["state"] for run in api.runs())
    assert states == {"success": runs}, f"runs of the backfill: {dict(states)}"
    api.report()
    for name, size in sorted(stack.memory.items()):
        say(f"{name}: {size / 2**20:,.0f} MiB at most")
    found = digests(Lake(settings.lake))
    wrong = [day for day in expected if found.get(day) != expected[day]]
    assert not wrong, f"{len(wrong)} days differ from the undisturbed run, first {wrong[0]}"
    assert set(found) == set(expected)
    tables = sum(map(len, found.values()))
    say(f"{len(found)} days, {tables} files: byte by byte those of the undisturbed run")


class Api:
    """Questions to the API server about a backfill by runs of this DAG."""

    def __init__(self, stack: Stack, dag: str) -> None:
        self.token = airflow_api.sign_in(PORT, stack.home.password)
        self.dag = dag

    def ask(self, method: str, path: str, body: object = None) -> dict:
        """The JSON of an answer."""
        status, answer = airflow_api.ask(PORT, method, f"/api/v2/{path}", body, self.token)
        assert status == 200, answer
        return answer

    def knows_the_dag(self) -> bool:
        """Whether the DAG processor has brought the DAG."""
        paths = [f"/api/v2/dags/{name}" for name in ("nightly", self.dag)]
        return all(airflow_api.ask(PORT, "GET", path, None, self.token)[0] == 200 for path in paths)

    def pages(self, path: str, key: str) -> list[dict]:
        """All rows of an answer in pages."""
        found: list[dict] = []
        while page := self.ask("GET", f"{path}limit=100&offset={len(found)}")[key]:
            found += page
        return found

    def nights(self) -> list[dict]:
        """The scheduled runs of `nightly`."""
        return self.pages("dags/nightly/dagRuns?run_type=scheduled&", "dag_runs")

    def runs(self) -> list[dict]:
        """The runs of the backfill."""
        kind = "backfill" if self.dag == "nightly" else "manual"
        return self.pages(f"dags/{self.dag}/dagRuns?run_type={kind}&", "dag_runs")

    def tasks(self, more: str = "") -> list[dict]:
        """Every task instance."""
        return self.pages(f"dags/{self.dag}/dagRuns/~/taskInstances?{more}", "task_instances")

    def running(self, worker: str) -> str:
        """The tasks that this worker is at."""
        return ", ".join(t["task_id"] for t in self.tasks("state=running&") if t["hostname"] == worker)

    def backfill(self, number: int) -> int:
        """Create Airflow's own backfill over the whole corpus; returns how many runs it makes."""
        days = corpus.days(number)
        span = {"from_date": f"{days[0]}T00:00:00Z", "to_date": f"{days[-1]}T00:00:00Z"}
        body = {"dag_id": "nightly", **span, "max_active_runs": 8, "reprocess_behavior": "none"}
        self.ask("POST", "backfills", body)
        return number

    def backfills(self, number: int, span: int) -> int:
        """Trigger the DAG `backfill` for every so many days of the corpus; returns how many runs."""
        days = corpus.days(number)
        parts = [days[start : start + span] for start in range(0, number, span)]
        for part in parts:
            conf = {"from": f"{part[0]}", "to": f"{part[-1]}"}
            self.ask("POST", "dags/backfill/dagRuns", {"logical_date": None, "conf": conf})
        return len(parts)

    def report(self) -> None:
        """Say which machine did how much, and what was done again."""
        tasks = self.tasks()
        states = Counter((task["hostname"], task["state"]) for task in tasks if task["hostname"])
        for (host, state), count in sorted(states.items()):
            say(f"{host}: {count} tasks {state}")
        again = Counter(task["task_id"] for task in tasks if task["try_number"] > 1)
        say(f"tasks that took more than one try: {json.dumps(again)}")


def ended(run: dict) -> bool:
    """Whether a run is over, well or not."""
    return run["state"] in ("success", "failed")


def reach(stack: Stack, settings: Settings, number: int, patience: int) -> None:
    """Wait until so many days are published; meanwhile, whoever reads never sees a day of two builds."""
    lake = Lake(settings.lake)
    stack.wait(lambda: unmixed(lake) and len(lake.manifests()) >= number, f"{number} days", patience)
    say(f"{len(lake.manifests())} days are published")


def unmixed(lake: Lake) -> bool:
    """True; raises AssertionError where a reader sees a day whose tables are of two builds."""
    with database.connect(lake) as connection:
        mixed = connection.execute(MIXED).fetchall()
    assert not mixed, f"tables of two builds: {mixed}"
    return True


def standpoint(command: str, lake: Path, settings: Settings) -> None:
    """Run a command of ours on another lake."""
    options = ["--lake", lake, "--landing", settings.landing]
    environment = os.environ | {"STANDPOINT_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", command, *options], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def say(text: str) -> None:
    """A line with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:7.0f} s  {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except StandpointError as error:
        sys.exit(f"tests.cluster: {error}")
