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
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from models.clues import UNMISTAKABLE, Known, Text, candidates
from models.features import featured

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
        self.inside, self.after, self.known, self.digest = inside, after, known, digest

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
        read, found = Text.of(line, words), []
        for candidate in candidates(read, self.known):
            features = featured(read, candidate, self.known)
            inside, after = self._odds(candidate.kind, features)
            if candidate.kind == "c" and read.tokens[candidate.number].lower() in UNMISTAKABLE:
                inside = max(inside, SLIP)
            lost = inside + after
            if lost < least:
                continue
            which, probability = (INSIDE, inside) if inside >= after else (AFTER, after)
            start = read.starts[candidate.number]
            end = start + len(read.tokens[candidate.number])
            at = candidate.at if which == INSIDE else end
            insert = "—" if candidate.kind == "j" else "'"
            why = self._evidence(which, features)
            found.append(Guess(start, end, at, insert, probability, lost, why))
        return found

    def _odds(self, kind: str, features: Sequence[str]) -> tuple[float, float]:
        hashes = [zlib.crc32(feature.encode()) & MASK for feature in features]
        at = itemgetter(*hashes)
        inside = math.exp(STEP * sum(at(self.inside)))
        after = math.exp(STEP * sum(at(self.after))) if kind == "s" else 0.0
        total = 1 + inside + after
        return inside / total, after / total

    def _evidence(self, which: int, features: Sequence[str]) -> tuple[str, ...]:
        weights = self.inside if which == INSIDE else self.after
        spoke = sorted(((-weights[zlib.crc32(f.encode()) & MASK], n) for n, f in enumerate(features)))
        return tuple(features[n] for weight, n in spoke[:3] if weight < 0)
