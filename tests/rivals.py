"""Processes that race for one lake: what each does, and starting, awaiting and killing them."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pipeline.locks import LEASE, Claims
from pipeline.mutex import exclusive
from pipeline.store import Store

SPAWN = multiprocessing.get_context("spawn")  # Arrow's threads do not survive a fork
LONG = 300  # seconds; only a defect takes them


@contextmanager
def rivals(work: Callable[..., None], *given: tuple[Any, ...]) -> Iterator[list[BaseProcess]]:
    """One process for each tuple of arguments; none is left at the end."""
    started: list[BaseProcess] = [SPAWN.Process(target=work, args=arguments) for arguments in given]
    for process in started:
        process.start()
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


def race(work: Callable[..., None], *given: tuple[Any, ...]) -> None:
    """Start one process for each tuple of arguments, and wait until all have ended well."""
    with rivals(work, *given) as started:
        for process in started:
            process.join(LONG)
        assert [process.exitcode for process in started] == [0] * len(started)


def until(happened: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def silence(claims: Claims) -> None:
    """As if a run had not been heard from for longer than its lease."""
    path = Path(claims.store.full(claims._path))
    then = path.stat().st_mtime - LEASE.total_seconds() - 1
    os.utime(path, (then, then))


def count(uri: str, times: int) -> None:
    """Count on in a file, a step at a time, as only one at a time may."""
    store = Store(uri)
    for _ in range(times):
        with exclusive(store):
            number = json.loads(store.read("number"))
            time.sleep(0.002)
            store.write("number", json.dumps(number + 1).encode())


def enter_and_hang(uri: str) -> None:
    """Enter the exclusive section and stay there."""
    store = Store(uri)
    with exclusive(store):
        store.write("entered", b"")
        time.sleep(LONG)


def claim_and_hang(uri: str, names: list[str]) -> None:
    """Claim names and stay."""
    store = Store(uri)
    with Claims(store, "hanging") as claims:
        claims.take([names])
        store.write("claimed", b"")
        time.sleep(LONG)


def claim_in_any_order(uri: str, owner: str, names: list[str], times: int) -> None:
    """Claim pairs of names in any order, and leave a trace where somebody else holds one of them too."""
    store, shuffled = Store(uri), random.Random(owner)
    with Claims(store, owner) as claims:
        for _ in range(times):
            pair = shuffled.sample(names, 2)
            while claims.take([pair]):
                claims.wait_until_free(pair)
            for name in pair:
                if store.exists(f"held/{name}"):
                    store.write(f"twice/{name}", b"")
                store.write(f"held/{name}", owner.encode())
            for name in reversed(pair):
                store.delete(f"held/{name}")
            claims.release(pair)


def make_current(uri: str, articles: int = 1) -> None:
    """Make all that is due current, in units of about so many articles."""
    from fake_models import KeywordJudge, KeywordTagger  # here, since few need what it brings along

    from pipeline import plan, runner
    from pipeline.lake import Lake
    from pipeline.settings import Settings
    from pipeline.stages import Context

    lake, context = Lake(uri), Context(Settings(), KeywordTagger(), KeywordJudge())
    failures = runner.run(lake, list(plan.units(plan.due(lake, context), lake, articles)), context)
    assert failures == []
    runner.finish(lake)


def take_in(uri: str, landing: str) -> None:
    """Ingest a landing zone."""
    from pipeline.ingest import ingest
    from pipeline.lake import Lake

    ingest(Lake(uri), [], landing)
