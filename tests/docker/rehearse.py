"""The Dockerfile's own steps, executed in debootstrap'ed roots where there is no Docker engine.

    python -m tests.docker.rehearse FOLDER [--copy PATH]... [--env NAME]... [--then COMMAND]...

Needs root and debootstrap. Every stage starts as a copy of a minimal Debian root of the release that its FROM
names; RUN is run in it with chroot, COPY copies from this clone or from the stage named, ENV, WORKDIR and
USER hold from there on. Afterwards each `--then` is run in the last stage as its user, as its entry point
would run it. `--copy` and `--env` hand on this machine's own package sources (pip.conf, a folder of wheels,
certificates) to the stages, the files to all but the last; nothing else of this machine is seen.
What this does not show: the registry's image (its packages are Debian's own), layers, caches, limits.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.docker.dockerfile import PATH, ROOT, Instruction, stages

RELEASES = {"12": "bookworm", "13": "trixie"}
STARTED = time.monotonic()


class Stage:
    """One stage of the build: its root, and what holds in it."""

    def __init__(self, root: Path, variables: Mapping[str, str]) -> None:
        self.root, self.extra = root, dict(variables)
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.folder, self.user = "/", "0:0"
        self.entrypoint: list[str] = []

    def run(self, command: list[str]) -> int:
        """Exit status of a command in the root."""
        inside = ["env", "--chdir", self.folder, *command]
        where = [str(shutil.which("chroot")), f"--userspec={self.user}", str(self.root), *inside]
        mounts = ["mount", "--rbind", "/dev", str(self.root / "dev"), "&&", "mount", "-t", "proc", "proc",
                  str(self.root / "proc"), "&&", "exec"]  # fmt: skip
        script = " ".join(mounts) + ' "$@"'
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh"]
        return subprocess.run([*isolated, *where], env=self.environment | self.extra).returncode

    def copy(self, sources: list[Path], target: str) -> None:
        """Copy as COPY does: the content of folders, files under their name."""
        place = self.root / str(Path(self.folder, target)).lstrip("/")
        for source in sources:
            if source.is_dir():
                ours = source.is_relative_to(ROOT)  # which Dockerfile.dockerignore says, of what is not built
                skipped = shutil.ignore_patterns("__pycache__", "runs") if ours else None
                shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True, ignore=skipped)
            else:
                folder = place if target.endswith(("/", ".")) else place.parent
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / source.name if folder == place else place)


def main() -> None:
    """Command line; exit status 1 when a step fails."""
    parser = argparse.ArgumentParser(description="Runs the Dockerfile's steps in debootstrap'ed roots.")
    parser.add_argument("folder", type=Path, help="of the roots, some 6 GB; kept")
    parser.add_argument("--copy", type=Path, action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--then", action="append", default=[])
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    variables = {name: os.environ[name] for name in given.env if name in os.environ}
    built: dict[str, Stage] = {}
    plan = stages(PATH.read_text())
    for number, steps in enumerate(plan):
        name = steps[0].words[-1] if "AS" in steps[0].words else str(number)
        root = given.folder / f"stage-{name}"
        shutil.rmtree(root, ignore_errors=True)
        say(f"FROM {steps[0].rest}")
        subprocess.run(["cp", "-a", base(given.folder, steps[0]), root], check=True)
        stage = built[name] = Stage(root, variables)
        for path in (Path("/etc/resolv.conf"), *(given.copy if number < len(plan) - 1 else ())):
            hand_on(stage, path)
        for step in steps[1:]:
            perform(step, stage, built)
    size = subprocess.run(["du", "-sm", stage.root], capture_output=True, text=True).stdout.split()[0]
    say(f"the last stage takes {size} MB")
    for command in given.then:
        say(f"as {stage.user}: {command}")
        if stage.run([*stage.entrypoint, "sh", "-c", command]):
            sys.exit(f"rehearse: {command!r} failed")
    say("done")


def base(folder: Path, start: Instruction) -> Path:
    """A minimal root of the release that a FROM names, made once."""
    image, tag = start.words[0].split(":")
    if image != "debian":
        sys.exit(f"rehearse: {image!r} is no image that debootstrap can make; allowed is debian:NUMBER-slim")
    release = RELEASES[tag.partition(".")[0]]
    root = folder / f"base-{release}"
    if not (root / "done").exists():
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", release, root], check=True)
        (root / "done").touch()
    return root


def hand_on(stage: Stage, path: Path) -> None:
    """Give a stage a file or folder of this machine."""
    place = (
        stage.root / str(path.resolve()).lstrip("/") if path.is_dir() else stage.root / str(path).lstrip("/")
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-RL", f"{path}/." if path.is_dir() else path, place], check=True)


def perform(step: Instruction, stage: Stage, built: Mapping[str, Stage]) -> None:
    """Carry out one instruction."""
    say(f"{step.keyword} {step.rest[:90]}")
    if step.keyword == "RUN":
        if stage.run(["sh", "-c", step.rest]):
            sys.exit(f"rehearse: failed: RUN {step.rest}")
    elif step.keyword == "COPY":
        *sources, target = step.words
        origin = built[step.options["from"]].root if "from" in step.options else ROOT
        stage.copy([origin / source.lstrip("/") for source in sources], target)
    elif step.keyword == "ENV":
        stage.environment |= step.pairs
    elif step.keyword == "WORKDIR":
        stage.folder = step.rest
        (stage.root / step.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif step.keyword == "USER":
        stage.user = step.rest
    elif step.keyword == "ENTRYPOINT":
        stage.entrypoint = step.words
    elif step.keyword not in ("HEALTHCHECK", "CMD"):
        sys.exit(f"rehearse: {step.keyword} is not known here")


def say(text: str) -> None:
    """A line with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:6.0f} s  {text}", flush=True)


if __name__ == "__main__":
    main()
