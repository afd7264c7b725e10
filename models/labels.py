"""What a token classifier's own labels mean: schemes BIO, IOB1, BIOES, BILOU and IO brought to our tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from models import TYPES, ConfigurationError

OUTSIDE = "O"
IGNORED = ""
_PREFIXED = re.compile(r"([BIESLUMW])[-_](.+)")
_OPENS = "BSUW"  # begins a mention: B of all schemes; S, U and W are mentions of one word
WIDTH = 1 + 2 * len(TYPES)


def parsed(label: str) -> tuple[bool, str]:
    """Whether a label begins a mention, and its kind: (True, "PER") of B-PER; a bare label does not begin."""
    found = _PREFIXED.fullmatch(label)
    return (found[1] in _OPENS, found[2]) if found else (False, label)


def columns(names: Sequence[str], meaning: Mapping[str, str]) -> list[int]:
    """The tag of `models.decode` that each label is: 0 outside, 1 + 2k begins, 2 + 2k continues type k.

    `meaning` gives each kind of label one of TYPES, or IGNORED. Raises ConfigurationError where it misses a
    kind, has one that the model does not have, or names an unknown type.
    """
    kinds = {parsed(name)[1] for name in names if name != OUTSIDE}
    checked(kinds, meaning, (*TYPES, IGNORED))
    result = []
    for name in names:
        begins, kind = parsed(name)
        ours = IGNORED if name == OUTSIDE else meaning[kind]
        result.append(0 if ours == IGNORED else 2 * TYPES.index(ours) + (1 if begins else 2))
    return result


def checked(kinds: set[str], meaning: Mapping[str, str], allowed: Sequence[str]) -> None:
    """Raises ConfigurationError unless `meaning` maps `kinds`, all and no others, to `allowed`."""
    shown = ", ".join(one or '"" (ignored)' for one in allowed)
    if missing := sorted(kinds - set(meaning)):
        raise ConfigurationError(f"labels does not map {', '.join(missing)}; give each one of {shown}")
    if unknown := sorted(set(meaning) - kinds):
        raise ConfigurationError(
            f"labels maps {', '.join(unknown)}, which the model does not have; "
            f"it has {', '.join(sorted(kinds))}"
        )
    if wrong := {kind: ours for kind, ours in meaning.items() if ours not in allowed}:
        pairs = ", ".join(f"{kind} to {ours!r}" for kind, ours in sorted(wrong.items()))
        raise ConfigurationError(f"labels maps {pairs}; allowed are {shown}")


def log_tags(chances: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Log probabilities (words, WIDTH) of our tags, of which the likeliest of each word are a legal sequence.

    chances (words, labels) are the classifier's, `column` its `columns`, row (words) tells texts apart.
    Labels of one tag are added up. A mention also begins where a continuing tag follows no word of its type
    (as conlleval reads it), which makes one rule of all schemes.
    """
    summed = np.zeros((len(chances), WIDTH))
    np.add.at(summed.T, column, chances.T)
    tags = summed.argmax(1)
    kind = np.where(tags > 0, (tags - 1) // 2, -1)
    before = np.where(np.diff(row, prepend=-1) != 0, -1, np.roll(kind, 1))
    opens = np.flatnonzero((tags > 0) & (tags % 2 == 0) & (kind != before))
    begin, inside = 1 + 2 * kind[opens], 2 + 2 * kind[opens]
    summed[opens, begin], summed[opens, inside] = summed[opens, inside], summed[opens, begin]
    return np.log(np.maximum(summed, 1e-30))
