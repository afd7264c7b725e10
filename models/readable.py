"""How far the public dev sets can be answered by reading: `python -m models.readable --data DIR`.

`dev_readings.json.gz` holds the answers of the same kind of reader as made our labels (docs/labelling.md),
which saw 250 labelled questions of the training split, or 110 paragraphs, and was told to decide as those
labels do. Under the name of a stance set there is a string for each reading, a letter for each row of the
set: f for favor, a for against, n for neutral, - where no holder is marked. Under `names` there are the
numbers of some paragraphs of the newswire, drawn by chance, with [start, end, type] of each name.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from models import STANCES, data
from models.agreement import kappa
from models.evaluate import NEWS, SETS
from models.measures import four, gold
from models.scores import Entity, counts, interval, macro_f1, micro_f1

READINGS = Path(__file__).with_name("dev_readings.json.gz")
_LETTERS = "".join(stance[0] for stance in STANCES)


def stances(labels: Sequence[str], readings: Sequence[str]) -> np.ndarray:
    """The labels of the questions that were read and each reading of them, a row each, as places in STANCES.

    A question that was not read, a dash, is left out. Raises ValueError for any other letter, and where a
    reading is of another number of questions.
    """
    sides = [[STANCES.index(label) for label in labels]]
    for told in readings:
        if len(told) != len(labels):
            raise ValueError(f"{len(told)} questions were read, and the dev set has {len(labels)}")
        sides.append([-1 if letter == "-" else _LETTERS.index(letter) for letter in told])
    every = np.array(sides)
    return every[:, (every >= 0).all(axis=0)]


def shown(measure: Callable[..., float], *sides: np.ndarray) -> str:
    """A measure of some sides, whose rows belong together, with its bootstrap interval; in percent."""
    low, high = interval(len(sides[0]), lambda pick: measure(*(side[pick] for side in sides)))
    return f"{100 * measure(*sides):.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _print_stances(name: str, told: np.ndarray) -> None:
    labels, *readings = told
    print(f"{name}, questions {len(labels)}:")
    for no, reading in enumerate(readings, 1):
        same = kappa(_pairs(labels, reading))
        print(f"  reading {no}: macro-F1 {shown(macro_f1, labels, reading)}, kappa {same:.2f}")
    for one, other in combinations(readings, 2):
        same = kappa(_pairs(one, other))
        print(f"  readings among each other: macro-F1 {shown(macro_f1, one, other)}, kappa {same:.2f}")


def _pairs(one: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(one.tolist(), other.tolist(), strict=True))


def _print_names(known: Sequence[Sequence[Entity]], read: Sequence[Sequence[Entity]]) -> None:
    print(f"names, paragraphs {len(known)}:")
    for what, change in (("nine types", list), ("four types", four), ("spans alone", _untyped)):
        print(f"  {what}: micro-F1 {shown(micro_f1, counts(change(known), change(read)))}")


def _untyped(rows: Sequence[Sequence[Entity]]) -> list[list[Entity]]:
    return [[(start, end, "") for start, end, _ in row] for row in rows]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    folder = parser.parse_args().data
    with gzip.open(READINGS, "rt", encoding="utf-8") as file:
        read = json.load(file)
    paragraphs = data.newswire(folder / NEWS)
    named = {int(no): [(start, end, kind) for start, end, kind in row] for no, row in read["names"].items()}
    _print_names([gold(paragraphs[no]) for no in named], list(named.values()))
    for name, (_, path) in SETS.items():
        labels = [row["label"] for row in data.rows(folder / path)]
        _print_stances(name, stances(labels, read[name]))


if __name__ == "__main__":
    main()
