"""What an object store's failures do: to single operations here, to the whole pipeline in test_s3."""

import gc
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from faults import Fault, Faulty

from pipeline import database, objectstore
from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.lake import Lake
from pipeline.store import Store

ROOT = Path(__file__).resolve().parent.parent
LARGE = 23 * 2**20  # three parts of a multipart upload


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Waiting is what takes long here, and is no part of what is tested."""
    monkeypatch.setattr(objectstore, "PAUSE", 0.01)
    monkeypatch.setattr(objectstore, "SILENCE", 3.0)


def store_at(proxy: Faulty, prefix: str) -> Store:
    return Store(uri_of(proxy, prefix))


def uri_of(proxy: Faulty, prefix: str) -> str:
    address = proxy.address.replace(":", "%3A")
    return f"s3://stores/{prefix}?endpoint_override={address}&scheme=http&region=us-east-1"


@pytest.fixture
def store(faulty, request) -> Store:
    """A prefix of its own behind the proxy, with one small object."""
    found = store_at(faulty, re.sub(r"\W", "-", request.node.name))
    found.write("a/small", b"old")
    faulty.seen.clear()
    return found


# What is tried again

FAULTS = [
    *(Fault("status", status=status) for status in (500, 503)),
    Fault("lost"),
    Fault("hang", seconds=30),
    Fault("cut_request", size=1),
    Fault("cut_response", size=1),
    Fault("slow", size=1, seconds=0.01),
]
OPERATIONS = {
    "Put": lambda store: store.write("a/small", b"new") or store.read("a/small") == b"new",
    "Head": lambda store: store.exists("a/small"),
    "Get": lambda store: store.read("a/small") == b"old",
    "List": lambda store: [entry.path for entry in store.list()] == ["a/small"],
    "Delete": lambda store: store.delete("a/small") or not store.exists("a/small"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.kind}{f.status if f.kind == 'status' else ''}")
def test_a_fault_is_not_seen(store, faulty, operation, fault):
    faulty.faults = [Fault(fault.kind, operation, times=1, status=fault.status, size=fault.size,
                           seconds=fault.seconds)]  # fmt: skip
    assert OPERATIONS[operation](store)
    assert faulty.faults[0].hits == 1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_not_tried_for_ever(store, faulty, operation, monkeypatch):
    monkeypatch.setattr(objectstore, "ATTEMPTS", 2)
    faulty.faults = [Fault("status", operation, times=10**6, status=503)]
    with pytest.raises(
        EnvironmentProblem, match=r"^store 's3://stores/[^?]+': gave up at attempt 2, after .+$"
    ):
        OPERATIONS[operation](store)
    assert faulty.counts()[operation] <= 2 * objectstore.SDK_ATTEMPTS


def test_no_attempt_begins_when_patience_has_ended(store, faulty, monkeypatch):
    monkeypatch.setattr(objectstore, "PATIENCE", -1.0)
    faulty.faults = [Fault("status", "Put", times=10**6)]
    with pytest.raises(EnvironmentProblem, match="gave up at attempt 1,"):
        store.write("a/small", b"new")


@pytest.mark.parametrize("operation", ["Put", "Head", "List", "Delete"])
def test_who_is_denied_is_told_so_at_once(store, faulty, operation):
    faulty.faults = [Fault("status", operation, times=10**6, status=403)]
    with pytest.raises(EnvironmentProblem, match="access is denied; check the credentials"):
        OPERATIONS[operation](store)
    assert faulty.counts()[operation] == 1


def test_a_bucket_that_is_not_there_is_told(faulty):
    with pytest.raises(EnvironmentProblem, match="no such bucket; create it, or name another"):
        Lake(uri_of(faulty, "x").replace("stores", "nowhere"))


# What is seen of a write that fails


@pytest.mark.parametrize("size", [0, 1, 100_000, 4_999_999])
def test_a_put_that_is_cut_off_leaves_what_was_there(store, faulty, size):
    faulty.faults = [Fault("cut_request", "Put", times=10**6, size=size)]
    for path in ("a/small", "a/none"):
        with pytest.raises(EnvironmentProblem, match="gave up"):
            store.write(path, bytes(5_000_000))
    gc.collect()
    faulty.faults = []
    assert [(entry.path, entry.size) for entry in store.list()] == [("a/small", 3)]
    assert store.read("a/small") == b"old"


@pytest.mark.parametrize(
    ("operation", "after"),
    [("Create", 0), ("UploadPart", 0), ("UploadPart", 1), ("UploadPart", 2), ("Complete", 0)],
)
def test_a_multipart_upload_that_is_cut_off_leaves_what_was_there(
    store, faulty, operation, after, monkeypatch
):
    monkeypatch.setattr(objectstore, "ATTEMPTS", 1)
    body = {"UploadPart": 2**20}.get(operation, 0)
    for path in ("a/small", "a/none"):
        faulty.faults = [Fault("cut_request", operation, times=10**6, size=body, after=after)]
        with pytest.raises(EnvironmentProblem, match="gave up"):
            store.write(path, bytes(LARGE))
    gc.collect()  # a stream that is collected is closed
    assert faulty.counts()[operation] >= 2
    faulty.faults = []
    assert [(entry.path, entry.size) for entry in store.list()] == [("a/small", 3)]
    assert store.read("a/small") == b"old"


def test_a_multipart_upload_goes_on_after_a_lost_connection(store, faulty):
    faulty.faults = [Fault("cut_request", "UploadPart", size=2**20), Fault("lost", "Complete")]
    content = os.urandom(LARGE)
    store.write("large", content)
    assert store.read("large") == content
    assert faulty.counts()["Create"] == 1  # the parts that had arrived were not sent again
    assert faulty.counts()["UploadPart"] == 4


@pytest.mark.parametrize("operation", ["Put", "UploadPart"])
def test_a_writer_that_is_killed_leaves_what_was_there(store, faulty, operation):
    faulty.faults = [Fault("hang", operation, times=10**6, seconds=60)]
    size = 5_000_000 if operation == "Put" else LARGE
    code = f"from pipeline.store import Store; Store({store.uri!r}).write('a/small', bytes({size}))"
    writer = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    until = time.monotonic() + 120
    while not faulty.counts()[operation]:
        assert writer.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    faulty.faults = []
    assert [(entry.path, entry.size) for entry in store.list()] == [("a/small", 3)]
    assert store.read("a/small") == b"old"


@pytest.mark.parametrize("operation", ["Put", "Create", "UploadPart", "Complete"])
def test_a_writer_that_is_interrupted_leaves_an_old_or_a_whole_object(store, faulty, operation):
    content = b"new" * (1_000_000 if operation == "Put" else LARGE // 3)
    code = (
        "import signal; signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "from pipeline.store import Store\n"
        f"Store({store.uri!r}).write('a/small', b'new' * {len(content) // 3})"
    )
    writers: list[subprocess.Popen] = []
    faulty.faults = [Fault("meanwhile", operation, meanwhile=lambda: interrupt(writers[0]))]
    writers.append(subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE))
    assert b"KeyboardInterrupt" in writers[0].communicate(timeout=120)[1]
    assert store.read("a/small") in (b"old", content)


def interrupt(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)  # so that it has arrived before the request is answered


# What is read


@pytest.mark.parametrize("other", [b"l" * 5_000, b"s"], ids=["longer", "shorter"])
def test_an_object_that_is_replaced_while_it_is_read_is_one_of_the_two(store, faulty, s3_server, other):
    aside = Store(store.uri.replace(faulty.address.replace(":", "%3A"), "%3A".join(map(str, s3_server))))
    faulty.faults = [Fault("meanwhile", "Get", meanwhile=lambda: aside.write("a/small", other))]
    assert store.read("a/small") == other
    assert faulty.counts()["Get"] == 2


def test_an_object_that_is_removed_while_it_is_read_is_not_found(store, faulty):
    faulty.faults = [Fault("meanwhile", "Get", meanwhile=lambda: store.delete("a/small"))]
    with pytest.raises(FileNotFoundError):
        store.read("a/small")
    store.write("a/small", b"old")
    with store.open("a/small") as file:
        store.delete("a/small")
        with pytest.raises(FileNotFoundError):
            file.read()


def test_a_large_object_is_read_in_ranges_and_only_a_lost_one_again(store, faulty):
    content = os.urandom(LARGE)
    store.write("large", content)
    faulty.seen.clear()
    faulty.faults = [Fault("status", "Get", status=500)]
    assert store.read("large") == content
    assert faulty.counts()["Get"] == 4


def test_a_query_over_a_store_that_fails_blames_the_store(faulty, monkeypatch):
    lake = Lake(uri_of(faulty, "queried"))
    monkeypatch.setattr(objectstore, "ATTEMPTS", 1)
    with database.connect(lake) as connection:
        faulty.faults = [Fault("status", "Get", times=10**6)]
        with pytest.raises(EnvironmentProblem, match=r"^store 's3://stores/queried': gave up .+\)$"):
            database.query(connection, "SELECT title FROM raw").fetchall()


@pytest.mark.parametrize("operation", ["Head", "Get"])
@pytest.mark.parametrize(
    "fault", [Fault("status", status=503), Fault("cut_response", size=100)], ids=lambda f: f.kind
)
def test_a_query_does_not_see_that_a_store_fails_for_a_moment(faulty, operation, fault):
    lake = Lake(uri_of(faulty, "queried"))
    with database.connect(lake) as connection:
        faulty.faults = [replace(fault, operation=operation, path=".*/raw/none.parquet", times=2)]
        assert database.query(connection, "SELECT count(*) FROM raw").fetchall() == [(0,)]
    assert faulty.faults[0].hits == 2


# What it costs


def test_requests(store, faulty):
    def cost(work) -> dict[str, int]:
        faulty.seen.clear()
        work()
        return dict(faulty.counts())

    assert cost(lambda: store.write("a/small", b"new")) == {"Put": 1}
    one, parts = bytes(objectstore.PART - 1), bytes(objectstore.PART)
    assert cost(lambda: store.write("a/one", one)) == {"Put": 1}
    assert cost(lambda: store.write("a/parts", parts)) == {"Create": 1, "UploadPart": 1, "Complete": 1}
    assert cost(lambda: store.read("a/small")) == {"Head": 2, "Get": 1}
    assert cost(lambda: store.find("a/none")) == {"Head": 1}
    assert cost(lambda: store.exists("a/none")) == {"Head": 1}
    assert cost(lambda: store.exists("a/small")) == {"Head": 1}
    with store.open("a/small") as file:
        assert cost(lambda: [file.seek(0), file.read(1), file.read(1)]) == {"Get": 1}


def test_many_objects_are_listed_a_thousand_a_request(faulty, monkeypatch):
    from moto.s3.models import s3_backends

    monkeypatch.setattr(objectstore, "SILENCE", 60.0)  # the server here is slow with many
    store = store_at(faulty, "many")
    backend = s3_backends["123456789012"]["aws"]
    for number in range(2_500):
        backend.put_object("stores", f"many/day={number % 50}/{number:05}", b"x")
    found = [entry.path for entry in store.list()]
    assert len(found) == 2_500
    assert found == sorted(found, key=lambda path: path.split("/"))
    assert faulty.counts() == {"List": 3}
    assert store.read_all(found[:40]) == [b"x"] * 40


# Whose store it is


@pytest.mark.parametrize("user", ["key:hidden@", "key@", ":hidden@", "key:hid%2Fden@"])
def test_credentials_in_a_uri_are_refused_and_not_shown(user):
    with pytest.raises(UsageError, match="its URI holds credentials") as told:
        Store(f"s3://{user}stores/lake?region=us-east-1")
    assert "hid" not in str(told.value)
    assert "'s3://stores/lake'" in str(told.value)


def test_an_unknown_option_is_refused_and_its_value_not_shown():
    with pytest.raises(
        UsageError, match="'secret_key' is not one of region, endpoint_override, scheme"
    ) as told:
        Store("s3://stores/lake?secret_key=hidden")
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("uri", ["s3://", "s3:///folder"])
def test_a_uri_without_a_bucket_is_refused(uri):
    with pytest.raises(UsageError, match="names no bucket: s3://BUCKET/FOLDER is needed"):
        Store(uri)


def test_the_endpoint_may_come_from_the_environment(faulty, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{faulty.address}")
    Store("s3://stores/environment").write("x", b"1")
    assert faulty.seen == [("Put", "/stores/environment/x")]


def test_credentials_may_come_from_a_profile(faulty, monkeypatch, tmp_path):
    (tmp_path / "credentials").write_text("[desk]\naws_access_key_id = abc\naws_secret_access_key = def\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "desk")
    store_at(faulty, "profile").write("x", b"1")
    assert faulty.keys == {"abc"}
