"""Reading an object in ranges: the same bytes as from a file, in few requests."""

import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ranges
from pipeline.ranges import RangeReader


class Counted:
    """Content as a store has it: how often it was looked at, and which ranges were asked for."""

    def __init__(self, content: bytes) -> None:
        self.content, self.looked, self.asked = content, 0, []

    def look(self) -> "Counted":
        self.looked += 1
        return self

    def size(self) -> int:
        return len(self.content)

    def read_at(self, size: int, at: int) -> bytes:
        self.asked.append((at, size))
        assert at + size <= len(self.content)
        return self.content[at : at + size]

    def close(self) -> None:
        return


def reader(content: bytes) -> tuple[Counted, RangeReader]:
    counted = Counted(content)
    return counted, RangeReader(counted.look, lambda work: work())


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(ranges, "BLOCK", 8)
    monkeypatch.setattr(ranges, "AHEAD", 20)


steps = st.tuples(st.integers(0, 70), st.one_of(st.none(), st.integers(-1, 70)))


@given(st.binary(max_size=60), st.lists(steps, max_size=12))
def test_it_reads_as_a_file_does(content, todo):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "BLOCK", 8)
        patch.setattr(ranges, "AHEAD", 20)
        counted, far = reader(content)
        here = io.BytesIO(content)
        for at, size in todo:
            assert far.seek(at) == here.seek(at)
            assert far.read(size) == here.read(size)
            assert far.tell() == here.tell()
        assert all(size <= 20 for _, size in counted.asked)


def test_a_small_object_is_one_request_wherever_reading_begins():
    counted, far = reader(b"12345678")
    far.seek(-2, io.SEEK_END)
    assert far.read() == b"78"
    far.seek(0)
    assert far.read(3) == b"123"
    assert far.read() == b"45678"
    assert counted.asked == [(0, 8)]


def test_who_reads_on_reads_further_ahead():
    counted, far = reader(bytes(100))
    while far.read(4):
        pass
    assert counted.asked == [(0, 8), (8, 20), (28, 20), (48, 20), (68, 20), (88, 12)]


def test_a_large_read_is_several_ranges():
    counted, far = reader(bytes(range(50)))
    assert far.read() == bytes(range(50))
    assert counted.asked == [(0, 20), (20, 20), (40, 10)]


def test_after_a_failed_read_it_is_looked_whether_the_object_is_still_there():
    counted, far = reader(b"12345678")

    def gone(*_: int) -> bytes:
        raise OSError("something")

    counted.read_at = gone
    with pytest.raises(OSError, match="something"):
        far.read()
    assert counted.looked == 2


def test_arrow_reads_it():
    _, far = reader(b"12345678")
    with pa.PythonFile(far, mode="r") as file:
        assert file.size() == 8
        assert file.read_at(3, 2) == b"345"
        file.seek(0)
        assert file.read() == b"12345678"
