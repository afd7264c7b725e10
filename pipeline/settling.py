"""One type for a name that an article mentions again and again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from pipeline.schemas import ENTITY_TYPES

DECIMALS = 4
"""Of scores, as `mentions` has them."""
SHARE = 0.6
"""Of the scores of a name's mentions in an article, what a type must exceed to be that of all of them.

Anything from 0.5 to 0.8 gains on the newswire's dev set, 0.6 most: docs/decisions/settling.md.
"""


def settled(
    article: Sequence[Hashable], names: Sequence[str], types: Sequence[str], scores: np.ndarray
) -> list[str]:
    """The types of mentions, after those of a name in an article have settled on one that most is said for.

    A name is the mention's text, whatever the case of its letters; each mention speaks for its type with its
    score, and not at all where that is no probability. Dates and sums of money are no names: they keep their
    type and have no say. `article` tells the articles apart, in whatever order.
    """
    keys = [
        (one, name.casefold()) if kind in ENTITY_TYPES else None
        for one, name, kind in zip(article, names, types, strict=True)
    ]
    said: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)
    # Whole numbers, since a sum of fractions depends on their order.
    fractions = np.nan_to_num(scores, nan=0, posinf=0, neginf=0).astype(np.float64).clip(0, 1)
    weights = np.rint(fractions * 10**DECIMALS).astype(int).tolist()
    for key, kind, score in zip(keys, types, weights, strict=True):
        if key:
            said[key][kind] += score
    found = {key: _type(votes) for key, votes in said.items() if len(votes) > 1}
    return [found.get(key) or kind for key, kind in zip(keys, types, strict=True)]


def _type(votes: Counter[str]) -> str | None:
    [(kind, score)] = votes.most_common(1)
    return kind if score > SHARE * votes.total() else None
