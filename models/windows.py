"""Windows over long texts and batches of windows: nothing is truncated, and each word has one owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.words import Pieces

STEP = 8  # rows are padded to a multiple of this many pieces
BUDGET = 1024  # padded pieces per batch: what a core's own cache holds of them while they pass a layer


@dataclass(frozen=True)
class Window:
    """Pieces [lo, hi) of a text as one encoder row; it owns the pieces [mine, end) of them."""

    text_no: int
    lo: int
    hi: int
    mine: int
    end: int

    @property
    def length(self) -> int:
        """Row length with [CLS], [SEP] and padding."""
        return -(-(self.hi - self.lo + 2) // STEP) * STEP


def windows(text_no: int, found: Pieces, size: int, overlap: int) -> list[Window]:
    """Windows of at most `size` pieces that cut no word.

    Neighbours share about `overlap` pieces, fewer where the next word would not fit; the seam that parts what
    they own is in the middle. A word has at most 100 pieces (BERT's limit), so `size` must exceed that.
    """
    n = len(found)
    if n <= size:
        return [Window(text_no, 0, n, 0, n)] if n else []
    bounds = np.append(found.firsts(), n)

    def floor(limit: int) -> int:
        return int(bounds[np.searchsorted(bounds, limit, side="right") - 1])

    cuts = [(0, floor(size))]
    while (end := cuts[-1][1]) < n:
        following = int(bounds[np.searchsorted(bounds, end, side="right")])
        fits = int(bounds[np.searchsorted(bounds, following - size)])
        lo = max(floor(end - overlap), fits)
        cuts.append((lo, floor(min(lo + size, n))))
    seams = [floor((after[0] + before[1]) // 2) for before, after in pairwise(cuts)]
    return [Window(text_no, *cut, *own) for cut, own in zip(cuts, pairwise([0, *seams, n]), strict=True)]


def batches(rows: Sequence[Window], budget: int = BUDGET) -> Iterator[list[Window]]:
    """Windows of equal padded length together, longest first: at most `budget` pieces, or one window."""
    order = sorted(rows, key=lambda row: -row.length)
    at = 0
    while at < len(order):
        length = order[at].length
        take = max(1, budget // length)
        batch = [row for row in order[at : at + take] if row.length == length]
        yield batch
        at += len(batch)
