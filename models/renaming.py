"""Other names in the place of those of a training text, so that what is learned of a name is its place."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from models import TYPES
from models.data import Example, Span

RENAMED = ("PERSON", "ORG", "LOC", "FAC")


def replaced(example: Example, changes: Mapping[Span, str]) -> Example:
    """The example with the text of some spans, which do not overlap, replaced; all other spans move along."""
    text, last = "", 0
    moves: list[tuple[int, int, int, int]] = []
    for (start, end), new in sorted(changes.items()):
        text += example.text[last:start] + new
        last = end
        moves.append((start, end, len(text) - len(new), len(text)))
    text += example.text[last:]

    def moved(span: Span) -> Span:
        return _place(span[0], 0, moves), _place(span[1], 1, moves)

    return example.moved(text, moved)


def _place(at: int, side: int, moves: Sequence[tuple[int, int, int, int]]) -> int:
    """Where a span's start (side 0) or end (1) comes to lie; one within what is replaced goes to its edge."""
    shift = 0
    for start, end, *new in moves:
        if start < at < end or at == (start, end)[side]:
            return new[side]
        if at >= end:
            shift = new[1] - end
    return at + shift


def renamed(
    example: Example, rng: random.Random, names: Mapping[int, Sequence[str]], chance: float
) -> Example:
    """The example with some of its names changed into others of their type, each throughout the text.

    `names`: of each type (index into TYPES) the names to draw from; types without any stay.
    """
    own = [(span, kind, example.text[slice(*span)]) for span, kind in example.entities or ()]
    taken = {name for *_, name in own}
    chosen: dict[str, str] = {}
    for _, kind, name in own:
        if name not in chosen:
            new = rng.choice(names[kind]) if names.get(kind) and rng.random() < chance else name
            chosen[name] = name if new in taken else new
            taken.add(new)
    changes = {span: chosen[name] for span, _, name in own if chosen[name] != name}
    return replaced(example, changes) if changes else example


def pool(examples: Iterable[Example]) -> dict[int, list[str]]:
    """Of each type in RENAMED the distinct names in the examples, sorted."""
    found: dict[int, set[str]] = {TYPES.index(kind): set() for kind in RENAMED}
    for example in examples:
        for span, kind in example.entities or ():
            if kind in found:
                found[kind].add(example.text[slice(*span)])
    return {kind: sorted(names) for kind, names in found.items()}
