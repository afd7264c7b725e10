"""The lake: manifests as the commit point, inputs, and DuckDB over exactly what is committed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest
from lakes import article, batch, day_batch

from pipeline import database, inbox, inputs, schemas
from pipeline.errors import Conflict, EnvironmentProblem, UsageError
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.mutex import exclusive
from pipeline.tidy import tidy

FIFTH, SIXTH = date(2022, 1, 5), date(2022, 1, 6)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def build(lake: Lake, day: date, names: list[str], consumed: list[str] | None = None) -> Manifest:
    """A manifest of a day whose tables are written: articles in `raw`, the others empty."""
    fingerprint = schemas.from_rows("raw", [article(n, day.isoformat()) for n in names])
    digest = "".join(sorted(names)).encode().hex().ljust(64, "0")[:64]
    tables = {t.name: t.empty() for t in schemas.PUBLISHED} | {"raw": fingerprint}
    entries = {name: lake.write_table(name, day, digest[:16], table) for name, table in tables.items()}
    now = datetime.now(UTC).isoformat()
    return Manifest(
        day.isoformat(), digest[:16], digest, "{}", "i", len(names), "run", now, entries, consumed or []
    )


def ask(lake: Lake, sql: str) -> list[tuple]:
    database.refresh(lake)
    with database.connect(lake) as connection:
        return database.query(connection, sql).fetchall()


def test_an_empty_lake_has_every_table(lake):
    for table in schemas.PUBLISHED:
        assert ask(lake, f"SELECT count(*) FROM {table.name}") == [(0,)]


def test_a_commit_switches_all_tables_of_a_day(lake):
    lake.commit([build(lake, FIFTH, ["one", "two"])])
    assert ask(lake, "SELECT day, count(*) FROM raw GROUP BY ALL") == [(FIFTH, 2)]
    lake.commit([build(lake, FIFTH, ["one"])])
    assert ask(lake, "SELECT count(*), count(DISTINCT snapshot) FROM raw") == [(1, 1)]


def test_written_files_are_invisible_until_committed(lake):
    build(lake, FIFTH, ["one"])
    assert ask(lake, "SELECT count(*) FROM raw") == [(0,)]


def test_equal_tables_give_equal_bytes(lake, tmp_path):
    other = Lake(str(tmp_path / "other"))
    first, second = build(lake, FIFTH, ["two", "one"]), build(other, FIFTH, ["one", "two"])
    assert {t: e["sha256"] for t, e in first.tables.items()} == {
        t: e["sha256"] for t, e in second.tables.items()
    }


def cut_off(lake: Lake, manifests: list[Manifest], monkeypatch) -> None:
    """Commit, and be killed after the first manifest."""
    write, written = lake.store.write, []

    def until_killed(path: str, data: bytes) -> None:
        if path.startswith("manifest/") and written:
            raise KeyboardInterrupt
        written.extend([path] if path.startswith("manifest/") else [])
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(lake.store, "write", until_killed)
        with pytest.raises(KeyboardInterrupt):
            lake.commit(manifests)


def test_a_commit_of_two_days_cut_off_is_completed_on_opening(lake, monkeypatch):
    lake.commit([build(lake, FIFTH, ["one"]), build(lake, SIXTH, ["two"])])
    moved = [build(lake, FIFTH, ["x"]), build(lake, SIXTH, ["two", "one"])]
    cut_off(lake, moved, monkeypatch)
    assert lake.manifest(SIXTH).snapshot != moved[1].snapshot
    again = Lake(lake.store.uri)
    assert [m.snapshot for m in again.manifests().values()] == [m.snapshot for m in moved]
    assert list(again.store.list("intent")) == []


def test_a_day_that_went_on_after_a_commit_was_cut_off_is_not_set_back(lake, monkeypatch):
    lake.commit([build(lake, FIFTH, ["one"]), build(lake, SIXTH, ["two"])])
    cut_off(lake, [build(lake, FIFTH, ["x"]), build(lake, SIXTH, ["y"])], monkeypatch)
    newer = build(lake, FIFTH, ["newer"])
    lake.commit([newer])
    again = Lake(lake.store.uri)
    assert again.manifest(FIFTH).snapshot == newer.snapshot


def test_between_check_and_commit_nobody_else_commits(lake):
    lake.commit([build(lake, FIFTH, ["one"])])
    before = lake.manifest(FIFTH)

    def check() -> None:
        refused = pytest.raises(EnvironmentProblem, match="has been committing")
        with refused, exclusive(lake.store, timedelta(seconds=0.05)):
            pytest.fail("entered beside a commit")
        raise Conflict("changed")

    for manifests in ([build(lake, FIFTH, ["x"])], [build(lake, FIFTH, ["x"]), build(lake, SIXTH, ["y"])]):
        with pytest.raises(Conflict):
            lake.commit(manifests, check)
    assert lake.manifests() == {FIFTH: before}


def test_a_commit_that_is_under_way_is_waited_for_and_not_completed_twice(lake, monkeypatch):
    lake.commit([build(lake, FIFTH, ["one"]), build(lake, SIXTH, ["two"])])
    moved = [build(lake, FIFTH, ["x"]), build(lake, SIXTH, ["two", "one"])]
    cut_off(lake, moved, monkeypatch)
    opened = Thread(target=Lake, args=(lake.store.uri,))
    with exclusive(lake.store):
        opened.start()
        opened.join(0.3)
        assert opened.is_alive()
        assert lake.manifest(SIXTH).snapshot != moved[1].snapshot
    opened.join()
    assert lake.manifest(SIXTH).snapshot == moved[1].snapshot


def test_readings_that_meet_a_commit_half_done_see_it_whole(lake, monkeypatch):
    lake.commit([build(lake, FIFTH, ["one"]), build(lake, SIXTH, ["two"])])
    moved = [build(lake, FIFTH, ["x"]), build(lake, SIXTH, ["two", "one"])]
    cut_off(lake, moved, monkeypatch)
    assert [m.snapshot for m in lake.manifests().values()] != [m.snapshot for m in moved]
    assert [m.snapshot for m in lake.settled_manifests().values()] == [m.snapshot for m in moved]


def test_files_of_writers_that_were_killed_do_not_disturb(lake):
    for folder in ("intent", "sources", "inbox", "manifest"):
        lake.store.write(f"{folder}/x", b"")
        lake.store.delete(f"{folder}/x")
        Path(lake.store.full(f"{folder}/.{'0' * 32}.tmp")).write_bytes(b"[{")
    again = Lake(lake.store.uri)
    assert again.sources() == {}
    assert again.manifests() == {}
    assert inputs.known(again).num_rows == 0


def test_what_is_taken_up_while_it_is_asked_what_is_known_is_known(lake, monkeypatch):
    lake.land(batch(d20220105=day_batch([article("one")])))

    manifests = lake.manifests

    def publish_first() -> dict:
        monkeypatch.setattr(lake, "manifests", manifests)
        (landed,) = inbox.batches(lake.store)
        lake.commit([build(lake, FIFTH, ["one"], consumed=[landed.name])])
        tidy(lake)
        return manifests()

    monkeypatch.setattr(lake, "manifests", publish_first)
    assert inputs.known(lake)["article_id"].to_pylist() == [article("one")["article_id"]]


def test_inputs_are_what_is_published_changed_by_batches(lake):
    lake.commit([build(lake, FIFTH, ["one", "two"])])
    changed = article("one", lines=["Corrected."])
    leaving = article("two", "2022-01-06")
    lake.land(
        batch(
            d20220105=day_batch([changed], ["broken"], moved=[leaving["article_id"]]),
            d20220106=day_batch([leaving]),
        )
    )

    found = inputs.gather(lake, FIFTH, lake.manifest(FIFTH), inbox.batches(lake.store))
    assert found.raw["raw_sha256"].to_pylist() == [changed["raw_sha256"]]
    assert found.rejects["source_uri"].to_pylist() == ["broken"]
    known = {(r["article_id"], r["day"]) for r in inputs.known(lake).to_pylist()}
    assert known == {(changed["article_id"], FIFTH), (leaving["article_id"], SIXTH)}
    assert len(inputs.known_rejects(lake)) == 1


def test_consumed_batches_are_not_applied_again_and_are_tidied(lake):
    lake.land(batch(d20220105=day_batch([article("one")])))

    (landed,) = inbox.batches(lake.store)
    lake.commit([build(lake, FIFTH, [], consumed=[landed.name])])
    assert inputs.gather(lake, FIFTH, lake.manifest(FIFTH), [landed]).raw.num_rows == 0
    assert inputs.known(lake).num_rows == 0
    tidy(lake)
    assert inbox.batches(lake.store) == []


def test_a_moved_lake_is_read_where_it_is(lake, tmp_path):
    lake.commit([build(lake, FIFTH, ["one"])])
    database.refresh(lake)
    moved = Path(lake.store.root).rename(tmp_path / "elsewhere")
    with database.connect(Lake(str(moved))) as connection:
        assert database.query(connection, "SELECT count(*) FROM raw").fetchall() == [(1,)]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"day": "2022-01-05", "colour": "red"}'])
def test_a_damaged_manifest_is_one_clear_line(lake, data):
    lake.store.write("manifest/2022-01-05.json", data)
    with pytest.raises(EnvironmentProblem, match="restore it, or upgrade"):
        lake.manifests()


def test_open_readers_keep_the_state_that_they_opened(lake):
    lake.commit([build(lake, FIFTH, ["one"])])
    database.refresh(lake)
    with database.connect(lake) as before:
        lake.commit([build(lake, FIFTH, ["one", "two"])])
        database.refresh(lake)
        assert before.execute("SELECT count(*) FROM raw").fetchall() == [(1,)]
    assert ask(lake, "SELECT count(*) FROM raw") == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO 'x.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "INSTALL httpfs",
        "ATTACH 'x.db'",
        "SET enable_external_access = true",
        "CREATE TABLE x (a INT)",
        "DROP VIEW stances",
        "SELECT 1; DELETE FROM raw",
        "SELEC 1",
        "",
    ],
)
def test_sql_can_only_read_the_lake(lake, sql):
    database.refresh(lake)
    with database.connect(lake) as connection, pytest.raises(UsageError, match="sql: "):
        database.query(connection, sql).fetchall()


def test_columns_have_their_sentence_as_comment(lake):
    rows = ask(
        lake, "SELECT comment FROM duckdb_columns() WHERE table_name = 'mentions' AND column_name = 'start'"
    )
    assert rows == [(schemas.MENTIONS.column("start").meaning,)]


def test_there_must_be_a_lake_to_read(tmp_path):
    with pytest.raises(EnvironmentProblem, match="there is none"):
        Lake(str(tmp_path / "nothing"), create=False)


def test_a_lake_of_a_later_format_is_refused(lake):
    lake.store.write("lake.json", b'{"format": 99, "grain": "day"}')
    with pytest.raises(EnvironmentProblem, match="format 99"):
        Lake(lake.store.uri)


def test_manifest_round_trip(lake):
    manifest = build(lake, FIFTH, ["one"])
    assert Manifest.parse(manifest.json()).json() == manifest.json()
    assert replace(manifest, day="2022-01-06").json() != manifest.json()


def test_sources_are_remembered(lake):
    lake.remember({"a": "1"})
    lake.remember({"b": "2", "a": "3"})
    assert lake.sources() == {"a": "3", "b": "2"}


def test_tables_of_a_day_never_published_are_empty(lake):
    assert lake.table(None, "stances").num_rows == 0
    assert isinstance(lake.table(None, "raw"), pa.Table)
