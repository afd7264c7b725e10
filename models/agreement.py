"""How well readings under our guidelines agree: `python -m models.agreement`.

`annotations_readings.jsonl.gz` holds three readings of each sentence that is held out to measure on, by the
same model, which did not see the others: a row has `sha`, `first` (of each name of the labels, the first that
is alike) and three `readings`, each [name, stance] and [holder, target, stance] of such first names. What two
of three say is the label. Of 240 sentences the names were read twice (`annotations_second.jsonl.gz`). Names
are compared by span and type; Cohen's kappa and macro-F1 of one reading against another.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, annotated
from models.scores import macro_f1

READINGS = Path(__file__).with_name("annotations_readings.jsonl.gz")
SECOND = Path(__file__).with_name("annotations_second.jsonl.gz")
Labels = Mapping[str, Any]
_NEUTRAL = STANCES.index("neutral")


def read(path: Path) -> Iterator[tuple[Labels, Labels]]:
    """The label rows of the sentences of a file, each with its row there."""
    first = {row["sha"]: row for row in annotated.rows()}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from ((first[row["sha"]], row) for row in map(json.loads, lines))


def names(pairs: Sequence[tuple[Labels, Labels]]) -> float:
    """F1 of one reader's names against the other's: exact spans and types."""
    sets = [tuple({tuple(name) for name in row["names"]} for row in pair) for pair in pairs]
    shared = sum(len(one & other) for one, other in sets)
    return 2 * shared / sum(len(one) + len(other) for one, other in sets)


def portrayals(labels: Labels, row: Labels, reading: Labels) -> list[int]:
    """What a reading says of each entity of a sentence, alike ones once."""
    told = dict(reading["portrayals"])
    return [_stance(told.get(i)) for i in _entities(labels, row)]


def relations(labels: Labels, row: Labels, reading: Labels) -> list[int]:
    """What a reading says of each pair of entities, of which the first can hold a stance."""
    told = {(i, j): stance for i, j, stance in reading["relations"]}
    entities = _entities(labels, row)
    holders = [i for i in entities if labels["names"][i][2] in annotated.HOLDERS]
    return [_stance(told.get((i, j))) for i in holders for j in entities if i != j]


def _entities(labels: Labels, row: Labels) -> list[int]:
    kinds = [kind for *_, kind in labels["names"]]
    return [i for i in sorted(set(row["first"])) if kinds[i] in annotated.ENTITIES]


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
    twice = list(read(SECOND))
    print(f"names of {len(twice)} sentences: F1 {100 * names(twice):.1f}")
    rows = list(read(READINGS))
    for what, of in (("portrayal", portrayals), ("who on whom", relations)):
        told = [[k for labels, row in rows for k in of(labels, row, row["readings"][n])] for n in range(3)]
        print(f"{what}: {len(told[0])} questions about {len(rows)} sentences")
        for one, other in combinations(range(3), 2):
            pairs = list(zip(told[one], told[other], strict=True))
            f1 = 100 * macro_f1(*np.array(pairs).T)
            print(f"  readings {one + 1} and {other + 1}: kappa {kappa(pairs):.2f}, macro-F1 {f1:.1f}")


if __name__ == "__main__":
    main()
