"""Names and words that are always written with an accent, known by what is left of them without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("accents.txt")


class Written(NamedTuple):
    """What is left of a name without its characters beyond ASCII and its apostrophes, and the name."""

    left: str
    name: str


def left_of(name: str) -> str:
    """A name as dropping every character beyond ASCII, curly apostrophes among them, leaves it.

    >>> left_of("Côte d'Ivoire")
    'Cte dIvoire'
    """
    return name.replace("'", "").encode("ascii", "ignore").decode().strip(" ")


@cache
def written() -> Mapping[str, tuple[Written, ...]]:
    """The names of `accents.txt` by the first word that is left of them, the longest first.

    >>> written()["Erdoan"]
    (Written(left='Erdoan', name='Erdoğan'),)
    """
    found = defaultdict[str, list[Written]](list)
    for line in FILE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            left = left_of(line)
            found[left.split()[0].split("-")[0]].append(Written(left, line))
    return {first: tuple(sorted(names, key=lambda w: -len(w.left))) for first, names in found.items()}
