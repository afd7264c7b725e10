"""What the pipeline asks of an object store, and how long it goes on asking (docs/storage.md).

PYTHONPATH=tests python -m tests.bench.bench_s3 requests [DAYS]   requests by phase, small models
PYTHONPATH=tests python -m tests.bench.bench_s3 giving-up         seconds until a store that fails is told
PYTHONPATH=tests python -m tests.bench.bench_s3 listing [FILES]   requests and seconds for a listing
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import conftest
from fake_models import KeywordJudge, KeywordTagger
from faults import Fault, Faulty
from test_ingest import article
from test_objectstore import store_at, uri_of

from pipeline import database, ingest, objectstore, plan, runner
from pipeline.errors import EnvironmentProblem
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.store import Store


def requests(proxy: Faulty, days: int) -> None:
    """A lake of so many days, and one night more."""

    def phase(name: str, work: Callable[[], Any]) -> Any:
        proxy.seen.clear()
        result, counts = work(), proxy.counts()
        print(
            f"{name:24} {counts.total():6} requests, {counts['Put']:4} of them PUT  {dict(counts)}",
            flush=True,
        )
        return result

    def land(day: date) -> None:
        for number in range(3):
            text = f"Mayor Smith praised Poland.\nThe council condemned Russia on {day}, {number}."
            landing.write(f"{day}-{number}.txt", article(f"{day}x{number}", str(day), text).encode())

    def run() -> None:
        units = list(plan.units(plan.due(lake, context), lake))
        assert runner.run(lake, units, context) == []

    def sql() -> None:
        with database.connect(lake) as connection:
            database.query(connection, "SELECT count(*) FROM stances").fetchall()

    context = Context(Settings(), KeywordTagger(), KeywordJudge())
    landing, first = store_at(proxy, "landing"), date(2022, 1, 1)
    for number in range(days):
        land(first + timedelta(number))
    lake = phase("create the lake", lambda: Lake(uri_of(proxy, "lake")))
    for name in (f"{days} days", "a night"):
        phase("open the lake", lambda: Lake(uri_of(proxy, "lake")))
        phase(f"{name}: ingest", lambda: ingest.ingest(lake, [], landing))
        phase(f"{name}: plan", lambda: plan.due(lake, context))
        phase(f"{name}: plan and run", run)
        phase(f"{name}: finish", lambda: runner.finish(lake))
        land(first + timedelta(days))
    phase("sql", sql)


def giving_up(proxy: Faulty) -> None:
    """Each way of failing, from the first request to the error."""

    def timed(name: str, store: Store, *faults: Fault) -> None:
        proxy.faults, began = list(faults), time.monotonic()
        try:
            store.write("x", b"1")
        except EnvironmentProblem as error:
            print(f"{name:24} {time.monotonic() - began:6.1f} s  {str(error)[:90]}", flush=True)

    store = store_at(proxy, "down")
    timed("503 for ever", store, Fault("status", times=10**6, status=503))
    timed("silent", store, Fault("hang", times=10**6, seconds=600))
    proxy.close()
    timed("refused", store)
    timed("no such name", Store("s3://stores/x?endpoint_override=no-such-host.invalid&region=us-east-1"))


def listing(proxy: Faulty, files: int) -> None:
    """So many objects under one prefix, in 3,650 folders; the loopback server takes most of the time."""
    from moto.s3.models import s3_backends

    backend = s3_backends["123456789012"]["aws"]
    for number in range(files):
        backend.put_object("stores", f"many/{number % 3_650}/{number:07}.txt", b"x")
    objectstore.SILENCE = 300.0
    store, began = store_at(proxy, "many"), time.monotonic()
    found = sum(1 for _ in store.list())
    print(
        f"{found:,} objects, {proxy.counts()['List']} requests, {time.monotonic() - began:.1f} s", flush=True
    )


def main() -> None:
    """Start the server and the proxy, and do what was asked."""
    servers = conftest.s3_server.__wrapped__()
    proxy, (what, *more) = Faulty(next(servers)), sys.argv[1:]
    if what == "requests":
        requests(proxy, int(more[0]) if more else 8)
    elif what == "listing":
        listing(proxy, int(more[0]) if more else 100_000)
    else:
        giving_up(proxy)
    sys.stdout.flush()
    os._exit(0)  # the server's threads may still be waiting for clients that have given up


if __name__ == "__main__":
    main()
