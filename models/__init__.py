"""The joint single-pass model: entities, portrayal and who-on-whom stance from one encoder pass per text.

This root package holds the contract alone. It imports neither torch nor transformers; `load` does, if called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from models.clues import count as count_words
from models.features import explain
from models.restorer import FILE, Guess, Restorer

if TYPE_CHECKING:
    from models.infer import Model as Model

__all__ = [
    "STANCES", "TYPES", "Guess", "Judge", "Questions", "Restorer", "Tagger", "Tags",
    "count_words", "digest", "explain", "load", "restorer", "restorer_digest",
]  # fmt: skip

TYPES = ("PERSON", "ORG", "LOC", "FAC", "NORP", "DATE", "MONEY", "PRODUCT", "MISC")
STANCES = ("favor", "against", "neutral")


@dataclass(frozen=True)
class Tags:
    """Mentions as columns of equal length n, ordered by (text_no, start); given spans follow the found ones.

    text_no  int32: which text
    start    int32: character offset into the text as given
    end      int32: exclusive
    type     one of TYPES; "" for a span that the caller gave
    score    float32: calibrated probability that span and type are right; nan for a given span
    vectors  float16 (n, width): all that a `Judge` needs to know of a mention; width 0 for taggers without
    tokens   int32, one per TEXT: word pieces of the text that the encoder saw, each counted once
    """

    text_no: np.ndarray
    start: np.ndarray
    end: np.ndarray
    type: list[str]
    score: np.ndarray
    vectors: np.ndarray
    tokens: np.ndarray


@runtime_checkable
class Tagger(Protocol):
    """Finds the entity mentions of texts."""

    digest: str

    def tag(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]] | None = None) -> Tags:
        """Mentions of each text, then the caller's `spans` of it (character offsets, one list per text)."""
        ...


@dataclass(frozen=True)
class Questions:
    """n questions "is the holder for or against the target?" about mentions of texts.

    texts           the distinct texts
    text_no         int32 (n): which text
    holder          int32 (n, 2): character span; (-1, -1) = the text itself (portrayal)
    target          int32 (n, 2): character span
    holder_vectors  float16 (n, width): the holder's row of `Tags.vectors`; zeros where the text itself
    target_vectors  float16 (n, width)
    """

    texts: Sequence[str]
    text_no: np.ndarray
    holder: np.ndarray
    target: np.ndarray
    holder_vectors: np.ndarray
    target_vectors: np.ndarray


@runtime_checkable
class Judge(Protocol):
    """Answers questions about stance."""

    digest: str

    def judge(self, questions: Questions) -> np.ndarray:
        """Calibrated probabilities, float32 (n, 3) in the order of STANCES; rows sum to 1."""
        ...


def load(path: Path | None = None, threads: int = 0) -> Model:
    """The model in the folder `path` (None: the shipped weights); it is both a Tagger and a Judge.

    `threads` is how many this process then computes with; 0: as many as PyTorch finds cores.
    Raises FileNotFoundError where a file is missing, ValueError where one differs from its recorded sha256.
    """
    from models.infer import Model, compute_with

    compute_with(threads)
    return Model.load(path)


def digest(path: Path | None = None) -> str:
    """The sha256 that identifies a model folder's behaviour, without loading it; raises like `load`."""
    from models.weights import digest as of

    return of(path)


def restorer() -> Restorer:
    """The shipped model of what damaged text lost; raises FileNotFoundError or ValueError like `load`."""
    return Restorer.load()


@cache
def restorer_digest() -> str:
    """The sha256 that identifies the shipped restorer, without loading it."""
    from models.weights import sha256

    return sha256(FILE.read_bytes())
