"""Repair damaged text, one defect after another, so that every character leads back to the raw text.

One defect is one function from a text to the edits that mend it. `CHARACTERS` and then `WORDS` list them in
the order in which they are applied; between the two the article as a whole is judged (`pipeline.restore`).
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import ftfy
from ftfy import fixes

from pipeline.restore import UNDAMAGED, Article, apostrophe, dash
from pipeline.tracked import Finding, Tracked, align

ENTITY = re.compile(
    r"&(?:(?:amp|#0*38|#[xX]0*26);)*(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
)
BLOCK = (
    r"address|article|aside|blockquote|br|center|div|figcaption|figure|footer|h[1-6]|header|hr|li|main|nav|ol|p|pre"
    r"|section|table|tbody|td|th|thead|tr|ul"
)
INLINE = (
    r"a|abbr|b|big|cite|code|del|em|font|i|iframe|img|ins|label|mark|q|s|small|span|strike|strong|sub|sup|u"
)
TAG = re.compile(
    rf"<(script|style)\b[^<>]{{0,1000}}>.{{0,2000}}?</\1\s{{0,9}}>|<!--[^<>]{{0,1000}}?-->"
    rf"|</?(?:({BLOCK})|{INLINE})(?:\s[^<>]{{0,1000}})?/?>",
    re.IGNORECASE | re.DOTALL,
)
INVISIBLE = re.compile(
    "\x1b\\[[0-9;?]{0,20}[A-Za-z]"  # terminal escapes
    "|[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]"  # controls that are not white space
    "|[\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"  # joiners only join other scripts
)
SPACES = re.compile(r" *[^\S ]\s*")
RUNS = re.compile(r" {2,}|\A +| +\Z")
NAME = r"[A-Z][A-Za-z'’-]{1,40}"
DOUBLED_NAMES = re.compile(
    rf"(?<![\w:.'’-])(?<!: )({NAME}(?: (?:of|for|the|and|{NAME})){{0,3}} {NAME}) \1 (?=[A-Za-z])"
)
DOUBLED_PHRASE = re.compile(
    r"(?<![\w'’-])(the|an?|his|her|their|our|my) ((?:[A-Za-z'’-]+ ){0,4}?)\1(?= [A-Za-z])"
)
CAPTION = re.compile(r"\b(?:toggle caption|Photos?:|Caption \d)")
NOT_DOUBLED = re.compile("New York(?: New York)*")
NEAR = 200
"""Characters before a doubled phrase that are looked at."""


def encoding(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Text decoded in the wrong encoding (ftfy), and halves of surrogate pairs.

    >>> [f[:3] for f in encoding("the caf\u00c3\u00a9s")]
    [(7, 9, 'é')]
    """
    if text.isascii():
        return []
    return align(text, fixes.fix_surrogates(ftfy.fix_encoding(text)))


def html(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Entities and stray tags; a tag of a block stands for a space.

    >>> [f[:3] for f in html("AT&amp;T<br/>rose <b>today</b>")]
    [(2, 7, '&'), (8, 13, ' '), (18, 21, ''), (26, 30, '')]
    """
    edits = []
    if "<" in text:
        edits += [Finding(*m.span(), " " if m[2] else "") for m in TAG.finditer(text)]
    if "&" in text:
        inside = {n for e in edits for n in range(e.start, e.end)}
        found = ((m, _unescaped(m[0])) for m in ENTITY.finditer(text) if m.start() not in inside)
        edits += [Finding(*m.span(), plain) for m, plain in found if plain != m[0]]
    return sorted(edits)


def control(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Characters that nobody sees: controls, soft hyphens, zero-width spaces, byte order marks.

    >>> [f[:3] for f in control("coopera\u00adtion\ufeff")]
    [(7, 8, ''), (12, 13, '')]
    """
    if text.isascii() and text.isprintable():
        return []
    return [Finding(*m.span(), "") for m in INVISIBLE.finditer(text)]


def spaces(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Tabs, line breaks, no-break and other spaces, with the spaces around them: one space.

    >>> [f[:3] for f in spaces("Kyiv\u00a0 said")]
    [(4, 6, ' ')]
    """
    return [] if text.isprintable() else [Finding(*m.span(), " ") for m in SPACES.finditer(text)]


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
    names = (m for m in DOUBLED_NAMES.finditer(text) if not _meant(text, m))
    edits = [Finding(m.end(1), m.end(1) + 1 + len(m[1]), "") for m in names]
    for m in DOUBLED_PHRASE.finditer(text) if article.damaged else ():
        phrase, before = m[2] + m[1], text[max(0, m.end(1) - NEAR) : m.end(1)]
        if f" {before}".endswith(f" {phrase}") and not before.endswith(f"{m[1]} {phrase}"):
            edits.append(Finding(m.end(1), m.end(), ""))
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


def _unescaped(text: str) -> str:
    while (plain := entities.unescape(text)) != text:
        text = plain
    return text


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
    Repair("whitespace", spaces, "other white space than single spaces", reveals=True),
)
"""What a line shows by itself."""
WORDS = (
    Repair("dash", dash, "two spaces where a dash was lost"),
    Repair("whitespace", whitespace, "more than one space, or one at the edge"),
    Repair("doubled", doubled, "said twice in a row", reveals=True),
    Repair("apostrophe", apostrophe, "an apostrophe that the article lost"),
)
"""What may ask the article around the line."""
BEFORE, AFTER = re.compile(r"[\w'’-]+\Z"), re.compile(r"[\w'’-]+")
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
    ['html', 'html', 'html', 'whitespace', 'whitespace', 'apostrophe']
    >>> first.changes[-1][:5]
    ('apostrophe', 30, 34, 'dont', "don't")
    """
    basic = [_apply(Repaired(Tracked.of(line)), CHARACTERS, UNDAMAGED) for line in lines]
    article = Article.of([line.text.text for line in basic])
    return [_apply(line, WORDS, article) for line in basic], article


def _apply(line: Repaired, repairs: Sequence[Repair], article: Article) -> Repaired:
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
    head = BEFORE.search(text, max(0, found.start - WORD_LIMIT), found.start)
    tail = AFTER.match(text, found.end, found.end + WORD_LIMIT)
    around = (head[0] if head else "", tail[0] if tail else "")
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
