"""Whether the component of Airflow in this container is well: exit status 0 or 1, and one line why.

    health.py [api-server | scheduler | dag-processor | worker]

Without a name it is told by the container's first process. Nothing of Airflow is imported: `airflow jobs
check` takes seconds of CPU at every look.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

API = "http://127.0.0.1:8080"
SCHEDULER = "http://127.0.0.1:8974"
SECONDS = 10


def main(arguments: list[str]) -> int:
    """Exit status for the component that is named, or that runs here."""
    command = Path("/proc/1/cmdline").read_bytes().decode().split("\0")
    name = arguments[0] if arguments else component(command)
    look = LOOKS.get(name)
    if look is None:
        print(f"health: {name!r} is none of {', '.join(LOOKS)}; name one")
        return 1
    try:
        trouble = look()
    except (OSError, URLError, ValueError) as error:
        trouble = str(error)
    print(f"{name}: {trouble or 'healthy'}")
    return 1 if trouble else 0


def component(command: list[str]) -> str:
    """The component that a command line runs; empty when it runs none."""
    return next((word for word in reversed(command) if word in LOOKS), "")


def api_server(address: str = API) -> str:
    """What is wrong with the API server and its database; empty when nothing is."""
    return _states(f"{address}/api/v2/monitor/health", "metadatabase")


def scheduler(address: str = SCHEDULER) -> str:
    """What is wrong with the scheduler, by its own health server; empty when nothing is."""
    return _states(f"{address}/health", "scheduler")


def dag_processor() -> str:
    """What is wrong with the DAG processor, by its heartbeat in the database; empty when nothing is."""
    address = _setting("AIRFLOW__CORE__EXECUTION_API_SERVER_URL").removesuffix("/execution/") or API
    return _states(f"{address}/api/v2/monitor/health", "dag_processor")


def worker() -> str:
    """What is wrong with this host's Celery worker, by its answer over the queue; empty when nothing is."""
    from celery import Celery

    name = f"celery@{socket.gethostname()}"
    app = Celery(broker=_setting("AIRFLOW__CELERY__BROKER_URL"))
    answers = app.control.ping(destination=[name], timeout=SECONDS)
    return "" if answers else f"{name} does not answer within {SECONDS} s"


LOOKS: dict[str, Callable[[], str]] = {
    "api-server": api_server,
    "scheduler": scheduler,
    "dag-processor": dag_processor,
    "worker": worker,
}


def _states(url: str, part: str) -> str:
    with urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - an address of our own
        state = (json.load(answer).get(part) or {}).get("status")
    return "" if state == "healthy" else f"{part} is {state}"


def _setting(name: str) -> str:
    """A setting as Airflow takes it: a variable, or the output of the command in `…_CMD`."""
    if command := os.environ.get(f"{name}_CMD"):
        return subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout.strip()
    return os.environ.get(name, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
