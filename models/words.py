"""Word pieces of texts with their character offsets, words and letter case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

import numpy as np
from tokenizers import Tokenizer

CASES = 6  # 0 no letters, 1 lower, 2 Title, 3 UPPER, 4 miXed, 5 with a digit
CLS, SEP = 101, 102  # [CLS] and [SEP] in the vocabulary of BERT uncased
_AT_ONCE = 1024  # texts tokenised at once, which bounds memory
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
        changes = np.ones(len(self), dtype=bool)
        changes[1:] = self.word[1:] != self.word[:-1]
        return np.flatnonzero(changes)

    def words(self) -> np.ndarray:
        """Characters [start, end) of each word, int32 (words, 2)."""
        firsts = self.firsts()
        lasts = np.append(firsts[1:], len(self))[: len(firsts)] - 1
        return np.stack([self.start[firsts], self.end[lasts]], 1)

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
    size = np.array([len(row) for row, _ in rows])[:, None]
    place = np.arange(length)
    inner = (place > 0) & (place <= size)
    ids, case = (np.zeros((len(rows), length), dtype=np.int64) for _ in range(2))
    ids[inner] = np.concatenate([row for row, _ in rows])
    case[inner] = np.concatenate([cased for _, cased in rows])
    ids[:, 0], ids[np.arange(len(rows)), size[:, 0] + 1] = CLS, SEP
    return ids, case, (place < size + 2).astype(np.int64)


def pieces(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Pieces]:
    """Word pieces of each text; nothing is cut off. A lone surrogate is read as U+FFFD."""
    return [
        one for lo in range(0, len(texts), _AT_ONCE) for one in _pieces(tokenizer, texts[lo : lo + _AT_ONCE])
    ]


def _pieces(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[Pieces]:
    """The texts are handled as one, of which each begins at its `base`."""
    sound = [_SURROGATES.sub("\ufffd", text) for text in texts]
    encodings = tokenizer.encode_batch(sound, add_special_tokens=False)
    count, base = (_starts([len(one) for one in of]) for of in (encodings, sound))

    def joined(parts: Iterable[Iterable[Any]], dtype: type, columns: int = 1) -> np.ndarray:
        return np.fromiter(chain.from_iterable(parts), dtype, count[-1] * columns)

    ids = joined((one.ids for one in encodings), np.int64)
    word = joined((one.word_ids for one in encodings), np.int32)
    offsets = joined(chain.from_iterable(one.offsets for one in encodings), np.int32, 2).reshape(-1, 2)
    shift = np.repeat(base[:-1], np.diff(count))[:, None]
    # canonical reordering of accents can turn neighbours round
    offsets = np.maximum.accumulate(offsets + shift, 0) if len(ids) else offsets
    first = np.ones(len(ids) + 1, dtype=bool)
    first[1:-1] = word[1:] != word[:-1]
    first[count] = True
    heads = np.flatnonzero(first[:-1])
    number = np.cumsum(first[:-1], dtype=np.int32) - 1
    tails = np.append(heads[1:], len(ids))[: len(heads)] - 1
    case = cases("".join(sound), offsets[heads, 0], offsets[tails, 1])[number]
    offsets = (offsets - shift).astype(np.int32)
    for lo, hi in pairwise(count):
        part = slice(lo, hi)
        words = number[part] - number[lo] if hi > lo else number[part]
        yield Pieces(ids[part], offsets[part, 0], offsets[part, 1], words, case[part])


def _starts(lengths: Sequence[int]) -> np.ndarray:
    """Where each of adjoining parts begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
