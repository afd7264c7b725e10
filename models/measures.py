"""What `models.evaluate` measures of each head: scores with bootstrap intervals, per class and per group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from models import PRECISIONS, ROLES, STANCES, TYPES, Said, Tags, calibrate
from models.asked import Answers
from models.data import Example
from models.mentions import rounded
from models.scores import (
    Entity,
    calibration_chance,
    calibration_error,
    counts,
    interval,
    label_f1,
    macro_f1,
    micro_f1,
)
from models.words import Pieces

FOUR = {kind: kind for kind in ("PERSON", "ORG", "LOC", "MISC")}
FOUR |= {"FAC": "LOC", "NORP": "MISC", "PRODUCT": "MISC"}


def gold(example: Example) -> list[Entity]:
    """The labelled mentions of a text."""
    return [(start, end, TYPES[kind]) for (start, end), kind in example.entities or ()]


def widened(found: Sequence[Pieces], examples: Sequence[Example]) -> list[list[Entity]]:
    """Gold mentions as the whole words they touch: where characters were lost, two words may be one."""
    wide = []
    for one, words in zip(examples, found, strict=True):
        known = gold(one)
        bounds = np.append(words.firsts(), len(words))
        ranges = words.covering(np.array([m[:2] for m in known], dtype=np.int64).reshape(-1, 2))
        kept = [(lo, hi, m[2]) for (lo, hi), m in zip(ranges, known, strict=True) if lo < hi]
        spans = [(bounds[words.word[lo]], bounds[words.word[hi - 1] + 1] - 1, kind) for lo, hi, kind in kept]
        wide.append([(int(words.start[lo]), int(words.end[last]), kind) for lo, last, kind in spans])
    return wide


def mentions(tags: Tags, texts: int) -> tuple[list[list[Entity]], list[list[float]]]:
    """Mentions and their scores, by text."""
    found: list[list[Entity]] = [[] for _ in range(texts)]
    scores: list[list[float]] = [[] for _ in range(texts)]
    for i, no in enumerate(tags.text_no):
        found[no].append((int(tags.start[i]), int(tags.end[i]), tags.type[i]))
        scores[no].append(float(tags.score[i]))
    return found, scores


def four(rows: Sequence[Sequence[Entity]]) -> list[list[Entity]]:
    """Mentions in the four classes of CoNLL 2003; dates and money have none."""
    return [[(start, end, FOUR[kind]) for start, end, kind in row if kind in FOUR] for row in rows]


def entities(
    known: Sequence[Sequence[Entity]],
    found: Sequence[Sequence[Entity]],
    groups: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Scores of found mentions, by text: exact spans and types; `groups` names the group of each text."""
    table, coarse = counts(known, found), counts(four(known), four(found))
    right, given, wanted = table.sum(0)
    result = {
        "f1": micro_f1(table),
        "interval": interval(len(table), lambda pick: micro_f1(table[pick])),
        "precision": float(right / max(given, 1)),
        "recall": float(right / max(wanted, 1)),
        "four": micro_f1(coarse),
        "four_interval": interval(len(coarse), lambda pick: micro_f1(coarse[pick])),
        "each": {kind: micro_f1(counts(known, found, kind)) for kind in TYPES},
    }
    if groups is not None:
        result["groups"] = by_group(groups, lambda pick: micro_f1(table[pick]))
    return result


def by_group(
    groups: Sequence[str], measure: Callable[[np.ndarray], float], least: int = 20
) -> dict[str, dict[str, Any]]:
    """A measure of each group of texts, with interval and size; small groups together as "other"."""
    names, number = np.unique(np.array(groups), return_inverse=True)
    sizes = np.bincount(number)
    shown = [(str(name), np.flatnonzero(number == k)) for k, name in enumerate(names) if sizes[k] >= least]
    rest = np.flatnonzero(sizes[number] < least)
    shown += [("other", rest)] if len(rest) else []
    return {name: _grouped(measure, where) for name, where in shown}


def _grouped(measure: Callable[[np.ndarray], float], where: np.ndarray) -> dict[str, Any]:
    between = interval(len(where), lambda pick: measure(where[pick]))
    return {"f1": measure(where), "interval": between, "texts": len(where)}


def stances(
    found: Answers, fit: Sequence[float], refit: calibrate.Fit, groups: Sequence[str] | None = None
) -> dict[str, Any]:
    """Scores of answers under the calibration `fit`; its error under `refit` to the other half."""
    guess = calibrate.chances(found.logits, fit).argmax(1)
    rows = {int(no): np.flatnonzero(found.text_no == no) for no in np.unique(found.text_no)}
    every = np.array(sorted(rows))

    def drawn(texts: np.ndarray) -> float:
        which = np.concatenate([rows[int(no)] for no in texts])
        return macro_f1(found.gold[which], guess[which])

    sure = calibrate.crossed_chances(refit, found.logits, found.gold, found.text_no % 2 == 0)
    result = {
        "f1": macro_f1(found.gold, guess),
        "interval": interval(len(every), lambda pick: drawn(every[pick])),
        "accuracy": float((guess == found.gold).mean()),
        "each": dict(zip(STANCES, label_f1(found.gold, guess).tolist(), strict=True)),
        "crossed": macro_f1(found.gold, sure.argmax(1)),
        "error": calibration_error(sure.max(1), sure.argmax(1) == found.gold),
        "chance": calibration_chance(sure.max(1)),
        "asked": len(found.gold),
    }
    if groups is not None:
        names = [groups[int(no)] for no in every]
        result["groups"] = by_group(names, lambda pick: drawn(every[pick]))
    return result


def thresholds(found: Answers, fit: Sequence[float]) -> dict[str, list[float | None]]:
    """For each of PRECISIONS the least probability, as judged, of favor and of against that reaches it."""
    chances = rounded(calibrate.chances(found.logits, fit))
    best = chances.argmax(1)
    return {
        f"{precision:.2f}": [
            calibrate.least(chances[best == k, k], found.gold[best == k] == k, precision) for k in (0, 1)
        ]
        for precision in PRECISIONS
    }


def published(found: Answers, refit: calibrate.Fit) -> dict[str, dict[str, Any]]:
    """Precision and recall of what is published at each of PRECISIONS, as chosen on the other half."""
    even = found.text_no % 2 == 0
    tally = {f"{p:.2f}": {stance: np.zeros(3, dtype=int) for stance in STANCES[:2]} for p in PRECISIONS}
    for part in (even, ~even):
        others = Answers(found.text_no[~part], found.gold[~part], found.logits[~part])
        fit = refit(others.logits, others.gold)
        chances, label = rounded(calibrate.chances(found.logits[part], fit)), found.gold[part]
        for name, least in thresholds(others, fit).items():
            for k, stance in enumerate(STANCES[:2]):
                bound = least[k]
                out = (chances.argmax(1) == k) & (chances[:, k] >= (2.0 if bound is None else bound))
                tally[name][stance] += [(out & (label == k)).sum(), out.sum(), (label == k).sum()]
    return {
        name: {
            stance: {"precision": float(r / max(n, 1)), "recall": float(r / max(w, 1)), "published": int(n)}
            for stance, (r, n, w) in row.items()
        }
        for name, row in tally.items()
    }


def roles(
    examples: Sequence[Example], found: Said, words: Sequence[Pieces]
) -> dict[str, Mapping[str, float]]:
    """Of each role, F1 over words and F1 over spans that share at least half of their words."""
    result: dict[str, Mapping[str, float]] = {}
    for k, role in enumerate(ROLES):
        ours: list[list[tuple[int, int]]] = [[] for _ in examples]
        for i in [i for i, name in enumerate(found.role) if name == role]:
            ours[found.text_no[i]].append((int(found.start[i]), int(found.end[i])))
        tally, spans = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
        for one, mine, seen in zip(examples, ours, words, strict=True):
            known = [span for span, number in one.said or () if number == k]
            sets = [[frozenset(_words(seen, span)) for span in side] for side in (known, mine)]
            want, have = (frozenset().union(*side) for side in sets)
            tally += [len(want & have), len(have), len(want)]
            spans += [_matched(*sets), len(mine), len(known)]
        f1 = [float(2 * t[0] / max(t[1] + t[2], 1)) for t in (tally, spans)]
        result[role] = {"words": f1[0], "spans": f1[1]}
    return result


def _words(seen: Pieces, span: tuple[int, int]) -> range:
    ((lo, hi),) = seen.covering(np.array([span]))
    return range(seen.word[lo], seen.word[hi - 1] + 1) if lo < hi else range(0)


def _matched(known: list[frozenset[int]], mine: list[frozenset[int]]) -> int:
    """Found spans that share with one gold span, each used once, at least half of the words of both."""
    left, count = list(known), 0
    for one in mine:
        for other in left:
            if 2 * len(one & other) >= len(one | other) > 0:
                left.remove(other)
                count += 1
                break
    return count
