"""Pages of validations in a store, their index and rotation."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from partition import partition

from pipeline import datadocs
from pipeline.datadocs import INDEX, PAGES, rebuild_index, record
from pipeline.store import Store
from pipeline.validate import Report, Violation, check


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def report(unit: str = "2021-12-29-00aa", verdict: str = "passed") -> Report:
    violations = () if verdict == "passed" else (Violation("stances", "key", "the key is unique."),)
    return Report(unit, "judge", violations, {})


def plant(store: Store, unit: str, when: int) -> None:
    """A page and its record, as old as `when` says, without the cost of rendering it."""
    for suffix in ("html", "json"):
        store.write(path := f"_docs/{unit}/clean.passed.{suffix}", b"")
        os.utime(store.full(path), (when, when))


def test_a_page_and_its_record_are_written(store: Store) -> None:
    found = check(partition(), {}, "2021-12-29-00aa", "publish")
    path = record(store, found)
    assert path == "_docs/2021-12-29-00aa/publish.passed.html"
    page = store.read(path).decode()
    for name in partition():
        assert f'<h2 id="{name}">' in page
    assert page.count("Rules that a row can break") == len(partition())
    assert "title is not null." in page
    assert "Must have at least these columns" in page  # Great Expectations' own words
    assert json.loads(store.read(path.replace(".html", ".json"))).keys() == partition().keys()


def test_a_later_verdict_replaces_the_earlier(store: Store) -> None:
    record(store, report())
    record(store, report(verdict="failed"))
    assert [e.path for e in store.list("_docs")] == [
        "_docs/2021-12-29-00aa/judge.failed.html",
        "_docs/2021-12-29-00aa/judge.failed.json",
    ]


def test_the_index_lists_the_newest_first_with_links_that_lead_somewhere(store: Store) -> None:
    plant(store, "2021-12-30-00bb", 1_000)
    record(store, report(verdict="failed"))
    rebuild_index(store)
    text = store.read(INDEX).decode()
    assert text.index("2021-12-29-00aa") < text.index("2021-12-30-00bb")
    assert '<a class="failed" href="2021-12-29-00aa/judge.failed.html">' in text
    assert store.exists("_docs/2021-12-29-00aa/judge.failed.html")
    assert "$" not in text


def test_the_oldest_pages_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datadocs, "PAGES", 3)
    for day in range(10, 15):
        plant(store, f"2021-12-{day}-00aa", day)
    rebuild_index(store)
    left = [e.path for e in store.list("_docs") if e.path.endswith(".html") and e.path != INDEX]
    assert left == [f"_docs/2021-12-{day}-00aa/clean.passed.html" for day in (12, 13, 14)]
    assert len([e for e in store.list("_docs") if e.path.endswith(".json")]) == 3
    assert store.read(INDEX).decode().count("<a class=") == 3
    assert PAGES == 400


def test_an_empty_store_has_an_empty_index(store: Store) -> None:
    rebuild_index(store)
    assert "<a " not in store.read(INDEX).decode()


def test_a_file_that_is_no_page_is_left_alone(store: Store) -> None:
    store.write("_docs/notes.txt", b"mine")
    rebuild_index(store)
    assert store.read("_docs/notes.txt") == b"mine"


def test_parallel_writers_leave_a_whole_index(store: Store) -> None:
    def work(number: int) -> None:
        plant(store, f"2021-12-{number:02d}-00aa", number)
        rebuild_index(store)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(1, 25)))
    rebuild_index(store)
    text = store.read(INDEX).decode()
    assert text.count("<a class=") == 24
    assert text.rstrip().endswith("</html>")


def test_the_index_needs_no_network(store: Store) -> None:
    rebuild_index(store)
    text = store.read(INDEX).decode()
    for outside in ("<script", "<link", "src=", "http:", "https:", "@import", "url("):
        assert outside not in text


def test_a_record_never_stands_without_its_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed between the two leaves a page at most, which the rotation finds."""
    done: list[str] = []
    monkeypatch.setattr(datadocs.validate, "page", lambda _: "page")
    monkeypatch.setattr(store, "write", lambda path, _: done.append(path))
    monkeypatch.setattr(store, "delete", done.append)
    record(store, report())
    written, deleted = done[:2], done[2:]
    assert [path.rpartition(".")[2] for path in written] == ["html", "json"]
    assert [path.rpartition(".")[2] for path in deleted] == ["json", "html"] * 2
