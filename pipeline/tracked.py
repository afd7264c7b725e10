"""Text that remembers where every character came from."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Finding(NamedTuple):
    """What may replace the characters from `start` to `end`, how sure that is, and in few words why."""

    start: int
    end: int
    replacement: str
    confidence: float = 1.0
    evidence: str = ""


class Range(NamedTuple):
    """Characters `start` to `end` of a text came from raw characters `raw_start` to `raw_end`.

    `repair` names what changed them; None: they are the same characters. Where raw characters were
    deleted, `start` equals `end`; where characters were added, `raw_start` equals `raw_end`.
    """

    start: int
    end: int
    raw_start: int
    raw_end: int
    repair: str | None


class Tracked(NamedTuple):
    """A text and the consecutive ranges that lead every character of it back to the raw text.

    >>> said = Tracked.of("He  said").edited([Finding(2, 4, " ")], "whitespace")
    >>> said.text
    'He said'
    >>> [tuple(r) for r in said.ranges]
    [(0, 2, 0, 2, None), (2, 3, 2, 4, 'whitespace'), (3, 7, 4, 8, None)]
    """

    text: str
    ranges: tuple[Range, ...]

    @staticmethod
    def of(raw: str) -> Tracked:
        """The raw text itself, unchanged."""
        return Tracked(raw, (Range(0, len(raw), 0, len(raw), None),) if raw else ())

    def edited(self, edits: Sequence[Finding], repair: str) -> Tracked:
        """The text after these edits (sorted, not overlapping), each recorded under `repair`.

        An edit that reaches into a stretch repaired before takes in the whole stretch, so that its
        raw characters stay known.
        """
        if not edits:
            return self
        edits = _widened(self.text, self.ranges, edits)
        parts = list(_split(self.ranges, sorted({point for e in edits for point in e[:2]})))
        ranges, chunks, at, i = list[Range](), list[str](), 0, 0

        def add(text: str, raw_start: int, raw_end: int, name: str | None) -> None:
            nonlocal at
            chunks.append(text)
            ranges.append(Range(at, at + len(text), raw_start, raw_end, name))
            at += len(text)

        for edit in (*edits, None):
            while i < len(parts) and (edit is None or parts[i].end <= edit.start):
                part, i = parts[i], i + 1
                add(self.text[part.start : part.end], part.raw_start, part.raw_end, part.repair)
            if edit is not None:
                raw_start = raw_end = ranges[-1].raw_end if ranges else 0
                while i < len(parts) and parts[i].start < edit.end:
                    raw_end, i = parts[i].raw_end, i + 1
                add(edit.replacement, raw_start, raw_end, repair)
        return Tracked("".join(chunks), tuple(ranges))

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """The raw characters that those from `start` to `end` came from, without deletions at the edges.

        What was repaired as a whole leads back to the whole.
        """
        first = bisect_right(self.ranges, start, key=lambda r: r.end)
        if first == len(self.ranges):
            at = self.ranges[-1].raw_end if self.ranges else 0
            return at, at
        r = self.ranges[first]
        raw_start = r.raw_start + (start - r.start if r.repair is None else 0)
        if start == end and (r.repair is None or start == r.start):
            return raw_start, raw_start
        r = self.ranges[max(first, bisect_left(self.ranges, end, key=lambda r: r.start) - 1)]
        return raw_start, r.raw_end - (r.end - end if r.repair is None else 0)

    def sliced(self, start: int, end: int) -> Tracked:
        """The text from `start` to `end`, without deletions at its edges.

        What was repaired as a whole leads back to the whole, also where the slice cuts it.
        """
        if len(self.ranges) == 1 and self.ranges[0].repair is None and start < end:
            raw = self.ranges[0].raw_start
            return Tracked(self.text[start:end], (Range(0, end - start, raw + start, raw + end, None),))
        ranges = []
        first = bisect_right(self.ranges, start, key=lambda r: r.end)
        for r in self.ranges[first : bisect_left(self.ranges, end, key=lambda r: r.start)]:
            head, tail = (max(start - r.start, 0), max(r.end - end, 0)) if r.repair is None else (0, 0)
            ranges.append(Range(max(r.start, start) - start, min(r.end, end) - start,
                                r.raw_start + head, r.raw_end - tail, r.repair))  # fmt: skip
        return Tracked(self.text[start:end], tuple(ranges))


def align(before: str, after: str, reach: int = 24, anchor: int = 3) -> list[Finding]:
    """Edits that turn `before` into `after`, each as short as a linear search finds it.

    Where the two differ, the next place is sought, at most `reach` characters on, from which
    `anchor` characters agree again; where there is none, the rest is one edit.

    >>> align("the caf\u00c3\u00a9s there", "the caf\u00e9s there")
    [Finding(start=7, end=9, replacement='é', confidence=1.0, evidence='')]
    """
    edits, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        if before[i : i + 1] == after[j : j + 1]:
            i, j = i + 1, j + 1
            continue
        steps = ((n - b, b) for n in range(1, 2 * reach) for b in range(min(n, reach) + 1) if n - b <= reach)
        for a, b in steps:
            if _agree(before, i + a, after, j + b, anchor):
                break
        else:
            a, b = len(before) - i, len(after) - j
        edits.append(Finding(i, i + a, after[j : j + b]))
        i, j = i + a, j + b
    return edits


def _agree(before: str, i: int, after: str, j: int, anchor: int) -> bool:
    if i > len(before) or j > len(after):
        return False
    return before[i : i + anchor] == after[j : j + anchor]


def _widened(text: str, ranges: Iterable[Range], edits: Sequence[Finding]) -> Sequence[Finding]:
    """The edits, each grown to the whole of every repaired range that it reaches into."""
    repaired = [r for r in ranges if r.repair is not None and r.start < r.end]
    if not repaired:
        return edits
    wide: list[Finding] = []
    for edit in edits:
        start, end = edit.start, edit.end
        for n in {bisect_left(repaired, p, key=lambda r: r.start) - 1 for p in (start, end)}:
            if n >= 0 and repaired[n].end > edit.start:
                start, end = min(start, repaired[n].start), max(end, repaired[n].end)
        head, tail = text[start : edit.start], text[edit.end : end]
        if wide and start < wide[-1].end:  # both reach into the same range: its text is edited already
            last = wide.pop()
            kept = last.replacement[: len(last.replacement) - (last.end - edit.start)]
            wide.append(Finding(last.start, max(end, last.end), kept + edit.replacement + tail))
        else:
            wide.append(Finding(start, end, head + edit.replacement + tail))
    return wide


def _split(ranges: Iterable[Range], points: Sequence[int]) -> Iterator[Range]:
    """The ranges, those without a repair cut at these points."""
    k = 0
    for r in ranges:
        while k < len(points) and points[k] < r.end:
            cut = points[k] - r.start
            if cut > 0 and r.repair is None:
                yield Range(r.start, points[k], r.raw_start, r.raw_start + cut, None)
                r = Range(points[k], r.end, r.raw_start + cut, r.raw_end, None)
            k += 1
        yield r
