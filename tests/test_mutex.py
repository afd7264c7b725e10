"""One at a time: processes that race, die and stand still, on a disk and on an object store."""

import errno
import fcntl
import json
import time
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from rivals import count, enter_and_hang, race, rivals, until

from pipeline import mutex
from pipeline.errors import Conflict, EnvironmentProblem
from pipeline.mutex import Process, exclusive, this_process
from pipeline.store import Store


@pytest.fixture
def disk(tmp_path) -> Store:
    return Store(str(tmp_path / "lake"))


@pytest.fixture
def remote(object_store) -> Store:
    return Store(object_store.replace("/root", f"/mutex-{uuid.uuid4().hex}"))


def ticket(store: Store, holder: Process) -> str:
    """A ticket that a process has put up."""
    path = f"{mutex.PLACE}/{uuid.uuid4().hex}.json"
    store.write(path, json.dumps(vars(holder)).encode())
    return path


def dead() -> Process:
    """A process that has run on this machine."""
    with rivals(time.sleep, (0,)) as (process,):
        process.join()
    return replace(this_process(), pid=process.pid)


def refused(store: Store, why: str) -> None:
    """The section is not to be had, and the error says why."""
    with pytest.raises(EnvironmentProblem, match=why), exclusive(store, timedelta(seconds=0.1)):
        pytest.fail("entered")


def test_nobody_counts_what_another_has_counted(disk):
    disk.write("number", b"0")
    race(count, *[(disk.uri, 40)] * 3)
    assert disk.read("number") == b"120"


@pytest.mark.slow
def test_nobody_counts_on_an_object_store_what_another_has_counted(remote):
    remote.write("number", b"0")
    race(count, *[(remote.uri, 5)] * 2)
    assert remote.read("number") == b"10"
    assert list(remote.list("locks")) == []


def test_a_thread_waits_for_another_of_the_same_process(disk):
    with exclusive(disk):
        refused(disk, f"process {this_process().pid} on")


def test_a_holder_that_is_killed_is_followed_at_once(disk):
    with rivals(enter_and_hang, (disk.uri,)) as (holder,):
        until(lambda: disk.exists("entered"))
        refused(disk, rf"process {holder.pid} on .* end it if it hangs")
        holder.kill()
        holder.join()
        with exclusive(disk, timedelta(seconds=10)):
            pass


def test_a_file_system_without_locks_is_refused(disk, monkeypatch):
    def fail(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    refused(disk, r"knows no locks \(No locks available\); allowed are")


def test_a_ticket_of_a_dead_process_does_not_count(remote):
    left = ticket(remote, dead())
    with exclusive(remote, timedelta(seconds=10)) as section:
        assert not remote.exists(left)
        section.check()


def test_a_ticket_of_another_machine_counts_for_its_lease(remote, monkeypatch):
    left = ticket(remote, Process("elsewhere", 1, "another"))
    refused(remote, "process 1 on elsewhere has been committing")
    monkeypatch.setattr(mutex, "LEASE", timedelta(seconds=1))
    with exclusive(remote, timedelta(seconds=60)):
        assert not remote.exists(left)


def test_who_stood_still_for_too_long_is_told(remote):
    with exclusive(remote) as section:
        section.check()
        for entry in list(remote.list(mutex.PLACE)):
            remote.delete(entry.path)
        with pytest.raises(Conflict, match="stood still in the middle of a commit"):
            section.check()


def test_a_process_is_dead_only_where_that_is_sure():
    assert not this_process().is_dead
    assert not replace(this_process(), pid=1).is_dead
    assert dead().is_dead
    assert not replace(dead(), machine="another").is_dead
