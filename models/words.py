"""Word pieces of texts with their character offsets, words and letter case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from tokenizers import Tokenizer

CASES = 6  # 0 no letters, 1 lower, 2 Title, 3 UPPER, 4 miXed, 5 with a digit
CLS, SEP = 101, 102  # [CLS] and [SEP] in the vocabulary of BERT uncased
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Pieces:
    """The word pieces of one text, without special tokens: parallel arrays, one entry per piece.

    ids   int64: vocabulary number
    start int32: character offset into the text; end is exclusive
    word  int32: number of the word, split as BERT does at white space and punctuation
    case  int64: letter case of the whole word, below CASES
    """

    ids: np.ndarray
    start: np.ndarray
    end: np.ndarray
    word: np.ndarray
    case: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def firsts(self) -> np.ndarray:
        """Index of the first piece of each word."""
        return np.flatnonzero(np.diff(self.word, prepend=-1))

    def covering(self, spans: np.ndarray) -> np.ndarray:
        """Pieces [lo, hi), int64 (n, 2), that overlap the characters `spans` (n, 2); empty if none does."""
        lo = np.searchsorted(self.end, spans[:, 0], side="right")
        return np.stack([lo, np.maximum(lo, np.searchsorted(self.start, spans[:, 1], side="left"))], 1)


@lru_cache(maxsize=1)
def _letters() -> np.ndarray:
    """Per character of the basic plane: 1 upper, 2 lower, 4 digit, 0 otherwise."""
    marks = (c.isupper() + 2 * c.islower() + 4 * c.isdigit() for c in map(chr, range(0x10000)))
    return np.fromiter(marks, dtype=np.int8, count=0x10000)


def cases(text: str, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Letter case of the words [start, end) of `text`, int64."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    marks = np.where(points < 0x10000, _letters()[np.minimum(points, 0xFFFF)], 0)

    def count(bit: int) -> np.ndarray:
        total = np.concatenate([[0], np.cumsum((marks & bit) > 0)])
        return np.asarray(total[end] - total[start])

    upper, lower, digit = count(1), count(2), count(4)
    title = (upper == 1) & ((marks[np.minimum(start, max(len(marks) - 1, 0))] & 1) > 0)
    kinds = [digit > 0, upper + lower == 0, upper == 0, title, lower == 0]
    return np.select(kinds, [5, 0, 1, 2, 3], default=4).astype(np.int64)


def padded(rows: Sequence[tuple[np.ndarray, np.ndarray]], length: int) -> tuple[np.ndarray, ...]:
    """`ids`, `case` and `mask`, int64 (rows, length), of (ids, case) rows set between [CLS] and [SEP]."""
    ids, case, mask = (np.zeros((len(rows), length), dtype=np.int64) for _ in range(3))
    for i, (row, cased) in enumerate(rows):
        n = len(row)
        ids[i, 0], ids[i, 1 : n + 1], ids[i, n + 1] = CLS, row, SEP
        case[i, 1 : n + 1] = cased
        mask[i, : n + 2] = 1
    return ids, case, mask


def pieces(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Pieces]:
    """Word pieces of each text; nothing is cut off. A lone surrogate is read as U+FFFD."""
    sound = [_SURROGATES.sub("\ufffd", text) for text in texts]
    found = []
    for text, encoding in zip(sound, tokenizer.encode_batch(sound, add_special_tokens=False), strict=True):
        n = len(encoding.ids)
        offsets = np.asarray(encoding.offsets, dtype=np.int32).reshape(n, 2)
        word = np.asarray(encoding.word_ids, dtype=np.int32).reshape(n)
        found.append(_pieces(text, np.asarray(encoding.ids, dtype=np.int64).reshape(n), offsets, word))
    return found


def _pieces(text: str, ids: np.ndarray, offsets: np.ndarray, word: np.ndarray) -> Pieces:
    if not len(ids):
        return Pieces(ids, offsets[:, 0], offsets[:, 1], word, ids)
    offsets = np.maximum.accumulate(offsets, 0)  # canonical reordering of accents can turn neighbours round
    first = np.diff(word, prepend=-1) != 0
    number = np.cumsum(first, dtype=np.int32) - 1
    heads = np.flatnonzero(first)
    tails = np.append(heads[1:], len(ids)) - 1
    case = cases(text, offsets[heads, 0], offsets[tails, 1])
    return Pieces(ids, offsets[:, 0], offsets[:, 1], number, case[number])
