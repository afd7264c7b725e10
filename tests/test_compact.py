"""Compacted files: whatever happens, the views show what the days' own files hold, row for row."""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import duckdb
import pyarrow.parquet as pq
import pytest
from fake_models import NewJudge, NewTagger
from lakes import article, batch, day_batch
from test_lake import build

from pipeline import compact, database, plan, runner, schemas, spans, status
from pipeline.errors import EnvironmentProblem
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.tidy import tidy

FIRST = date(2020, 12, 28)
LATER = timedelta(days=3)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Compact whatever can be."""
    monkeypatch.setattr(compact, "LOOSE", 0)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def publish(lake: Lake, *built: Manifest) -> None:
    """Commit, and note what is superseded as publishing does."""
    now, noted = datetime.now(UTC).isoformat(), []
    for manifest in built:
        if old := lake.manifest(date.fromisoformat(manifest.day)):
            current = {entry["file"] for entry in manifest.tables.values()}
            files = {entry["file"]: now for entry in old.tables.values()} | dict(old.superseded)
            manifest = replace(manifest, superseded={f: t for f, t in files.items() if f not in current})
        noted.append(manifest)
    lake.commit(noted)


def filled(lake: Lake, days: int) -> Lake:
    """So many days around the turn of a year, an article each."""
    publish(lake, *(build(lake, day(n), [f"article-{n}"]) for n in range(days)))
    return lake


def read(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple]]:
    """The rows of every table, of which the analyst views are made."""
    # By way of Arrow: DuckDB's own rows want pytz, which nothing else here does.
    found = {}
    for table in schemas.PUBLISHED:
        rows = connection.execute(f"FROM {table.name} ORDER BY ALL").to_arrow_table().to_pylist()
        found[table.name] = [tuple(row.values()) for row in rows]
    return found


def same(lake: Lake) -> dict[str, list[tuple]]:
    """What every table shows; fails where that is not what the days' own files hold."""
    database.refresh(lake)
    with database.connect(lake) as views, database.over(lake, lake.manifests().values()) as days:
        found = read(views)
        assert found == read(days)
    return found


def used(lake: Lake) -> spans.Cover:
    return spans.cover(lake.store, lake.manifests().values(), spans.read(lake.store))


def compacted(lake: Lake) -> list[str]:
    """The compacted files that are there."""
    return [e.path for e in lake.store.list(spans.FOLDER) if e.path != spans.INDEX]


def titles(lake: Lake, path: str) -> str:
    """The titles in a file of `raw`; empty for one of another table."""
    return "; ".join(pq.read_table(lake.store.full(path))["title"].to_pylist()) if "/raw/" in path else ""


def test_many_days_are_read_from_one_file_a_table_and_year(lake):
    filled(lake, 8)
    before = same(lake)
    assert compact.compact(lake) == ["2020", "2021"]
    assert same(lake) == before
    assert (used(lake).loose, used(lake).stale) == ([], [])
    with database.connect(lake) as connection:
        ((sql,),) = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'raw'").fetchall()
    assert sql.count(".parquet") == 3
    assert compact.compact(lake) == []


def test_a_compacted_file_holds_the_days_in_their_order(built):
    compact.compact(built)
    (span,) = spans.read(built.store).spans.values()
    for table in schemas.PUBLISHED:
        found = built.dataset(table.name, [span.paths[table.name]]).to_table()
        keys = found.select(["day", *table.sort]).to_pylist()
        own = [built.table(m, table.name) for m in built.manifests().values()]
        assert found.num_rows == sum(rows.num_rows for rows in own)
        assert [list(k.values()) for k in keys] == sorted(list(k.values()) for k in keys)


def test_of_a_year_that_is_too_large_the_months_are_compacted_and_large_months_are_not(lake, monkeypatch):
    filled(lake, 8)
    assert compact.compact(lake) == ["2020", "2021"]
    publish(lake, build(lake, day(1), [f"many-{n}" for n in range(9)]))
    monkeypatch.setattr(compact, "LARGEST", 7)
    assert compact.compact(lake) == []
    same(lake)
    assert set(spans.read(lake.store).spans) == {"2021"}
    publish(lake, build(lake, date(2021, 3, 1), ["march"]), build(lake, date(2021, 3, 2), ["2", "3", "4"]))
    assert compact.compact(lake) == ["2021-01", "2021-03"]
    same(lake)
    assert set(spans.read(lake.store).spans) == {"2021-01", "2021-03"}
    assert [m.day for m in used(lake).loose] == ["2020-12-28", "2020-12-29", "2020-12-30", "2020-12-31"]


def test_few_loose_days_are_left(lake, monkeypatch):
    monkeypatch.setattr(compact, "LOOSE", 5)
    filled(lake, 9)
    assert compact.compact(lake) == ["2021"]
    assert len(used(lake).loose) == 4
    publish(lake, build(lake, day(9), ["one more"]))
    assert compact.compact(lake) == []
    publish(lake, build(lake, day(10), ["and another"]))
    assert compact.compact(lake) == ["2020"]
    assert [m.day for m in used(lake).loose] == [day(9).isoformat(), day(10).isoformat()]
    same(lake)


def test_what_has_changed_leaves_the_compacted_files_within_a_day(lake, monkeypatch):
    """An article that had to go must not stay there until many days have changed."""
    monkeypatch.setattr(compact, "LOOSE", 1)
    filled(lake, 4)
    compact.compact(lake)
    publish(lake, build(lake, day(1), ["instead"]))
    assert same(lake)["raw"][1][5] == "Mayor Instead Smith praises Poland"
    assert compact.compact(lake) == []
    assert len([path for path in compacted(lake) if "Article-1" in titles(lake, path)]) == 1
    assert compact.compact(lake, datetime.now(UTC) + timedelta(hours=13)) == ["2020"]
    database.refresh(lake)
    tidy(lake, datetime.now(UTC) + LATER)
    raw = [e.path for e in lake.store.list() if "/raw/" in e.path]
    assert len(raw) == 1 + 4 + 1
    assert not [path for path in raw if "Article-1" in titles(lake, path)]


@pytest.mark.parametrize("seed", range(3))
def test_the_views_show_the_days_whatever_happens(lake, monkeypatch, seed):
    """Days are added, changed, settled anew, go back, exchange articles; files are tidied up and lost."""
    rng = random.Random(seed)
    filled(lake, 3)

    def change() -> None:
        publish(lake, build(lake, day(rng.randrange(12)), rng.sample(["a", "b", "c"], rng.randrange(4))))

    def move() -> None:
        here, there = rng.sample(range(12), 2)
        publish(lake, build(lake, day(here), [f"stays-{here}"]), build(lake, day(there), ["a", "moved"]))

    def settle_anew() -> None:
        old = rng.choice(list(lake.manifests().values()))
        other = lake.table(old, "raw").slice(0, rng.randrange(2))
        entry = lake.write_table("raw", date.fromisoformat(old.day), old.snapshot, other, old)
        publish(lake, replace(old, tables={**old.tables, "raw": entry}))

    def lose() -> None:
        if paths := compacted(lake):
            path = Path(lake.store.full(rng.choice(paths)))
            rng.choice((path.unlink, lambda: path.write_bytes(path.read_bytes()[:-1])))()

    def lose_all() -> None:
        shutil.rmtree(lake.store.full(spans.FOLDER), ignore_errors=True)

    def compact_some() -> None:
        monkeypatch.setattr(compact, "LOOSE", rng.randrange(4))
        monkeypatch.setattr(compact, "LARGEST", rng.choice((4, 8, 100)))
        compact.compact(lake, datetime.now(UTC) + rng.choice((timedelta(), LATER)))

    def tidy_up() -> None:
        tidy(lake, datetime.now(UTC) + rng.choice((timedelta(), LATER)))

    steps: list[Callable[[], None]] = [change, move, settle_anew, tidy_up, lose, lose_all]
    weights = [4, 3, 3, 2, 1, 0.3]
    for _ in range(20):
        rng.choice((compact_some, *rng.choices(steps, weights)))()
        same(lake)


def test_late_articles_corrections_moves_and_a_new_model(built, context):
    """The same through the pipeline itself, before what has changed is compacted anew and after."""
    compact.compact(built)
    late = article("late", lines=["Mayor Late Smith condemned Russia."])
    corrected = article("one", lines=["Mayor One Smith condemned China."])
    leaves = day_batch(moved=[article("three")["article_id"]])
    arrives = day_batch([article("three", lines=["Mayor Three Smith praised China."])])
    new = Context(Settings(), NewTagger(), NewJudge())
    for about, landed in (
        (context, batch(d20220105=day_batch([late, corrected]))),
        (new, batch(d20220106=leaves, d20220105=arrives)),
    ):
        built.land(landed)
        assert runner.run(built, list(plan.units(plan.due(built, about), built)), about) == []
        assert used(built).loose
        before = same(built)
        runner.finish(built)
        assert not used(built).loose
        assert same(built) == before
    assert len(before["raw"]) == 4
    tidy(built, datetime.now(UTC) + LATER)
    assert same(built) == before


def writes(lake: Lake, monkeypatch, stop: int) -> int:
    """Compact until so many files are written, then be killed; returns how many were."""
    write, written = lake.store.write, []

    def until_killed(path: str, data: bytes) -> None:
        if len(written) == stop:
            raise KeyboardInterrupt
        written.append(path)
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(lake.store, "write", until_killed)
        try:
            compact.compact(lake)
        except KeyboardInterrupt:
            assert len(written) == stop
    return len(written)


def test_killed_at_any_write_it_is_done_again(lake, monkeypatch):
    filled(lake, 8)
    compact.compact(lake)
    publish(lake, build(lake, day(1), ["changed"]), build(lake, day(6), ["changed too"]))
    shown = same(lake)
    last = len(schemas.PUBLISHED)  # the next one is the index, and what it names is not done again
    for stop in (0, 1, last, last + 1):
        assert writes(lake, monkeypatch, stop) == stop
        assert same(lake) == shown
        assert len(used(lake).stale) == (1 if stop > last else 2)
    assert writes(lake, monkeypatch, 99) == last + 1
    assert same(lake) == shown
    tidy(lake, datetime.now(UTC) + LATER)
    assert set(compacted(lake)) == spans.read(lake.store).files
    assert same(lake) == shown


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format": 99}', b'{"format": 1, "spans": {"2020": 5}}'])
def test_a_damaged_index_is_as_none(lake, data, caplog):
    filled(lake, 4)
    compact.compact(lake)
    lake.store.write(spans.INDEX, data)
    same(lake)
    assert "all is compacted anew" in caplog.text
    assert compact.compact(lake) == ["2020"]
    assert not used(lake).loose


def test_days_that_cannot_be_read_are_left_alone(lake, caplog):
    """What is damaged is told elsewhere (`standpoint status`), and must not stop the end of a run."""
    filled(lake, 8)
    file = lake.manifest(day(0)).tables["raw"]["file"]
    for spoil in (lambda: lake.store.write(file, b"PAR1"), lambda: lake.store.delete(file)):
        spoil()
        assert "2020" in compact.compact(lake)
        assert "2020 is not compacted" in caplog.text
        assert [m.day[:4] for m in used(lake).loose] == ["2020"] * 4


def test_what_had_to_go_goes_though_another_day_cannot_be_read(lake):
    filled(lake, 4)
    compact.compact(lake)
    publish(lake, build(lake, day(1), ["instead"]))
    lake.store.delete(lake.manifest(day(2)).tables["raw"]["file"])
    assert compact.compact(lake) == ["2020"]
    assert [m.day for m in used(lake).loose] == [day(n).isoformat() for n in range(4)]
    tidy(lake, datetime.now(UTC) + LATER)
    assert compacted(lake) == []


def test_what_is_left_of_a_span_that_lost_a_file_goes(lake, monkeypatch):
    filled(lake, 4)
    compact.compact(lake)
    monkeypatch.setattr(compact, "LOOSE", 32)
    lake.store.delete(spans.read(lake.store).spans["2020"].paths["stances"])
    assert compact.compact(lake) == []
    assert spans.read(lake.store).spans == {}
    same(lake)
    tidy(lake, datetime.now(UTC) + LATER)
    assert compacted(lake) == []


def test_nothing_is_tidied_away_that_a_damaged_index_may_name(lake):
    filled(lake, 4)
    compact.compact(lake)
    before = compacted(lake)
    lake.store.write(spans.INDEX, b"{")
    assert tidy(lake, datetime.now(UTC) + LATER) == 0
    assert compacted(lake) == before


def test_the_views_are_made_anew_where_there_is_no_room_to_compact(lake, monkeypatch):
    filled(lake, 4)
    write = lake.store.write

    def full(path: str, data: bytes) -> None:
        if path.startswith(spans.FOLDER):
            raise EnvironmentProblem("no space left")
        write(path, data)

    monkeypatch.setattr(lake.store, "write", full)
    with pytest.raises(EnvironmentProblem):
        runner.finish(lake)
    with database.connect(lake) as connection:
        assert connection.execute("SELECT count(*) FROM raw").fetchall() == [(4,)]


def test_readers_of_the_old_file_of_views_go_on_for_a_day(lake):
    filled(lake, 4)
    compact.compact(lake)
    shown = same(lake)
    with duckdb.connect(lake.store.full(database.FILE), read_only=True) as reader:
        publish(lake, build(lake, day(1), ["changed"]))
        runner.finish(lake)
        old = spans.read(lake.store).superseded
        assert len(old) == len(schemas.PUBLISHED)
        assert tidy(lake) == 0
        assert read(reader) == shown
        for path in compacted(lake):  # written long ago: the time counts that they were superseded at
            os.utime(lake.store.full(path), (0, 0))
        assert tidy(lake, datetime.now(UTC) + timedelta(hours=23)) == 0
        assert read(reader) == shown
    database.refresh(lake)
    assert tidy(lake, datetime.now(UTC) + LATER) == 2 * len(schemas.PUBLISHED)
    assert not set(old) & set(compacted(lake))
    same(lake)


def test_what_the_file_of_views_still_names_stays(lake):
    """A run was killed after it compacted and before it made the file of views anew, days ago."""
    filled(lake, 4)
    compact.compact(lake)
    shown = same(lake)
    publish(lake, build(lake, day(1), ["changed"]))
    compact.compact(lake)
    assert tidy(lake, datetime.now(UTC) + LATER) == 0
    with database.connect(lake) as reader:
        assert read(reader) == shown
    database.refresh(lake)
    tidy(lake, datetime.now(UTC) + LATER)
    assert set(compacted(lake)) == spans.read(lake.store).files


def test_two_at_once_beside_a_publisher_are_harmless(lake):
    filled(lake, 8)
    failed: list[BaseException] = []

    def at_work() -> None:
        try:
            for _ in range(4):
                compact.compact(Lake(lake.store.uri))
                database.refresh(lake)
        except BaseException as error:  # noqa: BLE001 - a finding, whatever it is
            failed.append(error)

    two = [Thread(target=at_work) for _ in range(2)]
    for one in two:
        one.start()
    for number in range(10):
        publish(lake, build(lake, day(number), [f"changed-{number}"]))
    for one in two:
        one.join()
    assert failed == []
    same(lake)
    compact.compact(lake)
    same(lake)
    assert not used(lake).loose


def test_on_an_object_store_too(object_store, monkeypatch):
    lake = filled(Lake(object_store.replace("/root", "/compact")), 5)
    before = same(lake)
    assert compact.compact(lake) == ["2020"]
    assert same(lake) == before
    assert [m.day for m in used(lake).loose] == ["2021-01-01"]
    publish(lake, build(lake, day(1), ["changed"]))
    assert used(lake).stale == [day(1).isoformat()]
    assert same(lake)["raw"] != before["raw"]
    assert compact.compact(lake) == ["2020"]
    same(lake)


def test_status_tells_what_it_costs(built, context):
    compact.compact(built)
    publish(built, build(built, date(2022, 1, 5), ["late"]))
    before = status.examine(built, context).size
    assert before.compacted_bytes == sum(built.store.entry(path).size for path in compacted(built))
    runner.finish(built)
    after = status.examine(built, context).size
    assert after.superseded_files == before.superseded_files + len(schemas.PUBLISHED)
    assert (before.orphan_files, after.orphan_files) == (0, 0)
