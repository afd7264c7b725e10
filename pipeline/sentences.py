"""Split a line into sentences: sentencex's boundaries, with the few corrections that news needs."""

from __future__ import annotations

import re
from itertools import pairwise

import sentencex

SPACE = re.compile(r"\s")
NUMBERED = re.compile(r"(?:^|[\s(])(?:Art|Ch|Fig|Sec|Vol|Vols)\.$")
ASIDE = re.compile(r"(?:^|(?<=[.!?] ))\([^()]{1,1000}[.!?][\"”']?\) (?=[\"“(]?[A-Z])")


def split(text: str, language: str = "en") -> list[tuple[int, int]]:
    """Start and end of every sentence of the text, in order, without the white space around it.

    What lies between sentences is white space, so every other character is in exactly one of them.

    >>> text = "Mr. Biden met U.S. and Russian officials. Is it over? he was asked. (It was not.) He left."
    >>> [text[start:end] for start, end in split(text)]
    ['Mr. Biden met U.S. and Russian officials.', 'Is it over? he was asked.', '(It was not.)', 'He left.']
    """
    flat = SPACE.sub(" ", text)  # the library fails on some other white space; offsets stay the same
    cuts, at = [0], 0
    for sentence in sentencex.segment(language, flat):
        at += len(sentence)
        cuts.append(at)
    if at != len(flat):  # not its text any more (never seen): one long sentence has the right offsets
        cuts, at = [0, len(flat)], len(flat)
    kept = [cut for cut in cuts if cut in (0, at) or not _continues(flat, cut)]
    kept += [m.end() for m in ASIDE.finditer(flat)]
    kept = sorted(set(kept))
    spans = []
    for start, end in pairwise(kept):
        sentence = flat[start:end]
        if body := sentence.strip():
            first = start + len(sentence) - len(sentence.lstrip())
            spans.append((first, first + len(body)))
    return spans


def _continues(text: str, cut: int) -> bool:
    """Whether what follows a boundary goes on with the sentence before it.

    So does a lower-case word after a quotation whose marks were lost ("Is it over? he asked"), and the
    number of what an abbreviation counts ("Vol. 3").
    """
    before, following = text[max(0, cut - 12) : cut].rstrip(), text[cut : cut + 2]
    if before.endswith(("?", "!")):
        return text[cut - 1] == " " and following[:1].islower() and not following[1:].isupper()
    return following[:1].isdigit() and NUMBERED.search(before) is not None
