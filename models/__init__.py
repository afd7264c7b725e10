"""The joint single-pass model: entities, portrayal and who-on-whom stance from one encoder pass per text.

This root package holds the contract alone. It imports neither torch nor transformers; `load` does, if called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np

from models.clues import count as count_words
from models.clues import letters
from models.features import explain
from models.kernels import bound_kernel_caches
from models.restorer import FILE, Guess, Restorer

__all__ = [
    "PRECISIONS", "ROLES", "STANCES", "TYPES", "Calibrated", "ConfigurationError", "Guess", "Judge", "Model",
    "Questions", "Restorer", "Said", "Tagger", "Tags", "count_words", "describe", "digest", "explain",
    "letters", "load", "number_format", "restorer", "restorer_digest",
]  # fmt: skip

bound_kernel_caches()  # here, since it must come before torch, whoever imports that

TYPES = ("PERSON", "ORG", "LOC", "FAC", "NORP", "DATE", "MONEY", "PRODUCT", "MISC")
STANCES = ("favor", "against", "neutral")
ROLES = ("source", "cue", "content")
PRECISIONS = (0.8, 0.9, 0.95)
"""Those for which thresholds are stated (`Calibrated`)."""


@dataclass(frozen=True)
class Said:
    """Who says what, as spans in columns of equal length n, ordered by (text_no, start, role).

    text_no  int32: which text
    start    int32: character offset into the text as given
    end      int32: exclusive
    role     one of ROLES: who says it, the words that tell so ("said", "according to"), what is said
    score    float32: the model's probability of the span's least certain word
    """

    text_no: np.ndarray
    start: np.ndarray
    end: np.ndarray
    role: list[str]
    score: np.ndarray


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
    said     attributions in the texts; None from a tagger that does not look for them
    """

    text_no: np.ndarray
    start: np.ndarray
    end: np.ndarray
    type: list[str]
    score: np.ndarray
    vectors: np.ndarray
    tokens: np.ndarray
    said: Said | None = None


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
    every           whether all mentions and pairs of the texts are asked about, most of which are neutral;
                    else somebody chose these, who will have had a reason. Probabilities depend on it
    """

    texts: Sequence[str]
    text_no: np.ndarray
    holder: np.ndarray
    target: np.ndarray
    holder_vectors: np.ndarray
    target_vectors: np.ndarray
    every: bool = False


@runtime_checkable
class Judge(Protocol):
    """Answers questions about stance."""

    digest: str

    def judge(self, questions: Questions) -> np.ndarray:
        """Calibrated probabilities, float32 (n, 3) in the order of STANCES; rows sum to 1."""
        ...


@runtime_checkable
class Calibrated(Protocol):
    """A judge that states how probable an answer must be for a precision on held-out labels."""

    @property
    def thresholds(self) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """For `portrayal` and `relation`: precision ("0.80", "0.90", …) → least chance of favor, of against.

        It is that of the most probable stance, as `judge` gives it; None: the precision cannot be reached.
        Empty where nothing is stated.
        """
        ...


class Model(Tagger, Judge, Protocol):
    """A tagger and a judge in one."""


class ConfigurationError(ValueError):
    """A file that chooses models is wrong; the message is one line that tells what is allowed."""


def load(path: Path | None = None, threads: int = 0) -> Model:
    """The model in the folder `path` (None: the shipped weights), or those that the TOML file `path` chooses.

    `threads` is how many this process then computes with; 0: as many as PyTorch finds cores, but
    no more than the container's quota of processor time allows.
    Raises FileNotFoundError where a file is missing, ValueError where one differs from its recorded sha256 or
    cannot serve, ConfigurationError where a TOML file is wrong.
    """
    from models.infer import Model as Own
    from models.infer import compute_with

    compute_with(threads)
    if _chooses(path):
        from models.composite import load as chosen

        return chosen(path)
    return Own.load(path)


def digest(path: Path | None = None) -> str:
    """The sha256 that identifies the behaviour of `load(path)`, without loading it; raises like `load`."""
    if _chooses(path):
        from models.choice import Choice

        return Choice.read(path).digest()
    from models.weights import digest as of

    return of(path)


def describe(path: Path | None = None) -> str:
    """Which models `load(path)` would give, for people; raises like `digest`."""
    if _chooses(path):
        from models.choice import Choice

        return f"{path}: {Choice.read(path)}"
    return str(path or "shipped")


def number_format(path: Path | None = None) -> str:
    """What `load(path)` computes in on this machine: bfloat16, int8 or float32; raises like `digest`.

    The processor decides, and whether a model was measured to answer as well in eight bits (`models.gate`).
    Models that a TOML file chooses take float32; where it chooses one of two, both are told.
    """
    from models.formats import chosen
    from models.weights import config

    folder = None if _chooses(path) else path
    own = str(chosen(eight=config(folder).get("int8", False))).removeprefix("torch.")
    if not _chooses(path):
        return own
    from models.choice import Choice

    choice = Choice.read(path)
    return "float32" if (choice.tagger and choice.judge) or own == "float32" else f"{own} and float32"


def _chooses(path: Path | None) -> TypeGuard[Path]:
    """Whether this is a TOML file that chooses models, and no folder of our own."""
    return path is not None and (path.suffix == ".toml" or path.is_file())


def restorer() -> Restorer:
    """The shipped model of what damaged text lost; raises FileNotFoundError or ValueError like `load`."""
    return Restorer.load()


@cache
def restorer_digest() -> str:
    """The sha256 that identifies the shipped restorer, without loading it."""
    from models.weights import sha256

    return sha256(FILE.read_bytes())
