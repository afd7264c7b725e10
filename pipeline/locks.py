"""Claims: which days a run is at work on, so that other runs leave them alone meanwhile.

    locks/claims/<owner>.json   who the run is, and what it holds; written anew while it is alive

A claim saves work and is no guard: what keeps a commit right is that it is checked and made in one
section (`pipeline.mutex`). A run claims many names at once or none and never waits while it holds what
another needs, so there is no deadlock. A run that was not heard from for LEASE, or whose process died, is
taken over; should it come back, its commit is refused (docs/decisions/locks.md).
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType

from pipeline.errors import Conflict, EnvironmentProblem
from pipeline.mutex import Process, Section, exclusive, this_process
from pipeline.store import Store

FOLDER = "locks/claims"
LEASE = timedelta(minutes=10)
RENEWAL = timedelta(minutes=1)
POLL = 2.0  # longest wait, in seconds, between two looks at what others hold

Say = Callable[[str], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """What a run holds. `process`: where it is one, and ends with it; a run of Airflow is many."""

    owner: str
    since: str
    holds: tuple[str, ...] = ()
    process: Process | None = None
    heard: datetime = field(default=datetime.min.replace(tzinfo=UTC), compare=False)
    """When the run was last heard from, by the store's clock."""

    @staticmethod
    def parse(data: bytes, heard: datetime) -> Claim:
        """The claim in a file's JSON."""
        found = json.loads(data)
        process = Process(**found["process"]) if found["process"] else None
        return Claim(found["owner"], found["since"], tuple(found["holds"]), process, heard)

    def json(self) -> bytes:
        """The inverse of `parse`."""
        return json.dumps({k: v for k, v in asdict(self).items() if k != "heard"}, indent=1).encode()

    def is_over(self, now: datetime) -> bool:
        """Whether others may take over what it holds."""
        return now - self.heard > LEASE or (self.process is not None and self.process.is_dead)

    def __str__(self) -> str:
        """For messages."""
        return f"run {self.owner} ({self.process or 'of Airflow'}, since {self.since})"


class Claims:
    """The claims of one run; in a `with` block the run is heard from until the block ends."""

    def __init__(self, store: Store, owner: str, *, of_process: bool = True) -> None:
        """`owner`: the run's id. `of_process`: all ends with the `with` block; else the run releases it."""
        self.store, self.owner, self._of_process = store, owner, of_process
        self._path = f"{FOLDER}/{hashlib.sha256(owner.encode()).hexdigest()[:16]}.json"
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"claims of {owner}", daemon=True)

    def __enter__(self) -> Claims:
        """Begin to be heard from."""
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Fall silent; a run that is this process releases all that it holds."""
        self._ended.set()
        self._heart.join()
        if self._of_process:
            self.release()

    def take(self, groups: Iterable[Collection[str]]) -> dict[str, Claim]:
        """Claim the names of each group, all or none of it; returns those refused, with who holds them."""
        refused: dict[str, Claim] = {}
        with exclusive(self.store) as section:
            mine = self._mine()
            held = {name: claim for claim in self._others(section) for name in claim.holds}
            wanted = set(mine.holds)
            for group in groups:
                if taken := [held[name] for name in group if name in held]:
                    refused |= {name: held.get(name, taken[0]) for name in group}
                else:
                    wanted |= set(group)
            if wanted != set(mine.holds):
                self.store.write(self._path, replace(mine, holds=tuple(sorted(wanted))).json())
        return refused

    def wait_for(self, name: str, patience: timedelta, say: Say = lambda _: None) -> None:
        """Claim a name as soon as nobody else holds it; `say` is told, once, what is waited for.

        Raises EnvironmentProblem when that takes longer than `patience`.
        """
        end = time.monotonic() + patience.total_seconds()
        told = ""
        for _ in _looks():
            refused = self.take([[name]])
            if not refused:
                return
            holder = refused[name]
            if time.monotonic() >= end:
                raise EnvironmentProblem(
                    f"{name}: {holder} is still at it after {patience.total_seconds():.0f} s; wait for its "
                    "end or end it, then try again"
                )
            if str(holder) != told:
                told = str(holder)
                say(f"{name}: waiting for {holder}")

    def wait_until_free(self, names: Collection[str], say: Say = lambda _: None) -> None:
        """Wait until one of these names is held by no other run; `say` is told, once, what is waited for."""
        for look in _looks():
            with exclusive(self.store) as section:
                held = {name: claim for claim in self._others(section) for name in claim.holds}
            if not names or not held.keys() >= set(names):
                return
            if look == 0:
                first = min(names)
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                say(f"{first}{more}: waiting for {held[first]}")

    def check(self, names: Collection[str]) -> None:
        """Raises Conflict when another run has taken over one of these names, which this run had claimed.

        To be sure of it beyond this moment, ask in an exclusive section.
        """
        if lost := sorted(set(names) - set(self._mine().holds)):
            raise Conflict(
                f"{lost[0]}: run {self.owner} was not heard from for {LEASE.total_seconds():.0f} s, and "
                "another has taken over; nothing is lost, run again"
            )

    @contextmanager
    def fenced(self, *names: str) -> Iterator[None]:
        """An exclusive section in which these names are surely this run's. Raises Conflict as `check`."""
        with exclusive(self.store) as section:
            self.check(names)
            section.check()
            yield

    def release(self, names: Collection[str] | None = None) -> None:
        """Give up these names, or all (None)."""
        with exclusive(self.store):
            mine = self._mine()
            left = () if names is None else tuple(sorted(set(mine.holds) - set(names)))
            if not left:
                self.store.delete(self._path)
            elif left != mine.holds:
                self.store.write(self._path, replace(mine, holds=left).json())

    def _mine(self) -> Claim:
        try:
            return Claim.parse(self.store.read(self._path), datetime.now(UTC))
        except FileNotFoundError:
            now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
            return Claim(self.owner, now, process=this_process() if self._of_process else None)

    def _others(self, section: Section) -> Iterator[Claim]:
        return living(self.store, section, self._path)

    def _beat(self) -> None:
        while not self._ended.wait(RENEWAL.total_seconds()):
            try:
                with exclusive(self.store, RENEWAL):
                    mine = self._mine()
                    if mine.holds:  # else there is none, or another run has taken over
                        self.store.write(self._path, mine.json())
            except (OSError, EnvironmentProblem) as error:
                log.warning(
                    "claims of run %s could not be renewed, which is tried again: %s", self.owner, error
                )


def claimed(store: Store) -> list[Claim]:
    """Every claim there is, those of the dead included."""
    return [claim for claim, _ in _all(store)]


def sweep(store: Store) -> None:
    """Remove the claims of runs that are not heard from any more."""
    with exclusive(store) as section:
        list(living(store, section))


def living(store: Store, section: Section, but: str = "") -> Iterator[Claim]:
    """The claims of runs that are heard from, but for one file; those of the others are removed."""
    for claim, path in list(_all(store)):
        if path == but:
            continue
        if claim.is_over(section.entered):
            log.warning("%s was last heard from at %s: taken over", claim, claim.heard)
            store.delete(path)
        else:
            yield claim


def _all(store: Store) -> Iterator[tuple[Claim, str]]:
    for entry in store.list(FOLDER):
        try:
            yield Claim.parse(store.read(entry.path), entry.modified), entry.path
        except FileNotFoundError:  # released meanwhile
            continue


def _looks() -> Iterator[int]:
    """Numbers of looks: one at once, then others, ever longer apart."""
    pause = 0.05
    for look in count():
        yield look
        time.sleep(pause)
        pause = min(2 * pause, POLL)
