"""PostgreSQL and Redis from the system's packages, and Airflow's components under CeleryExecutor."""

import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from pipeline import airflow_api
from pipeline.airflow_home import Home
from pipeline.settings import Settings
from tests.cluster import machines
from tests.cluster.machines import CONTROL, Service

DOCKER = Path(__file__).resolve().parents[2] / "docker"
PRELOAD = DOCKER / "airflow_local_settings.py"
PORT = 8080
PATIENCE = 600  # seconds for anything to come up, on a machine that is busy


class Stack:
    """The components, each under its name; `stop` ends them all."""

    def __init__(self, folder: Path, settings: Settings, concurrency: int, workers: int) -> None:
        """Configure everything in the folder, which must be empty."""
        self.folder, self.services = folder, dict[str, Service]()
        self.memory: dict[str, int] = {}  # the most bytes that each service was seen to take
        self.password = secrets.token_urlsafe(16)
        self.home = Home(folder / "control")
        database = f"postgresql+psycopg://airflow:{self.password}@{CONTROL}/airflow"
        self.home.configure_server(database, PORT)
        shutil.copy(PRELOAD, self.home.folder / "config")
        self.environment = self.home.environment(settings) | {
            "AIRFLOW_CONFIG": str(self.home.folder / "airflow.cfg"),
            "AIRFLOW__API__HOST": "0.0.0.0",  # within the namespace
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{CONTROL}:{PORT}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(concurrency * workers),
            "AIRFLOW__CELERY__BROKER_URL": f"redis://:{self.password}@{CONTROL}:6379/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(concurrency),
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",  # it is one machine in truth, and may be busy
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",  # until a lost worker is noticed
        }

    def start_servers(self) -> None:
        """Start PostgreSQL and Redis and wait until they answer."""
        self._start_postgres()
        config = self.folder / "redis.conf"
        config.write_text(f'bind {CONTROL}\nrequirepass {self.password}\nsave ""\ndir {self.folder}\n')
        config.chmod(0o600)
        self._start("redis", ["redis-server", config])
        ping = ["redis-cli", "-h", CONTROL, "--no-auth-warning", "-a", self.password, "ping"]
        self.wait(lambda: subprocess.run(ping, capture_output=True).stdout == b"PONG\n", "redis answers")

    def _start_postgres(self) -> None:
        binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        data, secret = self.folder / "postgres", self.folder / "postgres.secret"
        secret.write_text(self.password)
        data.mkdir()
        for path in (secret, data):
            shutil.chown(path, "postgres", "postgres")
            path.chmod(0o700)
        login = ["--username=airflow", f"--pwfile={secret}", "--auth=scram-sha-256"]
        made = machines.start(
            "initdb", [binaries / "initdb", "-D", data, *login], self.folder, user="postgres"
        )
        assert made.process.wait(PATIENCE) == 0, made.log.read_text()
        with (data / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.77.0.0/24 scram-sha-256\n")
        options = [f"listen_addresses={CONTROL}", "unix_socket_directories=", "max_connections=200"]
        settings = [part for option in options for part in ("-c", option)]
        self._start("postgres", [binaries / "postgres", "-D", data, *settings], user="postgres")
        self.wait(self._make_database, "postgres answers")

    def _make_database(self) -> bool:
        try:
            with psycopg.connect(
                f"host={CONTROL} user=airflow password={self.password} dbname=postgres", autocommit=True
            ) as connection:
                connection.execute("CREATE DATABASE airflow")
        except psycopg.OperationalError:
            return False
        return True

    def start_airflow(self, workers: Sequence[str]) -> None:
        """Make the database's tables, start the three components of the control plane, make the pool.

        The workers start first: what waits in the queue for longer than its token lives, fails.
        """
        subprocess.run(
            [self.home.airflow, "db", "migrate"], env=self.environment, check=True, capture_output=True
        )
        self.start_component("api-server")
        for name in workers:
            self.start_worker(name)
        self.wait(lambda: all(map(self.answers, workers)), "the workers answer")
        for name in ("scheduler", "dag-processor"):
            self.start_component(name)
        parts = ("metadatabase", "scheduler", "dag_processor")
        self.wait(
            lambda: all(airflow_api.health(PORT).get(part) == "healthy" for part in parts),
            "Airflow is healthy",
        )
        airflow_api.make_pools(PORT, self.home.password)

    def start_component(self, name: str) -> None:
        """Start a component of the control plane."""
        more = ["--skip-serve-logs"] if name == "scheduler" else []
        self._start(name, [self.home.airflow, name, *more], environment=self.environment)

    def start_worker(self, name: str) -> None:
        """Start a Celery worker on the machine of this name, with a home of its own."""
        home = self.folder / name
        (home / "config").mkdir(parents=True)
        shutil.copy(PRELOAD, home / "config")
        command = [str(self.home.airflow), "celery", "worker", "--skip-serve-logs"]
        environment = self.environment | {"AIRFLOW_HOME": str(home)}
        self._start(name, machines.on(name, command), environment=environment)

    def answers(self, worker: str) -> bool:
        """Whether a worker is well, by the health check of the image."""
        look = machines.on(worker, [sys.executable, str(DOCKER / "health.py"), "worker"])
        return subprocess.run(look, env=self.environment, capture_output=True).returncode == 0

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until something is true. Raises AssertionError when a service ends or the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            for service in self.services.values():
                assert service.process.poll() is None, f"{service.name} has ended; see {service.log}"
                self.memory[service.name] = max(service.memory(), self.memory.get(service.name, 0))
            assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s; see {self.folder}"
            time.sleep(5)

    def lose(self, name: str) -> int:
        """Kill a service with all its children; returns how many processes that were."""
        return self.services.pop(name).kill()

    def stop(self) -> None:
        """End every service, the last started first."""
        for name in reversed(list(self.services)):
            self.services.pop(name).stop()

    def _start(self, name: str, command: list, **options) -> None:
        self.services[name] = machines.start(name, command, self.folder, **options)
