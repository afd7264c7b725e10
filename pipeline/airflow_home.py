"""The home folder of a local Airflow: its configuration, its secrets, and its processes' environment.

airflow.cfg                       written anew at each start; `AIRFLOW_HOME=… airflow …` works with it
secrets.json                      keys and the password of the user `admin`, made once
passwords.json                    the same password, as Airflow's simple auth manager wants it
config/airflow_local_settings.py  what the scheduler imports before it forks
postgres/, airflow.db             metadata
logs/                             of the tasks, and one file of each process
"""

from __future__ import annotations

import base64
import configparser
import io
import json
import os
import secrets
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.settings import Settings, inherited_environment

DAGS = Path(__file__).resolve().parent.parent / "dags"
USER = "admin"
LONGEST_SOCKET = 103  # bytes in the path of a Unix socket: 104 with the zero on macOS, 108 on Linux

# Importing Great Expectations takes longer than most tasks run; forked task processes inherit it. A torch
# that has only been imported survives a fork, one that has computed makes the child hang: so no model here.
PRELOAD = """\
import sys

if "scheduler" in sys.argv[1:2]:
    import pipeline  # first: it chooses Arrow's allocator

    import great_expectations
    import pyarrow.dataset
    import pyarrow.parquet

    import models.infer
    import pipeline.ingest
    import pipeline.orchestration
"""


class Home:
    """The home folder of a local Airflow; made, private to its user, when it is not there."""

    def __init__(self, folder: Path) -> None:
        """Raises EnvironmentProblem when Airflow or the DAGs are missing, or the folder cannot be made."""
        self.folder = folder.resolve()
        self.airflow = Path(sys.executable).with_name("airflow")
        if not self.airflow.exists():
            raise EnvironmentProblem(
                f"airflow: not installed beside {sys.executable}; use ./standpoint, or "
                "pip install 'standpoint-news[airflow]'"
            )
        if not (DAGS / "nightly.py").exists():
            raise EnvironmentProblem(f"dags: {DAGS} has no nightly.py; run from a clone of the repository")
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            # One that is there keeps its mode: it may be anybody's. The files in it are private in any case.
            for made in (self.folder, self.folder / "config", self.folder / "logs"):
                made.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EnvironmentProblem(
                f"--home {folder}: cannot be made ({error.strerror}); name another"
            ) from error

    @property
    def postgres(self) -> Path:
        """The data folder of PostgreSQL. Raises UsageError when its socket's path would be too long."""
        folder = self.folder / "postgres"
        size, most = len(os.fsencode(self.folder)), LONGEST_SOCKET - len("/postgres/.s.PGSQL.5432")
        if size > most:
            raise UsageError(
                f"--home {self.folder}: a path of {size} bytes is too long for a Unix socket in the folder; "
                f"name one of at most {most}"
            )
        return folder

    @contextmanager
    def shut(self) -> Iterator[None]:
        """What PostgreSQL's start opens to all users, when root starts it, is closed again.

        PostgreSQL then runs as a user of its own, who must get through to its data, not the rest.
        """
        before = stat.S_IMODE(self.folder.stat().st_mode)
        try:
            yield
        finally:
            if os.geteuid() == 0:
                self.folder.chmod(before | 0o011)

    @property
    def password(self) -> str:
        """The password of the user `admin`."""
        return self._secrets()["password"]

    def configure_server(self, database: str, port: int) -> None:
        """Write the configuration for a server on loopback; `database` is the URL of its metadata."""
        keys = self._secrets()
        api = f"http://127.0.0.1:{port}"
        self._write("passwords.json", json.dumps({USER: keys["password"]}))
        self._write("config/airflow_local_settings.py", PRELOAD)
        self._configure(
            core={
                "executor": "LocalExecutor",
                "parallelism": max(4, os.cpu_count() or 4),
                "dags_are_paused_at_creation": False,
                "hostname_callable": "socket.gethostname",
                "execution_api_server_url": f"{api}/execution/",
                "fernet_key": keys["fernet"],
                "simple_auth_manager_users": f"{USER}:admin",
                "simple_auth_manager_passwords_file": self.folder / "passwords.json",
            },
            # Else Airflow derives a driver that is not installed.
            database={"sql_alchemy_conn": database, "sql_alchemy_conn_async": database},
            api={"host": "127.0.0.1", "port": port, "base_url": api, "secret_key": keys["api"], "workers": 1},
            api_auth={"jwt_secret": keys["jwt"]},
            # A supervisor that misses its task's end holds the slot for a whole interval: at the default of
            # 5 s a backfill takes twice as long.
            workers={"min_heartbeat_interval": 1},
            scheduler={"enable_health_check": False},
            # Parsing every 30 s is half of what an idle Airflow takes; a file that changes is parsed at once.
            dag_processor={"min_file_process_interval": 300},
        )

    def configure_single_run(self) -> None:
        """Write the configuration for DAG runs in one process, with SQLite and no server."""
        url = f"sqlite:///{self.folder / 'airflow.db'}"
        self._configure(core={"fernet_key": self._secrets()["fernet"]}, database={"sql_alchemy_conn": url})

    def environment(self, settings: Settings) -> dict[str, str]:
        """The environment of Airflow's processes: this one's without another Airflow's, and the settings."""
        inherited = {k: v for k, v in inherited_environment().items() if not k.startswith("AIRFLOW_")}
        loopback = ",".join(filter(None, [inherited.get("NO_PROXY"), "127.0.0.1,localhost"]))
        own = {"AIRFLOW_HOME": str(self.folder), "NO_PROXY": loopback, "no_proxy": loopback}
        return {**inherited, **settings.environ(), **own}

    def _configure(self, **sections: dict[str, object]) -> None:
        config = configparser.ConfigParser(interpolation=None)
        for section, values in sections.items():
            # Airflow reads percent signs as references to other options unless they are doubled.
            config[section] = {name: str(value).replace("%", "%%") for name, value in values.items()}
        config["core"]["dags_folder"] = str(DAGS).replace("%", "%%")
        config["core"]["load_examples"] = "False"
        # It tells of hundreds of registrations that it skips.
        config["logging"] = {"namespace_levels": "great_expectations=WARNING"}
        text = io.StringIO()
        config.write(text)
        self._write("airflow.cfg", text.getvalue())

    def _secrets(self) -> dict[str, str]:
        path = self.folder / "secrets.json"
        if not path.exists():
            names = ("jwt", "api", "password")
            keys = {name: secrets.token_urlsafe(12 if name == "password" else 48) for name in names}
            keys["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            self._write("secrets.json", json.dumps(keys))
        return dict(json.loads(path.read_text()))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text)


def free_port(wanted: int) -> int:
    """The port on loopback if nothing has it, else one that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EnvironmentProblem(f"port {wanted}: taken, and no other is free on 127.0.0.1; stop a server first")
