"""What ingest reads from and what it makes of it: sources, the two kinds of item, and every limit.

A source is a file of the landing zone or a member of an archive. Reading it gives items: `Landed`, an
article as it stands there, or `Refused`, which becomes a row of `rejects`. Nothing else comes out.
"""

from __future__ import annotations

import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from pipeline.errors import EnvironmentProblem
from pipeline.outcome import RAW_LIMIT

TEXT_LIMIT = 20 * 2**20  # bytes of one text file or characters of one record; a long book has 2 MB
LINES_LIMIT = 100_000  # paragraphs of one article
MEMBERS_LIMIT = 1_000_000  # of one archive: their names' digests (70 MB then) tell repeated names
RATIO_LIMIT = 200  # bytes unpacked for each packed one; text reaches 4 to 20, a bomb 1,000
RATIO_SLACK = 2**24  # bytes that may be unpacked whatever the ratio
UNPACKED_LIMIT = 2**40  # bytes unpacked from one source
CHUNK = 2**18  # bytes read at once

PACKED = {"gz": "gz", "zst": "zst", "zstd": "zst"}
FORMS = {"txt": "text", "text": "text", "jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv",
         "parquet": "parquet", "pq": "parquet", "tar": "tar", "zip": "zip"}  # fmt: skip
SHORT = {"tgz": "tar.gz", "tzst": "tar.zst"}
SIDECAR = ".columns.json"
MAGIC = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "ZIP", b"\x28\xb5\x2f\xfd": "Zstandard", b"PAR1": "Parquet",
         b"%PDF-": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"{\\rtf": "RTF",
         b"\xd0\xcf\x11\xe0": "Word"}  # fmt: skip

# What lies beside articles and is none: passed over without a word. Anything else leaves a row.
_BESIDE = re.compile(
    r"(?:.*\.md|(?:readme|licen[cs]e|copying|notice|changelog|authors)(?:\.[a-z]+)?"
    r"|.*\.(?:sha256|sha1|md5)|sha256sums|md5sums|thumbs\.db|desktop\.ini|.*\.columns\.json)",
    re.I,
)
# What the libraries are known to raise while they unpack damaged or hostile bytes.
UNPACKING = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
             NotImplementedError, RuntimeError)  # fmt: skip


class Landed(NamedTuple):
    """An article as it stands in its source; `lines` are the lines that are not blank."""

    source_uri: str
    title: str
    date_raw: str | None
    url_raw: str | None
    lines: list[str]
    landed_at: datetime


class Refused(NamedTuple):
    """An input that is no article: its first bytes, and what is known of it."""

    source_uri: str
    reason: str
    detail: str
    raw: bytes | None
    landed_at: datetime
    article_id: str | None = None
    day: date | None = None


Item = Landed | Refused


class SourceError(Exception):
    """The source `uri` cannot be read on; what was read of it before stands."""

    def __init__(self, uri: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.uri, self.reason, self.detail = uri, reason, detail


@dataclass(frozen=True)
class Source:
    """A file or archive member: `name` tells its form, `size` is in bytes as it lies there.

    `columns` maps title, date, url and text to a record's columns; `seekable` says whether `open`
    gives random access.
    """

    uri: str
    name: str
    size: int
    landed_at: datetime
    open: Callable[[], BinaryIO]
    columns: Mapping[str, str] = field(default_factory=dict)
    seekable: bool = True

    def member(self, label: str, name: str, size: int, content: Callable[[], BinaryIO]) -> Source:
        """The member `name` of this archive, under a label that is no other member's."""
        uri = f"{self.uri}!/{printable(label)}"
        return Source(uri, name, size, self.landed_at, content, self.columns, seekable=False)

    def refuse(
        self, reason: str, detail: str, raw: bytes | str | None = None, row: int | None = None
    ) -> Refused:
        """This source, or one row of it, as refused."""
        uri = self.uri if row is None else f"{self.uri}#{row}"
        if isinstance(raw, str):
            raw = raw[:RAW_LIMIT].encode("utf-8", "backslashreplace")
        return Refused(
            uri, reason, printable(detail), None if raw is None else raw[:RAW_LIMIT], self.landed_at
        )


def said(error: Exception) -> str:
    """What an exception says, or its name where it says nothing."""
    return str(error) or type(error).__name__


def printable(text: str) -> str:
    """The text with what UTF-8 cannot hold (bytes of a file name, half characters) written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def form(name: str) -> tuple[str, str]:
    """What a file's name tells: its form (a value of FORMS, `skip`, `unsupported`) and packing (gz, zst)."""
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]
    if not parts or any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return "skip", ""
    if _BESIDE.fullmatch(parts[-1]):
        return "skip", ""
    stem, ending = _split(parts[-1])
    if ending in SHORT:
        stem, ending = _split(f"{stem}.{SHORT[ending]}")
    packing = PACKED.get(ending, "")
    if packing:
        ending = _split(stem)[1]
    found = FORMS.get(ending, "text" if not ending else "unsupported")
    return ("unsupported" if packing and found in ("parquet", "zip") else found), packing


def _split(name: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.+)\.([A-Za-z0-9]{1,8})", name, re.S)
    if match is None or match[2].isdigit():
        return name, ""
    return match[1], match[2].lower()


class Handle(io.RawIOBase):
    """A file of a store as Python's own kind; a failing disk or network is no fault of the data.

    Raises EnvironmentProblem when a read fails.
    """

    def __init__(self, file: pa.NativeFile, uri: str) -> None:
        self._file, self._uri = file, uri

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there are bytes."""
        try:
            return int(self._file.readinto(buffer))
        except OSError as error:
            problem = f"source {self._uri!r} cannot be read ({error}); ingest again"
            raise EnvironmentProblem(problem) from error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset in bytes. Raises OSError for one before the start."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """The offset in bytes."""
        return int(self._file.tell())

    def close(self) -> None:
        """Close the store's file too."""
        self._file.close()
        super().close()


class Allowance:
    """How much a source may still unpack to: the limits on ratio and size, over all of its members."""

    def __init__(self, source: Source) -> None:
        self._source, self._spent = source, 0
        self._limit = min(RATIO_LIMIT * source.size + RATIO_SLACK, UNPACKED_LIMIT)

    def spend(self, size: int) -> None:
        """Count unpacked bytes. Raises SourceError (`too_large`) when they are too many."""
        self._spent += size
        if self._spent > self._limit:
            packed = self._source.size
            detail = f"unpacks to more than {self._limit:,} bytes from {packed:,}: refused from there on"
            raise SourceError(self._source.uri, "too_large", detail)


class Unpacked(io.RawIOBase):
    """A stream out of a decompressor or archive, which counts; damage is its owner's SourceError."""

    def __init__(self, stream: Any, owner: Source, allowance: Allowance | None = None) -> None:
        # What one step of the decompressor gives: damage after it must not take it along.
        self._read = getattr(stream, "read1", stream.read)
        self._owner, self._allowance = owner, allowance

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there are bytes."""
        try:
            data = self._read(len(buffer))
        except UNPACKING as error:
            raise SourceError(self._owner.uri, "unreadable", f"damaged: {said(error)}") from error
        if self._allowance is not None:
            self._allowance.spend(len(data))
        buffer[: len(data)] = data
        return len(data)


def unpack(source: Source, packing: str) -> io.BufferedReader:
    """The source's bytes, decompressed as they are read."""
    stream: Any = source.open()
    if packing == "gz":
        stream = Unpacked(gzip.GzipFile(fileobj=stream), source, Allowance(source))
    elif packing == "zst":
        stream = Unpacked(pa.CompressedInputStream(stream, "zstd"), source, Allowance(source))
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream, CHUNK)


def take(stream: BinaryIO, limit: int) -> bytes:
    """The stream's bytes as far as there are any, at most `limit`, in memory for what is there only."""
    pieces, size = [], 0
    while size < limit and (piece := stream.read(min(CHUNK, limit - size))):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
