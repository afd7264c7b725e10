"""The local Airflow's home folder, processes and API, and what is shown of a run; no Airflow is started."""

import configparser
import http.server
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import airflow_api, server
from pipeline.airflow_home import DAGS, PRELOAD, Home, free_port
from pipeline.errors import EnvironmentProblem, UsageError, ValidationFailed
from pipeline.settings import Settings

URL = "postgresql+psycopg://postgres:@/airflow?host=/home/a%b/postgres"


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "airflow")


def config(home: Home) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(home.folder / "airflow.cfg")
    return parser


def test_the_server_is_configured_for_loopback_and_one_set_of_keys(home):
    home.configure_server(URL, 8123)
    found = config(home)
    assert found["database"]["sql_alchemy_conn"] == found["database"]["sql_alchemy_conn_async"] == URL
    assert found["api"]["host"] == "127.0.0.1"
    assert found["core"]["execution_api_server_url"] == "http://127.0.0.1:8123/execution/"
    assert found["core"]["executor"] == "LocalExecutor"
    assert found["core"]["dags_folder"] == str(DAGS)
    assert json.loads((home.folder / "passwords.json").read_text()) == {"admin": home.password}
    keys = (home.folder / "secrets.json").read_text()
    again = Home(home.folder)
    again.configure_server(URL, 8123)
    assert (home.folder / "secrets.json").read_text() == keys
    assert config(again) == found


def test_keys_are_long_random_and_for_their_owner_alone(home, tmp_path):
    home.configure_server(URL, 8123)
    other = Home(tmp_path / "other")
    assert len(home.password) >= 16
    assert home.password != other.password
    for name in ("airflow.cfg", "secrets.json", "passwords.json"):
        assert stat.S_IMODE((home.folder / name).stat().st_mode) == 0o600, name


def test_a_key_file_is_never_readable_by_others_not_even_for_a_moment(home, monkeypatch):
    seen = []
    write = Path.write_text

    def watching(path, *rest):
        seen.append(stat.S_IMODE(path.stat().st_mode))
        return write(path, *rest)

    monkeypatch.setattr(Path, "write_text", watching)
    assert home.password
    assert seen == [0o600]


def test_a_single_run_needs_no_server(home):
    home.configure_single_run()
    found = config(home)
    assert found["database"]["sql_alchemy_conn"] == f"sqlite:///{home.folder / 'airflow.db'}"
    assert "api" not in found


def test_processes_get_the_settings_and_nothing_of_another_airflow(home, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("NO_PROXY", "intranet.example.org")
    found = home.environment(Settings(lake="s3://bucket/lake", threads=2))
    assert [key for key in found if key.startswith("AIRFLOW")] == ["AIRFLOW_HOME"]
    assert found["AIRFLOW_HOME"] == str(home.folder)
    assert (found["STANDPOINT_LAKE"], found["STANDPOINT_THREADS"]) == ("s3://bucket/lake", "2")
    assert found["NO_PROXY"] == "intranet.example.org,127.0.0.1,localhost"
    assert found["PATH"] == os.environ["PATH"]


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_a_home_is_made_for_its_owner_alone_and_one_that_is_there_keeps_its_mode(tmp_path):
    before = os.umask(0o002)
    try:
        made = Home(tmp_path / "deep" / "airflow").folder
        (tmp_path / "there").mkdir()
        there = Home(tmp_path / "there").folder
    finally:
        os.umask(before)
    assert [mode(made), mode(made / "logs"), mode(made / "config")] == [0o700] * 3
    assert [mode(there), mode(there / "logs")] == [0o775, 0o700]


def test_a_home_stays_private_when_postgresql_has_opened_it(home, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with home.shut():
        home.folder.chmod(0o755)
    assert mode(home.folder) == 0o711


def test_a_path_too_long_for_a_socket_is_told(home):
    home.folder = Path("/" + "é" * 39 + "a")
    assert home.postgres == home.folder / "postgres"
    home.folder = Path("/" + "é" * 40)
    with pytest.raises(UsageError, match=r"--home /éé.*: a path of 81 bytes is too long .* at most 80"):
        _ = home.postgres


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot be made"):
        Home(tmp_path / "file" / "airflow")


def test_airflow_that_is_not_installed_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(EnvironmentProblem, match="not installed"):
        Home(tmp_path / "airflow")


def test_only_the_scheduler_imports_before_it_forks():
    code = f"import sys; sys.argv = ['airflow', 'api-server']\n{PRELOAD}\nprint('models' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    compile(PRELOAD, "airflow_local_settings.py", "exec")


def test_a_free_port_is_found_where_the_wanted_one_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port(port)
        assert found != port
    assert free_port(found) == found


def test_one_airflow_per_home(home):
    other = server._only_one(Home(home.folder))
    with server._only_one(home), pytest.raises(EnvironmentProblem, match="an Airflow is running there"):
        other.__enter__()
    with server._only_one(home):
        pass


def test_a_process_that_dies_is_told_and_the_others_are_stopped(home, monkeypatch):
    sleeper, failing = "import time; time.sleep(60)", "raise SystemExit(7)"
    monkeypatch.setattr(server, "PROCESSES", {"sleeper": ("-c", sleeper), "failing": ("-c", failing)})
    monkeypatch.setattr(home, "airflow", sys.executable)
    with server._processes(home, dict(os.environ)) as running:
        assert running["failing"].wait(30) == 7
        with pytest.raises(EnvironmentProblem, match=r"failing ended with status 7; see .*failing\.log"):
            server._check_alive(home, running)
    assert all(process.poll() is not None for process in running.values())


def test_what_ignores_the_request_to_stop_is_killed_with_its_children(home, monkeypatch):
    import psutil

    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True); "
        "print('up', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr(server, "STOP_SECONDS", 1)
    monkeypatch.setattr(server, "PROCESSES", {"stubborn": ("-c", stubborn)})
    monkeypatch.setattr(home, "airflow", sys.executable)
    with server._processes(home, dict(os.environ)) as running:
        log = home.folder / "logs" / "stubborn.log"
        while "up" not in log.read_text():
            time.sleep(0.05)
        children = psutil.Process(running["stubborn"].pid).children(recursive=True)
        assert len(children) == 1
    assert running["stubborn"].returncode == -9
    assert not any(c.is_running() and c.status() != psutil.STATUS_ZOMBIE for c in children)


class Answers(http.server.BaseHTTPRequestHandler):
    """A server that speaks the few words of Airflow's API that are listened to."""

    health = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": None}, "triggerer": None}  # noqa: RUF012
    pools: list[str] = []  # noqa: RUF012

    def do_GET(self):
        found = self.health if self.path.endswith("health") else {"pools": [{"name": n} for n in self.pools]}
        self.reply(200, found)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            right = body == {"username": "admin", "password": "right"}
            self.reply(201 if right else 401, {"access_token": "t"} if right else {})
        else:
            assert self.headers["Authorization"] == "Bearer t"
            self.pools.append(body["name"])
            self.reply(201, body)

    def reply(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    Answers.pools = ["default_pool"]
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as answering:
        thread = threading.Thread(target=answering.serve_forever)
        thread.start()
        yield answering.server_address[1]
        answering.shutdown()
        thread.join()


def test_health_is_read_from_the_api(port):
    assert airflow_api.health(port) == {"metadatabase": "healthy", "scheduler": None, "triggerer": None}


def test_no_answer_is_no_health():
    assert airflow_api.health(free_port(0)) == {}


def test_missing_pools_are_made_once(port):
    airflow_api.make_pools(port, "right")
    airflow_api.make_pools(port, "right")
    assert Answers.pools == ["default_pool", *airflow_api.POOLS]


def test_a_password_that_is_refused_is_told(port):
    with pytest.raises(EnvironmentProblem, match="was refused"):
        airflow_api.sign_in(port, "wrong")


@pytest.mark.parametrize(
    ("event", "task", "error", "shown"),
    [
        ("succeeded", {"task": "plan", "unit": None, "seconds": 1.26}, None, "plan: succeeded 1.3 s"),
        ("failed", {"task": "unit.tag", "unit": 2}, "no", "unit.tag [2]: failed: no"),
        ("retrying", {"task": "ingest", "seconds": 0}, "gone", "ingest: retrying 0.0 s: gone"),
        ("failed", {}, "task_failure", ""),
    ],
)
def test_tasks_are_shown_as_they_end(event, task, error, shown, capsys):
    server._show({"event": event, "error": error, **task})
    assert capsys.readouterr().err.strip() == shown


def events(*found: dict) -> str:
    """What a run of Airflow writes: its own lines, and the notifier's among them."""
    lines = [f"[2022-02-14] INFO - {server.MARK}{json.dumps(event)} loc=notifier.py" for event in found]
    return "\n".join(["Airflow starts", *lines])


FAILED = {"event": "failed", "task": "plan", "unit": None}
LAST = {**FAILED, "task": "summary", "error": "failed: plan", "exception": "AirflowFailException"}


@pytest.mark.parametrize(
    ("found", "kind", "code"),
    [
        ([{**FAILED, "error": "e", "exception": "EnvironmentProblem"}, LAST], EnvironmentProblem, 3),
        ([{**FAILED, "error": "e", "exception": "UsageError"}, LAST], UsageError, 2),
        ([{**FAILED, "error": "e", "exception": "ValidationFailed"}, LAST], ValidationFailed, 1),
        ([{**FAILED, "error": "e", "exception": "KeyError"}, LAST], ValidationFailed, 1),
        ([{"event": "failed", "error": "e"}], ValidationFailed, 1),
    ],
)
def test_a_run_fails_as_its_first_task_did(home, monkeypatch, found, kind, code):
    script = home.folder.parent / "airflow-of-the-test"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{events(*found)}\nEND\n")
    script.chmod(0o755)
    monkeypatch.setattr(server, "Home", lambda _: home)
    monkeypatch.setattr(home, "airflow", script)
    with pytest.raises(kind, match=r"^e \(log: .*nightly\.log\)$") as failure:
        server.run_nightly(Settings(), home.folder)
    assert failure.value.exit_code == code


def test_a_run_that_dies_without_a_word_is_the_environments_problem(home, monkeypatch):
    script = home.folder.parent / "airflow-of-the-test"
    script.write_text("#!/bin/sh\n[ $1 = db ] || exit 9\n")
    script.chmod(0o755)
    monkeypatch.setattr(server, "Home", lambda _: home)
    monkeypatch.setattr(home, "airflow", script)
    with pytest.raises(EnvironmentProblem, match="status 9"):
        server.run_nightly(Settings(), home.folder)
