"""Records: JSON lines, CSV and Parquet, one article a row, with columns under their many names."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types

from pipeline.outcome import RAW_LIMIT
from pipeline.sources import LINES_LIMIT, TEXT_LIMIT, Allowance, Item, Landed, Refused, Source, SourceError
from pipeline.texts import HANDLER, NotTextError, is_garbled, lines_of, sniff

FIELDS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "headline", "heading", "articletitle"),
    "date": ("date", "published", "publishedat", "publisheddate", "publishdate", "pubdate", "publicationdate",
             "publishtime", "publishedon", "datepublish", "datepublished", "articledate"),
    "url": ("url", "link", "sourceurl", "articleurl", "canonicalurl", "permalink", "weburl"),
    "text": ("text", "lines", "body", "content", "maintext", "article", "articletext", "articlebody",
             "fulltext", "paragraphs", "bodytext"),
}  # fmt: skip
"""Where each field is looked for, in this order; case, spaces and punctuation make no difference."""

NEEDED = ("title", "text")
BATCH_ROWS = 64  # of Parquet at once: each may hold TEXT_LIMIT
CHARACTERS = 2**16  # passed over at once in a line beyond the limit

csv.field_size_limit(TEXT_LIMIT)


class ColumnsError(ValueError):
    """The columns do not give an article; the message says what is missing and what there is."""


class FieldError(ValueError):
    """A value is of a kind that its field cannot be; the message names both."""


def resolve(columns: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The column of each field: the chosen one, else the first that goes by one of its names.

    Raises ColumnsError where a chosen column is not there or title or text has none.
    """
    plain: dict[str, str] = {}
    for column in columns:
        plain.setdefault(re.sub(r"[\W_]", "", column).casefold(), column)
    found = {name: plain[known] for name, aliases in FIELDS.items()
             if (known := next((alias for alias in aliases if alias in plain), None))}  # fmt: skip
    for name, column in chosen.items():
        if column not in columns:
            raise ColumnsError(f"column {column!r}, mapped to {name}, is not among: {_listed(columns)}")
        found[name] = column
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise ColumnsError(
            f"no column for {' and '.join(missing)} among: {_listed(columns)}; map with --columns"
        )
    return found


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(str(column)[:40] for column in columns[:20]) or "(none)"


def text_stream(source: Source, stream: BinaryIO) -> io.TextIOWrapper:
    """The stream's characters, in the encoding that its first bytes tell.

    Raises SourceError (`encoding`, `empty`) where it is no text or has none.
    """
    head = stream.peek(2**16)[: 2**16]  # type: ignore[attr-defined]
    if not head:
        raise SourceError(source.uri, "empty", "no rows in it")
    try:
        encoding, skip = sniff(head)
        if is_garbled(head[skip:].decode(encoding, HANDLER if encoding == "utf-8" else "ignore")):
            raise NotTextError("too many control characters for a text")
    except NotTextError as error:
        raise SourceError(source.uri, "encoding", str(error)) from error
    stream.read(skip)
    return io.TextIOWrapper(stream, encoding, HANDLER if encoding == "utf-8" else "strict", newline="")


class TooLongError(csv.Error):
    """A line beyond the limit."""


class Lines:
    """The lines of a stream, numbered from 1; `seen` holds the first characters since `mark`.

    A line beyond the limit is passed over in pieces and comes out as None.
    """

    def __init__(self, source: Source, text: io.TextIOWrapper) -> None:
        self._source, self._text = source, text
        self.number, self.first, self.seen = 0, 1, ""
        self._waiting: str | None = None

    def mark(self) -> None:
        """A new record begins with the next line."""
        self.first, self.seen = self.number + 1, ""

    def peek(self) -> str | None:
        """The next line, which will be read once more."""
        self._waiting = self.read()
        return self._waiting

    def read(self) -> str | None:
        """The next line with its end, "" after the last. Raises SourceError where it cannot be decoded."""
        if self._waiting is not None:
            line, self._waiting = self._waiting, None
            return line
        try:
            line = self._text.readline(TEXT_LIMIT)
            self.number += bool(line)
            self.seen = (self.seen + line[:RAW_LIMIT])[:RAW_LIMIT]
            if len(line) < TEXT_LIMIT or line.endswith(("\n", "\r")):
                return line
            while (more := self._text.readline(CHARACTERS)) and not more.endswith(("\n", "\r")):
                pass
        except UnicodeDecodeError as error:
            detail = f"after line {self.number}: not {error.encoding}: {error.reason}"
            raise SourceError(self._source.uri, "encoding", detail) from error
        return None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.read()
        if line is None:
            raise TooLongError(f"a line of more than {TEXT_LIMIT:,} characters")
        if not line:
            raise StopIteration
        return line


def read_jsonl(source: Source, stream: BinaryIO) -> Iterator[Item]:
    """One article for each line that holds a JSON object; rows are numbered by line."""
    lines = Lines(source, text_stream(source, stream))
    columns: dict[tuple[str, ...], dict[str, str]] = {}
    while True:
        lines.mark()
        line = lines.read()
        if line == "":
            return
        if line is None:
            detail = f"a line of more than {TEXT_LIMIT:,} characters"
            yield source.refuse("too_large", detail, lines.seen, lines.number)
            continue
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise FieldError(f"a JSON object is needed, this is a {type(record).__name__}")
            names = tuple(record)
            if names not in columns:
                if len(columns) > 1000:  # Files in which every record has other names.
                    columns.clear()
                columns[names] = resolve(names, source.columns)
            values = {name: record[column] for name, column in columns[names].items()}
            yield _article(source, lines.number, values)
        except (ValueError, RecursionError) as error:
            yield source.refuse("format", f"line {lines.number}: {error}", line, lines.number)


def read_csv(source: Source, stream: BinaryIO) -> Iterator[Item]:
    """One article for each row below the header, numbered without it; a quoted field may hold line ends."""
    lines = Lines(source, text_stream(source, stream))
    header = lines.peek()
    if header is None:
        raise SourceError(source.uri, "too_large", "the header line is too long")
    separator = max(",;\t", key=header.count)
    rows = csv.reader(lines, delimiter=separator, strict=True)
    try:
        names = [name.strip() for name in next(rows, [])]
        columns = {name: names.index(column) for name, column in resolve(names, source.columns).items()}
    except (ColumnsError, csv.Error) as error:
        raise SourceError(source.uri, "format", f"header: {error}") from error
    number = 0
    while True:
        lines.mark()
        try:
            row = next(rows)
            if not row:
                continue
            number += 1
            if len(row) != len(names):
                raise FieldError(f"{len(row)} fields under a header of {len(names)}")
            values = {name: row[index] or None for name, index in columns.items()}
            yield _article(source, number, values)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            reason = "too_large" if isinstance(error, TooLongError) else "format"
            detail = f"lines {lines.first} to {lines.number}: {error}"
            yield source.refuse(reason, detail, lines.seen, number)
        except FieldError as error:
            yield source.refuse("format", f"line {lines.first}: {error}", lines.seen, number)


def read_parquet(source: Source, stream: BinaryIO) -> Iterator[Item]:
    """One article for each row of a Parquet file, which must give random access."""
    allowance = Allowance(source)
    number = 0
    try:
        file = pq.ParquetFile(stream)
        columns = resolve(file.schema_arrow.names, source.columns)
        wanted = list(dict.fromkeys(columns.values()))
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
            allowance.spend(batch.nbytes)
            cells = {name: _cells(name, batch.column(column)) for name, column in columns.items()}
            for values in zip(*cells.values(), strict=True):
                number += 1
                yield _parquet_row(source, number, dict(zip(cells, values, strict=True)))
    except ColumnsError as error:
        raise SourceError(source.uri, "format", str(error)) from error
    except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError) as error:
        raise SourceError(source.uri, "unreadable", f"after row {number}: {error}") from error


def _parquet_row(source: Source, number: int, values: Mapping[str, Any]) -> Item:
    try:
        return _article(source, number, values)
    except FieldError as error:
        return source.refuse("format", f"row {number}: {error}", repr(values)[:RAW_LIMIT], number)


def _cells(name: str, column: pa.Array) -> list[Any]:
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    # As bytes: what a file calls a string need not be UTF-8.
    if types.is_list(kind) or types.is_large_list(kind):
        column = column.cast(pa.large_list(pa.large_binary()))
    elif any(
        of(kind) for of in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    ):
        column = column.cast(pa.large_binary())
    elif types.is_temporal(kind) or types.is_integer(kind) or types.is_floating(kind):
        column = column.cast(pa.string())
    elif not types.is_null(kind):
        raise ColumnsError(f"column for {name} is of type {kind}, not text")
    return column.to_pylist()


def _article(source: Source, row: int, values: Mapping[str, Any]) -> Item:
    title, date_raw, url_raw = (_scalar(name, values.get(name)) for name in ("title", "date", "url"))
    lines = _lines(values.get("text"))
    landed = Landed(f"{source.uri}#{row}", title or "", date_raw, url_raw, lines, source.landed_at)
    if sum(map(len, lines)) + len(landed.title) > TEXT_LIMIT or len(lines) > LINES_LIMIT:
        detail = f"more than {TEXT_LIMIT:,} characters or {LINES_LIMIT:,} lines"
        return source.refuse("too_large", detail, "\n".join((landed.title, *lines[:100])), row)
    return _text_or_refused(source, row, landed)


def _text_or_refused(source: Source, row: int, landed: Landed) -> Landed | Refused:
    everything = "\n".join((landed.title, landed.date_raw or "", landed.url_raw or "", *landed.lines))
    if is_garbled(everything):
        return source.refuse("encoding", "too many control characters for a text", everything, row)
    try:
        everything.encode()
    except UnicodeEncodeError as error:
        detail = f"half a character (U+{ord(everything[error.start]):04X})"
        return source.refuse("encoding", detail, everything, row)
    return landed


def _scalar(name: str, value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", HANDLER)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if value is None or isinstance(value, str):
        return value
    raise FieldError(f"{name} is a {type(value).__name__}, not text")


def _lines(value: object) -> list[str]:
    parts = value if isinstance(value, list) else [value]
    return [line for part in parts for line in lines_of(_scalar("text", part) or "")]
