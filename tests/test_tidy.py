"""What tidying up removes, and what it must leave to readers and to runs at work."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lakes import article, batch, day_batch
from test_lake import FIFTH, ask, build

from pipeline import database, inbox, schemas
from pipeline.locks import Claims
from pipeline.tidy import _delete_old, tidy


def test_what_a_run_at_work_may_come_back_to_is_not_tidied_up(lake):
    lake.commit([build(lake, FIFTH, ["one"])])
    superseded = lake.manifest(FIFTH).tables["raw"]["file"]
    lake.commit([build(lake, FIFTH, ["one", "two"])])
    later = datetime.now(UTC) + timedelta(days=3)
    with Claims(lake.store, "at work") as claims:
        claims.take([["2022-01-02", "ingest"]])  # a neighbour of the day
        assert tidy(lake, later) == 0
    assert lake.store.exists(superseded)
    assert tidy(lake, later) > 0
    assert not lake.store.exists(superseded)
    named = lake.manifest(FIFTH).tables["raw"]["file"]
    assert _delete_old(lake, [named], datetime.now(UTC) - timedelta(1)) == 0


def test_batches_that_another_run_tidies_up_meanwhile_are_no_error(lake, monkeypatch):
    lake.land(batch(d20220105=day_batch([article("one")])))
    names = inbox.names
    listed = [names(lake.store)]
    inbox.remove(lake.store, listed[0])
    monkeypatch.setattr(inbox, "names", lambda store: listed.pop() if listed else names(store))
    tidy(lake)
    assert listed == []


def test_superseded_files_stay_for_a_day_from_when_they_were_superseded(lake):
    first = build(lake, FIFTH, ["one"])
    lake.commit([first])
    now = datetime.now(UTC)
    replaced = {entry["file"]: now.isoformat() for entry in first.tables.values()}
    lake.commit([replace(build(lake, FIFTH, ["one", "two"]), superseded=replaced)])
    for entry in first.tables.values():  # written long ago, superseded just now
        os.utime(lake.store.full(entry["file"]), (0, 0))
    assert tidy(lake) == 0
    assert tidy(lake, now + timedelta(days=2)) == len(schemas.PUBLISHED)
    assert ask(lake, "SELECT count(*) FROM raw") == [(2,)]


def test_what_the_file_of_views_still_names_stays(lake):
    """A run was killed after its commit and before it made the file anew, days ago."""
    first = build(lake, FIFTH, ["one"])
    lake.commit([first])
    database.refresh(lake)
    now = datetime.now(UTC)
    replaced = {entry["file"]: (now - timedelta(days=2)).isoformat() for entry in first.tables.values()}
    lake.commit([replace(build(lake, FIFTH, ["one", "two"]), superseded=replaced)])
    days_ago = (now - timedelta(days=3)).timestamp()
    for path in (database.FILE, *replaced):
        os.utime(lake.store.full(path), (days_ago, days_ago - (path != database.FILE)))
    assert tidy(lake) == 0
    with database.connect(lake) as connection:
        assert database.query(connection, "SELECT count(*) FROM raw").fetchall() == [(1,)]
    database.refresh(lake)
    assert tidy(lake) == len(schemas.PUBLISHED)
    assert ask(lake, "SELECT count(*) FROM raw") == [(2,)]


def test_files_that_no_manifest_ever_named_go_after_a_day(lake):
    build(lake, FIFTH, ["one"])
    assert tidy(lake) == 0
    assert tidy(lake, datetime.now(UTC) + timedelta(days=2)) == len(schemas.PUBLISHED)
