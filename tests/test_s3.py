"""Lake and landing zone on an object store: the same rows as on a disk, by the same code."""

import random
import re
import time

import pytest
from faults import Fault
from lakes import SECRET
from test_cli import call
from test_ingest import article
from test_objectstore import store_at, uri_of

from pipeline import database, ingest, objectstore, plan, runner, schemas
from pipeline.errors import EnvironmentProblem
from pipeline.lake import Lake
from pipeline.store import Store

LANDED = {
    "one.txt": article("one", "2022-01-05", "Mayor Smith praised Poland.\nThe council condemned Russia."),
    "deep/two.txt": article("two", "2022-01-06", "Poland welcomed Mayor Smith on Thursday."),
    "empty.txt": "",
}


def fill(store: Store) -> Store:
    for path, content in LANDED.items():
        store.write(path, content.encode())
    return store


def build(lake: Lake, landing: Store, context) -> None:
    ingest.ingest(lake, [], landing)
    assert runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context) == []
    runner.finish(lake)


def rows(lake: Lake) -> dict[str, list]:
    """Every table but `runs`, which has times in it, without what names the day of landing."""
    with database.connect(lake) as connection:
        found = {}
        for table in schemas.PUBLISHED:
            columns = "* EXCLUDE (landed_at, snapshot)" if table.name == "raw" else "* EXCLUDE (snapshot)"
            query = f"SELECT {columns} FROM {table.name} ORDER BY ALL"
            if table.name == "runs":
                query = "SELECT day, stage, rows_in, rows_out, rejected FROM runs ORDER BY ALL"
            found[table.name] = database.query(connection, query).to_arrow_table().to_pylist()
        return found


def now_and_then(seed: int) -> list[Fault]:
    """One request in about thirty fails, each in one of these ways."""
    kinds = [
        *(Fault("status", status=status) for status in (500, 503)),
        Fault("lost"),
        Fault("cut_request", size=100),
        Fault("cut_response", size=100),
        Fault("hang", seconds=60),
        Fault("slow", size=1_000, seconds=0.01),
    ]
    random.Random(seed).shuffle(kinds)
    for kind in kinds:
        kind.times, kind.share = 10**6, 0.005
    return kinds


@pytest.mark.slow
def test_a_lake_on_a_failing_object_store_is_the_one_on_the_disk(faulty, tmp_path, context, monkeypatch):
    monkeypatch.setattr(objectstore, "SILENCE", 3.0)
    faulty.faults = now_and_then(seed=1)
    remote, near = Lake(uri_of(faulty, "lake")), Lake(str(tmp_path / "lake"))
    landing = fill(store_at(faulty, "landing"))
    build(remote, landing, context)
    build(near, fill(Store(str(tmp_path / "landing"))), context)
    found, expected = rows(remote), rows(near)
    refused = [t.pop("rejects") for t in (found, expected)]  # an empty file's day is that of its landing
    assert [[r["reason"] for r in t] for t in refused] == [["empty"], ["empty"]]
    for table in expected:
        keep = [[r for r in t[table] if str(r["day"]) < "2022-02"] for t in (found, expected)]
        assert keep[0] == keep[1], table
    assert len(found["articles"]) == 2
    assert found["stances"]

    assert plan.due(remote, context) == []
    assert ingest.ingest(remote, [], landing).unchanged == 3
    landing.write("one.txt", article("one", "2022-01-06", "Mayor Smith condemned Poland.").encode())
    build(remote, landing, context)
    with database.connect(remote) as connection:
        moved = "SELECT day::VARCHAR, count(*) FROM articles GROUP BY ALL"
        assert database.query(connection, moved).fetchall() == [("2022-01-06", 2)]
        assert database.query(connection, "SELECT count(*) FROM evidence").fetchall() != [(0,)]
    assert sum(fault.hits for fault in faulty.faults) > 10
    faulty.faults = []
    assert not any(SECRET.encode() in d for d in remote.store.read_all([e.path for e in remote.store.list()]))


def test_no_lake_there_is_told(object_store):
    with pytest.raises(EnvironmentProblem, match="there is none"):
        Lake(object_store.replace("/root", "/nothing"), create=False)


def test_a_missing_landing_zone_is_told(object_store, lake):
    with pytest.raises(EnvironmentProblem, match="there is no such folder"):
        ingest.ingest(lake, [], object_store.replace("/root", "/nothing"))


@pytest.mark.parametrize("command", ["plan", "run", "sql", "ingest", "export"])
def test_a_store_that_is_down_is_told_in_one_line_and_in_time(command, faulty, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(objectstore, "PAUSE", 0.01)
    lake, landing = uri_of(faulty, "lake"), uri_of(faulty, "landing")
    faulty.close()
    more = {"sql": ["SELECT 1"], "export": ["out"]}.get(command, [])
    began = time.monotonic()
    result = call(command, *more, "--lake", lake, "--landing", landing, code=3)
    assert time.monotonic() - began < 60
    told = [line for line in result.stderr.splitlines() + result.stdout.splitlines() if "gave up" in line]
    assert told
    assert all(re.search(r"store 's3://stores/\w+': gave up at attempt 5, after", line) for line in told)
    assert SECRET not in result.output
