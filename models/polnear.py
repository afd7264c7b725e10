"""Who says what in the articles of PolNeAR (Newell et al., LREC 2018): texts with brat annotations."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from models import ROLES
from models.data import Example, Span

_MARK = re.compile(r"T\d+\t(Source|Cue|Content) ([\d ;]+)\t")
_SENTENCE = re.compile(r"(?<=[.!?])[\"”’']?\s+(?=[\"“‘'(]?[A-Z])")
_ROLE = {role.capitalize(): number for number, role in enumerate(ROLES)}


def articles(folder: Path) -> Iterator[tuple[str, list[tuple[Span, int]]]]:
    """Each article's text, and its spans with their role's index in ROLES; of two annotators, the first."""
    for file in sorted((folder / "text").glob("*.txt")):
        made = sorted((folder / "attributions").glob(f"{file.stem}*.ann"))
        if not made:
            raise FileNotFoundError(f"{folder / 'attributions'} has nothing for {file.name}")
        spans: list[tuple[Span, int]] = []
        for mark in filter(None, map(_MARK.match, made[0].read_text("utf-8").splitlines())):
            for fragment in mark[2].split(";"):
                start, end = fragment.split()
                spans.append(((int(start), int(end)), _ROLE[mark[1]]))
        yield file.read_text("utf-8"), spans


def sentences(text: str, start: int, end: int) -> list[Span]:
    """Sentences of a paragraph [start, end), roughly: for training and scoring, not for the product."""
    cuts = [start, *(match.end() for match in _SENTENCE.finditer(text, start, end)), end]
    return [(lo, hi) for lo, hi in pairwise(cuts) if lo < hi]


def examples(folder: Path, rng: random.Random | None = None, share: float = 1.0) -> list[Example]:
    """Sentences with their roles; with `rng`, runs of sentences of a `share` of the paragraphs."""
    found = []
    for text, spans in articles(folder):
        for paragraph in re.finditer(r"[^\n]+", text):
            if rng and rng.random() >= share:
                continue
            units = sentences(text, *paragraph.span())
            while units:
                take = rng.randint(1, len(units)) if rng and rng.random() < 0.3 else 1
                found.append(clipped(text, spans, units[0][0], units[take - 1][1]))
                units = units[take:]
    return [example for example in found if example.text.strip()]


def clipped(text: str, spans: list[tuple[Span, int]], lo: int, hi: int) -> Example:
    """The characters [lo, hi) as an example with what of the spans lies in them."""
    inside = sorted((max(s, lo) - lo, min(e, hi) - lo, role) for (s, e), role in spans if s < hi and e > lo)
    return Example(text[lo:hi], said=tuple(((s, e), role) for s, e, role in inside))
