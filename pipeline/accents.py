"""Names and words that are always written with an accent, known by what is left of them without it."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import models
from pipeline import aliases

FILE = Path(__file__).with_name("accents.txt")
SHORTEST = 5
"""Letters that must be left of a form of the alias file; `accents.txt` was read name by name."""


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
    """The names of `accents.txt` and the alias file by the first word that is left of them, longest first.

    >>> written()["Erdoan"]
    (Written(left='Erdoan', name='Erdoğan'),)
    """
    found = defaultdict[str, list[Written]](list)
    for left, name in sorted({left_of(name): name for name in (*_aliases(), *_listed())}.items()):
        found[left.split()[0].split("-")[0]].append(Written(left, name))
    return {first: tuple(sorted(names, key=lambda w: -len(w.left))) for first, names in found.items()}


def _listed() -> Iterator[str]:
    lines = FILE.read_text("utf-8").splitlines()
    yield from (line for line in lines if line and not line.startswith("#"))


def _aliases() -> Iterator[str]:
    """Accented forms of the shipped alias file of which enough is left, and no other word."""
    common = models.restorer().known
    with aliases.SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for form in (form.strip(" ?") for row in rows for form in (row["name"], *row["aliases"].split(";"))):
        left = left_of(form)
        if not form.isascii() and len(left) >= SHORTEST and left.lower() not in common:
            yield form
