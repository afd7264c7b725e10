"""Fuzzing of every reader: seeds of every accepted form, damaged and read; what fails is kept.

`python -m tests.fuzz --minutes 10 --seed 1` writes each failing input, with its traceback, to a folder.
The property (`examine`): whatever the bytes, articles and refusals come out, each fit for its table; every
line of JSON is one of them; nothing else is raised; and memory and time stay within the limits here.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import resource
import signal
import sys
import tarfile
import time
import traceback
import zipfile
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from pipeline import schemas
from pipeline.ingest import assess
from pipeline.outcome import reject, rejects_table
from pipeline.readers import read
from pipeline.sources import Item, Landed, Refused, Source, form

LANDING = Path(__file__).resolve().parent.parent / "seeds" / "landing"
SEED_LIMIT = 60_000  # bytes of a seed: a large one shows nothing more and is slower
MEMORY = 3 * 2**30  # of address space, most of it that of the libraries
SECONDS = 30  # for one input, on a machine that does other work
NOW = datetime(2022, 4, 1, tzinfo=UTC)
TOKENS = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1b[2J", b"\r", b"\n", b"\r\n", b'"',
    b"'", b",", b"\t",
    b"{", b"}", b"[" * 3000, b"]", b":", b"NaN", b"Infinity", b"-0", b"1e999", b"9" * 5000, b"null",
    b"true", b"\\ud800",
    b"\\u0000", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xae", b"\xe2\x80\xa8",
    b"0000-00-00",
    b"99999999", b"00010101", b"99991231", b"2021-02-30", b"2021-12-29T25:61:61+99:99",
    b"20211229T000000-9999",
    b"1640736000", b"1e18", "٢٠٢١-١٢-٢٩".encode(), b"Dec 29, 2021 10:00 GMT+99", b"http://u:p@h/x",
    b"javascript:alert(1)",
    b"https://[::1", b"http://xn--/", "http://bücher.example/é".encode(), b"http://h:99999999/", b"../",
    b"/etc/passwd",
    b"%00", b"=cmd()", b"'; DROP TABLE raw; --", b"\xff\xff\xff\xff", b"\x80\0\0\0\0\0\0\0",
    b"\x7f\xff\xff\xff",
)  # fmt: skip


@cache
def seeds() -> list[tuple[str, bytes]]:
    """Name and bytes of a seed for every accepted form and packing."""
    files = [p for p in sorted(LANDING.rglob("*")) if p.is_file() and p.stat().st_size <= SEED_LIMIT]
    found = [(path.name, path.read_bytes()) for path in files if not path.name.endswith(".columns.json")]
    texts = [data for name, data in found if name.endswith(".txt")][:6]
    found.append(("plain", texts[0]))
    found.append(("wide.txt", texts[1].decode("utf-8", "replace").encode("utf-16")))
    rows = [
        {"title": f"T{n}", "date": "2021-12-29", "url": f"https://e.example/{n}",
         "text": t.decode("utf-8", "replace")}
        for n, t in enumerate(texts)
    ]  # fmt: skip
    found += [(f"rows.{kind}", encoded(kind, rows)) for kind in ("jsonl", "csv", "parquet")]
    return found


def encoded(kind: str, rows: list[dict[str, str]]) -> bytes:
    """Rows as JSON lines, CSV or Parquet."""
    table, sink = pa.Table.from_pylist(rows), io.BytesIO()
    if kind == "parquet":
        lists = pa.array([row["text"].splitlines() for row in rows])
        pq.write_table(table.set_column(3, "text", lists), sink, row_group_size=2)
    elif kind == "csv":
        csv.write_csv(table, sink)
    else:
        sink.write("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode())
    return sink.getvalue()


def damaged(rng: Random, data: bytes) -> bytes:
    """The bytes after a few accidents: flipped, cut, doubled, moved, spliced with another seed, salted."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at, size = rng.randrange(len(found) + 1), int(2 ** rng.uniform(0, 12))
        match rng.randrange(9):
            case 0 if found:
                found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
            case 1 if found:
                found[rng.randrange(len(found))] = rng.choice((0, 255, 128, 127, 10, 34))
            case 2:
                del found[at:]
            case 3:
                del found[at : at + size]
            case 4:
                found[at:at] = found[at : at + size] * rng.choice((1, 2, 50))
            case 5:
                other = rng.choice(seeds())[1]
                start = rng.randrange(len(other) + 1)
                found[at : at + size] = other[start : start + size]
            case 6 | 7:
                found[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(TOKENS)
            case 8:
                found[at : at + size] = rng.randbytes(min(size, 64))
    return bytes(found[: 20 * SEED_LIMIT])


def packed(rng: Random, name: str, data: bytes) -> tuple[str, bytes]:
    """The file as it may lie there: alone, compressed, or a member of an archive."""
    kind = form(name)[0]
    match rng.randrange(8):
        case 0 if kind in ("text", "jsonl", "csv", "tar") and not name.endswith(("gz", "zst")):
            return f"{name}.gz", gzip.compress(data, 1)
        case 1 if kind in ("text", "jsonl", "csv", "tar") and not name.endswith(("gz", "zst")):
            return f"{name}.zst", pa.compress(data, "zstd", asbytes=True)
        case 2:
            sink = io.BytesIO()
            with tarfile.open(fileobj=sink, mode="w", format=rng.choice((1, 2))) as tar:
                info = tarfile.TarInfo(rng.choice((name, "a\n\x1b\u202e", "../" + name, "ü" * 90 + name)))
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            return "a.tar", sink.getvalue()
        case 3:
            sink = io.BytesIO()
            with zipfile.ZipFile(sink, "w", rng.choice((0, 8, 12, 14))) as file:
                file.writestr(rng.choice((name, "a\n\x1b\u202e", "..\\" + name)), data)
            return "a.zip", sink.getvalue()
    return name, data


def example(rng: Random) -> tuple[str, bytes]:
    """A damaged file: its name and bytes. Damage lies within the packing, around it, or both."""
    kinds = {form(name) for name, _ in seeds()}  # a form with many seeds is no better
    chosen = rng.choice(sorted(kinds))
    name, data = rng.choice([seed for seed in seeds() if form(seed[0]) == chosen])
    if rng.random() < 0.05:
        name = rng.choice(seeds())[0]  # the name lies
    if rng.random() < 0.8:
        data = damaged(rng, data)
    name, data = packed(rng, name, data)
    return name, damaged(rng, data) if rng.random() < 0.4 else data


def examine(name: str, data: bytes) -> list[Item]:
    """Reads the bytes as a source. Raises AssertionError, or what the reader raises, where that is wrong."""
    source = Source(name, name, len(data), NOW, lambda: io.BufferedReader(io.BytesIO(data)))  # type: ignore[arg-type]
    items = list(read(source))
    kept, refused = [], []
    for item in items:
        found = assess(item) if isinstance(item, Landed) else item
        if isinstance(found, Refused):
            refused.append(
                reject("ingest", found.source_uri, found.reason, found.detail, found.raw, found.article_id)
            )
            assert found.detail, found
        else:
            published, row = found
            assert 1700 <= published.published.year <= 2100, published
            kept.append(row)
    assert schemas.RAW.schema.equals(schemas.from_rows("raw", kept).schema)
    rejects_table(refused)
    kind = form(name)
    if kind == ("jsonl", "") and not {"encoding", "empty"} & {r["reason"] for r in refused}:
        assert len(items) == len(json_lines(data)), (len(items), len(json_lines(data)))
    assert items or kind[0] not in ("text", "tar", "zip"), "nothing came out"
    return items


def json_lines(data: bytes) -> list[str]:
    """The lines that hold something, read by the book."""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    return [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]


def late(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s for one input")


def main() -> int:
    """Damage and read until the time is over; returns 1 where an input failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1, help="the first input's; the next has the next number")
    parser.add_argument("--out", type=Path, default=Path("fuzz-failures"), help="where failing inputs go")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, late)
    end, count, failed, slowest = time.monotonic() + 60 * asked.minutes, 0, 0, (0.0, 0)
    forms, outcomes = Counter[str](), Counter[str]()
    while time.monotonic() < end:
        seed, count = asked.seed + count, count + 1
        name, data = example(Random(seed))
        forms[" ".join(form(name)).strip()] += 1
        began = time.process_time()
        signal.alarm(SECONDS)
        try:
            items = examine(name, data)
            signal.alarm(0)
            outcomes.update(item.reason if isinstance(item, Refused) else "article" for item in items)
        except Exception:  # noqa: BLE001 - whatever it is, it is kept
            signal.alarm(0)
            failed += 1
            asked.out.mkdir(parents=True, exist_ok=True)
            (asked.out / f"{seed}-{name[-40:]}").write_bytes(data)
            (asked.out / f"{seed}.txt").write_text(traceback.format_exc())
            print(f"seed {seed}, {name!r}: {traceback.format_exc().splitlines()[-1]}", flush=True)
        slowest = max(slowest, (time.process_time() - began, seed))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:,} inputs, {failed} failed; slowest {slowest[0]:.2f} s "
        f"(seed {slowest[1]}); peak {peak:,.0f} MB"
    )
    print("forms:", dict(forms.most_common()))
    print("outcomes:", dict(outcomes.most_common()))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
