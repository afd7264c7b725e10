"""Rows that belong together, found by whole columns: pairs with equal keys, and rows referred to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Match(NamedTuple):
    """Rows that are paired, and those of one side alone."""

    before: np.ndarray
    after: np.ndarray
    removed: np.ndarray
    added: np.ndarray


def matched(*keys: tuple[np.ndarray, np.ndarray]) -> Match:
    """Rows of two tables with equal keys; of several with equal ones the first goes with the first.

    A key is a column of integers on either side.
    """
    size = len(keys[0][0])
    code = np.zeros(size + len(keys[0][1]), np.int64)
    for before, after in keys:
        values = np.unique(np.concatenate([before, after]), return_inverse=True)[1]
        code = np.unique(code * (values.max(initial=0) + 1) + values, return_inverse=True)[1]
    sides = [_nth(side) for side in (code[:size], code[size:])]
    most = max(side.max(initial=0) for side in sides) + 1
    before, after = (part * most + nth for part, nth in zip((code[:size], code[size:]), sides, strict=True))
    _, left, right = np.intersect1d(before, after, assume_unique=True, return_indices=True)
    order = np.argsort(left)
    alone = (np.setdiff1d(np.arange(len(x)), y) for x, y in ((before, left), (after, right)))
    return Match(left[order], right[order], *alone)


def identities(match: Match, before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """A number for each row of either side, the same for those that are paired and for no others."""
    numbers = before + np.arange(after)
    numbers[match.after] = match.before
    return np.arange(before), numbers


def places(of: pa.Table, key: Sequence[str], among: pa.Table, other: Sequence[str]) -> np.ndarray:
    """For each row, that of `among` with the same article and number; -1 for a number that is null."""
    left, right = codes_of(of[key[0]], among[other[0]])
    number = integers(of[key[1]])
    wanted, there = (left << 32) + number, (right << 32) + integers(among[other[1]])
    order = np.argsort(there)
    place = np.searchsorted(there, wanted, sorter=order)
    found = np.append(order, -1)[place]
    lost = (number >= 0) & ((found < 0) | (np.append(there, -1)[found] != wanted))
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise ValueError(f"no row with {' and '.join(other)} {of[key[0]][row]} {number[row]} to compare with")
    return np.where(number < 0, -1, found)


def codes_of(before: pa.ChunkedArray, after: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Equal numbers for equal texts."""
    both = pa.chunked_array([*before.chunks, *after.chunks], before.type).combine_chunks()
    codes = np.asarray(both.dictionary_encode().indices, np.int64)
    return codes[: len(before)], codes[len(before) :]


def _nth(codes: np.ndarray) -> np.ndarray:
    """How many equal values stand before each."""
    order = np.argsort(codes, kind="stable")
    place = np.arange(len(codes))
    first = np.diff(codes[order], prepend=-1) != 0
    nth = np.empty_like(place)
    nth[order] = place - np.maximum.accumulate(np.where(first, place, 0))
    return nth


def at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values at these places; -1 where a place is -1."""
    return np.append(values, -1)[places]


def integers(column: pa.ChunkedArray) -> np.ndarray:
    """The column as int64; -1 where it is null."""
    return np.asarray(pc.fill_null(column, -1), np.int64)
