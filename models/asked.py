"""Puts labelled questions to a model: of each its text, its gold label, and the uncalibrated answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models import Questions
from models.data import Example, Span
from models.infer import Model

Head = Literal["portrayal", "relation"]


@dataclass(frozen=True)
class Answers:
    """Answers to one set's questions.

    text_no (n), gold (n) in the order of STANCES, logits (n, 3)
    """

    text_no: np.ndarray
    gold: np.ndarray
    logits: np.ndarray

    def of(self, texts: np.ndarray) -> Answers:
        """The answers about some of the texts, told by a mask over all of them."""
        kept = texts[self.text_no]
        return Answers(self.text_no[kept], self.gold[kept], self.logits[kept])


def together(sets: Sequence[Answers]) -> Answers:
    """Answers of several sets as one; their texts are numbered on."""
    ends = np.cumsum([0, *(int(s.text_no.max(initial=-1)) + 1 for s in sets)])
    numbers = [s.text_no + end for s, end in zip(sets, ends[:-1], strict=True)]
    return Answers(
        np.concatenate(numbers),
        np.concatenate([s.gold for s in sets]),
        np.concatenate([s.logits for s in sets]),
    )


def answers(model: Model, examples: Sequence[Example], head: Head | None = None) -> Answers:
    """Every labelled target (`head` portrayal) or pair (relation) of the examples, answered.

    Without `head` both, of each example the targets first.
    """
    asked = [
        (no, holder, target, label)
        for no, one in enumerate(examples)
        for holder, target, label in (
            *(((-1, -1), span, label) for span, label in one.portrayals if head != "relation"),
            *(one.relations if head != "portrayal" else ()),
        )
    ]
    spans: list[list[Span]] = [[] for _ in examples]
    for no, holder, target, _ in asked:
        spans[no] += [span for span in (holder, target) if span[0] >= 0]
    tags = model.tag([one.text for one in examples], spans)
    given = [i for i, kind in enumerate(tags.type) if not kind]
    place = {(int(tags.text_no[i]), int(tags.start[i]), int(tags.end[i])): i for i in given}
    none = np.zeros(tags.vectors.shape[1], dtype=np.float16)

    def vectors(rows: Sequence[tuple[int, Span]]) -> np.ndarray:
        return np.stack([none if span[0] < 0 else tags.vectors[place[no, *span]] for no, span in rows])

    number, label = (np.array([row[k] for row in asked], dtype=np.int64) for k in (0, 3))
    holders = [(no, holder) for no, holder, _, _ in asked]
    targets = [(no, target) for no, _, target, _ in asked]
    questions = Questions(
        [one.text for one in examples],
        number,
        np.array([span for _, span in holders], dtype=np.int32),
        np.array([span for _, span in targets], dtype=np.int32),
        vectors(holders),
        vectors(targets),
        every=any(one.every for one in examples),
    )
    return Answers(number, label, model.logits(questions))
