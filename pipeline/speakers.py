"""Which of its mentions a source is: the person or party that speaks, and nobody who is only named beside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SPEAKS = ("PERSON", "ORG", "LOC", "NORP")
"""The types that can speak, in the order in which they are preferred."""
_AWAY = re.compile(r"\b(?:of|for|to|by|from|with|in|at|on|near|against|about|who|and|or)\b", re.IGNORECASE)
_GOES_ON = re.compile(r"[\w'’-]")  # "Roe's lawyer", "Roe supporters", "Norsund-backed"
_SPEAKS_FOR = re.compile(
    r"\b(?:spokes(?:man|woman|person|people)|officials?|government|minist(?:er|ry|ers)|authorit(?:y|ies)|"
    r"president|chancellor|premier|leaders?|leadership|secretary|ambassador|embassy|delegat(?:e|es|ion)|envoy|"
    r"chief|chair(?:man|woman|person)?|head|representatives?|statement|report|campaign|army|military|"
    r"diplomats?|parliament|administration)\b",
    re.IGNORECASE,
)
_SPEAKS_NO_MORE = re.compile(
    r"\b(?:former|ex|then|late|critics?|opponents?|opposition|rivals?|rebels?|separatists?|exiled)\b",
    re.IGNORECASE,
)


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
    named = [m for m in mentions if m.start < end and start < m.end and m.type in SPEAKS]
    heads = [m for m in named if _is_head(text, source, m)]
    found = heads or [m for m in named if _is_spoken_for(text, source, m)]
    return min(found, key=lambda m: (SPEAKS.index(m.type), m.start), default=None)


def _is_head(text: str, source: tuple[int, int], mention: Mention) -> bool:
    """Whether no word of the source leads away from the mention before it, or goes on after it."""
    before, after = text[source[0] : mention.start], text[mention.end : source[1]].strip()
    return not _AWAY.search(before) and (not _GOES_ON.match(after) or bool(_AWAY.match(after)))


def _is_spoken_for(text: str, source: tuple[int, int], mention: Mention) -> bool:
    """Whether the rest of the source speaks in the name of the mention."""
    rest = f"{text[source[0] : mention.start]} {text[mention.end : source[1]]}"
    return bool(_SPEAKS_FOR.search(rest)) and not _SPEAKS_NO_MORE.search(rest)
