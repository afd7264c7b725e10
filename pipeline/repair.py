"""Repair damaged text, one defect after another, so that every character leads back to the raw text.

One defect is one function from a text to what it finds damaged. `CHARACTERS` (`pipeline.characters`) and
then `WORDS` list them in the order in which they are applied; between the two the article as a whole is
judged (`pipeline.restore`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.characters import control, encoding, html, inserted, ligature, sound, spaces, width
from pipeline.restore import UNDAMAGED, Article, accent, apostrophe, dash, ellipsis, hyphen, joined, quotation
from pipeline.tracked import Finding, Tracked

RUNS = re.compile(r" {2,}|\A +| +\Z")
NAME = r"[A-Z][A-Za-z'’-]{1,40}+"
# It begins with the letter itself and looks back only then: `re` seeks a first letter fast.
DOUBLED_NAMES = re.compile(
    rf"([A-Z](?<![\w:.'’-][A-Z])(?<!: [A-Z])[A-Za-z'’-]{{1,40}}+(?: (?:of|for|the|and|{NAME})){{0,3}} {NAME})"
    r" \1 (?=[A-Za-z])"
)
_DETERMINERS = "|".join(
    rf"{word[0]}(?<![\w'’-].){word[1:]}" for word in "the an a his her their our my".split()
)
DOUBLED_PHRASE = re.compile(rf"({_DETERMINERS}) ((?:[A-Za-z'’-]++ ){{0,4}}?)\1(?= [A-Za-z])")
CAPTION = re.compile(r"\b(?:toggle caption|Photos?:|Caption \d)")
NOT_DOUBLED = re.compile("New York(?: New York)*")
NEAR = 200
"""Characters before a doubled phrase that are looked at."""


def whitespace(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Runs of spaces: one space, and none at the edges.

    >>> [f[:3] for f in whitespace(" Kyiv  said")]
    [(0, 1, ''), (5, 7, ' ')]
    """
    if "  " not in text and not text.startswith(" ") and not text.endswith(" "):
        return []
    spans = (m.span() for m in RUNS.finditer(text))
    return [Finding(s, e, " " if s > 0 and e < len(text) else "") for s, e in spans]


def doubled(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Names of two words or more that stand there twice; in a damaged article phrases that end in "the", too.

    >>> [f[:3] for f in doubled("Defense Minister Defense Minister Reznikov")]
    [(16, 33, '')]
    >>> [f[:3] for f in doubled("one of the one of the best", Article(damaged=True))]
    [(10, 21, '')]
    >>> doubled("that he had had to go to New York New York")
    []
    """
    edits = [
        Finding(m.end(1), m.end(1) + 1 + len(m[1]), "")
        for m in DOUBLED_NAMES.finditer(text)
        if not _meant(text, m)
    ]
    for m in DOUBLED_PHRASE.finditer(text) if article.damaged else ():
        phrase, before = m[2] + m[1], text[max(0, m.end(1) - NEAR) : m.end(1)]
        if f" {before}".endswith(f" {phrase}") and not before.endswith(f"{m[1]} {phrase}"):
            edits.append(Finding(m.end(1), m.end(), ""))
    if not edits:
        return []
    edits.sort()
    return [e for n, e in enumerate(edits) if n == 0 or e.start >= edits[n - 1].end]


def _meant(text: str, m: re.Match[str]) -> bool:
    """Whether a doubled name is meant so: a name of its own, or a caption that repeats its heading."""
    once = len(set(m[1].split())) == 1
    return (
        once
        or NOT_DOUBLED.fullmatch(m[1]) is not None
        or CAPTION.search(text, max(0, m.start() - NEAR), m.start()) is not None
    )


class Repair(NamedTuple):
    """One kind of damage, the function that finds how to mend it, and how a reader is told of it."""

    kind: str
    find: Callable[[str, Article], list[Finding]]
    """What it finds, in the order of the text; what is certain does not overlap."""
    evidence: str
    """Why the text is changed, where a finding does not say it itself."""
    reveals: bool = False
    """Whether what it changes can lay bare other damage, so that the list is gone through again."""
    certain: float = 0.98
    """A finding of less confidence is a suspicion: it is recorded, and the text stays as it is."""


CHARACTERS = (
    Repair("encoding", encoding, "decoded in the wrong encoding", reveals=True),
    Repair("html", html, "HTML left in the text", reveals=True),
    Repair("control", control, "characters that nobody sees", reveals=True),
    Repair("ligature", ligature, "one character for several letters", reveals=True),
    Repair("width", width, "letters as wide as Chinese ones, or kana half as wide", reveals=True),
    Repair("whitespace", spaces, "other white space than single spaces", reveals=True),
    Repair("inserted", inserted, "headlines from beside the text", reveals=True),
)
"""What a line shows by itself."""
WORDS = (
    Repair("accent", accent, "letters with an accent that the article lost"),
    Repair("hyphen", hyphen, "a dash between numbers that the article lost"),
    Repair("ellipsis", ellipsis, "an ellipsis that the article lost"),
    Repair("joined", joined, "a dash between words that the article lost", certain=0.3, reveals=True),
    Repair("apostrophe", apostrophe, "an apostrophe that the article lost", certain=0.6),
    Repair("dash", dash, "two spaces where a dash was lost"),
    Repair("whitespace", whitespace, "more than one space, or one at the edge"),
    Repair("quotation", quotation, "quotation marks that the article lost"),
    Repair("doubled", doubled, "said twice in a row", reveals=True),
)
"""What may ask the article around the line."""
AROUND = re.compile(r"[\w'’-]+")
"""What belongs to a word; what stands before it is read backwards."""
WORD_LIMIT = 40
PASSES = 8
"""What one repair lays bare another may mend; text nested deeper than this is left as it is."""


class Change(NamedTuple):
    """One repair that was made or, where it is not `applied`, only suspected.

    `before` and `after` are the characters with the words around them, `start` and `end` the characters
    of the raw line that `before` leads back to.
    """

    kind: str
    start: int
    end: int
    before: str
    after: str
    confidence: float
    evidence: str
    applied: bool


class Repaired(NamedTuple):
    """A repaired line, what was changed in the order in which it was done, and what was only suspected."""

    text: Tracked
    changes: tuple[Change, ...] = ()
    suspicions: tuple[Change, ...] = ()


def repair(lines: Sequence[str]) -> tuple[list[Repaired], Article]:
    """The repaired lines of one article, and what was judged of it on the way.

    >>> (first, _), article = repair(["<p>Kyiv&nbsp; said: &#39;they dont know.", "Russia didnt say."])
    >>> first.text.text, article.damaged
    ("Kyiv said: 'they don't know.", True)
    >>> [change.kind for change in first.changes]
    ['html', 'html', 'html', 'whitespace', 'apostrophe', 'whitespace']
    >>> first.changes[-2][:5]
    ('apostrophe', 30, 34, 'dont', "don't")
    """
    return next(repair_all([lines]))


def repair_all(articles: Iterable[Sequence[str]]) -> Iterator[tuple[list[Repaired], Article]]:
    """The `repair` of each of these articles."""
    # One step for all articles, then the next: what each looks up stays in the processor's cache.
    basic = [[_readable(line) for line in lines] for lines in articles]
    judged = [Article.of([line.text.text for line in lines]) for lines in basic]
    for lines, article in zip(basic, judged, strict=True):
        yield [apply(line, WORDS, article) for line in lines], article


def _readable(line: str) -> Repaired:
    raw = Repaired(Tracked.of(line))
    return raw if sound(line) else apply(raw, CHARACTERS, UNDAMAGED)


def apply(line: Repaired, repairs: Sequence[Repair], article: Article) -> Repaired:
    """The line after these repairs, gone through again while one may reveal what another mends."""
    text, changes = line.text, list(line.changes)
    suspected: dict[tuple[str, int, int], Change] = {}  # by place: the list is gone through several times
    for _ in range(PASSES):
        revealed = False
        for one in repairs:
            if not (found := one.find(text.text, article)):
                continue
            certain = [f for f in found if f.confidence >= one.certain]
            for finding in found:
                place = (one.kind, *text.raw_span(finding.start, finding.end))
                if finding.confidence >= one.certain:
                    suspected.pop(place, None)
                    changes.append(_change(one, text, finding))
                else:
                    suspected[place] = _change(one, text, finding)
            if certain:
                text = text.edited(certain, one.kind)
                revealed |= one.reveals
        if not revealed:
            break
    return Repaired(text, tuple(changes), (*line.suspicions, *suspected.values()))


def _change(one: Repair, tracked: Tracked, found: Finding) -> Change:
    text = tracked.text
    head = AROUND.match(text[max(0, found.start - WORD_LIMIT) : found.start][::-1])
    tail = AROUND.match(text, found.end, found.end + WORD_LIMIT)
    around = (head[0][::-1] if head else "", tail[0] if tail else "")
    before = text[found.start : found.end].encode("utf-8", "backslashreplace").decode()  # half surrogates
    return Change(
        one.kind,
        *tracked.raw_span(found.start - len(around[0]), found.end + len(around[1])),
        before.join(around),
        found.replacement.join(around),
        found.confidence,
        found.evidence or one.evidence,
        found.confidence >= one.certain,
    )
