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
from pipeline.tracked import Edit, Tracked, align

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


def encoding(text: str, article: Article = UNDAMAGED) -> list[Edit]:
    """Text decoded in the wrong encoding (ftfy), and halves of surrogate pairs.

    >>> encoding("the caf\u00c3\u00a9s")
    [Edit(start=7, end=9, replacement='é')]
    """
    if text.isascii():
        return []
    return align(text, fixes.fix_surrogates(ftfy.fix_encoding(text)))


def html(text: str, article: Article = UNDAMAGED) -> list[Edit]:
    """Entities and stray tags; a tag of a block stands for a space.

    >>> html("AT&amp;T<br/>rose <b>today</b>")
    [Edit(start=2, end=7, replacement='&'), Edit(start=8, end=13, replacement=' '), \
Edit(start=18, end=21, replacement=''), Edit(start=26, end=30, replacement='')]
    """
    edits = []
    if "<" in text:
        edits += [Edit(*m.span(), " " if m[2] else "") for m in TAG.finditer(text)]
    if "&" in text:
        inside = {n for e in edits for n in range(e.start, e.end)}
        found = ((m, _unescaped(m[0])) for m in ENTITY.finditer(text) if m.start() not in inside)
        edits += [Edit(*m.span(), plain) for m, plain in found if plain != m[0]]
    return sorted(edits)


def control(text: str, article: Article = UNDAMAGED) -> list[Edit]:
    """Characters that nobody sees: controls, soft hyphens, zero-width spaces, byte order marks.

    >>> control("coopera\u00adtion\ufeff")
    [Edit(start=7, end=8, replacement=''), Edit(start=12, end=13, replacement='')]
    """
    if text.isascii() and text.isprintable():
        return []
    return [Edit(*m.span(), "") for m in INVISIBLE.finditer(text)]


def spaces(text: str, article: Article = UNDAMAGED) -> list[Edit]:
    """Tabs, line breaks, no-break and other spaces, with the spaces around them: one space.

    >>> spaces("Kyiv\u00a0 said")
    [Edit(start=4, end=6, replacement=' ')]
    """
    return [] if text.isprintable() else [Edit(*m.span(), " ") for m in SPACES.finditer(text)]


def whitespace(text: str, article: Article = UNDAMAGED) -> list[Edit]:
    """Runs of spaces: one space, and none at the edges.

    >>> whitespace(" Kyiv  said")
    [Edit(start=0, end=1, replacement=''), Edit(start=5, end=7, replacement=' ')]
    """
    if "  " not in text and not text.startswith(" ") and not text.endswith(" "):
        return []
    spans = (m.span() for m in RUNS.finditer(text))
    return [Edit(s, e, " " if s > 0 and e < len(text) else "") for s, e in spans]


def doubled(text: str, article: Article = UNDAMAGED) -> list[Edit]:
    """Names of two words or more that stand there twice; in a damaged article phrases that end in "the", too.

    >>> doubled("Defense Minister Defense Minister Reznikov")
    [Edit(start=16, end=33, replacement='')]
    >>> doubled("one of the one of the best", Article(damaged=True))
    [Edit(start=10, end=21, replacement='')]
    >>> doubled("that he had had to go to New York New York")
    []
    """
    names = (m for m in DOUBLED_NAMES.finditer(text) if not _meant(text, m))
    edits = [Edit(m.end(1), m.end(1) + 1 + len(m[1]), "") for m in names]
    for m in DOUBLED_PHRASE.finditer(text) if article.damaged else ():
        phrase, before = m[2] + m[1], text[max(0, m.end(1) - NEAR) : m.end(1)]
        if f" {before}".endswith(f" {phrase}") and not before.endswith(f"{m[1]} {phrase}"):
            edits.append(Edit(m.end(1), m.end(), ""))
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
    """One kind of damage and the function that finds how to mend it."""

    kind: str
    find: Callable[[str, Article], list[Edit]]
    reveals: bool = False
    """Whether what it changes can lay bare other damage, so that the list is gone through again."""


CHARACTERS = (
    Repair("encoding", encoding, reveals=True),
    Repair("html", html, reveals=True),
    Repair("control", control, reveals=True),
    Repair("whitespace", spaces, reveals=True),
)
"""What a line shows by itself."""
WORDS = (
    Repair("dash", dash),
    Repair("whitespace", whitespace),
    Repair("doubled", doubled, reveals=True),
    Repair("apostrophe", apostrophe),
)
"""What may ask the article around the line."""
BEFORE, AFTER = re.compile(r"[\w'’-]+\Z"), re.compile(r"[\w'’-]+")
WORD_LIMIT = 40
PASSES = 8
"""What one repair lays bare another may mend; text nested deeper than this is left as it is."""


class Change(NamedTuple):
    """One repair that was made: its kind, and the characters before and after with the words around them."""

    kind: str
    before: str
    after: str


class Repaired(NamedTuple):
    """A repaired line, and the changes in the order in which they were made."""

    text: Tracked
    changes: tuple[Change, ...] = ()


def repair(lines: Sequence[str]) -> tuple[list[Repaired], Article]:
    r"""The repaired lines of one article, and what was judged of it on the way.

    >>> (first, _), article = repair(["<p>Kyiv&nbsp; said: &#39;they dont know.", "Russia didnt say."])
    >>> first.text.text, article.damaged
    ("Kyiv said: 'they don't know.", True)
    >>> [change.kind for change in first.changes]
    ['html', 'html', 'html', 'whitespace', 'whitespace', 'apostrophe']
    >>> first.changes[-1]
    Change(kind='apostrophe', before='dont', after="don't")
    """
    basic = [_apply(Repaired(Tracked.of(line)), CHARACTERS, UNDAMAGED) for line in lines]
    article = Article.of([line.text.text for line in basic])
    return [_apply(line, WORDS, article) for line in basic], article


def _apply(line: Repaired, repairs: Sequence[Repair], article: Article) -> Repaired:
    text, changes = line.text, list(line.changes)
    for _ in range(PASSES):
        revealed = False
        for kind, find, reveals in repairs:
            if edits := find(text.text, article):
                changes += [_change(kind, text.text, edit) for edit in edits]
                text = text.edited(edits, kind)
                revealed |= reveals
        if not revealed:
            break
    return Repaired(text, tuple(changes))


def _change(kind: str, text: str, edit: Edit) -> Change:
    head = BEFORE.search(text, max(0, edit.start - WORD_LIMIT), edit.start)
    tail = AFTER.match(text, edit.end, edit.end + WORD_LIMIT)
    around = (head[0] if head else "", tail[0] if tail else "")
    before = text[edit.start : edit.end].encode("utf-8", "backslashreplace").decode()  # half surrogates
    return Change(kind, before.join(around), edit.replacement.join(around))
