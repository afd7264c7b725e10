"""Restore what an article lost when everything beyond ASCII was dropped: apostrophes and dashes.

High-precision rules only, asked only where the article as a whole is pure ASCII and shows that it lost
something; whatever they cannot tell stays as it is. Measured in docs/cleaning.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.english import (
    AFTER_ITS,
    AFTER_WERE,
    BEFORE_WERE,
    MANY,
    NEVER_OWNED,
    PEOPLES,
    PROOF,
    VERBS,
    WEEKDAYS,
    WORDS,
)
from pipeline.tracked import Finding

WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
KEPT = re.compile(r"[A-Za-z]'(?:[a-z]{1,2}\b|s\b)|s' ")
THE = re.compile(rf"[Tt]he ([A-Z][A-Za-z]+)(?=[.,;:?!]| (?:{'|'.join(sorted(NEVER_OWNED))})\b)")
NEXT = re.compile(r" ([A-Za-z]+)(?![A-Za-z'-])")
PREVIOUS = re.compile(r"([A-Za-z]+) \Z")
CANDIDATE = re.compile(r"(?<![\w'’@#/.-])([A-Za-z]*(?:s|d|m|nt|ve|ll|re|ock))(?![\w'’@-])(?!\.\w)")
IRISH = re.compile(r"(?<![\w'’-])O(?=[A-Z][a-z]{3,})")
GAP = re.compile(r"(?<=[\w'\")%]) {2}(?=[\w'\"($])|[.?!]['\")]* ")
"""Two spaces between words, or the end of a sentence."""
AFTER_DASH = re.compile("(?:an?|as|especially|even|for|including|not|particularly|which|with) ")


@dataclass(frozen=True)
class Article:
    """What repairs may know of the article around a line: whether it is damaged, and its words."""

    damaged: bool = False
    words: Counter[str] = field(default_factory=Counter)
    plurals: frozenset[str] = frozenset()
    """Words of the article in s that stand where no possessive can stand."""
    the: frozenset[str] = frozenset()
    """Names of the article that stand after "the" by themselves."""

    @staticmethod
    def of(lines: Iterable[str]) -> Article:
        """Judge these lines: damaged if all are pure ASCII, and more apostrophes and dashes lost than kept.

        >>> Article.of(["He didnt say.", "They dont know."]).damaged
        True
        >>> Article.of(["He didn't say.", "We don't know, she 'dont' says."]).damaged
        False
        """
        text = "\n".join(lines)
        if not text.isascii():
            return UNDAMAGED
        words = Counter(WORD.findall(text))
        if PROOF.isdisjoint(words) and "  " not in text:
            return UNDAMAGED
        lost = sum(m[0].lower() in PROOF for m in CANDIDATE.finditer(text))
        lost += sum(m[0] == "  " for m in GAP.finditer(text))
        if lost <= len(KEPT.findall(text)):
            return UNDAMAGED
        owners = (m for m in CANDIDATE.finditer(text) if m[0][0].isupper() and m[0][-1] == "s")
        impossible = Counter(m[0] for m in owners if not _may_own(text, m))
        plurals = frozenset(w for w, n in impossible.items() if 3 * n >= words[w])
        return Article(True, words, plurals, frozenset(THE.findall(text)))


UNDAMAGED = Article()


def apostrophe(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Contractions and possessives that lost their apostrophe.

    >>> article = Article.of(["Russia didnt say.", "Its a sign of Russias power, Democrats said."])
    >>> [f[:3] for f in apostrophe("Its a sign of Russias power, Democrats said.", article)]
    [(2, 2, "'"), (20, 20, "'")]
    >>> apostrophe("Its a sign of Russias power, Democrats said.")
    []
    """
    if not article.damaged:
        return []
    edits = [Finding(m.end(), m.end(), "'") for m in IRISH.finditer(text)]
    for m in CANDIDATE.finditer(text):
        whole = WORDS.get(m[0].lower())
        if whole is not None:
            if _contracted(text, m):
                at = m.start() + whole.index("'")
                edits.append(Finding(at, at, "'"))
        elif m[0][-1] == "s" and _owns(text, m, article):
            edits.append(Finding(m.end() - 1, m.end() - 1, "'"))
    return sorted(edits)


def dash(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Two spaces where a dash was lost: two of them in a sentence, or one before a word that follows dashes.

    >>> [f[:3] for f in dash("Kyiv  the capital  said no.", Article(damaged=True))]
    [(4, 6, ' — '), (17, 19, ' — ')]
    >>> dash("Kyiv  said no.", Article(damaged=True)) or dash("Kyiv  the capital  said no.")
    []
    """
    if not article.damaged or "  " not in text:
        return []
    sentences = [list[Finding]()]
    for m in GAP.finditer(text):
        if m[0] != "  ":
            sentences.append([])
        elif not text.endswith("opyright", 0, m.start()):
            sentences[-1].append(Finding(*m.span(), " — "))
    certain = (s for s in sentences if len(s) == 2 or (len(s) == 1 and AFTER_DASH.match(text, s[0].end)))
    return [edit for sentence in certain for edit in sentence]


def _contracted(text: str, m: re.Match[str]) -> bool:
    """Whether a form of `WORDS` is a contraction here."""
    word, low = m[0], m[0].lower()
    after, before = _next(text, m), _previous(text, m)
    if word.isupper() and len(word) > 1:
        return low in PROOF
    match low:
        case "im" | "ive":
            return word[0] == "I"
        case "id" | "ill":
            return word[0] == "I" and after in VERBS
        case "its":
            return after in AFTER_ITS
        case "lets":
            return word[0] == "L" or before in ("so", "but", "then")
        case "were":
            fits = after in AFTER_WERE or after.endswith("ing")
            return fits and (word[0] == "W" or before in BEFORE_WERE)
        case "wont":
            return before not in ("and", "are", "as", "is", "was", "were")
        case "well":
            return after in VERBS and (word[0] == "W" or before in BEFORE_WERE | {"when", "hopefully"})
        case _:
            return True


def _owns(text: str, m: re.Match[str], article: Article) -> bool:
    """Whether a word in s is a possessive: of a name of the article, or because no plural is so spelt."""
    word, known = m[0], article.words
    stem = word[:-1]
    if word.islower():
        return bool(re.search("[^aeiousb]y$", stem))
    if not word[0].isupper() or len(stem) < 3 or (stem not in WEEKDAYS and not known[stem]):
        return False
    if _previous(text, m) == "the" and not stem.isupper() and stem not in article.the:
        return False
    if re.search("(?:s|x|z|ch|sh)$", stem) or (re.search("[^aeiouA-Z]y$", stem) and stem.lower() in known):
        return True
    common = (
        stem.lower() in known or word.lower() in known or word in article.plurals or PEOPLES.fullmatch(stem)
    )
    return not common and _may_own(text, m)


def _may_own(text: str, m: re.Match[str]) -> bool:
    """Whether what stands around a word in s lets it be a possessive."""
    after = _next(text, m)
    return bool(after) and after not in NEVER_OWNED and _previous(text, m) not in MANY


def _next(text: str, m: re.Match[str]) -> str:
    found = NEXT.match(text, m.end())
    return found[1].lower() if found else ""


def _previous(text: str, m: re.Match[str]) -> str:
    found = PREVIOUS.search(text, max(0, m.start() - 30), m.start())
    return found[1].lower() if found else ""
