"""Machines on one machine: network and host-name namespaces on a bridge that nothing outside can reach.

They are inside a network and a mount namespace of the program's own, so that they are gone when it is.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

CONTROL = "10.77.0.1"
STOP_SECONDS = 60


def enter(module: str, arguments: Sequence[str]) -> None:
    """Become this program once more, in namespaces of its own; needs root."""
    unshare = ("unshare", "--net", "--mount", "--propagation", "private")
    os.execvp("unshare", [*unshare, sys.executable, "-m", module, "--inside", *arguments])


def connect(names: Sequence[str]) -> None:
    """Make the bridge, with this program at `CONTROL`, and a machine of each of these names on it."""
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)
    _ip("link set lo up")
    _ip("link add bridge type bridge")
    _ip(f"addr add {CONTROL}/24 dev bridge")
    _ip("link set bridge up")
    for number, name in enumerate(names, 11):
        _ip(f"netns add {name}")
        _ip(f"link add to-{name} type veth peer name eth0 netns {name}")
        _ip(f"link set to-{name} master bridge up")
        _ip(f"-n {name} addr add 10.77.0.{number}/24 dev eth0")
        _ip(f"-n {name} link set eth0 up")
        _ip(f"-n {name} link set lo up")


def on(name: str, command: Sequence[str]) -> list[str]:
    """The command, as it runs on the machine of this name."""
    named = 'hostname "$0" && exec "$@"'
    return ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", named, name, *command]


@dataclass
class Service:
    """A process and its children, with its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def memory(self) -> int:
        """Bytes of memory that it and its children take, what they share counted once."""
        total = 0
        for process in (psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(True)):
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total

    def kill(self) -> int:
        """SIGKILL to it and all its children, as when its machine is lost; returns how many there were."""
        killed: set[int] = set()
        root = psutil.Process(self.process.pid)
        root.suspend()  # so that it starts no more
        for process in (*root.children(recursive=True), root):
            killed.add(process.pid)
            process.kill()
        self.process.wait()
        return len(killed)

    def stop(self) -> None:
        """Ask it to end, give it time, then SIGKILL to whatever is left of it and its children."""
        if self.process.poll() is not None:
            return
        family = psutil.Process(self.process.pid).children(recursive=True)
        # SIGTERM makes PostgreSQL wait until all of its clients have left.
        self.process.send_signal(signal.SIGINT if self.name == "postgres" else signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        for child in psutil.wait_procs(family, timeout=5)[1]:
            child.kill()


def start(name: str, command: Sequence[str | Path], folder: Path, user: str | None = None,
          environment: Mapping[str, str] | None = None) -> Service:  # fmt: skip
    """Start a service with its log in the folder; as this user of the system, where one is given."""
    log = folder / f"{name}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, cwd="/",
            user=user, group=user, extra_groups=[] if user else None, start_new_session=True,
        )  # fmt: skip
    return Service(name, process, log)


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)
