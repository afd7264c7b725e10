"""Records of `standpoint annotate` as they are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Span = tuple[int, int]


@dataclass(frozen=True)
class Request:
    """A record as it was understood; `targets` is None where the mentions are to be judged."""

    id: Any
    text: str = ""
    targets: list[Span] | None = None
    pairs: tuple[tuple[Span, Span], ...] = ()
    error: str = ""

    @property
    def spans(self) -> list[Span]:
        """The distinct spans that the caller gave."""
        return list(dict.fromkeys([*(self.targets or ()), *(span for pair in self.pairs for span in pair)]))


def understood(record: Any) -> Request:
    """The record as it is understood; what is wrong with it, if anything, in `error`."""
    if not isinstance(record, dict):
        return Request(None, error=f"record is a {type(record).__name__}; give an object with id and text")
    given, text = record.get("id"), record.get("text")
    if not isinstance(text, str):
        return Request(given, error=f"text is {_shown(text)}; give a string")
    try:
        targets, pairs = record.get("targets"), record.get("pairs")
        asked = None if targets is None else [_span(s, "targets", text) for s in _list(targets, "targets")]
        both = tuple(_pair(pair, text) for pair in _list([] if pairs is None else pairs, "pairs"))
    except ValueError as error:
        return Request(given, error=str(error))
    return Request(given, text, asked, both)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is {_shown(value)}; give a list, or leave it out")
    return value


def _span(value: Any, name: str, text: str) -> Span:
    whole = isinstance(value, list | tuple) and len(value) == 2 and all(type(n) is int for n in value)
    if not whole or not 0 <= value[0] < value[1] <= len(text):
        raise ValueError(
            f"{name} has the span {_shown(value)}; give [start, end] with 0 <= start < end <= {len(text)}, "
            "counted in characters of text"
        )
    return value[0], value[1]


def _pair(value: Any, text: str) -> tuple[Span, Span]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"pairs has {_shown(value)}; give [[start, end], [start, end]]: holder, target")
    holder, target = (_span(span, "pairs", text) for span in value)
    if holder == target:
        raise ValueError(f"pairs has {_shown(value)}; holder and target must be two different spans")
    return holder, target


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
