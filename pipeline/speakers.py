"""Which of its mentions a source is: the person or party that speaks, and nobody who is only named beside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SPEAKS = ("PERSON", "ORG", "LOC", "NORP")
"""The types that can speak, in the order in which they are preferred."""
LOOK_BACK = 100
"""So many characters before a name tell whether "who" after it means another."""
LONGEST = 500
"""A source of more characters is no name."""

_PREPOSITION = (
    "(?:of|for|to|by|from|with|in|at|on|near|against|about|over|under|behind|inside|outside|within|without|"
    "across|between|among|around|after|before|during|since|into|through|towards?|like|as|than|via)"
)
_AWAY = re.compile(rf"\b(?:{_PREPOSITION}|who|whose|which|that|and|or)\b", re.IGNORECASE)
_GOES_ON = re.compile(r"[\w'’-]")  # "Roe's lawyer", "Roe supporters", "Norsund-backed"
_OBJECT = re.compile(  # "fighting Norsund", "anti-Norsund"; not "acting president Jane Roe", "ruling Labour"
    r"(?<!\w)(?!(?:act|incom|outgo|rul|govern|reign|k)ing\b)[a-z]+ing\s+(?:the\s+|an?\s+)?$|-$"
)
_BELONGS = re.compile(rf"\b(?i:{_PREPOSITION})(?:\s+(?:(?i:the|an?)|former|[A-Z][\w.]*))*\s*$")

_SPOKESMAN = "spokes(?:man|men|woman|women|person|people)"
_OFFICE = (
    rf"(?:{_SPOKESMAN}|officials?|government|minist(?:er|ry|ers|ries)|authorit(?:y|ies)|president|chancellor|"
    "premier|leaders?|leadership|secretary|ambassador|embassy|delegat(?:e|es|ion)|envoy|chief|"
    r"chair(?:man|woman|person)?|representatives?|army|military|diplomats?|parliament|administration)\b"
)
_KIND = (  # of office
    "(?:prime|foreign|defen[cs]e|interior|finance|justice|health|trade|energy|economic|security|intelligence|"
    "national|state|department|deputy|vice|acting|senior|top|special|press)"
)
_SOME = "(?:the|an?|one|two|three|four|five|some|several|many|other|another|unnamed|unidentified)"
_ITS_OFFICE = re.compile(rf"(?:['’]s?)?(?:\s+(?:{_KIND}\s+)*{_OFFICE}(?:['’]s?)?)+", re.IGNORECASE)
_ITS_OFFICE_BEFORE = re.compile(
    rf"\s*(?:(?:{_SOME}|{_KIND}|{_OFFICE})\s+)*?"
    rf"(?P<office>(?:{_SPOKESMAN}\s+for|{_OFFICE}\s+of)\s+)?(?:the\s+)?",
    re.IGNORECASE,
)

POSTED = re.compile(
    r"\(@\w{1,20}\),? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
    r" \d{1,2}, 20\d\d\W{0,3}\Z"
)
"""What follows the name of who wrote a post that an article shows: "(@janeroe) May 3, 2031"."""


@dataclass(frozen=True)
class Mention:
    """A mention of an entity in a sentence: its number, its span, its type and the entity."""

    number: int
    start: int
    end: int
    type: str
    entity: str

    @property
    def span(self) -> tuple[int, int]:
        """The characters from start to end."""
        return self.start, self.end


def speaker(text: str, source: tuple[int, int], mentions: Sequence[Mention]) -> Mention | None:
    """The mention that speaks where these characters name the source; None where that is nobody mentioned.

    It is the head of the source ("Jane Roe, an aide of Doe", "NATO spokesman Jane Roe"), or who its head
    speaks for ("a spokesman for NATO", "Norsund's government"); of several, a person, else as in `SPEAKS`.
    """
    start, end = source
    if end - start > LONGEST:
        return None
    named = [m for m in mentions if m.start < end and start < m.end and m.type in SPEAKS]
    heads = [m for m in named if _is_head(text, source, m)]
    found = heads or [m for m in named if _is_spoken_for(text, source, m, named)]
    return min(found, key=lambda m: (SPEAKS.index(m.type), m.start), default=None)


def antecedent(text: str, relative: tuple[int, int], mentions: Sequence[Mention]) -> Mention | None:
    """The mention right before "who"; None where it may be no more than part of whom "who" means.

    "Roe, who", but not "critics of Norsund, who".
    """
    found = next((m for m in reversed(mentions) if m.end <= relative[0] and m.type in SPEAKS), None)
    if found is None or text[found.end : relative[0]].strip(" ,"):
        return None
    before = text[max(found.start - LOOK_BACK, 0) : found.start]
    return None if _BELONGS.search(before) or _OBJECT.search(before) else found


def signature(text: str, mentions: Sequence[Mention]) -> tuple[int, Mention | None] | None:
    """Where a post is signed at the end of this text, and the mention that signed it; None: it is no post."""
    posted = POSTED.search(text)
    if posted is None:
        return None
    at = posted.start()
    name = min((m for m in mentions if m.end <= at and not text[m.end : at].strip()),
               key=lambda m: m.start, default=None)  # fmt: skip
    return (name.start if name else at), (name if name and name.type in SPEAKS else None)


def _is_head(text: str, source: tuple[int, int], mention: Mention) -> bool:
    """Whether no word of the source leads away from the mention before it, or goes on after it."""
    before, after = text[source[0] : mention.start], text[mention.end : source[1]].strip()
    return not (_AWAY.search(before) or _OBJECT.search(before)) and _ends(after)


def _is_spoken_for(text: str, source: tuple[int, int], mention: Mention, mentions: Sequence[Mention]) -> bool:
    """Whether the source is an office of the mention and no more: of its words all must be known."""
    before, at = "", source[0]
    for other in mentions:
        if other.end <= mention.start:
            before += text[at : other.start]
            at = max(at, other.end)
    office_before = _ITS_OFFICE_BEFORE.fullmatch(before + text[at : mention.start])
    if not office_before:
        return False
    office = _ITS_OFFICE.match(text, mention.end, source[1])
    after = text[office.end() if office else mention.end : source[1]].strip()
    return bool(office or office_before["office"]) and _ends(after)


def _ends(after: str) -> bool:
    """Whether what follows names nobody else as the head."""
    return not _GOES_ON.match(after) or bool(_AWAY.match(after))
