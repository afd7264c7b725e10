"""JSON lines in, JSON lines out: what `standpoint clean` and `standpoint annotate` read and write."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.errors import UsageError


@contextmanager
def lines_of(path: Path | None) -> Iterator[IO[bytes]]:
    """The lines of a file, or of standard input where none is named or it is `-`."""
    if path is None or str(path) == "-":
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal: name a .jsonl file, or pipe one in")
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"input {str(path)!r} cannot be read: {error.strerror}") from error
    with file:
        yield file


def parse(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """One object per line; blank lines are passed over. Raises UsageError that names the line."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"line {number}: not JSON ({error}); each line must be one JSON object"
            ) from error
        if not isinstance(record, dict):
            raise UsageError(f"line {number}: a {type(record).__name__}; each line must be one JSON object")
        yield record


def write(records: Iterable[dict[str, Any]], stream: IO[str]) -> None:
    """Each record as a line, as soon as it is there."""
    for record in records:
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    stream.flush()
