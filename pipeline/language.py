"""Tell the language of an article from its text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SAMPLE = 600
"""Characters that are looked at; the answer does not change after them."""
CERTAIN, ENOUGH = 0.7, 40
"""From this probability and this many letters on a language counts as told: no line of 300 English articles
that passed both was taken for another language (docs/cleaning.md)."""


class Language(NamedTuple):
    """The likeliest language as ISO 639-1 code, its probability, and whether that is certain."""

    code: str
    score: float
    certain: bool


def identify(text: str) -> Language:
    """The language of a text; code `und` and score 0 where there are no letters.

    >>> identify("Die Minister treffen sich am Montag in Wien, um über die Krise zu beraten.").code
    'de'
    >>> identify("Ja.").certain, identify("12:30 — 14")
    (False, Language(code='und', score=0.0, certain=False))
    """
    sample = text[:SAMPLE]
    letters = sum(map(str.isalpha, sample))
    if not letters:
        return Language("und", 0.0, False)
    code, score = _identifier().classify(sample)
    return Language(code, min(score, 1.0), score >= CERTAIN and letters >= ENOUGH)


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
