"""How a teacher answers: questions that were chosen, and every one that a run would ask of a text."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models import STANCES, TYPES, annotated, data
from models.data import Example

_PLAIN = 0.8  # chance of neutral from which an answer is plain
_KEPT = 0.1  # share of the texts asked that have no other answers
_NEUTRAL = STANCES.index("neutral")
_AS_TOLD = (1.0, 0.0, 0.0, 0.0)  # scale and biases of an uncalibrated answer


def judged(reader: Any, student: Any, texts: Sequence[Example]) -> list[Example]:
    """Texts with chances of stances toward all names in what was told of their words, and of all pairs.

    Most answers are plainly neutral, and the student knows most of those: of the texts that have no other by
    it a tenth are put to the reader, and of a text's plain answers as many are kept as our own labels keep
    (`annotated.fewer`).
    """
    rng = random.Random(0)  # noqa: S311 (sampling)
    asked = [_asked(one) for one in texts]
    told = answered([student], asked, 1.0)
    hard = [
        one
        for one, guessed in zip(asked, told, strict=True)
        if (one.portrayals or one.relations) and (not _all_plain(guessed) or rng.random() < _KEPT)
    ]
    return [_fewer(one, rng) for one in answered([reader], hard, 1.0)]


def names(one: Example) -> list[tuple[data.Span, int]]:
    """The names in what was told of a text's words, by the likeliest tag of each, with their types."""
    found: list[tuple[data.Span, int]] = []
    before = None
    for (start, end), told in one.tagged or ():
        tag, _ = max(told, key=lambda pair: pair[1])
        kind = (tag - 1) // 2
        last = found[-1][0] if found else (0, 0)
        if tag and tag % 2 == 0 and before == kind and not one.text[last[1] : start].strip():
            found[-1] = (last[0], end), kind
        elif tag:
            found.append(((start, end), kind))
        before = kind if tag else None
    return found


def _asked(one: Example) -> Example:
    row = {"names": [(*span, TYPES[kind]) for span, kind in names(one)], "portrayals": (), "relations": ()}
    return replace(annotated.every(one.text, row), entities=None)


def _fewer(one: Example, rng: random.Random) -> Example:
    about = dict(one.portrayals)
    between = {(holder, target): told for holder, target, told in one.relations}
    labels = replace(
        one,
        portrayals=tuple((span, _label(told)) for span, told in one.portrayals),
        relations=tuple((holder, target, _label(told)) for holder, target, told in one.relations),
    )
    kept = annotated.fewer(labels, rng)
    return replace(
        one,
        portrayals=tuple((span, about[span]) for span, _ in kept.portrayals),
        relations=tuple((holder, target, between[holder, target]) for holder, target, _ in kept.relations),
    )


def _label(told: int | data.Chances) -> int:
    """What `annotated.fewer` asks of a label: neutral where the answer is plain, else another, whichever."""
    return _NEUTRAL if _plain(told) else STANCES.index("favor")


def _all_plain(one: Example) -> bool:
    told = [told for _, told in one.portrayals] + [told for *_, told in one.relations]
    return all(map(_plain, told))


def _plain(told: int | data.Chances) -> bool:
    return not isinstance(told, int) and told[_NEUTRAL] >= _PLAIN


def answered(teachers: Sequence[Any], texts: Sequence[Example], trusted: float) -> list[Example]:
    """The texts with what the teachers say, on average, in the place of labels.

    As far as they are not trusted, labels mix with that.
    """
    told = _mixed(teachers, [one for one in texts if one.portrayals or one.relations], trusted)
    return [
        replace(
            one,
            portrayals=tuple((span, next(told)) for span, _ in one.portrayals),
            relations=tuple((holder, target, next(told)) for holder, target, _ in one.relations),
        )
        for one in texts
    ]


def _mixed(teachers: Sequence[Any], texts: Sequence[Example], trusted: float) -> Iterator[data.Chances]:
    """The answers about each text, its targets first."""
    from models.asked import answers
    from models.calibrate import chances

    if not texts:
        return iter(())
    told = [answers(teacher, texts) for teacher in teachers]
    mean = np.mean([chances(one.logits, _AS_TOLD) for one in told], axis=0)
    mixed = trusted * mean + (1 - trusted) * np.eye(len(STANCES))[told[0].gold]
    return map(three, mixed.round(4).tolist())


def three(told: Sequence[float]) -> data.Chances:
    """Favor, against, neutral."""
    favor, against, neutral = told
    return favor, against, neutral
