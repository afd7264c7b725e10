"""How well two readings under our guidelines agree: `python -m models.agreement`.

The second, by the same model, saw none of the first's labels of these 250 sentences. Names are compared by
span and type, stances where both found the same span; Cohen's kappa and macro-F1 of one against the other.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, annotated
from models.scores import macro_f1

SECOND = Path(__file__).with_name("annotations_second.jsonl.gz")
Labels = Mapping[str, Any]
_NEUTRAL = STANCES.index("neutral")


def both() -> Iterator[tuple[Labels, Labels]]:
    """The rows of the two readers, sentence by sentence."""
    first = {row["sha"]: row for row in annotated.rows()}
    with gzip.open(SECOND, "rt", encoding="utf-8") as lines:
        yield from ((first[row["sha"]], row) for row in map(json.loads, lines))


def names(pairs: Sequence[tuple[Labels, Labels]]) -> float:
    """F1 of one reader's names against the other's: exact spans and types."""
    sets = [tuple({tuple(name) for name in row["names"]} for row in pair) for pair in pairs]
    shared = sum(len(one & other) for one, other in sets)
    return 2 * shared / sum(len(one) + len(other) for one, other in sets)


def portrayals(one: Labels, other: Labels) -> list[tuple[int, int]]:
    """What both say of each entity that both found."""
    mine, theirs = dict(one["portrayals"]), dict(other["portrayals"])
    return [(_stance(mine.get(i)), _stance(theirs.get(j))) for i, j in _shared(one, other)]


def relations(one: Labels, other: Labels) -> list[tuple[int, int]]:
    """What both say of each pair of entities that both found, and whose first can hold a stance."""
    mine, theirs = ({(i, j): stance for i, j, stance in row["relations"]} for row in (one, other))
    shared = _shared(one, other)
    return [
        (_stance(mine.get((i, k))), _stance(theirs.get((j, n))))
        for i, j in shared
        for k, n in shared
        if i != k and one["names"][i][2] in annotated.HOLDERS
    ]


def _shared(one: Labels, other: Labels) -> list[tuple[int, int]]:
    """Index in both of the entities with the same span."""
    place = {(start, end): j for j, (start, end, _) in enumerate(other["names"])}
    found = [(i, place.get((start, end)), kind) for i, (start, end, kind) in enumerate(one["names"])]
    return [(i, j) for i, j, kind in found if j is not None and kind in annotated.ENTITIES]


def _stance(name: str | None) -> int:
    return _NEUTRAL if name is None else STANCES.index(name)


def kappa(pairs: Sequence[tuple[int, int]]) -> float:
    """Cohen's kappa (1960)."""
    same = sum(one == other for one, other in pairs) / len(pairs)
    one, other = (Counter(side) for side in zip(*pairs, strict=True))
    chance = sum(one[k] * other[k] for k in one) / len(pairs) ** 2
    return (same - chance) / (1 - chance)


def main() -> None:
    """Command line."""
    pairs = list(both())
    print(f"{len(pairs)} sentences; names: F1 {100 * names(pairs):.1f}")
    for what, of in (("portrayal", portrayals), ("who on whom", relations)):
        labels = [pair for one, other in pairs for pair in of(one, other)]
        f1 = macro_f1(*np.array(labels).T)
        print(f"{what}: {len(labels)} questions, kappa {kappa(labels):.2f}, macro-F1 {100 * f1:.1f}")


if __name__ == "__main__":
    main()
