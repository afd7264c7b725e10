"""A series of trials in forked children: a lake is made, its writer is killed, a reader looks on throughout.

The parent imports and loads everything and computes nothing, so that a child starts in milliseconds and no
thread is lost in a fork.
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401 - before the forks: it takes seconds

from pipeline.lake import Lake
from tests.crash import corpus, points, power, readers, scenario

KILLED = -signal.SIGKILL


class Trials:
    """A folder with landing zones, the lake of the trial at hand, and undisturbed lakes to compare with."""

    def __init__(self, folder: Path, *, keys_only: bool = False) -> None:
        """The folder must be empty or new; `keys_only`: of what is validated (see `scenario`)."""
        self.folder, self.keys_only = folder.resolve(), keys_only
        self.lake, self.messages = self.folder / "lake", self.folder / "messages"
        self.messages.mkdir(parents=True)
        scenario.load()
        self.wanted: list[scenario.State] = []
        self.points: list[list[str]] = []

    def deliver(self) -> None:
        """Add the next delivery, and see what an undisturbed run makes of it and by which calls."""
        phase = len(self.wanted)
        for earlier in range(phase + 1):
            corpus.deliver(self.landing(phase), earlier)
        self.restore(phase)
        log = self.messages / "points"

        def undisturbed() -> None:
            with log.open("w") as file:
                points.Points(self.lake, seen=lambda point: print(point, file=file)).install()
                self.work(phase)

        self.expect(0, self.wait(self.fork(undisturbed)))
        self.points.append(log.read_text().splitlines())
        self.wanted.append(self.answer(lambda: scenario.state(Lake(str(self.lake)))))
        _link(self.lake, self._after(phase))

    def restore(self, phase: int) -> None:
        """Put the lake as it was before this delivery's run."""
        shutil.rmtree(self.lake, ignore_errors=True)
        if phase:
            _link(self._after(phase - 1), self.lake)

    def landing(self, phase: int) -> Path:
        """The landing zone after a delivery."""
        return self.folder / f"landing-{phase}" / "landing"

    def work(self, phase: int) -> None:
        """One run over what is delivered; for a child."""
        scenario.remember_validations(self.folder / "validations", keys_only=self.keys_only)
        scenario.work(str(self.lake), self.landing(phase))

    def run(self, phase: int, at: int = 0, fault: points.Fault = points.kill) -> int:
        """One run in a child, with a fault from this point on; returns how it ended."""

        def work() -> None:
            points.Points(self.lake, at, fault).install()
            self.work(phase)

        return self.wait(self.fork(work))

    def cut(self, phase: int, at: int) -> int:
        """One run in a child, with a power cut at this point: the lake is then what the disk may hold."""
        left = self.folder / "left"

        def work() -> None:
            counted = points.Points(self.lake, at, lambda _: self._lose(disk, left, at))
            counted.install()
            disk = power.Disk(self.lake)
            self.work(phase)

        ended = self.wait(self.fork(work))
        if ended == KILLED:
            shutil.rmtree(self.lake)
            left.rename(self.lake)
        return ended

    def race(self, phase: int, writers: int, seconds: float) -> list[int]:
        """So many runs at once in children, killed together after a while; returns how each ended."""
        children = [self.fork(lambda: self.work(phase)) for _ in range(writers)]
        end, ended = time.monotonic() + seconds, dict[int, int]()
        while len(ended) < writers:
            late = time.monotonic() > end
            for child in (c for c in children if c not in ended):
                if late:
                    os.kill(child, signal.SIGKILL)
                reaped, status = os.waitpid(child, 0 if late else os.WNOHANG)
                if reaped:
                    ended[child] = os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        return list(ended.values())

    def check(self, phase: int, *, builds: bool = True) -> list[str]:
        """What is wrong with the lake after a run that was let be, a line each; `builds`: of `runs` too."""

        def found() -> list[str]:
            try:
                lake = Lake(str(self.lake))
                wrong = scenario.differences(scenario.state(lake), self.wanted[phase], builds=builds)
                return wrong + scenario.settled(lake)
            except Exception as error:  # noqa: BLE001 - a finding, too
                traceback.print_exc(file=sys.stderr)
                return [f"the lake cannot be read: {error!r}"]

        lines: list[str] = self.answer(found)
        return lines

    @contextmanager
    def reader(self, found: list[str]) -> Iterator[None]:
        """A reader that hammers the lake meanwhile; what it saw that it never should is added to `found`."""
        gate, answer = self.messages / "stop", self.messages / "reader"
        gate.unlink(missing_ok=True)
        child = self.fork(lambda: answer.write_text(readers.hammer(str(self.lake), gate.exists)) and None)
        try:
            yield
        finally:
            gate.touch()
            self.expect(0, self.wait(child))
        if not (text := answer.read_text()).isdigit():
            found.append(text)

    def fork(self, work: Callable[[], None]) -> int:
        """Do this in a child; returns its process id."""
        child = os.fork()
        if child:
            return child
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told, and the child must end here
            traceback.print_exc(file=sys.stderr)
            os._exit(getattr(error, "exit_code", 3 if isinstance(error, OSError) else 1))
        os._exit(0)

    def wait(self, child: int) -> int:
        """How a child ended: its exit code, or the signal that killed it, negative."""
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def answer(self, work: Callable[[], Any]) -> Any:
        """What this returns, computed in a child."""
        path = self.messages / "answer"
        self.expect(0, self.wait(self.fork(lambda: path.write_bytes(pickle.dumps(work())) and None)))
        return pickle.loads(path.read_bytes())

    def _after(self, phase: int) -> Path:
        return self.folder / f"after-{phase}"

    @staticmethod
    def _lose(disk: power.Disk, left: Path, at: int) -> None:
        disk.cut(left, random.Random(at))
        points.kill("")

    @staticmethod
    def expect(wanted: int, code: int) -> None:
        """Raises RuntimeError where a child did not end as it must."""
        if code != wanted:
            raise RuntimeError(f"a child ended with {code} instead of {wanted}; its error is above")


def _link(source: Path, target: Path) -> None:
    # Files of a lake are replaced and never changed, so that links are as good as copies.
    shutil.copytree(source, target, copy_function=os.link)
