"""The real local Airflow: started by the command line, a native backfill of 30 days, twice, and stopped."""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from articles import put

from pipeline import database
from pipeline.lake import Lake
from tests.local_airflow import Airflow

pytestmark = [pytest.mark.airflow, pytest.mark.slow]
FIRST, DAYS = date(2022, 1, 1), 30
WITH_NEWS = (0, 4, 5, 17, 29)  # the first and the last day among them, which off-by-one errors lose
PATIENCE = 600  # for a machine that is busy; on two idle cores a backfill takes about a minute


class Native(Airflow):
    """Airflow's own backfills of `nightly`."""

    def __init__(self, folder: Path) -> None:
        # What the tests of the other DAGs set is not for this one.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "STANDPOINT"))}
        super().__init__(folder, PATIENCE, kept)

    def runs(self, kind: str) -> list[dict]:
        return self.ask("GET", f"dags/nightly/dagRuns?run_type={kind}&limit=100")["dag_runs"]

    def states(self, run: dict) -> dict[str, str]:
        found = self.ask("GET", f"dags/nightly/dagRuns/{quote(run['dag_run_id'])}/taskInstances")
        return {task["task_id"]: task["state"] for task in found["task_instances"]}

    def reprocessed(self, reprocess: str) -> list[dict]:
        """Create a backfill over all days, and return its runs, new ones each time, when all have ended."""
        asked = datetime.now(UTC)
        span = {"from_date": f"{FIRST}T00:00:00Z", "to_date": f"{FIRST + timedelta(DAYS - 1)}T00:00:00Z"}
        body = {"dag_id": "nightly", **span, "max_active_runs": 4, "reprocess_behavior": reprocess}
        backfill = self.ask("POST", "backfills", body)
        self.wait(
            lambda: self.ask("GET", f"backfills/{backfill['id']}")["completed_at"] is not None,
            f"backfill, reprocessing {reprocess}",
        )
        return [r for r in self.runs("backfill") if datetime.fromisoformat(r["start_date"]) > asked]


def listening(processes: list[psutil.Process]) -> set[str]:
    """The addresses that these processes listen on."""
    found = (c for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN)
    return {c.laddr.ip for c in found}


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    # A server that left its parent is reaped by the machine's first process, which need not be quick.
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not `tmp_path`: under root PostgreSQL runs as another user, and pytest closes its folders to others."""
    with tempfile.TemporaryDirectory(prefix="standpoint-backfill-") as path:
        (Path(path) / "landing").mkdir()
        yield Path(path)


def test_thirty_days_twice(folder):
    airflow = Native(folder)
    try:
        check_backfills(airflow, folder)
        family = [psutil.Process(airflow.process.pid)]
        family += family[0].children(recursive=True)
        family.append(psutil.Process(airflow.postmaster()))
        assert len(family) > 5
        assert listening(family) == {"127.0.0.1"}
    finally:
        airflow.process.send_signal(signal.SIGTERM)
        assert airflow.process.wait(120) == 0, airflow.log.read_text()
    assert alive(family) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", airflow.port)) != 0
    assert airflow.log.read_text().endswith("stopped\n")


def check_backfills(airflow: Native, folder: Path) -> None:
    # The first start runs the night that has just passed: there is nothing yet, and that is no failure.
    airflow.wait(
        lambda: [r["state"] for r in airflow.runs("scheduled")] == ["success"], "the night that passed"
    )
    days = [FIRST + timedelta(number) for number in WITH_NEWS]
    for day in days:
        put(folder / "landing", f"article-of-{day}", day)
    (folder / "landing" / "broken.txt").write_bytes(b"\x00\x01\x02")

    runs = airflow.reprocessed("none")
    assert {run["state"] for run in runs} == {"success"}
    assert sorted(run["partition_key"] for run in runs) == [f"{FIRST + timedelta(n)}" for n in range(DAYS)]
    by_key = {run["partition_key"]: run for run in runs}
    with_news, without = airflow.states(by_key["2022-01-01"]), airflow.states(by_key["2022-01-02"])
    assert set(with_news.values()) == {"success"}
    assert len(with_news) == 8
    assert (without["plan"], without["unit.clean"], without["summary"]) == ("success", "skipped", "success")

    lake = Lake(str(folder / "lake"), create=False)
    assert set(lake.manifests()) >= set(days)
    with database.connect(lake) as connection:
        articles = connection.execute(
            "SELECT day, count(*) FROM articles GROUP BY day ORDER BY day"
        ).fetchall()
        assert articles == [(day, 1) for day in days]
        assert connection.execute("SELECT count(*) FROM stances").fetchall()[0][0] > 0
        builders = dict(connection.execute("SELECT day, run_id FROM runs WHERE stage = 'publish'").fetchall())
    assert {day: builders[day] for day in days} == {
        day: f"nightly.{by_key[f'{day}']['dag_run_id']}" for day in days
    }

    before = {day: manifest.json() for day, manifest in lake.manifests().items()}
    again = airflow.reprocessed("completed")
    assert {run["state"] for run in again} == {"success"}
    assert len(again) == DAYS
    assert {day: manifest.json() for day, manifest in lake.manifests().items()} == before
