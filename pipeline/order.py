"""Order: whether the paragraphs of an article may stand in the wrong order, and which is the lead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

BACKWARD = re.compile(r"(?:And|But|Yet|So|Also|He|She|They|It|His|Her|Their|This|That|These|Those|Then)\b")
"""How a paragraph begins that refers to one before it, so that it can hardly be the first."""

LINKING = re.compile(
    r"(?:However|Still|Meanwhile|Moreover|Further|Furthermore|Indeed|Instead|Later|Earlier|Another|Others?|Both"
    r"|Such|Nor|Or|Perhaps|Of course|As we|As I|In (?:other words|addition|fact|turn)|For example"
    r"|For instance|Since then|On the other hand|At the same time)\b"
)
"""How a paragraph begins that goes on with another, though a first one may begin so too."""

POINTS = {
    "dateline": 4.5,
    "title": 3.0,  # times the share of the title's words that it repeats
    "day": 1.0,  # "on Monday" in its first sentence
    "introduces": 0.5,  # a full name whose surname stands alone in another paragraph; three count
    "office": 0.5,  # a full name with its office
    "length": 0.5,  # 18 to 55 words
    "long": -0.5,  # more than 90 words
    "presumes": -0.5,  # a surname alone that another paragraph introduces; three count
    "honorific": -1.5,  # "Mr. Berg"
    "backward": -1.0,  # begins as `BACKWARD` or `LINKING` says
    "quotation": -1.5,  # begins with a quotation mark
    "aside": -0.5,  # "he said"
    "pronoun": -0.5,  # one, and no full name
}
"""What speaks for a lead and against it; rounded from a logistic fit (`tests.bench.bench_order`)."""
CERTAIN, AHEAD = 4.0, 3.0
"""Points that a lead must have, and by how many it must be ahead of every other paragraph; measured there."""
SHORTEST = 10
"""Words; a shorter paragraph is a byline, a heading or a caption."""


AGENCY = r"(?:AP|CNN|Reuters|REUTERS|AFP|UPI|CBN News|CNN Business|CNNMoney|CNSNews\.com)"
DATELINE = re.compile(
    rf"(?!UPDATE|BREAKING|CORRECTION|EXCLUSIVE|OPINION|ANALYSIS|WATCH|RELATED)"
    rf"(?:(?:[A-Z][\w .,/’'-]{{2,50}} ?)?\({AGENCY}\)"
    r"|[A-Z]{4,}(?: [A-Z]{2,})*(?:, [A-Z][\w.]+)?(?: \([^)]{2,20}\))?(?: ?[—–]| -{1,2} )"
    r"|[A-Z]{6,}(?:, [A-Z][a-z]+\.?)? (?=[A-Z][a-z]|A ))"
)
"""Where, and for whom it was written: "OSLO (AP)", "OSLO, Norway —"; the dash may be lost."""
WORD = re.compile(r"[^\W\d_][\w-]*(?:['’]s)?|\d[\d,.]*\d")
# These begin with the letter itself and look back only then: `re` seeks a first letter fast.
FULL_NAME = re.compile(
    r"[A-Z](?<!\w.)[a-z]+(?:-[A-Z][a-z]+)? (?:[A-Z]\. )?((?:Mc|Mac|O')?[A-Z][a-z]{2,}(?:-[A-Z][a-z]+)?)\b"
)
CAPITALISED = re.compile(r"[A-Z](?<!\w.)[\w-]{2,}")
OFFICE = re.compile(
    r"\b(?:President|Prime Minister|Minister|Senator|Sen\.|Rep\.|Gov\.|Governor|Secretary|Speaker|Leader"
    r"|Chairman|Mayor|Director|Attorney General|Judge|Justice) [A-Z][a-z]+ (?:[A-Z]\. )?[A-Z][a-z]+"
)
DAY = re.compile(r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b")
HONORIFIC = re.compile(r"M(?<!\wM)(?:r|rs|s)\. ")
ASIDE = re.compile(r"\b(?:he|she|they|it) (?:said|says|added|told|wrote|tweeted|continued)\b")
PRONOUN = re.compile(r"\b(?:he|she|his|her|him|they|their)\b", re.IGNORECASE)
QUOTES = ('"', "'", "“", "‘")
FULL_STOPS, CLOSING = (".", "!", "?"), "\"'”’)]"
COMMON = frozenset(
    "about after again against all also amid among and are before being but can could does down for "
    "from gets has have her here him his how into its just like may more most new not now off one "
    "opinion our out over say says set she should some than that the their them there these they this "
    "those too under until was what when where which who why will with would you your".split()
)
"""Words that tell nothing of what an article is about."""


class Paragraph(NamedTuple):
    """A line of the body: its number and its clean text."""

    line_no: int
    text: str


def order_suspect(paragraphs: Sequence[Paragraph], *, damaged: bool) -> bool:
    """Whether the paragraphs may stand in the wrong order.

    They may in an article that lost its characters beyond ASCII, since what drops those shuffles
    paragraphs too, and where the first paragraph refers to one before it.
    """
    return len(paragraphs) > 1 and (damaged or BACKWARD.match(paragraphs[0].text) is not None)


def lead_line(title: str, paragraphs: Sequence[Paragraph], *, suspect: bool) -> int | None:
    """The number of the line that is the lead, or None where none is certain.

    Where the order is not suspect it is the first paragraph of running text, or simply the first.
    Where it is, it is the paragraph whose `POINTS` are enough and far enough ahead of all others.

    >>> body = [Paragraph(1, "But Mr. Berg said on Friday that the vote had not been fair to anyone.")]
    >>> body += [
    ...     Paragraph(2, "OSLO (AP) The minister Carl Berg lost the vote in Oslo on Monday, officials said.")
    ... ]
    >>> lead_line("Berg loses vote in Oslo", body, suspect=True)
    2
    """
    running = [p for p in paragraphs if _is_running(p.text) and not _is_title(p.text, title)]
    if not suspect or len(running) < 2:
        first = (running or [*paragraphs])[:1]
        return first[0].line_no if first and not suspect else None
    wanted = _words(title)
    # Most paragraphs cannot come to that many points; the exact ones take nine times as long.
    most = [_at_most(p.text, wanted, p.text.lower()) for p in running]
    hoped = [at for at, points in enumerate(most) if points >= CERTAIN]
    hoped = [at for at in hoped if _at_most(running[at].text, wanted, _words(running[at].text)) >= CERTAIN]
    if not hoped:
        return None
    score = _scoring(wanted, running)
    best, lead = max((score(at), -at) for at in hoped)
    rivals = (at for at, points in enumerate(most) if at != -lead and best - points < AHEAD)
    ahead = best >= CERTAIN and all(best - score(at) >= AHEAD for at in rivals)
    return running[-lead].line_no if ahead else None


def _is_running(text: str) -> bool:
    return text.rstrip(CLOSING)[-1:] in FULL_STOPS and len(text.split(maxsplit=SHORTEST - 1)) >= SHORTEST


def _is_title(text: str, title: str) -> bool:
    return len(text) < len(title) + 15 and _words(text) == _words(title)


def _scoring(wanted: set[str], paragraphs: Sequence[Paragraph]) -> Callable[[int], float]:
    """What gives the points of the paragraph at a place."""
    introduced = [set(FULL_NAME.findall(p.text)) for p in paragraphs]
    named = set[str]().union(*introduced)
    alone = [set(CAPITALISED.findall(p.text)) & named - names
             for p, names in zip(paragraphs, introduced, strict=True)]  # fmt: skip
    presumed = Counter(name for names in alone for name in names)

    def score(at: int) -> float:
        evidence = _evidence(paragraphs[at].text, wanted, introduced[at], alone[at], presumed)
        return sum(POINTS[what] * amount for what, amount in evidence)

    return score


def _at_most(text: str, wanted: set[str], having: Container[str]) -> float:
    """The points that a paragraph has at most, from what is told fast: `_evidence` that is never less.

    `having`: its words or, told faster, the text in lower case, which may hold more.
    """
    words = len(text.split())
    shared = sum(stem in having or not stem.isascii() for stem in wanted)
    evidence = (
        ("dateline", DATELINE.match(text) is not None),
        ("title", shared / max(1, len(wanted))),
        ("day", "day" in text),
        ("introduces", 3),
        ("office", True),
        ("length", 18 <= words <= 55),
        ("backward", (BACKWARD.match(text) or LINKING.match(text)) is not None),
        ("quotation", text.startswith(QUOTES)),
    )
    return sum(POINTS[what] * amount for what, amount in evidence)


def _evidence(
    text: str, wanted: set[str], names: set[str], alone: set[str], presumed: Counter[str]
) -> Iterator[tuple[str, float]]:
    """What speaks for or against a paragraph as the lead, each with how much of it there is."""
    words = len(text.split())
    yield "dateline", DATELINE.match(text) is not None
    yield "title", len(wanted & _words(text)) / max(1, len(wanted))
    yield "day", DAY.search(text.split(". ")[0]) is not None
    yield "introduces", min(3, sum(presumed[name] > 0 for name in names))
    yield "office", OFFICE.search(text) is not None
    yield "length", 18 <= words <= 55
    yield "long", words > 90
    yield "presumes", min(3, len(alone))
    yield "honorific", HONORIFIC.search(text) is not None
    yield "backward", (BACKWARD.match(text) or LINKING.match(text)) is not None
    yield "quotation", text.startswith(QUOTES)
    yield "aside", ASIDE.search(text) is not None
    yield "pronoun", not names and PRONOUN.search(text) is not None


def _words(text: str) -> set[str]:
    """The content words of a text, without case and the endings of plural and possessive."""
    return set(map(_stem, WORD.findall(text))) - {""}


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    """A word as it is compared; nothing where it tells nothing."""
    stem = word.lower().removesuffix("'s").removesuffix("’s").rstrip("s")
    return stem if len(stem) > 2 and stem not in COMMON else ""
