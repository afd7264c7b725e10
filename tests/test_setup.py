"""The set-up: what the locks promise, and how ./standpoint behaves before there is anything to run."""

import os
import re
import shutil
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
GROUPS = {"runtime", "airflow", "cluster", "train", "test"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DIRECT = [
    *PROJECT["project"]["dependencies"],
    *chain.from_iterable(PROJECT["project"]["optional-dependencies"].values()),
    *PROJECT["dependency-groups"]["setup"],
    *PROJECT["build-system"]["requires"],
]
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "implementation_name": "cpython"}


def requirements(lock: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement of a lock with its hashes."""
    text = "".join(line for line in lock.read_text().splitlines(True) if not line.startswith("#"))
    for entry in text.replace("\\\n", " ").splitlines():
        pin, *hashes = re.split(r"\s+--hash=", entry.strip())
        yield Requirement(pin), hashes


def pinned(*names: str, python: str = "3.11", platform: dict[str, str] = LINUX) -> dict[str, str]:
    """Name to version of what these locks install on one platform; fails where two of them disagree."""
    found: dict[str, str] = {}
    for name in names:
        for requirement, _ in requirements(ROOT / "locks" / f"{name}.txt"):
            here = platform | {"python_version": python, "python_full_version": f"{python}.0"}
            if requirement.marker is None or requirement.marker.evaluate(here):
                version = str(requirement.specifier).removeprefix("==")
                assert found.setdefault(canonicalize_name(requirement.name), version) == version
    return found


def test_the_locks_are_the_groups_and_what_installs_them() -> None:
    assert {lock.stem for lock in LOCKS} == GROUPS | {"setup", "torch-cpu", "torch-cuda"}
    assert set(PROJECT["project"]["optional-dependencies"]) == GROUPS - {"runtime"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_requirement_is_pinned_with_hashes_and_without_addresses(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|-e|--(?!hash=))", text, re.MULTILINE)
    found = list(requirements(lock))
    assert found
    for requirement, hashes in found:
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("torch", ["torch-cpu", "torch-cuda"])
def test_the_locks_agree_and_satisfy_pyproject(python: str, torch: str) -> None:
    locked = pinned("setup", *GROUPS, torch, python=python)
    for requirement in map(Requirement, DIRECT):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


@pytest.mark.parametrize("platform", [LINUX, LINUX | {"sys_platform": "darwin", "platform_machine": "arm64"}])
def test_the_cpu_build_brings_no_gpu_package(platform: dict[str, str]) -> None:
    everything = pinned(*GROUPS, "torch-cpu", platform=platform)
    assert not [name for name in everything if re.match(r"nvidia-|cuda-|triton", name)]
    assert everything["torch"].split("+")[0] == pinned("torch-cuda", platform=platform)["torch"]


def test_a_package_in_two_locks_has_the_same_hashes() -> None:
    seen: dict[str, set[frozenset[str]]] = defaultdict(set)
    for lock in LOCKS:
        if lock.stem != "torch-cpu":  # other wheels of the same release
            for requirement, hashes in requirements(lock):
                seen[f"{requirement.name}{requirement.specifier}"].add(frozenset(hashes))
    assert {pin for pin, variants in seen.items() if len(variants) > 1} == set()


def test_every_direct_dependency_is_defended() -> None:
    page = (ROOT / "docs/decisions/dependencies.md").read_text()
    assert [line for line in DIRECT if f"| {Requirement(line).name} |" not in page] == []


def test_python_is_limited_to_what_the_script_accepts() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.14"
    for environment in PROJECT["tool"]["uv"]["environments"]:
        assert Marker(environment)
        assert "python_version < '3.14'" in environment


# --- ./standpoint ---------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the script reads, without a .venv."""
    shutil.copytree(ROOT / "locks", tmp_path / "clone" / "locks")
    for name in ("standpoint", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


def program(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def start(
    script: Path, *arguments: str, path: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs the script with nothing set but a PATH on which `path` comes first and hides other Pythons."""
    tools = script.parent.parent / "tools"
    tools.mkdir(exist_ok=True)
    for tool in ("awk", "bash", "cat", "cksum", "df", "dirname", "env", "mv", "readlink", "rm", "uname"):
        if not (tools / tool).exists():
            (tools / tool).symlink_to(str(shutil.which(tool)))
    search = f"{path}{os.pathsep}{tools}" if path else str(tools)
    environment = {"PATH": search, **variables}
    return subprocess.run(
        [script, *arguments], env=environment, capture_output=True, text=True, cwd="/", check=False
    )


def stamped(clone: Path, groups: str = "runtime", torch: str = "cpu") -> Path:
    """A finished .venv whose `standpoint` tells that it ran; made by the script's own idea of a stamp."""
    program(clone / ".venv/bin/python", "echo started Python >&2; exit 9")
    program(clone / ".venv/bin/standpoint", 'echo "ran: $*"')
    text = f"{clone}\n" + "".join(lock.read_text() for lock in sorted((clone / "locks").glob("*.txt")))
    text += (clone / "pyproject.toml").read_text()
    key = subprocess.run(["cksum"], input=text, capture_output=True, text=True, check=True).stdout.strip()
    stamp = clone / ".venv/standpoint.stamp"
    stamp.write_text(f"{key}\n{torch}\npython3.11\n{groups}\n")
    return stamp


@pytest.mark.parametrize("script", ["standpoint", "locks/update", ".ci/run"])
def test_the_scripts_parse_and_may_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_no_python_is_one_line(clone: Path, tmp_path: Path) -> None:
    program(tmp_path / "old/python3", "echo 3.9")
    for path, found in ((tmp_path / "none", ""), (tmp_path / "old", " (python3 is 3.9)")):
        done = start(clone / "standpoint", "run", path=path)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == (
            f"standpoint: no Python 3.11, 3.12 or 3.13 on PATH{found}: "
            "install one, or name one in STANDPOINT_PYTHON\n"
        )
    assert not (clone / ".venv").exists()


def test_a_wrong_python_by_name_is_a_usage_error(clone: Path, tmp_path: Path) -> None:
    wrong = program(tmp_path / "a folder/python", "echo 3.14")
    done = start(clone / "standpoint", STANDPOINT_PYTHON=str(wrong))
    assert done.returncode == 2
    assert f"STANDPOINT_PYTHON is '{wrong}'" in done.stderr
    assert f"({wrong} is 3.14)" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_python_without_venv_names_the_package(clone: Path, tmp_path: Path) -> None:
    program(tmp_path / "bin/python3.12", 'case "$2" in *ensurepip*) exit 1 ;; esac; echo 3.12')
    done = start(clone / "standpoint", path=tmp_path / "bin")
    assert done.returncode == 3
    assert "python3.12 has no venv module" in done.stderr
    assert "apt install python3.12-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_one_line(clone: Path, tmp_path: Path) -> None:
    program(tmp_path / "bin/df", "printf 'header\\n/dev/x 9 9 102400 1%% /\\n'")
    program(tmp_path / "bin/python3.11", 'case "$2" in *print*) echo 3.11 ;; esac')
    done = start(clone / "standpoint", path=tmp_path / "bin")
    assert done.returncode == 3
    assert f"{clone} has 100 MB free and the set-up takes up to 4000 MB" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_torch_is_a_usage_error(clone: Path) -> None:
    done = start(clone / "standpoint", STANDPOINT_TORCH="gpu")
    assert (done.returncode, done.stderr) == (
        2,
        "standpoint: STANDPOINT_TORCH is 'gpu': set it to cpu or cuda\n",
    )


def test_a_second_start_runs_the_command_and_no_python(clone: Path, tmp_path: Path) -> None:
    stamped(clone)
    program(tmp_path / "bin/python3", "echo poisoned >&2; exit 9")
    done = start(clone / "standpoint", "sql", "select 'a b'", path=tmp_path / "bin")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran: sql select 'a b'\n", "")


def test_it_runs_through_a_symlink(clone: Path, tmp_path: Path) -> None:
    stamped(clone)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/one").symlink_to(clone / "standpoint")
    (tmp_path / "bin/two").symlink_to("one")
    assert start(tmp_path / "bin/two", "plan").stdout == "ran: plan\n"


@pytest.mark.parametrize(
    ("groups", "command", "due"),
    [
        ("runtime", "run", False),
        ("runtime", "demo", True),
        ("runtime airflow", "demo", False),
        ("runtime airflow", "airflow", False),
        ("runtime airflow", "test", True),
        ("airflow runtime test train", "test", False),
    ],
)
def test_a_command_sets_up_only_for_a_group_that_is_missing(
    clone: Path, groups: str, command: str, due: bool
) -> None:
    stamped(clone, groups)
    done = start(clone / "standpoint", command)  # there is no Python to set up with
    assert (done.returncode, done.stdout) == ((3, "") if due else (0, f"ran: {command}\n"))


@pytest.mark.parametrize(
    "change", ["lock", "pyproject", "half a stamp", "no stamp", "moved", "no python", "torch"]
)
def test_what_makes_a_set_up_due(clone: Path, change: str) -> None:
    stamp = stamped(clone)
    variables = {}
    match change:
        case "lock":
            (clone / "locks/runtime.txt").open("a").write("# changed\n")
        case "pyproject":
            (clone / "pyproject.toml").open("a").write("# changed\n")
        case "half a stamp":
            stamp.write_text(stamp.read_text().removesuffix("runtime\n"))
        case "no stamp":
            stamp.unlink()
        case "moved":
            clone = clone.rename(clone.with_name("elsewhere"))
        case "no python":
            (clone / ".venv/bin/python").unlink()
        case "torch":
            variables = {"STANDPOINT_TORCH": "cuda"}
    done = start(clone / "standpoint", "run", **variables)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no Python 3.11" in done.stderr
