"""One at a time: the short sections in which a lake is checked and changed, whoever else is at work on it.

    locks/commit            on a disk: the file that the kernel's lock is on
    locks/commit/<id>.json  on an object store: the ticket of who is in the section, or at its door

On a disk the kernel keeps the section: nobody enters before its holder has left it or died, however long
that takes, and no clock is asked. An object store has no such lock. There a process announces itself by a
ticket, looks who else has, and is in when it sees itself alone; else it withdraws and tries again. Since
every announcement comes before its look, of two that overlap at least one sees the other. A ticket of a
process that died counts for LEASE, by the store's own clock (docs/decisions/locks.md).
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

from pipeline.errors import Conflict, EnvironmentProblem
from pipeline.store import Entry, Store

PLACE = "locks/commit"
LEASE = timedelta(minutes=5)  # many times what a write takes, tries included; only object stores need it
PATIENCE = timedelta(minutes=10)
LONGEST_WAIT = 1.0  # seconds between two looks


@dataclass(frozen=True)
class Process:
    """A process: its host and number, and the machine (this start of it) that gave the number."""

    host: str
    pid: int
    machine: str

    @property
    def is_dead(self) -> bool:
        """Whether it surely runs no more: only of this machine's processes that can be told."""
        if self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def __str__(self) -> str:
        """For messages."""
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True)
class Section:
    """The section while it is held: when it was entered, by the store's clock, and whether it still is."""

    entered: datetime
    check: Callable[[], None]
    """Raises Conflict when it was lost, as this process had stood still for longer than LEASE."""


def this_process() -> Process:
    """The process that asks."""
    return Process(socket.gethostname(), os.getpid(), _machine())


@contextmanager
def exclusive(store: Store, patience: timedelta = PATIENCE) -> Iterator[Section]:
    """Run what follows while no other process (or thread) is in this section of the same store.

    It cannot be entered twice by one thread. Raises EnvironmentProblem when another holds it for longer than
    `patience`, or where the file system knows no locks.
    """
    with (_by_kernel if store.is_local else _by_ticket)(store, _Waiting(store, patience)) as section:
        yield section


class _Waiting:
    """Waits between looks, ever longer and never in step with others, until patience is at its end."""

    def __init__(self, store: Store, patience: timedelta) -> None:
        self._store, self._patience = store, patience
        self._end, self._longest = time.monotonic() + patience.total_seconds(), 0.02

    def once(self, holder: Callable[[], Process | None]) -> None:
        """Wait; `holder` is asked only for the message of the error at the end."""
        if time.monotonic() > self._end:
            raise EnvironmentProblem(
                f"lake {self._store.uri!r}: {holder() or 'another process'} has been committing for "
                f"{self._patience.total_seconds():.0f} s; end it if it hangs, then run again"
            )
        time.sleep(random.uniform(self._longest / 4, self._longest))  # noqa: S311 - no secret
        self._longest = min(2 * self._longest, LONGEST_WAIT)


@contextmanager
def _by_kernel(store: Store, waiting: _Waiting) -> Iterator[Section]:
    path = Path(store.full(PLACE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        while not _locked(file.fileno(), store):
            waiting.once(lambda: _parsed(path.read_bytes()))
        file.truncate(0)
        file.write(json.dumps(asdict(this_process())).encode())
        written = os.fstat(file.fileno()).st_mtime
        yield Section(datetime.fromtimestamp(written, UTC), lambda: None)


def _locked(descriptor: int, store: Store) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise EnvironmentProblem(
            f"lake {store.uri!r}: its file system knows no locks ({error.strerror}); allowed are a local "
            "disk, a network file system with locks such as NFS 4, and s3://"
        ) from error
    return True


@contextmanager
def _by_ticket(store: Store, waiting: _Waiting) -> Iterator[Section]:
    while True:
        with _announced(store) as (section, others):
            if section and not others:
                yield section
                return
        if section:  # else it stood still for so long that another removed its ticket
            for other in others:
                _remove_if_dead(store, other, section.entered)
        waiting.once(partial(_holder, store, others))


@contextmanager
def _announced(store: Store) -> Iterator[tuple[Section | None, list[Entry]]]:
    """Put up a ticket and look: the section, unless the ticket is gone already, and the tickets of others."""
    # A new name each time: who thinks an old one dead removes nothing that is alive.
    ticket = f"{PLACE}/{uuid.uuid4().hex}.json"
    try:
        store.write(ticket, json.dumps(asdict(this_process())).encode())
        seen = {entry.path: entry for entry in store.list(PLACE)}
        mine = seen.pop(ticket, None)
        section = Section(mine.modified, partial(_still, store, ticket)) if mine else None
        yield section, list(seen.values())
    finally:
        store.delete(ticket)


def _still(store: Store, ticket: str) -> None:
    if not store.exists(ticket):
        raise Conflict(
            f"lake {store.uri!r}: this process stood still in the middle of a commit, and another has taken "
            "over; nothing is lost, run again"
        )


def _remove_if_dead(store: Store, ticket: Entry, now: datetime) -> None:
    holder = _holder(store, [ticket])
    if now - ticket.modified > LEASE or (holder and holder.is_dead):
        store.delete(ticket.path)


def _holder(store: Store, tickets: list[Entry]) -> Process | None:
    try:
        return _parsed(store.read(tickets[0].path)) if tickets else None
    except FileNotFoundError:
        return None


def _parsed(data: bytes) -> Process | None:
    try:
        return Process(**json.loads(data))
    except (ValueError, TypeError):  # read while it was written
        return None


@cache
def _machine() -> str:
    """This start of this machine, as far as its numbers of processes reach: a container has its own."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if not boot.exists():
        return socket.gethostname()
    return f"{boot.read_text().strip()} {space.readlink()}"
