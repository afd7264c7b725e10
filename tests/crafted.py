"""Inputs made to exhaust a reader; `python -m tests.crafted NAME…` reads them within a limit on memory.

Prints a line of JSON for each: name, articles, refusals by reason, seconds, peak of memory in MB.
"""

from __future__ import annotations

import gzip
import io
import json
import resource
import signal
import sys
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sources import Landed
from tests.fuzz import examine, late

MEMORY = 3 * 2**30  # of address space, in which Python and Arrow alone take more than 1 GB
SECONDS = 120  # by the wall, on a machine that does other work
ARTICLE = b"Harbour reopens\n20211229\nhttps://courier.example/a\nThe first line.\n"
ZEROS = b"0" * 10 * 2**20


def tar(*infos: tarfile.TarInfo | bytes, then: bytes = ARTICLE) -> bytes:
    """Headers as they are (with no content), raw blocks, and a sound article at the end."""
    last = tarfile.TarInfo("last.txt")
    last.size = len(then)
    blocks = [info if isinstance(info, bytes) else info.tobuf(tarfile.GNU_FORMAT) for info in infos]
    return b"".join([*blocks, last.tobuf(), then, b"\0" * (-len(then) % 512), b"\0" * 1024])


def info(kind: bytes = tarfile.REGTYPE, name: str = "odd.txt", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.size = kind, size
    return found


def extended(kind: bytes, data: bytes) -> bytes:
    """A header that says something of the next one."""
    return info(kind, "extended", len(data)).tobuf(tarfile.GNU_FORMAT) + data + b"\0" * (-len(data) % 512)


def pax(**values: object) -> bytes:
    records = b""
    for key, value in values.items():
        body = f" {key.replace('__', '.')}={value}\n".encode()
        size = len(body)
        while len(str(size)) + len(body) != size:
            size = len(str(size)) + len(body)
        records += str(size).encode() + body
    return extended(tarfile.XHDTYPE, records) + info(name="paxed.txt").tobuf(tarfile.GNU_FORMAT)


def zipped(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as file:
        for name, data in members.items():
            file.writestr(f"{name}.txt", data)
    return sink.getvalue()


def overlapping() -> bytes:
    """A ZIP file whose directory names the same bytes a thousand times."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", ZEROS)
        file.filelist *= 1000
    return sink.getvalue()


def many(count: int, name: str) -> bytes:
    """A ZIP file of so many empty members."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        empty = zipfile.ZipInfo(name.format(0))
        file.writestr(empty, b"")
        for number in range(1, count):
            again = zipfile.ZipInfo(name.format(number))
            again.header_offset = empty.header_offset
            again.CRC = 0
            again.compress_size = again.file_size = 0
            file.filelist.append(again)
    return sink.getvalue()


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def repeated(size: int, rows: int) -> bytes:
    """A Parquet file in which one large text stands in every row, and once in the file."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["w " * (size // 2)]))
    return parquet(pa.table({"title": text, "text": text}), compression="zstd", write_statistics=False)


def nested(depth: int) -> bytes:
    kind = pa.string()
    for _ in range(depth):
        kind = pa.list_(kind)
    return parquet(pa.table({"title": ["T"], "text": pa.nulls(1, kind)}))


CRAFTED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip bomb": ("a.txt.gz", lambda: gzip.compress(ZEROS) * 200),
    "zstd bomb": ("a.jsonl.zst", lambda: pa.compress(ZEROS, "zstd", asbytes=True) * 200),
    "tar bomb": ("a.tar.gz",
        lambda: gzip.compress(info(size=2**31 - 512).tobuf()) + gzip.compress(ZEROS) * 200),
    "zip bomb": ("a.zip", lambda: zipped(**{f"m{n}": ZEROS for n in range(30)})),
    "bzip2 bomb": ("a.zip", lambda: zipped(zipfile.ZIP_BZIP2, a=ZEROS * 3, b=ZEROS * 3)),
    "lzma bomb": ("a.zip", lambda: zipped(zipfile.ZIP_LZMA, a=ZEROS * 3, b=ZEROS * 3)),
    "overlapping zip": ("a.zip", overlapping),
    "zip in zip": ("a.zip",
        lambda: zipped(**{"inner.zip": zipped(a=ZEROS)}).replace(b".zip.txt", b".txt.zip")),
    "tar in tar": ("a.tar", lambda: tar(info(name="in.tar.gz"))),
    "members": ("a.zip", lambda: many(100_000, "{}.txt")),
    "members in tar": ("a.tar", lambda: tar(*(info(name=f"{n}.txt").tobuf() for n in range(30_000)))),
    "one name": ("a.zip", lambda: many(20_000, "a.txt")),
    "huge member": ("a.tar", lambda: tar(info(size=2**62))),
    "negative size": ("a.tar", lambda: tar(info(size=-512))),
    "sparse": ("a.tar", lambda: tar(info(tarfile.GNUTYPE_SPARSE, size=2**50))),
    "pax sparse": ("a.tar",
        lambda: tar(pax(GNU__sparse__major=1, GNU__sparse__minor=0, GNU__sparse__realsize=10**15))),
    "pax sparse map": ("a.tar",
        lambda: tar(pax(GNU__sparse__size=10**15, GNU__sparse__map="0,1," * 50_000 + "x"))),
    "pax size": ("a.tar", lambda: tar(pax(size=-1))),
    "pax huge size": ("a.tar", lambda: tar(pax(size=10**30))),
    "pax digits": ("a.tar", lambda: tar(pax(size="9" * 10_000))),
    "pax time": ("a.tar", lambda: tar(pax(mtime="nan", atime="1e400"))),
    "pax path": ("a.tar", lambda: tar(pax(path="a\0b\n\x1b[2J\u202e.txt"))),
    "pax outside": ("a.tar", lambda: tar(pax(path="../../../etc/cron.d/x"))),
    "pax length": ("a.tar", lambda: tar(extended(tarfile.XHDTYPE, b"9" * 5000 + b" path=x\n"), info())),
    "pax large": ("a.tar", lambda: tar(extended(tarfile.XHDTYPE, b"x" * 50 * 2**20), info())),
    "pax charset": ("a.tar", lambda: tar(extended(tarfile.XGLTYPE, b"20 hdrcharset=BOGUS\n"), info())),
    "long names": ("a.tar", lambda: tar(*[extended(tarfile.GNUTYPE_LONGNAME, b"x.txt\0")] * 5000, info())),
    "pax chain": ("a.tar", lambda: tar(*[extended(tarfile.XHDTYPE, b"11 path=ab\n")] * 5000, info())),
    "hard link": ("a.tar", lambda: tar(info(tarfile.LNKTYPE))),
    "device": ("a.tar", lambda: tar(info(tarfile.BLKTYPE), info(tarfile.FIFOTYPE), info(tarfile.CHRTYPE))),
    "deep json": ("a.jsonl", lambda: b'{"title":' + b'{"a":' * 100_000 + b"\n" + b"[" * 10**6 + b"\n"),
    "wide json": ("a.jsonl", lambda: b'{"title": [' + b"[]," * 6_000_000 + b"0]}\n"),
    "json keys": ("a.jsonl", lambda: json.dumps({f"k{n}": n for n in range(10**6)}).encode() + b"\n"),
    "json numbers": ("a.jsonl",
        lambda: b'{"title": ' + b"9" * 10**6 + b', "text": "x"}\n{"title": NaN, "text": Infinity}\n'),
    "json line": ("a.jsonl", lambda: b'{"title": "' + b"x" * 50 * 2**20 + b'", "text": "y"}\n'),
    "csv columns": ("a.csv", lambda: b"title,text," + b"x," * 10**6 + b"\n" + b"a,b," + b"," * 10**6 + b"\n"),
    "csv field": ("a.csv", lambda: b'title,text\n"' + (b"x" * 999 + b"\n") * 30_000 + b'",y\n'),
    "csv quotes": ("a.csv", lambda: b"title,text\n" + b'"a,b\n' * 10**5),
    "csv nul": ("a.csv", lambda: b"title,text\n" + b"a,b\0c\n" * 100 + b"a,b\n" * 10**4),
    "text lines": ("a.txt", lambda: b"T\n20211229\n\n" + b"x\n" * 10**6),
    "utf-16 halves": ("a.txt", lambda: b"\xff\xfe" + "Title\nBody\n".encode("utf-16-le") + b"\x00\xd8" * 9),
    "utf-7": ("a.txt", lambda: b"Title\n20211229\n\n+ADw-script+AD4- and more.\n"),
    "parquet rows": ("a.parquet", lambda: repeated(10 * 2**20, 1000)),
    "parquet nested": ("a.parquet", lambda: nested(60)),
    "parquet columns": ("a.parquet", lambda: parquet(pa.table({f"c{n}": [1] for n in range(10_000)}))),
    "parquet groups": ("a.parquet",
        lambda: parquet(pa.table({"title": ["T"] * 20_000, "text": ["t"] * 20_000}), row_group_size=1)),
}  # fmt: skip


def resident_peak() -> int:
    """The most memory that this process had, in MB: its own, where getrusage adds what its parent had."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for chosen in sys.argv[1:] or CRAFTED:
        name, build = CRAFTED[chosen]
        data = build()
        signal.alarm(SECONDS)
        began = time.process_time()
        items = examine(name, data)
        signal.alarm(0)
        refused = Counter(item.reason for item in items if not isinstance(item, Landed))
        peak = resident_peak()
        seconds = round(time.process_time() - began, 1)
        print(json.dumps([chosen, len(items) - refused.total(), refused, seconds, peak]), flush=True)


if __name__ == "__main__":
    main()
