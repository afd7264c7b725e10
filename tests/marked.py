"""Texts of cases with their mentions and attributions marked in them.

`[Roe|PERSON]` is a mention (`[Roe|PERSON=jane-roe]`: of that entity), `<s>…</s>` a source, `<c>…</c>` a cue,
`<t>…</t>` content; they may stand in each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ROLES = {"s": "source", "c": "cue", "t": "content"}
_PART = re.compile(
    r"\[(?P<name>[^|\]]+)\|(?P<type>\w+)(?:=(?P<entity>[^\]\s]+))?\]|<(?P<end>/?)(?P<role>[sct])>"
)


@dataclass
class Marked:
    """A text, its mentions (start, end, type, entity; None: of no entity) and spans (start, end, role)."""

    text: str = ""
    mentions: list[tuple[int, int, str, str | None]] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)


def unmarked(marked: str) -> Marked:
    """What a marked text says."""
    found, last, begun = Marked(), 0, list[int]()
    for part in _PART.finditer(marked):
        found.text += marked[last : part.start()]
        last = part.end()
        if name := part["name"]:
            entity = part["entity"] or name.replace(" ", "-").lower()
            none = part["type"] in ("DATE", "MONEY")
            span = (len(found.text), len(found.text) + len(name))
            found.mentions.append((*span, part["type"], None if none else entity))
            found.text += name
        elif part["end"]:
            found.spans.append((begun.pop(), len(found.text), ROLES[part["role"]]))
        else:
            begun.append(len(found.text))
    found.text += marked[last:]
    found.spans.sort()
    return found
