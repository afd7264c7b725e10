"""Damage that a line shows by itself: wrong encodings, HTML, invisible and deviating characters.

Each function finds one kind of it; `pipeline.repair` lists them in order.
"""

from __future__ import annotations

import html as entities
import re
import unicodedata
from collections.abc import Sequence

import ftfy
from ftfy import chardata, fixes

from pipeline.restore import UNDAMAGED, Article
from pipeline.tracked import Finding, align

ENTITY = re.compile(
    r"&(?:(?:amp|#0*38|#[xX]0*26);)*((?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
"""Also escaped several times; what is meant is the entity that its last part is."""
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
TELLING = re.compile("[^\x00-\x7f\xa0·–—‘’“”•…]")
"""What a text must hold to look wrongly decoded: the rest is no sign of it, whatever stands together (a test
tries it), and to ask ftfy takes forty times as long."""
INVISIBLE = re.compile(
    "\x1b\\[[0-9;?]{0,20}[A-Za-z]"  # terminal escapes
    "|[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]"  # controls that are not white space
    "|[\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"  # joiners only join other scripts
)
SPACES = re.compile(r"(?<! ) *[^\S ]\s*")
LIGATURE = re.compile(f"[{''.join(map(chr, chardata.LIGATURES))}]")
WIDE = re.compile("[\uff01-\uff1b\uff1d\uff1f-\uff5e\uffe0-\uffe2\uffe4-\uffe6]+")
KANA = re.compile("(?<![\uff61-\uff9f])[\uff61-\uff9f]*[\uff66-\uff9d][\uff61-\uff9f]*")
_WORD = r"[A-Z][\w'’.-]{0,30}"
_PARTICLE = "(?:al|bin|da|de|del|der|di|du|la|le|van|von)"
FULL_NAME = re.compile(  # "Doe Jane (Janie) Ann Doe" joined to the first word of a headline
    rf"(?<!\w)(?P<name>(?P<last>[A-Z][\w'’-]{{1,30}}+)(?:,? +(?:Jr|Sr|I{{2,3}}|IV)(?!\w)\.?)?)"
    rf" +(?:(?:{_WORD}|\({_WORD}\)|{_PARTICLE}) +){{0,5}}(?P=last)(?=[A-Z0-9'‘“\"])"
)
CLOSING = re.compile(r" MORE(?=s?(?!\w))")
"""The link that ends inserted headlines; the s of "MORE's" stays where its apostrophe was lost."""
HEADLINES = 1_500
"""Characters that inserted headlines have at most."""
EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fff\u3001-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff61-\uffdc\U00020000-\U0003ffff]"
)


def sound(text: str) -> bool:
    """Whether none of what follows can find anything in the text; so it is with most."""
    usual = text.isprintable() and "&" not in text and "<" not in text and " MORE" not in text
    return usual and (text.isascii() or not TELLING.search(text))


def encoding(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Text decoded in the wrong encoding (ftfy), and halves of surrogate pairs.

    >>> encoding("the caf\u00c3\u00a9s")
    [Finding(start=7, end=9, replacement='é', confidence=1.0, evidence='utf-8 read as latin-1')]
    """
    if text.isascii() or not TELLING.search(text):
        return []
    fixed, steps = ftfy.fix_encoding_and_explain(text)
    if (whole := fixes.fix_surrogates(fixed)) == text:
        return []
    evidence = _wrongly_read(steps) if fixed != text else ""
    return [f._replace(evidence=evidence) for f in align(text, whole)]


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
        found = ((m, _unescaped(f"&{m[1]}")) for m in ENTITY.finditer(text) if m.start() not in inside)
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


def ligature(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Latin letters that a typesetter joined into one character; æ, œ and ß are letters, and stay.

    >>> [f[:3] for f in ligature("\ufb01rst e\ufb00ort")]
    [(0, 1, 'fi'), (6, 7, 'ff')]
    """
    if text.isascii():
        return []
    return [Finding(*m.span(), chardata.LIGATURES[ord(m[0])]) for m in LIGATURE.finditer(text)]


def width(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Full-width letters and signs where nothing else is Chinese, Japanese or Korean; half-width kana.

    Angle brackets stay, so that nothing becomes a tag.

    >>> [f[:3] for f in width("\uff2e\uff21\uff34\uff2f said")]
    [(0, 4, 'NATO')]
    """
    if text.isascii():
        return []
    narrow = KANA if EAST_ASIAN.search(text) else WIDE
    return [Finding(*m.span(), unicodedata.normalize("NFKC", m[0])) for m in narrow.finditer(text)]


def inserted(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Headlines that a page shows beside a name, after the name in full and before "MORE".

    The full name is joined to the first of them: nothing else puts a surname, the full name with that
    surname again, and a capital together.

    >>> text = "Jane Doe Jane Ann DoeTalks fail again Roe goes home MORE (D) agreed."
    >>> [(text[: f.start] + text[f.end :]) for f in inserted(text)]
    ['Jane Doe (D) agreed.']
    >>> inserted("Jane Doe wants MORE (and DoeCorp has it).")
    []
    """
    if " MORE" not in text:
        return []
    names = [*FULL_NAME.finditer(text)]
    limits = [*(m.start() for m in names), len(text)][1:]  # no headlines hold another full name
    found = []
    for m, limit in zip(names, limits, strict=True):
        if closing := CLOSING.search(text, m.end(), min(limit, m.end() + HEADLINES)):
            found.append(Finding(m.end("name"), closing.end(), "", 0.99))
    return found


def _wrongly_read(steps: Sequence[tuple[str, str]] | None) -> str:
    """What ftfy did, told as what had gone wrong; of several such steps the first."""
    was = {step: name.removeprefix("sloppy-") for step, name in reversed(steps or ())}
    if {"encode", "decode"} <= was.keys():
        return f"{was['decode']} read as {was['encode']}"
    return "utf-8 read as another encoding in places" if "apply" in was else ""


def _unescaped(text: str) -> str:
    while (plain := chardata.HTML_ENTITIES.get(text) or entities.unescape(text)) != text:
        text = plain
    return text
