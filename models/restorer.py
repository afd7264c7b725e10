"""A small context model of what a text lost with its characters beyond ASCII: apostrophes and dashes.

A logistic model over hashed features of the words around each candidate (Weinberger et al., ICML 2009), in
plain integers: the same answer on every machine, and every answer can name the words that spoke for it.
`models/train_restorer.py` trains it on undamaged news that it damages itself.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.clues import UNMISTAKABLE, Known, Text, candidates, closed
from models.features import BETWEEN, described

FILE = Path(__file__).parent / "weights" / "restorer.safetensors"
BITS = 22
"""Of the hashed features. With 2^18 rows unlike features share weights: at a precision of 98 % on dev they
restore 92.4 % of the apostrophes, 2^20 93.9 %, 2^22 94.4 % (and compressed take hardly more room)."""
MASK = (1 << BITS) - 1
STEP = 1 / 16
"""What one unit of a weight adds to the log odds."""

INSIDE, AFTER = 1, 2
"""What may be missing, if not nothing (0): something within the word, or an apostrophe after it."""
SLIP = 0.98
"""Probability that "didnt" lost its apostrophe: whoever wrote it may never have set one."""


class Guess(NamedTuple):
    """What a word of the text may have lost, if the text loses such characters.

    `start`, `end`: the word; `at`: where `insert` ("'" or a dash) is missing; `probability`: that exactly
    this is missing there; `lost`: that anything is; `evidence`: what spoke most for it.
    """

    start: int
    end: int
    at: int
    insert: str
    probability: float
    lost: float
    evidence: tuple[str, ...]


class Restorer:
    """The model: weights of hashed features, and how common the words of English news are."""

    def __init__(
        self, inside: array[int], after: array[int], known: Mapping[str, Known], digest: str
    ) -> None:
        """`inside`, `after`: 2^BITS signed bytes each; `known`: words in lower case."""
        self.known, self.digest = known, digest
        # Side by side, since each look-up is a miss of the processor's cache and both are wanted.
        self._table = np.stack([np.frombuffer(t, np.int8) for t in (inside, after)], axis=1).view(np.int16)
        self._passed = closed(known)

    @staticmethod
    def load(path: Path = FILE) -> Restorer:
        """The shipped model. Raises FileNotFoundError when it is missing, ValueError when it is none."""
        from safetensors.numpy import load

        data = path.read_bytes()
        try:
            tensors = load(data)
            lines = zlib.decompress(tensors["words"].tobytes()).decode().split()
            known = {word: Known(int(size), sort) for word, size, sort in (line.split(":") for line in lines)}
            inside, after = (
                array("b", zlib.decompress(tensors[name].tobytes())) for name in ("inside", "after")
            )
            if not len(inside) == len(after) == 1 << BITS:
                raise ValueError(f"{len(inside)} and {len(after)} weights")
        except Exception as error:
            raise ValueError(f"{path} is no restorer: restore it from the repository ({error})") from error
        return Restorer(inside, after, known, hashlib.sha256(data).hexdigest())

    def guesses(self, line: str, words: Mapping[str, int], least: float = 0.02) -> list[Guess]:
        """Every word of the line that may have lost something with at least this probability, in order.

        `words` counts those of the article (`count`). Two guesses never overlap.
        """
        return self.all_guesses([line], words, least)[0]

    def all_guesses(
        self, lines: Sequence[str], words: Mapping[str, int], least: float = 0.02
    ) -> list[list[Guess]]:
        """The `guesses` of each of these lines of one article."""
        read, found = [Text.of(line, words) for line in lines], [list[Guess]() for _ in lines]
        asked = [
            (no, candidate, described(text, candidate, self.known))
            for no, text in enumerate(read)
            for candidate in candidates(text, self.known, self._passed)
        ]
        if not asked:
            return found
        weights = self._weights([features for _, _, features in asked])
        begins = [0, *accumulate(features.count(BETWEEN) + 1 for _, _, features in asked)][:-1]
        sums = np.add.reduceat(weights, begins, dtype=np.int64).tolist()
        for (no, candidate, features), begin, odds in zip(asked, begins, sums, strict=True):
            text = read[no]
            word, start = text.tokens[candidate.number], text.starts[candidate.number]
            within, behind = _chances(candidate.kind, word, *odds)
            if (lost := within + behind) < least:
                continue
            end, insert = start + len(word), "—" if candidate.kind == "j" else "'"
            at, probability, which = (candidate.at, within, 0) if within >= behind else (end, behind, 1)
            why = _evidence(features.split(BETWEEN), weights[begin:, which])
            found[no].append(Guess(start, end, at, insert, probability, lost, why))
        return found

    def _weights(self, described: Sequence[str]) -> np.ndarray:
        """The weights of all candidates' features one after the other, int8 (n, 2): inside, after."""
        encoded = BETWEEN.join(described).encode().split(BETWEEN.encode())
        hashes = np.fromiter(map(zlib.crc32, encoded), np.int64, len(encoded)) & MASK
        return self._table[hashes].view(np.int8)


def _chances(kind: str, word: str, inside: int, after: int) -> tuple[float, float]:
    """The probabilities that something is missing within a word, and after it, by the sums of weights."""
    odds, behind = math.exp(STEP * inside), math.exp(STEP * after) if kind == "s" else 0.0
    total = 1 + odds + behind
    if kind == "c" and word.lower() in UNMISTAKABLE:
        return max(odds / total, SLIP), behind / total
    return odds / total, behind / total


def _evidence(features: Sequence[str], weights: np.ndarray) -> tuple[str, ...]:
    """The features that spoke most for a guess, the most telling first."""
    spoke = np.argsort(-weights[: len(features)].astype(np.int64), kind="stable")[:3].tolist()
    return tuple(features[n] for n in spoke if weights[n] > 0)
