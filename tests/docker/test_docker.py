"""The image and the compose file, as far as they can be checked without a Docker engine."""

import json
import re
import runpy
import shutil
import stat
import subprocess
import threading
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from dockerfile import PATH, ROOT, instructions, stages
from pyarrow import fs

from pipeline import __version__
from pipeline.settings import PREFIX, Settings

DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
BUILD, LAST = stages(PATH.read_text())
HEALTH = runpy.run_path(str(DOCKER / "health.py"))
PINNED = re.compile(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)?(@sha256:[0-9a-f]{64})?")


# --- Dockerfile -----------------------------------------------------------------------------------------


def test_every_image_is_pinned() -> None:
    images = [stage[0].words[0] for stage in (BUILD, LAST)]
    images += [service["image"] for service in SERVICES.values()]
    assert [image for image in images if not PINNED.fullmatch(image)] == []


def test_packages_come_from_the_locks_with_hashes() -> None:
    commands = [c for i in BUILD if i.keyword == "RUN" for c in re.split(r"&&|\|\|", i.rest)]
    installs = [c for c in commands if "pip install" in c]
    assert len(installs) >= 4
    for command in installs:
        assert "--no-deps" in command
        assert "--require-hashes -r locks/" in command or command.rstrip().endswith(" .")
        assert all((ROOT / lock).is_file() for lock in re.findall(r"locks/\S+", command))
    assert "://" not in PATH.read_text()


def test_the_image_runs_as_a_user_with_a_health_check_and_without_build_tools() -> None:
    by_keyword = {i.keyword: i for i in LAST}
    assert by_keyword["USER"].rest.split(":")[0] not in ("0", "root")
    assert LAST.index(by_keyword["USER"]) > max(n for n, i in enumerate(LAST) if i.keyword in ("RUN", "COPY"))
    assert "health.py" in by_keyword["HEALTHCHECK"].rest
    run = " ".join(i.rest for i in LAST if i.keyword == "RUN")
    assert not re.search(r"\b(gcc|g\+\+|make|build-essential|python3-venv|python3-pip|git|curl)\b", run)
    assert "pip uninstall -y uv pip" in " ".join(i.rest for i in BUILD)


def test_what_is_copied_is_there_and_is_sent_to_the_builder() -> None:
    ignore = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    sent = [line[1:].rstrip("/") for line in ignore if line.startswith("!")]
    for step in (i for stage in (BUILD, LAST) for i in stage if i.keyword == "COPY"):
        for source in [] if "from" in step.options else step.words[:-1]:
            assert (ROOT / source).exists(), source
            assert any(name.startswith(source.rstrip("/")) for name in sent), source


def test_instructions_are_read_as_docker_reads_them() -> None:
    text = '# no\nRUN a \\\n# no\n    && b\nCOPY --from=x /a /b\nENV A=1 B=\'2 3\'\nCMD ["c", "d e"]\n'
    run, copy, env, cmd = instructions(text)
    assert (run.keyword, run.rest) == ("RUN", "a && b")
    assert (copy.options, copy.words) == ({"from": "x"}, ["/a", "/b"])
    assert env.pairs == {"A": "1", "B": "2 3"}
    assert cmd.words == ["c", "d e"]


# --- compose.yaml ---------------------------------------------------------------------------------------


def test_the_components_are_there() -> None:
    airflow = {"api-server", "scheduler", "dag-processor", "worker", "prepare"}
    assert set(SERVICES) == airflow | {"postgres", "redis", "store"}
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert {SERVICES[name]["image"] for name in airflow} == {f"standpoint:{__version__}"}
    assert {"lake", "postgres", "redis"} <= set(COMPOSE["volumes"])
    assert any(":/landing:ro" in volume for volume in SERVICES["worker"]["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "unless-stopped":
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    else:  # it ends; others wait for its success
        waiting = [s["depends_on"].get(name) for s in SERVICES.values() if "depends_on" in s]
        assert {"condition": "service_completed_successfully"} in waiting


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_for_what_they_need(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        stays = SERVICES[needed]["restart"] == "unless-stopped"
        assert how["condition"] == ("service_healthy" if stays else "service_completed_successfully")


def test_ports_are_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_secrets_are_files_and_none_is_in_the_file(tmp_path: Path) -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|CONN|BROKER|BACKEND|CREDENTIALS", name):
                assert re.search("/run/secrets/|/opt/airflow/passwords.json", value), name
    assert not re.search(r"://[^/\s]+:[^/\s]*@", (DOCKER / "compose.yaml").read_text())


def test_make_secrets_makes_them_once(tmp_path: Path) -> None:
    script = shutil.copy(DOCKER / "make-secrets", tmp_path)
    subprocess.run([script], check=True, capture_output=True)
    folder = tmp_path / "secrets"
    assert {f"secrets/{path.name}" for path in folder.iterdir()} == {
        secret["file"] for secret in COMPOSE["secrets"].values()
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    password = (folder / "postgres_password").read_text().strip()
    assert len(password) == 32
    assert f":{password}@postgres" in (folder / "database_url").read_text()
    assert len(json.loads((folder / "passwords.json").read_text())["admin"]) == 32
    (identity,) = json.loads((folder / "s3.json").read_text())["identities"]
    assert identity["credentials"][0]["secretKey"] in (folder / "aws_credentials").read_text()
    again = subprocess.run([script], capture_output=True, text=True)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert (folder / "postgres_password").read_text().strip() == password
    ignored = subprocess.run(["git", "check-ignore", "-q", DOCKER / "secrets" / "s3.json"], cwd=ROOT)
    assert ignored.returncode == 0


def test_our_variables_are_settings() -> None:
    known = {PREFIX + field.name.upper() for field in fields(Settings)}
    for name, service in SERVICES.items():
        text = {k: str(v) for k, v in service.get("environment", {}).items() if k.startswith(PREFIX)}
        assert set(text) <= known, name
        Settings.load({k: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", v) for k, v in text.items()})


def test_airflows_variables_are_options_of_airflow() -> None:
    places = find_spec("airflow").submodule_search_locations
    options = yaml.safe_load((Path(places[0]) / "config_templates" / "config.yml").read_text())
    environments = [s.get("environment", {}) for s in SERVICES.values()]
    environments += [i.pairs for i in LAST if i.keyword == "ENV"]
    names = {name for one in environments for name in one if name.startswith("AIRFLOW__")}
    for name in names:
        section, option = name.removeprefix("AIRFLOW__").removesuffix("_CMD").lower().split("__")
        if section not in ("celery", "workers"):  # `celery` is the provider's
            assert option in options[section]["options"], name
            assert options[section]["options"][option].get("sensitive") or not name.endswith("_CMD"), name


# --- health.py, prepare.py ------------------------------------------------------------------------------


class Answer(BaseHTTPRequestHandler):
    """Airflow's answer to a look at its health: the scheduler is well, the DAG processor is not."""

    def do_GET(self) -> None:
        states = {"metadatabase": "healthy", "scheduler": "healthy", "dag_processor": "unhealthy"}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({part: {"status": state} for part, state in states.items()}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address():
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_health_tells_each_part(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HEALTH["api_server"](address) == ""
    assert HEALTH["scheduler"](address) == ""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", f"{address}/execution/")
    assert HEALTH["dag_processor"]() == "dag_processor is unhealthy"


@pytest.mark.parametrize("name", ["api-server", "scheduler", "nobody"])
def test_a_component_that_does_not_answer_is_ill_in_one_line(name: str, capsys) -> None:
    assert HEALTH["main"]([name]) == 1
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert name in line


@pytest.mark.parametrize("name", ["api-server", "scheduler", "dag-processor", "worker"])
def test_the_component_is_told_by_the_command_of_the_service(name: str) -> None:
    command = " ".join(SERVICES[name]["command"]).split()
    assert HEALTH["component"](["tini", "--", *command]) == name
    assert HEALTH["component"](["tini", "--", "airflow", "version"]) == ""


def test_the_bucket_is_made_where_it_is_missing(object_store: str) -> None:
    uri = object_store.replace("stores/root", "fresh/lake").replace("&allow_bucket_creation=true", "")
    make_bucket = runpy.run_path(str(DOCKER / "prepare.py"))["make_bucket"]
    make_bucket(uri)
    make_bucket(uri)
    filesystem, _ = fs.FileSystem.from_uri(uri)
    assert filesystem.get_file_info("fresh").type == fs.FileType.Directory
