"""Scores of `standpoint annotate` on the public dev sets: `python -m tests.annotate_scores DIR`.

`DIR` is laid out as docs/models.md says. Unlike `models.evaluate` it goes the whole way of a user: JSON in,
JSON out, names looked for sentence by sentence, given targets and pairs judged in the text as a whole, the
shipped calibration as it is. Probabilities were fitted to these same sets, so that their errors look small.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, data
from models.data import Example
from models.evaluate import NEWS, SETS
from models.infer import Model
from models.measures import entities, gold, widened
from models.scores import Entity, calibration_chance, calibration_error, macro_f1
from models.words import pieces
from pipeline.annotate import annotate
from pipeline.settings import Settings
from pipeline.stages import Context


def records(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """The examples as a user would ask about them."""
    return [
        {
            "id": no,
            "text": one.text,
            "targets": [span for span, _ in one.portrayals],
            "pairs": [[holder, target] for holder, target, _ in one.relations],
        }
        for no, one in enumerate(examples)
    ]


def judged(examples: Sequence[Example], context: Context) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every labelled question its label, the answer, and the probability of that."""
    label, told, sure = [], list[str](), []
    for one, answer in zip(examples, annotate(records(examples), context.tagger, context.judge), strict=True):
        if "error" in answer:
            print(f"not asked: {answer['error']}")
            continue
        for *_, known in (*one.portrayals, *one.relations):
            label.append(data.likeliest(known))
        for row in (*answer["targets"], *answer["pairs"]):
            told.append(row["stance"])
            sure.append(row[row["stance"]])
    return np.array(label), np.array([STANCES.index(stance) for stance in told]), np.array(sure)


def named(examples: Sequence[Example], context: Context) -> list[list[Entity]]:
    """The mentions of every text."""
    texts = [{"id": no, "text": one.text, "targets": []} for no, one in enumerate(examples)]
    answers = annotate(texts, context.tagger, context.judge)
    return [[(m["start"], m["end"], m["type"]) for m in answer["mentions"]] for answer in answers]


def whole(paragraphs: Sequence[Example], articles: Sequence[str]) -> list[Example]:
    """The articles: paragraphs of one article, a line each, with their labelled names."""
    texts: defaultdict[str, str] = defaultdict(str)
    named: defaultdict[str, list[tuple[data.Span, int]]] = defaultdict(list)
    for one, article in zip(paragraphs, articles, strict=True):
        at = len(texts[article])
        named[article] += [((at + start, at + end), kind) for (start, end), kind in one.entities or ()]
        texts[article] += f"{one.text}\n"
    return [Example(text, entities=tuple(named[article])) for article, text in texts.items()]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    context = Context(Settings.load())
    news = data.newswire(folder / NEWS)
    bare = [data.ascii_only(one) for one in news]
    cut = pieces(Model.load().tokenizer, [one.text for one in bare])
    full = whole(news, [row["article"] for row in data.rows(folder / NEWS)])
    sides = (
        ("names", news, [gold(one) for one in news]),
        ("names, whole articles", full, [gold(one) for one in full]),
        ("names, stripped", bare, widened(cut, bare)),
    )
    for name, texts, known in sides:
        score = entities(known, named(texts, context))
        print(f"{name:24} micro-F1 {score['f1']:.3f}  in four types {score['four']:.3f}")
    for name, (head, path) in SETS.items():
        read = data.portrayals if head == "portrayal" else data.relations
        for kind, change in (("", None), (", stripped", data.ascii_only)):
            texts = [change(one) if change else one for one in read(folder / path)]
            label, told, sure = judged(texts, context)
            off = calibration_error(sure, told == label), calibration_chance(sure)
            print(
                f"{name + kind:24} macro-F1 {macro_f1(label, told):.3f}  calibration error {off[0]:.3f} "
                f"(by chance alone {off[1]:.3f})  questions {len(label)}"
            )


if __name__ == "__main__":
    main()
