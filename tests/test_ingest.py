"""Ingest: nothing lost, nothing twice, newest wins, in whatever order the sources come."""

import json
import os
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rivals import race, silence, take_in

from pipeline import inbox, ingest, inputs, places, versions
from pipeline.errors import Conflict, EnvironmentProblem, UsageError
from pipeline.headers import Publication
from pipeline.lake import Lake
from pipeline.locks import Claims, claimed
from pipeline.versions import Version, Versions

START = datetime(2022, 1, 10, tzinfo=UTC)


def article(url: str, day: str = "20211229", text: str = "One line of text.", title: str = "Title") -> str:
    return f"{title}\n{day}\nhttps://courier.example/{url}\n{text}\n"


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    return tmp_path / "landing"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def put(path: Path, content: str, age: int = 0) -> Path:
    """Write a file that landed `age` hours after START."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    moment = (START + timedelta(hours=age)).timestamp()
    os.utime(path, (moment, moment))
    return path


def rows(lake: Lake, table: str = "raw") -> dict[date, list[dict[str, Any]]]:
    """What the days would be built from, by day."""
    batches = inbox.batches(lake.store)
    days = sorted({day for batch in batches for day in batch.days})
    found = {day: getattr(inputs.gather(lake, day, None, batches), table).to_pylist() for day in days}
    return {day: content for day, content in found.items() if content}


def run(lake: Lake, landing: Path, *sources: Path, **more: Any) -> ingest.Summary:
    return ingest.ingest(lake, [str(source) for source in sources], str(landing), **more)


def test_articles_land_on_their_day(lake: Lake, landing: Path) -> None:
    put(landing / "a.txt", article("a"))
    put(landing / "deep" / "b.txt", article("b", "2022-01-02"))
    summary = run(lake, landing)
    assert (summary.sources, summary.new, summary.duplicates, dict(summary.rejected)) == (2, 2, 0, {})
    found = rows(lake)
    assert list(found) == [date(2021, 12, 29), date(2022, 1, 2)]
    (row,) = found[date(2022, 1, 2)]
    assert (row["source_uri"], row["landed_at"], row["date_raw"]) == ("deep/b.txt", START, "2022-01-02")


def test_landing_again_adds_nothing(lake: Lake, landing: Path) -> None:
    put(landing / "a.txt", article("a"))
    put(landing / "empty.txt", "")
    run(lake, landing)
    before = inbox.batches(lake.store)
    assert run(lake, landing).unchanged == 2
    put(landing / "a.txt", article("a"), age=5)
    put(landing / "copy.txt", article("a"), age=6)
    summary = run(lake, landing)
    assert (summary.new, summary.replaced, summary.duplicates, summary.unchanged) == (0, 0, 2, 1)
    assert inbox.batches(lake.store) == before


def test_rejects_known_are_duplicates(lake: Lake, landing: Path) -> None:
    put(landing / "empty.txt", "")
    assert run(lake, landing).rejected == {"empty": 1}
    put(landing / "empty.txt", "", age=1)
    summary = run(lake, landing)
    assert (dict(summary.rejected), summary.duplicates) == ({}, 1)
    assert len(rows(lake, "rejects")[START.date()]) == 1


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_the_newest_version_stands_and_moves_its_day(
    lake: Lake, landing: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "CHUNK_ITEMS", chunk)
    put(landing / "a.txt", article("a", text="Old."))
    put(landing / "b.txt", article("b"))
    run(lake, landing)
    put(landing / "a2.txt", article("a", text="New."), age=1)
    put(landing / "b2.txt", article("b", "20211230"), age=1)
    put(landing / "late.txt", article("a", text="Older still."), age=-1)
    summary = run(lake, landing)
    assert (summary.replaced, summary.moved, summary.duplicates, summary.new) == (1, 1, 1, 0)
    found = rows(lake)
    assert [row["lines"] for row in found[date(2021, 12, 29)]] == [["New."]]
    assert [row["source_uri"] for row in found[date(2021, 12, 30)]] == ["b2.txt"]


def test_there_and_back_is_no_move(lake: Lake, landing: Path) -> None:
    put(landing / "a.txt", article("a"))
    run(lake, landing)
    put(landing / "a1.txt", article("a", "20211230"), age=1)
    put(landing / "a2.txt", article("a", text="Back again."), age=2)
    summary = run(lake, landing)
    assert (summary.moved, summary.replaced, summary.duplicates) == (0, 1, 1)
    assert {day: len(found) for day, found in rows(lake).items()} == {date(2021, 12, 29): 1}


def versions_of_articles(landing: Path) -> list[Path]:
    rng = random.Random(3)
    files = []
    for number in range(40):
        text = article(f"{number % 7}", f"202112{20 + rng.randrange(4)}", f"Text {rng.randrange(3)}.")
        files.append(put(landing / f"{number}.txt", text, age=rng.randrange(4)))
    return files


@pytest.mark.parametrize(("seed", "chunk"), [(1, 1), (2, 3), (3, 100)])
def test_the_order_of_sources_makes_no_difference(
    tmp_path: Path, landing: Path, seed: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = versions_of_articles(landing)
    expected = Lake(str(tmp_path / "one"))
    run(expected, landing)
    monkeypatch.setattr(ingest, "CHUNK_ITEMS", chunk)
    random.Random(seed).shuffle(files)
    shuffled = Lake(str(tmp_path / "other"))
    run(shuffled, landing, *files)
    assert rows(shuffled) == rows(expected)
    assert sum(map(len, rows(expected).values())) == 7


def test_everything_is_accounted_for(lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "CHUNK_ITEMS", 5)
    files = versions_of_articles(landing)
    put(landing / "none.txt", "")
    summary = run(lake, landing)
    found = [entry for batch in inbox.batches(lake.store) for entry in batch.days.values()]
    assert sum(entry["rows_in"] for entry in found) == len(files) + 1
    assert summary.new + summary.replaced + summary.moved + summary.duplicates + 1 == len(files) + 1
    for entry in found:
        assert entry["rows_in"] == entry["rows_out"] + entry["rejected"] + entry["duplicates"]


REFUSED = [
    ("20211229\nhttps://courier.example/a\nText.\n", "no_title", date(2021, 12, 29)),
    ("Title\n20211229\nhttps://courier.example/a\n", "no_text", date(2021, 12, 29)),
    ("Title\n00010101\nText.\n", "date", START.date()),
    ("Title\n20500101\nText.\n", "date", START.date()),
    ("Title\n03/04/2021\nText.\n", "date", START.date()),
    ("", "empty", START.date()),
]


@pytest.mark.parametrize(("content", "reason", "day"), REFUSED)
def test_what_is_refused_is_kept_on_its_day(
    lake: Lake, landing: Path, content: str, reason: str, day: date
) -> None:
    put(landing / "a.txt", content)
    assert run(lake, landing).rejected == {reason: 1}
    (row,) = rows(lake, "rejects")[day]
    assert (row["reason"], row["stage"], row["source_uri"]) == (reason, "ingest", "a.txt")
    assert row["raw"] is not None


def test_links_are_never_followed(lake: Lake, landing: Path, tmp_path: Path) -> None:
    put(tmp_path / "secret.txt", article("secret"))
    (landing / "link.txt").symlink_to(tmp_path / "secret.txt")
    (landing / "folder").symlink_to(tmp_path)
    assert run(lake, landing).rejected == {"unsafe_path": 2}


def test_sources_outside_keep_their_whole_uri(lake: Lake, landing: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "else" / "a.txt", article("a"))
    run(lake, landing, outside.parent)
    assert inputs.known(lake)["source_uri"].to_pylist() == [f"file://{outside}"]
    assert run(lake, landing, outside).unchanged == 1


def test_columns_by_argument_and_by_sidecar(lake: Lake, landing: Path) -> None:
    put(landing / "a.csv", "kopf,rumpf\nOne,Text.\n")
    put(landing / "b.csv", "head,rumpf\nTwo,Text.\n")
    put(landing / "b.csv.columns.json", json.dumps({"title": "head", "text": "rumpf"}))
    put(landing / "c.csv", "head,rumpf\nThree,Text.\n")
    put(landing / "c.csv.columns.json", "[1")
    summary = run(lake, landing, columns={"title": "kopf", "text": "rumpf"})
    assert (summary.new, dict(summary.rejected)) == (2, {"format": 1})
    put(landing / "c.csv.columns.json", json.dumps({"title": "head", "text": "rumpf"}))
    assert run(lake, landing, columns={"title": "kopf", "text": "rumpf"}).new == 1


def test_users_mistakes_are_named(lake: Lake, landing: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        run(lake, landing, landing / "nowhere.txt")
    with pytest.raises(UsageError, match="'author'"):
        run(lake, landing, columns={"author": "by"})
    with pytest.raises(EnvironmentProblem, match="gone"):
        run(lake, landing / "gone")


def test_two_ingests_at_once_land_each_article_once(lake: Lake, tmp_path: Path) -> None:
    """Each has articles of its own, and they share some; what is newer of those must stand."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for age, folder in enumerate(folders):
        for name in ("shared", f"of-{folder.name}"):
            for n in range(15):
                put(folder / f"{name}{n}.txt", article(f"{name}{n}", text=f"Text of {age}."), age)
    race(take_in, *((lake.store.uri, str(folder)) for folder in folders))
    (found,) = rows(lake).values()
    texts = {row["url_raw"].rsplit("/")[-1]: row["lines"] for row in found}
    assert (len(found), len(texts)) == (45, 45)
    assert {tuple(texts[f"shared{n}"]) for n in range(15)} == {("Text of 1.",)}


def test_an_ingest_waits_for_another_and_says_so(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(landing / "a.txt", article("a"))
    other, said = Claims(lake.store, "other"), list[str]()
    assert other.take([[ingest.CLAIM]]) == {}

    def say(line: str) -> None:
        said.append(line.split(" (")[0])
        other.release()

    assert run(lake, landing, say=say).new == 1
    assert said == ["ingest: waiting for run other"]
    assert other.take([[ingest.CLAIM]]) == {}
    monkeypatch.setattr(ingest, "PATIENCE", timedelta(0))
    with pytest.raises(
        EnvironmentProblem, match=r"ingest: run other \(process .* wait for its end or end it"
    ):
        run(lake, landing)


def test_an_ingest_that_was_taken_over_lands_nothing_more(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(landing / "a.txt", article("a"))
    land, other = inbox.land, Claims(lake.store, "other")

    def stand_still(*given: Any) -> str:
        (claim,) = claimed(lake.store)
        silence(Claims(lake.store, claim.owner))
        assert other.take([[ingest.CLAIM]]) == {}
        return land(*given)

    monkeypatch.setattr(inbox, "land", stand_still)
    with pytest.raises(Conflict, match="another has taken over; nothing is lost, run again"):
        run(lake, landing)
    assert inbox.batches(lake.store) == []
    monkeypatch.setattr(inbox, "land", land)
    other.release()
    assert run(lake, landing).new == 1


def test_a_failing_store_is_no_reject(lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(landing / "a.txt", article("a"))

    def fail(self: object, path: str) -> pa.NativeFile:
        raise OSError("connection reset")

    monkeypatch.setattr(places.Store, "open", fail)
    with pytest.raises(EnvironmentProblem, match="connection reset"):
        run(lake, landing)


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.zip", "a.tar", "a.jsonl", "a.csv", "a.parquet"])
def test_what_could_not_be_opened_is_read_when_it_can(
    lake: Lake, landing: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(landing / "broken.zip", "no archive")
    put(landing / name, article("a"))
    read = places.Store.open

    def denied(self: places.Store, path: str) -> pa.NativeFile:
        if path == name:
            raise PermissionError(13, "Permission denied")
        return read(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(places.Store, "open", denied)
        assert run(lake, landing).rejected == {"unreadable": 2}
        again = run(lake, landing)
    assert (again.sources, again.unchanged, again.duplicates) == (1, 1, 1)
    assert run(lake, landing).sources == 1
    assert run(lake, landing).unchanged == 2


def test_a_file_whose_name_is_no_utf_8_is_read(lake: Lake, landing: Path) -> None:
    """A name from a machine with another encoding; beside it a mapping of columns with such a name."""
    put(landing / "fine.txt", article("a"))
    put(landing / "caf\udce9.txt", article("b"))
    put(landing / "caf\udce9.csv", "headline,text\nA vote,It passed.\n")
    put(landing / "caf\udce9.csv.columns.json", '{"title": "headline"}')
    summary = run(lake, landing)
    assert (summary.new, dict(summary.rejected)) == (3, {})
    uris = {row["source_uri"] for found in rows(lake).values() for row in found}
    assert uris == {"fine.txt", r"caf\udce9.txt", r"caf\udce9.csv#1"}
    assert run(lake, landing).sources == 0


def test_a_folder_that_cannot_be_read_is_one_reject(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("closed/a.txt", ".hidden/b.txt", "open/c.txt"):
        put(landing / name, article(name))
    scan = os.scandir

    def guarded(path: str) -> Any:
        if str(path).endswith(("closed", ".hidden")):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", guarded)
        summary = run(lake, landing)
        assert (summary.new, dict(summary.rejected)) == (1, {"unreadable": 1})
        assert run(lake, landing).duplicates == 1
    ((row,),) = rows(lake, "rejects").values()
    assert (row["source_uri"], row["detail"]) == (
        "closed",
        "a folder that cannot be opened: Permission denied",
    )
    assert run(lake, landing).new == 1


def test_a_mapping_that_cannot_be_opened_is_no_mapping_ignored(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(landing / "a.csv", "title,head,text\nWrong,Right,Text.\n")
    put(landing / "a.csv.columns.json", json.dumps({"title": "head"}))

    def denied(self: places.Store, path: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(places.Store, "read", denied)
        found = places.find([], places.Store(str(landing)), {}, "1", places.Store(str(landing / "none")))
    assert {place.uri: place.denied for place in found} == {
        "a.csv": "its column mapping cannot be opened: Permission denied",
        "a.csv.columns.json": None,
    }
    assert run(lake, landing).new == 1
    ((row,),) = rows(lake).values()
    assert row["title"] == "Right"


def test_the_lake_is_no_source_of_itself(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    put(tmp_path / "news" / "a.txt", article("a"))
    put(tmp_path / "lake2" / "b.txt", article("b"))
    for _ in range(2):
        run(lake, tmp_path / "news", tmp_path)
    assert sorted(inputs.known(lake)["source_uri"].to_pylist()) == [
        f"file://{tmp_path}/lake2/b.txt",
        f"file://{tmp_path}/news/a.txt",
    ]
    assert inputs.known_rejects(lake).to_pylist() == []
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    for source in ("lake", "lake/lake.json", "lake/data", "link"):
        with pytest.raises(UsageError, match="lies in the lake"):
            run(lake, tmp_path / "news", tmp_path / source)
    with pytest.raises(UsageError, match="lies in the lake"):
        run(lake, tmp_path / "lake")


def told_by(monkeypatch: pytest.MonkeyPatch, version: str, day: str, source: str) -> None:
    """A later version of the parser, which reads every date as this day."""
    moment = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    monkeypatch.setattr(ingest, "VERSION", version)
    monkeypatch.setattr(ingest, "publication", lambda *_: Publication(moment, source))


def test_a_day_told_otherwise_is_a_move(lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(landing / "a.txt", article("a"))
    put(landing / "copy.txt", article("a"), age=1)
    run(lake, landing)
    told_by(monkeypatch, "later", "2021-12-30", "header")
    summary = run(lake, landing)
    assert (summary.moved, summary.new, summary.replaced) == (1, 0, 0)
    assert {day: len(found) for day, found in rows(lake).items()} == {date(2021, 12, 30): 1}
    assert inputs.known(lake)["day"].to_pylist() == [date(2021, 12, 30)]
    told_by(monkeypatch, "later still", "2021-12-31", "url")
    put(landing / "older.txt", article("a"), age=-1)
    assert run(lake, landing).moved == 1
    assert list(rows(lake)) == [date(2021, 12, 31)]


def test_a_fresh_copy_without_a_date_moves_nothing(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undated = "Title\nhttps://courier.example/a\nOne line of text.\n"
    put(landing / "a.txt", undated)
    run(lake, landing)
    put(landing / "a.txt", undated, age=48)
    assert (run(lake, landing).duplicates, list(rows(lake))) == (1, [START.date()])
    told_by(monkeypatch, "later", "2021-12-30", "landed")
    assert (run(lake, landing).moved, list(rows(lake))) == (0, [START.date()])


def test_an_older_copy_moves_nothing_back(lake: Lake, landing: Path) -> None:
    """A date that was in the future for the older copy is none for it, and is one for the newer."""
    content = article("2022/01/03/a", "2022-01-09")
    put(landing / "new.txt", content)
    run(lake, landing)
    put(landing / "old.txt", content, age=-24 * 5)
    assert (run(lake, landing).moved, list(rows(lake))) == (0, [date(2022, 1, 9)])
    other = Lake(str(landing.parent / "other"))
    run(other, landing, landing / "old.txt")
    assert list(rows(other)) == [date(2022, 1, 3)]
    assert run(other, landing, landing / "new.txt").moved == 1
    assert rows(other) == rows(lake)


def test_progress_ends_at_the_whole(lake: Lake, landing: Path) -> None:
    put(landing / "a.txt", article("a"))
    put(landing / "b.txt", article("b"))
    seen: list[tuple[int, int, str]] = []
    summary = run(lake, landing, progress=lambda done, total, name: seen.append((done, total, name)))
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert seen[-1][0] == seen[-1][1] == summary.bytes


@pytest.fixture
def few_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "FRESH", 3)


@pytest.mark.usefixtures("few_fresh")
def test_versions_are_found_folded_or_not() -> None:
    known = Versions(inbox.KNOWN.empty_table())
    told: dict[str, Version] = {}
    rng = random.Random(4)
    for number in range(60):
        identity = f"{rng.randrange(25) * 7**20 % 2**64:016x}"
        told[identity] = Version(date(2021, 12, 1), f"{number:064x}", START, f"f.jsonl#{number}")
        known.put(identity, told[identity])
        assert {key: known.get(key) for key in told} == told
    assert known.get("f" * 16) is None


def test_rows_compare_as_numbers() -> None:
    one, other = (Version(date(2021, 12, 1), "", START, f"f.jsonl#{row}") for row in (9, 10))
    assert one.order < other.order
