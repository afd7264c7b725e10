"""A real local Airflow: started by the command line, asked over REST, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from pipeline import airflow_api
from pipeline.airflow_home import Home, free_port


class Airflow:
    """The command `standpoint airflow` as a child process, and questions to it."""

    def __init__(self, folder: Path, patience: float, environment: Mapping[str, str] = os.environ) -> None:
        """Lake, landing zone and Airflow's own files are in the folder; `patience`: seconds for anything."""
        self.home, self.log, self.port = folder / "airflow", folder / "airflow.log", free_port(0)
        self.patience = patience
        options = {"home": self.home, "lake": folder / "lake", "landing": folder / "landing"}
        options |= {"port": self.port}
        command = [sys.executable, "-m", "pipeline", "airflow", *(f"--{k}={v}" for k, v in options.items())]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=dict(environment), stdout=log, stderr=log)
        self.wait(lambda: "Ctrl-C stops it" in self.log.read_text(), "starts")
        self.token = airflow_api.sign_in(self.port, Home(self.home).password)

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Ask every second until it is so."""
        end = time.monotonic() + self.patience
        while not ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"{what}: not within {self.patience} s\n{self.log.read_text()}"
            time.sleep(1)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of an answer."""
        status, answer = airflow_api.ask(self.port, method, f"/api/v2/{path}", body, self.token)
        assert status == 200, answer
        return answer

    def postmaster(self) -> int:
        """The process id of its PostgreSQL, which is no child of its own."""
        return int((self.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        """A run as it stands."""
        return dict(self.ask("GET", f"dags/{dag}/dagRuns/{quote(run_id)}"))

    def settle(self) -> None:
        """Wait for the nightly run that the first start triggers, over an empty landing zone."""

        def settled() -> bool:
            found = self.ask("GET", "dags/nightly/dagRuns?limit=10")["dag_runs"]
            return bool(found) and all(run["end_date"] for run in found)

        self.wait(
            lambda: airflow_api.ask(self.port, "GET", "/api/v2/dags/backfill", None, self.token)[0] == 200,
            "DAG",
        )
        self.wait(settled, "the night that has passed")

    def backfill(self, conf: Mapping[str, Any]) -> dict[str, Any]:
        """Run the DAG `backfill` with these parameters; returns the run once it has ended, well."""
        body = {"logical_date": None, "conf": conf}
        run = self.ask("POST", "dags/backfill/dagRuns", body)["dag_run_id"]
        self.wait(lambda: self.run("backfill", run)["end_date"] is not None, "backfill")
        done = self.run("backfill", run)
        assert done["state"] == "success", done
        return done

    def tasks(self, run: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The task instances of a run of `backfill`."""
        path = f"dags/backfill/dagRuns/{quote(run['dag_run_id'])}/taskInstances"
        found: list[dict[str, Any]] = []
        while page := self.ask("GET", f"{path}?limit=100&offset={len(found)}")["task_instances"]:
            found += page
        return found

    def cpu(self) -> float:
        """Seconds of processor time of all its processes, those that have ended included."""
        total = 0.0
        for root in (psutil.Process(self.process.pid), psutil.Process(self.postmaster())):
            for process in (root, *root.children(recursive=True)):
                try:
                    total += sum(process.cpu_times()[:4])
                except psutil.NoSuchProcess:
                    continue
        return total

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(300)
