"""JSON lines in, JSON lines out: what `standpoint clean` and `standpoint annotate` read and write.

Each line is answered by one line, in its place: a record that cannot be answered by `{"id", "error"}`.
"""

from __future__ import annotations

import codecs
import json
import math
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from pipeline.errors import UsageError, ValidationFailed

Record = dict[str, Any]
Filter = Callable[[Iterable[Record]], Iterable[Record]]
"""Gives one answer for each record, in their order; it may read ahead."""


@contextmanager
def lines_of(path: Path | None) -> Iterator[BinaryIO]:
    """The lines of a file, or of standard input where none is named or it is `-`."""
    if path is None or str(path) == "-":
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal: name a .jsonl file, or pipe one in")
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(
            f"input {str(path)!r} cannot be read ({error.strerror}): name a .jsonl file"
        ) from error
    with file:
        yield file


def answers(lines: Iterable[bytes], function: Filter) -> Iterator[Record]:
    """One answer per line that is not blank, in order: the function's, or why the line is no record.

    No more lines are held than the function reads ahead.
    """
    refused: deque[tuple[int, Record]] = deque()  # with the number of records that stand before it

    def records() -> Iterator[Record]:
        passed = 0
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = _record(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)
            except (ValueError, RecursionError) as error:
                refused.append((passed, {"id": None, "error": f"line {number}: {error}"}))
                continue
            passed += 1
            yield record

    for number, answer in enumerate(function(records())):
        while refused and refused[0][0] <= number:
            yield refused.popleft()[1]
        yield answer
    for _, answer in refused:
        yield answer


def each(function: Callable[[Record], Record]) -> Filter:
    """A filter of a function on one record; its UsageError becomes the answer."""

    def answer(record: Record) -> Record:
        try:
            return function(record)
        except UsageError as error:
            return {"id": record.get("id"), "error": str(error)}

    return lambda records: map(answer, records)


def write(records: Iterable[Record], stream: BinaryIO) -> None:
    """Each record as a line of UTF-8. Raises ValidationFailed after the last where some are errors."""
    total = failed = 0
    for record in records:
        stream.write(_line(record))
        total += 1
        failed += "error" in record
    stream.flush()
    if failed:
        raise ValidationFailed(
            f'{failed:,} of {total:,} records not answered: their lines say "error"; correct them and repeat'
        )


def _record(line: bytes) -> Record:
    """The object that a line holds. Raises ValueError that says why there is none."""
    try:
        record = json.loads(line.rstrip().decode(), parse_constant=_refused, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start}); each line must be one JSON object") from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON ({error.msg}, column {error.colno}); each line must be one JSON object"
        ) from error
    if not isinstance(record, dict):
        raise ValueError(f"a {type(record).__name__}; each line must be one JSON object")
    return record


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON knows")


def _finite(digits: str) -> float:
    """The number, if there is one: JSON could not write infinity back."""
    number = float(digits)
    return number if math.isfinite(number) else _refused(digits)


def _line(record: Record) -> bytes:
    text = json.dumps(record, ensure_ascii=False)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # half a character, as "\\ud800" gives it, goes out as it came in
        return f"{json.dumps(record)}\n".encode()
