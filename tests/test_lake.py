"""The lake: manifests as the commit point, inputs, and DuckDB over exactly what is committed."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from lakes import article, batch, day_batch

from pipeline import database, schemas
from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.lake import Lake, Manifest

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


def test_a_commit_of_two_days_cut_off_is_completed_on_opening(lake):
    lake.commit([build(lake, FIFTH, ["one"]), build(lake, SIXTH, ["two"])])
    moved = [build(lake, FIFTH, ["x"]), build(lake, SIXTH, ["two", "one"])]
    intent = json.dumps([m.__dict__ for m in moved]).encode()
    lake.store.write("intent/abc.json", intent)
    lake.store.write("manifest/2022-01-05.json", moved[0].json())  # the crash came after the first
    again = Lake(lake.store.uri)
    assert [m.snapshot for m in again.manifests().values()] == [m.snapshot for m in moved]
    assert list(again.store.list("intent")) == []


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
    from pipeline import inbox

    found = lake.inputs(FIFTH, lake.manifest(FIFTH), inbox.batches(lake.store))
    assert found.raw["raw_sha256"].to_pylist() == [changed["raw_sha256"]]
    assert found.rejects["source_uri"].to_pylist() == ["broken"]
    known = {(r["article_id"], r["day"]) for r in lake.known().to_pylist()}
    assert known == {(changed["article_id"], FIFTH), (leaving["article_id"], SIXTH)}
    assert len(lake.known_rejects()) == 1


def test_consumed_batches_are_not_applied_again_and_are_tidied(lake):
    lake.land(batch(d20220105=day_batch([article("one")])))
    from pipeline import inbox

    (landed,) = inbox.batches(lake.store)
    lake.commit([build(lake, FIFTH, [], consumed=[landed.name])])
    assert lake.inputs(FIFTH, lake.manifest(FIFTH), [landed]).raw.num_rows == 0
    assert lake.known().num_rows == 0
    lake.tidy()
    assert inbox.batches(lake.store) == []


def test_superseded_files_go_after_the_grace_period_and_not_before(lake):
    lake.commit([build(lake, FIFTH, ["one"])])
    lake.commit([build(lake, FIFTH, ["one", "two"])])
    assert lake.tidy() == 0
    removed = lake.tidy(datetime.now(UTC) + timedelta(days=2))
    assert removed == len(schemas.PUBLISHED)
    assert ask(lake, "SELECT count(*) FROM raw") == [(2,)]


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
