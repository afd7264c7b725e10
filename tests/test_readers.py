"""Readers: every accepted form, every hostile input; whatever the bytes, an article or a reject."""

import gzip
import io
import json
import os
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import schemas, sources
from pipeline.readers import read
from pipeline.sources import Item, Landed, Refused, Source, form
from pipeline.texts import decode, layout

NOW = datetime(2022, 1, 10, tzinfo=UTC)
ARTICLE = b"Harbour reopens\n20211229\nhttps://courier.example/a\nThe first line.\n\nThe second line.\n"
LINES = ["The first line.", "The second line."]
RECORD = {"headline": "Harbour reopens", "pubDate": "2021-12-29", "link": "https://courier.example/a"}


def source(name: str, data: bytes, **columns: str) -> Source:
    return Source(name, name, len(data), NOW, lambda: io.BufferedReader(io.BytesIO(data)), columns)  # type: ignore[arg-type]


def items(name: str, data: bytes, **columns: str) -> list[Item]:
    return list(read(source(name, data, **columns)))


def refusals(found: list[Item]) -> list[tuple[str, str]]:
    return [(item.source_uri, item.reason) for item in found if isinstance(item, Refused)]


def landed(found: list[Item]) -> list[str]:
    return [item.source_uri for item in found if isinstance(item, Landed)]


def tar(*members: tuple[str | tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return sink.getvalue()


def parquet(**columns: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def special(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("odd.txt")
    info.type, info.linkname = kind, "/etc/hostname"
    return info


def jsonl(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


ZST = pa.compress(ARTICLE, "zstd", asbytes=True)
TEXTS = {"text": LINES, "body": "The first line.\n\nThe second line."}
FORMS = {
    "a.txt": (ARTICLE, ""),
    "a": (ARTICLE, ""),
    "a.txt.gz": (gzip.compress(ARTICLE), ""),
    "a.txt.zst": (ZST, ""),
    "a.tar": (tar(("./m.txt", ARTICLE)), "!/m.txt"),
    "a.tgz": (tar(("m.txt", ARTICLE), mode="w:gz"), "!/m.txt"),
    "a.tar.zst": (pa.compress(tar(("m.txt", ARTICLE)), "zstd", asbytes=True), "!/m.txt"),
    "a.zip": (zipped(("in/m.txt", ARTICLE)), "!/in/m.txt"),
    "a.jsonl": (jsonl({**RECORD, "lines": LINES}), "#1"),
    "a.ndjson.gz": (gzip.compress(jsonl({**RECORD, "body": TEXTS["body"]})), "#1"),
    "a.csv": (b'Headline,Pub Date,URL,Content\r\nHarbour reopens,2021-12-29,https://courier.example/a,'
              b'"The first line.\n\nThe second line."\r\n', "#1"),
    "a.parquet": (parquet(title=["Harbour reopens"], date=[datetime(2021, 12, 29, tzinfo=UTC).date()],
                          url=["https://courier.example/a"], text=[LINES]), "#1"),
    "b.tar": (tar(("p.parquet", parquet(title=["Harbour reopens"], date=["2021-12-29"],
                                        url=["https://courier.example/a"], text=[TEXTS["body"]]))),
              "!/p.parquet#1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_article(name: str) -> None:
    data, where = FORMS[name]
    (item,) = items(name, data)
    assert isinstance(item, Landed), item
    assert item.source_uri == name + where
    assert (item.title, item.url_raw, item.lines) == ("Harbour reopens", "https://courier.example/a", LINES)
    assert item.date_raw in ("20211229", "2021-12-29")
    assert item.landed_at == NOW


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings(encoding: str) -> None:
    text = (
        "A “title”\n20211229\n" + "Plain words make up the most of this text, as they do.\n" * 20 + "café\n"
    )
    assert decode(text.encode(encoding)) == text


LAYOUTS = [
    ("T\n20211229\nhttps://e.example/a\np", ("T", "20211229", "https://e.example/a", ["p"])),
    ("T\nhttps://e.example/a\n20211229\np", ("T", "20211229", "https://e.example/a", ["p"])),
    ("\n T \n\nDate: Dec. 29, 2021\n\nURL: www.e.example/a\np",
     (" T ", "Dec. 29, 2021", "www.e.example/a", ["p"])),
    ("T\n20211229\np\nq", ("T", "20211229", None, ["p", "q"])),
    ("T\n\nhttps://e.example/a\np", ("T", None, "https://e.example/a", ["p"])),
    ("T\nsome day\nhttps://e.example/a\np", ("T", "some day", "https://e.example/a", ["p"])),
    ("T\n32/13/2021\np", ("T", "32/13/2021", None, ["p"])),
    ("20211229\nhttps://e.example/a\np", ("", "20211229", "https://e.example/a", ["p"])),
    ("https://e.example/a\np", ("", None, "https://e.example/a", ["p"])),
    ("May 5, 2021\n20211229\nhttps://e.example/a\np",
     ("May 5, 2021", "20211229", "https://e.example/a", ["p"])),
    ("T\nOn 5 May 2021 they met for an hour and left again without a word to anyone.",
     ("T", None, None, ["On 5 May 2021 they met for an hour and left again without a word to anyone."])),
    ("T\r20211229\r\np\u2028q\x85r", ("T", "20211229", None, ["p\u2028q\x85r"])),
    ("", ("", None, None, [])),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), LAYOUTS)
def test_layout(text: str, expected: tuple[object, ...]) -> None:
    assert layout(text) == expected


HOSTILE = [
    ("x.txt", random.Random(1).randbytes(5000), ["encoding"]),
    ("x.txt", b"\0" * 5000, ["encoding"]),
    ("x.txt", b"\xff\xfeA", ["encoding"]),
    ("x.txt", b"", ["empty"]),
    ("x.txt", b" \n\r\n\t", ["empty"]),
    ("x.txt", b"\xef\xbb\xbf \n", ["empty"]),
    ("x.txt", b"%PDF-1.4 text", ["unsupported"]),
    ("x.txt", b"<!DOCTYPE html>\n<p>Hello</p>", ["unsupported"]),
    ("x.txt", b"T\n" + b"a\n" * 100_001, ["too_large"]),
    ("x.docx", b"PK", ["unsupported"]),
    ("x.parquet.gz", b"PK", ["unsupported"]),
    ("x.txt.gz", b"not gzip", ["unreadable"]),
    ("x.csv.gz", gzip.compress(os.urandom(999))[:-9], ["encoding"]),
    ("x.tar", b"hello" * 300, ["unreadable"]),
    ("x.tar.gz", b"hello", ["unreadable"]),
    ("x.tar", tar(), ["empty"]),
    ("x.zip", b"hello", ["unreadable"]),
    ("x.zip", zipped(), ["empty"]),
    ("x.parquet", b"PAR1 and more PAR1", ["unreadable"]),
    ("x.parquet", parquet(title=["T"], text=[True]), ["format"]),
    ("x.parquet", parquet(a=[1]), ["format"]),
    ("x.parquet", parquet(title=["T"], text=pa.array([b"\0\1\2\3"], pa.binary())), ["encoding"]),
    ("x.csv", b"a,b\n1,2\n", ["format"]),
    ("x.csv", b"title,text\nonly one\n", ["format"]),
    ("x.csv", b'title,text\n"never closed,b\n', ["format"]),
    ("x.jsonl", b"not json\n", ["format"]),
    ("x.jsonl", b"[1, 2]\n", ["format"]),
    ("x.jsonl", b"[" * 100_000 + b"\n", ["format"]),
    ("x.jsonl", b'{"title": {}, "text": "x"}\n', ["format"]),
    ("x.jsonl", b'{"title": "\\ud800", "text": "x"}\n', ["encoding"]),
    ("x.tar", tar(("../../up.txt", ARTICLE)), ["unsafe_path"]),
    ("x.tar", tar(("/abs.txt", ARTICLE)), ["unsafe_path"]),
    ("x.zip", zipped(("../up.txt", ARTICLE)), ["unsafe_path"]),
    ("x.zip", zipped(("C:\\abs.txt", ARTICLE)), ["unsafe_path"]),
    ("x.tar", tar((special(tarfile.SYMTYPE), b"")), ["unsafe_path"]),
    ("x.tar", tar((special(tarfile.LNKTYPE), b"")), ["unsafe_path"]),
    ("x.tar", tar((special(tarfile.CHRTYPE), b"")), ["unsafe_path"]),
    ("x.tar", tar(("in.zip", zipped(("a.txt", ARTICLE)))), ["unsupported"]),
    ("README.md", ARTICLE, []),
    (".hidden.txt", ARTICLE, []),
    ("a.csv.columns.json", b"{}", []),
]


@pytest.mark.parametrize(("name", "data", "reasons"), HOSTILE)
def test_hostile_inputs(name: str, data: bytes, reasons: list[str]) -> None:
    found = items(name, data)
    assert not landed(found)
    assert [reason for _, reason in refusals(found)] == reasons


def test_an_endless_line_is_never_read_whole() -> None:
    data = b"x" * 50_000_000
    tracemalloc.start()
    (item,) = items("x.txt", data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(item, Refused)
    assert (item.reason, item.raw) == ("too_large", b"x" * 4096)
    assert peak < 3_000_000


def test_what_a_truncated_archive_still_gives_is_kept() -> None:
    rng = random.Random(2)
    members = [(f"{n}.txt", ARTICLE + rng.randbytes(40).hex().encode()) for n in range(400)]
    whole = tar(*members, mode="w:gz")
    found = items("x.tar.gz", whole[: len(whole) // 2])
    assert refusals(found) == [("x.tar.gz", "unreadable")]
    assert len(landed(found)) > 150


def test_a_broken_header_in_the_middle_is_told() -> None:
    whole = bytearray(tar(*((f"{n}.txt", ARTICLE) for n in range(5))))
    whole[2048 : 2048 + 100] = b"?" * 100
    found = items("x.tar", bytes(whole))
    assert len(landed(found)) == 2
    assert refusals(found) == [("x.tar", "unreadable")]


def test_bombs_are_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "RATIO_SLACK", 100_000)
    good, zeros = ("a.txt", ARTICLE), ("b.txt", b" " * 3_000_000)
    for name, data in {
        "x.zip": zipped(good, zeros, ("c.txt", ARTICLE)),
        "x.tar.gz": tar(good, zeros, mode="w:gz"),
    }.items():
        found = items(name, data)
        assert landed(found) == [f"{name}!/a.txt"]
        assert refusals(found) == [(name, "too_large")]


def test_encrypted_members_are_refused_and_others_read() -> None:
    data = bytearray(zipped(("secret.txt", ARTICLE), ("open.txt", ARTICLE)))
    flags = data.index(b"PK\x01\x02") + 8
    data[flags : flags + 2] = struct.pack("<H", 1)
    found = items("x.zip", bytes(data))
    assert refusals(found) == [("x.zip!/secret.txt", "unreadable")]
    assert landed(found) == ["x.zip!/open.txt"]


def test_repeated_names_are_read_each_under_its_own() -> None:
    found = items("x.tar", tar(("a.txt", ARTICLE), ("a.txt", ARTICLE + b"More.\n"), ("a.txt", b"")))
    assert landed(found) == ["x.tar!/a.txt", "x.tar!/a.txt#2"]
    assert refusals(found) == [("x.tar!/a.txt#3", "empty")]


def test_bad_rows_cost_only_themselves() -> None:
    found = items("x.csv", b'title,text\nA,a\nB\n"x"y,b\n\nC,"c\nd"\nD,d\n')
    assert landed(found) == ["x.csv#1", "x.csv#4", "x.csv#5"]
    assert refusals(found) == [("x.csv#2", "format"), ("x.csv#3", "format")]
    found = items(
        "x.jsonl", jsonl({"title": "A", "text": "a"}) + b"oops\n\n" + jsonl({"title": "B", "text": "b"})
    )
    assert landed(found) == ["x.jsonl#1", "x.jsonl#4"]
    assert refusals(found) == [("x.jsonl#2", "format")]


def test_columns_can_be_mapped() -> None:
    data = b"kopf;rumpf;title\nA;a;not this\n"
    (item,) = items("x.csv", data, title="kopf", text="rumpf")
    assert isinstance(item, Landed)
    assert (item.title, item.lines) == ("A", ["a"])
    (item,) = items("x.csv", data, title="kopf", text="absent")
    assert isinstance(item, Refused)
    assert item.reason == "format"
    assert "'absent'" in item.detail


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/b.TXT", ("text", "")), ("a.b.jsonl.zst", ("jsonl", "zst")),
     ("x.tgz", ("tar", "gz")), ("v1.2", ("text", "")),
     (".git/a.txt", ("skip", "")), ("__MACOSX/a.txt", ("skip", "")), ("x.html", ("unsupported", ""))],
)  # fmt: skip
def test_form(name: str, expected: tuple[str, str]) -> None:
    assert form(name) == expected


SEEDS = [data for data, _ in FORMS.values()]
NAMES = ["x.txt", "x", "x.txt.gz", "x.txt.zst", "x.tar", "x.tar.gz", "x.tar.zst", "x.zip", "x.jsonl",
         "x.jsonl.gz", "x.csv", "x.csv.zst", "x.parquet", "x.gz"]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good file with a few bytes changed and the end perhaps lost."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for place, value in draw(
        st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=6)
    ):
        data[place] = value
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), st.binary(max_size=300) | damaged())
def test_whatever_the_bytes(name: str, data: bytes) -> None:
    for item in items(name, data):
        assert isinstance(item, (Landed, Refused))
        item.source_uri.encode()
        if isinstance(item, Refused):
            assert item.reason in schemas.REASONS
        else:
            "\n".join((item.title, *item.lines)).encode()


class Endless(io.RawIOBase):
    """A tar of `count` articles that is made while it is read."""

    def __init__(self, count: int) -> None:
        self._parts = self._blocks(count)
        self._left = b""

    @staticmethod
    def _blocks(count: int) -> Iterator[bytes]:
        body = ARTICLE + b"w" * 20_000
        for number in range(count):
            info = tarfile.TarInfo(f"{number}.txt")
            info.size = len(body)
            yield info.tobuf() + body + b"\0" * (-len(body) % 512)
        yield b"\0" * 1024

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._left = self._left or next(self._parts, b"")
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def test_memory_does_not_grow_with_an_archive() -> None:
    def peak(count: int) -> int:
        archive = Source("x.tar", "x.tar", 1, NOW, lambda: io.BufferedReader(Endless(count)))  # type: ignore[arg-type]
        tracemalloc.start()
        assert sum(isinstance(item, Landed) for item in read(archive)) == count
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    assert peak(2000) < peak(200) + 500_000  # the archive grows by 37 MB
