"""The store: one interface for a disk and an object store."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.store import Store


@pytest.fixture(params=["disk", "object store"])
def store(request, tmp_path, object_store) -> Store:
    return Store(str(tmp_path / "root") if request.param == "disk" else object_store)


def test_write_read_list_delete(store):
    store.write("b/2.txt", b"two")
    store.write("a/1.txt", b"one")
    store.write("a/1.txt", b"one again")
    assert [e.path for e in store.list()] == ["a/1.txt", "b/2.txt"]
    assert [e.size for e in store.list("a")] == [9]
    assert all(e.modified.tzinfo for e in store.list())
    assert store.read("a/1.txt") == b"one again"
    with store.open("b/2.txt") as file:
        file.seek(1)
        assert file.read() == b"wo"
    store.delete("b/2.txt")
    store.delete("b/2.txt")
    assert not store.exists("b/2.txt")
    assert store.exists("a/1.txt")
    assert store.entry("b/2.txt") is None
    store.delete_folder("a")
    store.delete_folder("a")
    assert list(store.list("a")) == []


def test_missing_file_is_an_error(store):
    with pytest.raises(FileNotFoundError):
        store.read("nothing")


def test_paths_cannot_leave_the_root(store):
    with pytest.raises(UsageError, match="leaves the store"):
        store.read("../secret")


@pytest.mark.parametrize("uri", ["ftp://host/x", "http://host/x", "gopher://x"])
def test_other_kinds_of_uri_are_refused(uri):
    with pytest.raises(UsageError, match="allowed are a folder"):
        Store(uri)


def test_file_uri_is_the_folder(tmp_path):
    Store(f"file://{tmp_path}").write("x", b"1")
    assert Store(str(tmp_path)).read("x") == b"1"


def test_links_are_listed_and_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("s")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "file").symlink_to(tmp_path / "outside/secret")
    assert [(e.path, e.is_link) for e in Store(str(root)).list()] == [("file", True), ("link", True)]


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    store = Store(str(tmp_path))
    store.write("x", b"old")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(EnvironmentProblem, match=r"/x cannot be written: No space left .* run again"):
        store.write("x", b"new")
    assert store.read("x") == b"old"
    assert [e.path for e in store.list()] == ["x"]
    assert list(store.leftovers()) == []


def test_new_folders_are_as_durable_as_the_file_in_them(tmp_path, monkeypatch):
    """A folder whose name was not fsynced may be lost in a power cut, with all that is in it."""
    synced, fsync = [], os.fsync

    def note(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store = Store(str(tmp_path / "lake"))
    store.write("data/raw/x", b"1")
    folders = [path for path in synced if not path.endswith(".tmp")]
    assert folders == [str(tmp_path / part) for part in ("", "lake", "lake/data", "lake/data/raw")]
    synced.clear()
    store.write("data/raw/x", b"2")
    assert len(synced) == 2
    store.delete("data/raw/x")
    store.sync("data/raw")
    assert synced[2:] == [str(tmp_path / "lake/data/raw")]
    store.sync("nothing")


def test_what_is_being_written_is_not_listed(tmp_path):
    store = Store(str(tmp_path))
    half = f"data/.{'0af' * 10}12.tmp"
    for path in ("data/x.parquet", "data/.hidden", "data/notes.tmp", half):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"1")
    assert [e.path for e in store.list()] == ["data/.hidden", "data/notes.tmp", "data/x.parquet"]
    assert [(e.path, e.size) for e in store.leftovers()] == [(half, 1)]


def test_a_write_in_flight_is_a_leftover(tmp_path, monkeypatch):
    store, seen = Store(str(tmp_path)), []
    monkeypatch.setattr(
        os, "fsync", lambda _: seen.append((len(list(store.leftovers())), list(store.list())))
    )
    store.write("a/x", b"1")
    assert seen[-2] == (1, [])
    assert list(store.leftovers("a")) == []


def test_an_object_store_has_no_leftovers(object_store):
    store = Store(object_store)
    store.write("x", b"1")
    assert list(store.leftovers()) == []


def test_a_folder_that_may_not_be_read_is_an_error_or_told(tmp_path, monkeypatch):
    store, scan, denied = Store(str(tmp_path)), os.scandir, []
    for path in ("a/1", "closed/2", "z/3"):
        store.write(path, b"1")

    def guarded(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(PermissionError):
        list(store.list())
    found = store.list(on_denied=lambda entry, error: denied.append((entry.path, error.strerror)))
    assert [e.path for e in found] == ["a/1", "z/3"]
    assert denied == [("closed", "Permission denied")]
    with pytest.raises(PermissionError):
        list(store.list("closed", on_denied=lambda entry, error: denied.append((entry.path, ""))))
    assert len(denied) == 1


def test_times_have_whole_microseconds(tmp_path):
    (tmp_path / "x").write_text("x")
    os.utime(tmp_path / "x", ns=(0, 1_640_736_000_123_456_789))
    assert next(Store(str(tmp_path)).list()).modified.isoformat() == "2021-12-29T00:00:00.123456+00:00"


@pytest.mark.parametrize("seconds", [-(2**40), -1, 2**33, 2**40])
def test_times_beyond_the_calendar_are_its_ends(tmp_path, seconds):
    (tmp_path / "file").touch()
    os.utime(tmp_path / "file", (seconds, seconds))  # as far as the file system can hold them
    (entry,) = Store(str(tmp_path)).list()
    assert 1 <= entry.modified.year <= 9999
