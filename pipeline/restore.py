"""Restore what an article lost when everything beyond ASCII was dropped: apostrophes, dashes, accents.

First the article as a whole is judged: whether it lost such characters at all, and how many of them. What a
word may have lost then is the business of a small context model (`models.restorer`), whose probabilities are
weighed with that share; what needs no context is a rule. Measured in docs/cleaning.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import models
from pipeline.accents import written
from pipeline.tracked import Finding

STILL = {
    "'": (("'",), re.compile(r"[A-Za-z]'[a-z]{1,2}\b|s' ")),
    "—": (("--", " -", "- "), re.compile(r"(?<=\w) ?--? ?(?=\w)(?<=[ -][ -])")),
}
"""Apostrophes, and dashes between words, that are still there; before each, what a line must hold for it."""
SUREST = 0.98
"""No single word counts for more: there are slips of the pen, and mistakes of the model."""
PROVEN = 3.5
"""Log likelihood ratio from which an article counts as damaged: 33 to 1, so that one word that is none
without its apostrophe is enough where none is kept. None of 150 undamaged articles reaches 1.5."""
SUSPECTED = 0.15
"""Probability from which a repair is recorded as suspected."""
WORD = re.compile(r"(?<![\w-])[A-Za-z]+")
GAP = re.compile(r"(?<=[\w'\")%]) {2}(?=[\w'\"($])|[.?!]['\")]* ")
"""Two spaces between words, or the end of a sentence."""
AFTER_DASH = re.compile("(?:an?|as|especially|even|for|including|not|particularly|which|with) ")
ALWAYS = re.compile(
    r"(?<![\w'’-])(?:O(?=[A-Z][a-z]{3,})|D(?=[AEIOU][a-z]{3,}|Souza\b)|N(?=(?:Golo|Diaye|Djamena)\b))"
    r"|(?<=\b[A-Z]\.[A-Z]\.)(?=s [a-z])|(?<![\w'’-])[a-z]{2,}[cdfghjklmnprtvwz]y(?=s(?![\w'’-]))"
    r"|\b(?:Moody|McDonald|Wendy|Macy|Kohl|Sotheby|Arby|Applebee|Alzheimer|Parkinson)(?=s\b)"
    r"|(?<=& Poor)(?=s\b)"
    r"|\b(?:(?:New Year|Valentine|Mother|Father)(?=s (?:Day|Eve)\b)|Lord(?=s Prayer\b))"
)
"""Where an apostrophe always stood: O'Rourke, "the U.S.'s plan", "the agency's" (no plural), set names."""
ALWAYS_CUE = re.compile(
    r"O[A-Z][a-z]|D[AEIOUS][a-z]|N(?:Golo|Diaye|Djamena)|\.s |y(?<=[cdfghjklmnprtvwz]y)s(?![\w'’-])|Moodys"
    "|McDonalds|Wendys|Macys|Kohls|Sothebys|Arbys|Applebees|Alzheimers|Parkinsons|Poors|New Years|Valentines"
    "|Mothers|Fathers|Lords Prayer"
)
"""What a line with one of `ALWAYS` must hold; begins with plain letters and marks, which `re` seeks fast."""
SAYS = r"(?:said|says|added|told|asked|wrote|tweeted|explained|continued|replied|recalled|argued|insisted)"
QUOTED = re.compile(
    r"((?:I(?:'m|'ve|'d|'ll)?|We(?:'re|'ve|'d|'ll)?|You(?:'re|'ve|'d|'ll)?|My|Our|(?:It|That|There|Let)'s|They're|Don't)"
    rf" [^.?!:\"]{{8,400}},) (?=(?:he|she|they|(?:[A-Z][\w.'-]+ ){{0,3}}[A-Z][\w.'-]+) {SAYS}\b)"
)
"""A line that begins as people speak, and then says who said so."""
OMITTED = re.compile(r"(?<![\w\])])(?<!\w\()\[\](?!\w)")
SCHOOL = re.compile(r"K(?<![\w-]K)(?=(?:5|6|8|12)(?![\w-]| Inc\b))")
YEARS = re.compile(
    r"\b(?:in|the|for|during|since|of|from|his|her|their) ((?:19|20)\d\d)((?:19|20)\d\d|\d\d)"
    r"(?![\w%/-]|[,.]\d)"
    r"(?! (?:people|percent|million|billion|(?!(?:was|is|has|as|its|his|this)\b)[a-z]+s)\b)"
)
"""Two years in one, where no number of things can stand."""


@dataclass(frozen=True)
class Article:
    """What repairs may know of the article around a line: whether it is damaged, how badly, and its words."""

    damaged: bool = False
    share: Mapping[str, float] = field(default_factory=dict)
    """Of the apostrophes and of the dashes between words that it had, the share that was lost."""
    words: Mapping[str, int] = field(default_factory=dict)
    guessed: MutableMapping[str, Sequence[models.Guess]] = field(default_factory=dict)
    """What the model said of lines: all as they were when the article was judged, and what became of some."""

    @staticmethod
    def of(lines: Sequence[str]) -> Article:
        """Judge these lines: damaged if all are pure ASCII and their words tell of lost apostrophes.

        >>> Article.of(["He didnt say.", "They dont know."]).damaged
        True
        >>> Article.of(["He didn't say.", "We don't know, she 'dont' says."]).damaged
        False
        """
        if not all(map(str.isascii, lines)):
            return UNDAMAGED
        words = models.count_words(lines)
        distinct = list(dict.fromkeys(lines))
        found = _model().all_guesses(distinct, words)
        guessed: dict[str, Sequence[models.Guess]] = dict(zip(distinct, found, strict=True))
        shares, proven = {}, False
        for insert, (cues, kept) in STILL.items():
            lost = [min(g.lost, SUREST) for line in lines for g in guessed[line] if g.insert == insert]
            having = [line for line in lines if any(cue in line for cue in cues)]
            shares[insert], proof = lost_share(lost, sum(len(kept.findall(line)) for line in having))
            proven |= proof >= PROVEN
        return Article(True, shares, words, guessed) if proven else UNDAMAGED

    def guesses(self, line: str) -> Sequence[models.Guess]:
        """What the words of this line may have lost, if the article lost everything."""
        if line not in self.guessed:
            self.guessed[line] = _model().guesses(line, self.words)
        return self.guessed[line]

    def weighed(self, guess: models.Guess) -> float:
        """The probability of a guess, given the share of such characters that the article lost."""
        if not (share := self.share.get(guess.insert, 0.0)):
            return 0.0  # also where `lost` is 1
        return share * guess.probability / (share * guess.lost + 1 - guess.lost)


UNDAMAGED = Article()


def lost_share(lost: Sequence[float], kept: int) -> tuple[float, float]:
    """The likeliest share of apostrophes that a text lost, and the log likelihood ratio against none lost.

    `lost`: for each word that stands there without one, the probability that one belongs there; `kept`: how
    many still stand there. Expectation maximisation (Dempster et al. 1977): a word that lacks one either
    never had it or lost it.

    >>> share, proof = lost_share([0.9, 0.9, 0.8], kept=0)
    >>> round(share, 2), proof > 6
    (1.0, True)
    >>> share, proof = lost_share([0.9], kept=30)
    >>> round(share, 2), proof < 1
    (0.0, True)
    """
    share = 0.5
    for _ in range(30):
        before, expected = share, sum(share * p / (share * p + 1 - p) for p in lost)
        share = expected / (expected + kept) if expected else 0.0
        if share == before:
            break
    share = min(share, 1 - 1e-6)
    against = sum(math.log(1 - p) for p in lost)
    return share, sum(math.log(1 - p + share * p) for p in lost) + kept * math.log(1 - share) - against


def apostrophe(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Contractions and possessives that lost their apostrophe.

    >>> lines = ["Russia didnt say.", "Its a sign of Russias power, Democrats said."]
    >>> [f[:3] for f in apostrophe(lines[1], Article.of(lines)) if f.confidence > 0.5]
    [(2, 2, "'"), (20, 20, "'")]
    >>> apostrophe(lines[1])
    []
    """
    if not article.damaged:
        return []
    places = [m.end() for m in ALWAYS.finditer(text)] if ALWAYS_CUE.search(text) else []
    certain = {at: Finding(at, at, "'", 0.99, "always with one") for at in places}
    guessed = {finding.start: finding for finding in _guessed(text, article, "'")}
    return [finding for _, finding in sorted((guessed | certain).items())]


def joined(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Two words that a lost dash left as one.

    >>> lines = ["The presidentand everyone around him dont know why."]
    >>> [f[:3] for f in joined(lines[0], Article.of(lines))]
    [(13, 13, '—')]
    """
    return _guessed(text, article, "—") if article.damaged else []


def hyphen(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Numbers that a lost dash left as one: spans of years, and school years from kindergarten on.

    >>> [
    ...     f[:3]
    ...     for f in hyphen(
    ...         "K12 schools in 201718 and the 20142019 term, not in 201799", Article(damaged=True)
    ...     )
    ... ]
    [(1, 1, '-'), (19, 19, '-'), (34, 34, '-')]
    """
    if not article.damaged:
        return []
    found = [
        Finding(m.end(), m.end(), "-", 0.99, "kindergarten to that grade") for m in SCHOOL.finditer(text)
    ]
    for m in YEARS.finditer(text) if "19" in text or "20" in text else ():
        first, last = int(m[1]), int(m[2]) if len(m[2]) == 4 else int(m[1][:2] + m[2])
        if first < last <= first + (30 if len(m[2]) == 4 else 1):
            found.append(Finding(m.end(1), m.end(1), "-", 0.99, "two years in a row"))
    return sorted(found)


def ellipsis(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Square brackets around nothing: what was left out of a quotation.

    >>> [f[:3] for f in ellipsis("They said: [] We did not.", Article(damaged=True))]
    [(11, 13, '[…]')]
    """
    if not article.damaged or "[]" not in text:
        return []
    return [Finding(*m.span(), "[…]", 0.99, "brackets around nothing") for m in OMITTED.finditer(text)]


def quotation(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Quotation marks around what a line begins with, where it is speech and followed by who said it.

    Of 326 marks set in 400 articles 322 had stood there (docs/cleaning.md).

    >>> [f[:3] for f in quotation("I don't know that man, he said on Friday.", Article(damaged=True))]
    [(0, 0, '"'), (22, 22, '"')]
    >>> quotation("The talks failed, he said.", Article(damaged=True))
    []
    """
    m = QUOTED.match(text) if article.damaged else None
    return [Finding(at, at, '"', 0.98, "speech, and who said it") for at in m.span(1)] if m else []


def accent(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Names and words that are always written with an accent, and are nothing else without it.

    An s after a name is its possessive, if the name is long ("Joss" is one of its own) and no "the" tells of
    a plural.

    >>> [f[:3] for f in accent("Erdoans aide met Jos in So Paulo", Article(damaged=True))]
    [(0, 7, "Erdoğan's"), (17, 20, 'José'), (24, 26, 'São')]
    """
    if not article.damaged:
        return []
    found, known = list[Finding](), written()
    if _first_words().isdisjoint(models.letters(text)):
        return []
    for m in WORD.finditer(text):
        if found and m.start() < found[-1].end:  # "Jos" in "San Jos"
            continue
        for left, name in known.get(m[0]) or known.get(m[0].removesuffix("s"), ()):
            end = m.start() + len(left)
            if owned := len(left) > 3 and name[0].isupper() and text[end : end + 1] == "s":
                end, name = end + 1, f"{name}'s"
            plural = owned and text.endswith(("the ", "The "), 0, m.start())
            if text.startswith(left, m.start()) and not text[end : end + 1].isalnum() and not plural:
                found += _word_by_word(m.start(), text[m.start() : end], name)
                break
    return found


def _word_by_word(start: int, left: str, name: str) -> list[Finding]:
    """The words of a name that lost something, so that the others keep their own characters."""
    found = []
    for was, word in zip(left.split(" "), name.split(" "), strict=True):
        if was != word:
            found.append(Finding(start, start + len(was), word, 0.99, "no word without its accent"))
        start += len(was) + 1
    return found


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


def _guessed(text: str, article: Article, insert: str) -> list[Finding]:
    """What the model says may be missing in the text, as findings."""
    found = []
    for guess in article.guesses(text):
        if guess.insert == insert and (confidence := article.weighed(guess)) >= SUSPECTED:
            why = models.explain(guess.evidence)
            found.append(Finding(guess.at, guess.at, insert, confidence, why))
    return found


@cache
def _first_words() -> frozenset[str]:
    """What the names of `written` begin with, and their possessives."""
    return frozenset(f"{first}{end}" for first in written() for end in ("", "s"))


@cache
def _model() -> models.Restorer:
    return models.restorer()
