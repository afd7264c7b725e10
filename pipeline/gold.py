"""Hand labels: a folder such as `seeds/gold`, read into mentions with offsets and stances between them.

A file holds sentences of one article, title first, in document order, one a line.
A mention is written `[words|TYPE entity]`, or `[words|TYPE]` where it has no entity. Lines that start with
`= ` belong to the sentence above them and say who stands where: `= russia against nato`, or
`= text favor tamsin-roe` for the stance of the text itself. A name in such a line is the first mention of
that entity in the sentence; `russia#2` is the second. The guidelines are in `seeds/README.md`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from pipeline.errors import EnvironmentProblem
from pipeline.schemas import MENTION_TYPES, STANCES

_MENTION = re.compile(r"\[([^\]|]+)\|([A-Z]+)(?: ([a-z0-9-]+))?\]")


class Mention(TypedDict):
    """A named entity: character range in the sentence, its words, type, canonical id or None."""

    start: int
    end: int
    text: str
    type: str
    entity: str | None


class Stance(TypedDict):
    """Holder (index of a mention; None: the text itself), target (index of a mention) and stance."""

    holder: int | None
    target: int
    stance: str


class Sentence(TypedDict):
    """A clean sentence with all its mentions and every pair that is not plainly neutral."""

    text: str
    mentions: list[Mention]
    stances: list[Stance]


Articles = Sequence[Sequence[Sentence]]


def articles(folder: Path) -> Articles:
    """The labelled sentences of every article of a folder, in the order of their names.

    Raises ValueError that names the line that is wrong, EnvironmentProblem where there are none.
    """
    found = [sentences(path) for path in sorted(folder.glob("*.txt"))]
    if not found:
        raise EnvironmentProblem(
            f"hand labels: there are none in {folder}; they are in seeds/gold of a clone of the repository"
        )
    return found


def digest(folder: Path) -> str:
    """Digest of the labels: scores on others are not to be compared."""
    files = sorted(folder.glob("*.txt"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def sentences(path: Path) -> list[Sentence]:
    """The labelled sentences of one file; ValueError names the line that is wrong."""
    found: list[Sentence] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            if line.startswith("= "):
                found[-1]["stances"].append(_stance(line[2:], found[-1]["mentions"]))
            else:
                found.append(_sentence(line))
        except (ValueError, IndexError) as error:
            raise ValueError(f"{path}:{number}: {error}: {line}") from error
    return found


def _sentence(line: str) -> Sentence:
    text, end = "", 0
    mentions: list[Mention] = []
    for match in _MENTION.finditer(line):
        text += line[end : match.start()]
        words, kind, entity = match.groups()
        if kind not in MENTION_TYPES:
            raise ValueError(f"type {kind} is none of {', '.join(MENTION_TYPES)}")
        start, end = len(text), match.end()
        text += words
        mentions.append(Mention(start=start, end=len(text), text=words, type=kind, entity=entity))
    text += line[end:]
    if not text.strip() or set("[]|") & set(text):
        raise ValueError("not a sentence with [words|TYPE entity] mentions")
    return Sentence(text=text, mentions=mentions, stances=[])


def _stance(rule: str, mentions: list[Mention]) -> Stance:
    holder, stance, target = rule.split()
    if stance not in STANCES:
        raise ValueError(f"stance {stance} is none of {', '.join(STANCES)}")
    who = None if holder == "text" else _index(holder, mentions)
    whom = _index(target, mentions)
    if who == whom:
        raise ValueError("holder and target are the same mention")
    return Stance(holder=who, target=whom, stance=stance)


def _index(name: str, mentions: list[Mention]) -> int:
    entity, _, nth = name.partition("#")
    places = [place for place, mention in enumerate(mentions) if mention["entity"] == entity]
    if len(places) < int(nth or 1):
        raise ValueError(f"no mention {name} in the sentence")
    return places[int(nth or 1) - 1]
