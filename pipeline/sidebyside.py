"""A line as it was and as it is cleaned, what differs marked by colour or, where there is none, by signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

from rich.console import Console
from rich.text import Text

from pipeline.tracked import Tracked

CONTEXT = 80
"""Characters shown on either side of a change; what lies farther away is left out."""
MOST = 100
"""Marks shown in a line; a line of 2 MB may have 100,000."""
SHOWN = {" ": "·", "\t": "⇥", "\n": "↵", "\r": "↵", "\u00a0": "⍽"}
INSERTED = "‸"
"""A proofreader's caret: here something was missing."""


@dataclass(frozen=True)
class Signs:
    """How removed, added and suspected characters are marked: before, after, and in which style."""

    removed: tuple[str, str, str]
    added: tuple[str, str, str]
    suspected: tuple[str, str, str]

    @staticmethod
    def of(console: Console) -> Signs:
        """Colours where the console has them, else signs."""
        return SIGNS if console.no_color or console.color_system is None else COLOURS


COLOURS = Signs(("", "", "bold red"), ("", "", "bold underline green"), ("", "", "underline yellow"))
SIGNS = Signs(("[-", "-]", ""), ("{+", "+}", ""), ("?", "?", ""))


class Piece(NamedTuple):
    """Characters of a line before and after."""

    raw: str
    clean: str
    kind: Literal["same", "changed", "suspected"]


def visible(text: str, spaces: bool = False) -> str:
    r"""The text with what a terminal would not show, or obey, as code points; `spaces`: these as signs.

    >>> visible("a\u200b\x1b[1m b"), visible("a\t b", spaces=True)
    ('a⟨200b⟩⟨1b⟩[1m b', 'a⇥·b')
    """
    shown = (SHOWN.get(c, c) if spaces or c != " " else c for c in text)
    return "".join(c if c.isprintable() else f"⟨{ord(c):02x}⟩" for c in shown)


def compared(
    raw: str, clean: Tracked, suspected: Sequence[tuple[int, int]], signs: Signs
) -> tuple[Text, Text]:
    """The two sides of a line; `suspected` are spans of raw characters, sorted."""
    left, right = Text(), Text()
    pieces, more = _first(_pieces(raw, clean, suspected))
    for piece in _shortened(pieces):
        match piece.kind:
            case "same":
                left.append(visible(piece.raw))
                right.append(visible(piece.clean))
            case "suspected":
                _mark(left, visible(piece.raw), signs.suspected)
                _mark(right, visible(piece.clean), signs.suspected)
            case "changed":
                if piece.raw:
                    _mark(left, visible(piece.raw, spaces=True), signs.removed)
                else:
                    left.append(INSERTED, signs.removed[2])
                _added(right, piece.clean, signs.added)
    if more:
        left.append(f" … and {more:,} more places in this line")
    return left, right


def _first(pieces: Iterable[Piece]) -> tuple[list[Piece], int]:
    """The pieces up to the last mark that is shown, and how many marks follow."""
    first, marks = list[Piece](), 0
    for piece in pieces:
        marks += piece.kind != "same"
        if marks <= MOST:
            first.append(piece)
    return first, max(marks - MOST, 0)


def _mark(side: Text, text: str, sign: tuple[str, str, str]) -> None:
    side.append(f"{sign[0]}{text}{sign[1]}", sign[2])


def _added(side: Text, text: str, sign: tuple[str, str, str]) -> None:
    """As `_mark`, but for the spaces around: a line may break there."""
    if core := text.strip():
        before, _, after = text.partition(core)
        side.append(visible(before))
        _mark(side, visible(core), sign)
        side.append(visible(after))
    else:
        side.append(visible(text))


def _pieces(raw: str, clean: Tracked, suspected: Iterable[tuple[int, int]]) -> Iterator[Piece]:
    suspected = sorted(suspected)
    passed = 0  # of the suspected spans: those that end before the range
    for r in clean.ranges:
        if r.repair is not None:
            yield Piece(raw[r.raw_start : r.raw_end], clean.text[r.start : r.end], "changed")
            continue
        at = r.raw_start
        while passed < len(suspected) and suspected[passed][1] <= at:
            passed += 1
        for start, end in islice(suspected, passed, None):
            if start >= r.raw_end:
                break
            start, end = max(start, at), min(end, r.raw_end)
            if start < end:
                yield from _same(raw[at:start])
                yield Piece(raw[start:end], raw[start:end], "suspected")
                at = end
        yield from _same(raw[at : r.raw_end])


def _same(text: str) -> Iterator[Piece]:
    if text:
        yield Piece(text, text, "same")


def _shortened(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces, of long ones that are the same only what stands next to a change."""
    for n, piece in enumerate(pieces):
        if piece.kind != "same":
            yield piece
            continue
        short = shortened(piece.raw, n > 0, n < len(pieces) - 1)
        yield Piece(short, short, "same")


def shortened(text: str, before: bool, after: bool) -> str:
    """The text without what stands far from what is marked before it and after it, where that is long."""
    head, tail = CONTEXT * before, CONTEXT * after
    if len(text) <= head + tail + CONTEXT // 2:
        return text
    start = text.rfind(" ", 0, head) + 1 if head else 0
    end = text.find(" ", len(text) - tail) if tail else len(text)
    return f"{text[:start]}… {text[end:].lstrip() if end >= 0 else ''}"
