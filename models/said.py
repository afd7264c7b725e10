"""From logits of words to who says what: spans of sources, cues and contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models import ROLES, Said
from models.mentions import DECIMALS
from models.words import Pieces

TAGS = 3  # of each role: 0 outside, 1 begin, 2 inside


@dataclass(frozen=True)
class Voiced:
    """Words as columns: the text, the first piece, and logits (words, TAGS for each of ROLES)."""

    text_no: np.ndarray
    piece: np.ndarray
    logits: np.ndarray


def voiced(parts: Sequence[Voiced], found: Sequence[Pieces]) -> Said:
    """The spans in all texts, of whose words each is in one of the parts."""
    none = Voiced(*(np.zeros(0, dtype=np.int64),) * 2, np.zeros((0, TAGS * len(ROLES))))
    every = [none, *parts]
    text_no, piece = (np.concatenate([getattr(p, name) for p in every]) for name in ("text_no", "piece"))
    order = np.lexsort((piece, text_no))
    logits = np.concatenate([part.logits for part in every])[order]
    spans = np.concatenate([np.zeros((0, 2), dtype=np.int32), *(one.words() for one in found)])
    return said(text_no[order], spans[:, 0], spans[:, 1], logits)


def said(text_no: np.ndarray, start: np.ndarray, end: np.ndarray, logits: np.ndarray) -> Said:
    """The spans in words of several texts, ordered by text and place.

    text_no, start, end (words) are the text and the characters of each word; logits (words, 3 tags for each
    of ROLES). A span begins at a begin tag, or at an inside tag after a word outside; spans of different
    roles may overlap.
    """
    columns = [_spans(text_no, start, end, logits[:, TAGS * k : TAGS * (k + 1)]) for k in range(len(ROLES))]
    text, lo, hi, score = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    role = np.repeat(np.arange(len(ROLES)), [len(column[0]) for column in columns])
    order = np.lexsort((role, lo, text))
    return Said(
        text[order].astype(np.int32),
        lo[order].astype(np.int32),
        hi[order].astype(np.int32),
        [ROLES[k] for k in role[order]],
        score[order].round(DECIMALS).astype(np.float32),
    )


def _spans(
    text_no: np.ndarray, start: np.ndarray, end: np.ndarray, logits: np.ndarray
) -> Sequence[np.ndarray]:
    """Text, start, end and score of the spans of one role; logits (words, 3)."""
    if not len(text_no):
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, np.zeros(0)
    exact = logits.astype(np.float64)
    chances = np.exp(exact - exact.max(1, keepdims=True))
    inside = 1 - chances[:, 0] / chances.sum(1)
    tags = exact.argmax(1)
    told = tags > 0
    follows = np.concatenate([[False], told[:-1] & (text_no[1:] == text_no[:-1])])
    opens = told & ((tags == 1) | ~follows)
    first = np.flatnonzero(opens)
    if not len(first):
        return text_no[first], start[first], end[first], inside[first]
    number = np.cumsum(opens) - 1
    last = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(last, number[told], np.flatnonzero(told))
    least = np.ones(len(first))
    np.minimum.at(least, number[told], inside[told])
    return text_no[first], start[first], end[last], least
