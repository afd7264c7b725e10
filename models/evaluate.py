"""Scores a model on the dev sets: `python -m models.evaluate --data DIR [--calibrate] [--card]`.

`--calibrate` first fits the probabilities to the dev sets and writes them into the model's config.json.
Calibration errors are cross-fitted: each half of a set's texts is measured under a fit to the other half.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, TYPES, Questions, calibrate, data, weights
from models.card import card
from models.infer import Model
from models.scores import Entity, calibration_error, counts, interval, label_f1, macro_f1, micro_f1
from models.words import pieces

FOUR = {kind: kind for kind in ("PERSON", "ORG", "LOC", "MISC")}
FOUR |= {"FAC": "LOC", "NORP": "MISC", "PRODUCT": "MISC"}
FITS: dict[str, calibrate.Fit] = {"portrayal": calibrate.portrayal, "relation": calibrate.relation}
NEWS = "ner/worldwide/dev.jsonl"
SETS = {
    "portrayal_rw": ("portrayal", "stance/newsmtsc/dev_rw.jsonl"),
    "portrayal_mt": ("portrayal", "stance/newsmtsc/dev_mt.jsonl"),
    "directed": ("relation", "stance/directed/dev.jsonl"),
}


@dataclass(frozen=True)
class Answers:
    """Answers to one set's questions: the text of each, its gold label, and the uncalibrated logits."""

    head: str
    text_no: np.ndarray
    gold: np.ndarray
    logits: np.ndarray


def gold(example: data.Example) -> list[Entity]:
    """The labelled mentions of a text."""
    return [(start, end, TYPES[kind]) for (start, end), kind in example.entities or ()]


def widened(model: Model, examples: Sequence[data.Example]) -> list[list[Entity]]:
    """Gold mentions as the whole words they touch: where characters were lost, two words may be one."""
    wide = []
    for one, found in zip(examples, pieces(model.tokenizer, [e.text for e in examples]), strict=True):
        known = gold(one)
        bounds = np.append(found.firsts(), len(found))
        ranges = found.covering(np.array([m[:2] for m in known], dtype=np.int64).reshape(-1, 2))
        kept = [(lo, hi, m[2]) for (lo, hi), m in zip(ranges, known, strict=True) if lo < hi]
        words = [(bounds[found.word[lo]], bounds[found.word[hi - 1] + 1] - 1, kind) for lo, hi, kind in kept]
        wide.append([(int(found.start[lo]), int(found.end[last]), kind) for lo, last, kind in words])
    return wide


def mentions(model: Model, texts: Sequence[str]) -> tuple[list[list[Entity]], list[list[float]]]:
    """Mentions and their scores, by text."""
    tags = model.tag(texts)
    found: list[list[Entity]] = [[] for _ in texts]
    scores: list[list[float]] = [[] for _ in texts]
    for i, no in enumerate(tags.text_no):
        found[no].append((int(tags.start[i]), int(tags.end[i]), tags.type[i]))
        scores[no].append(float(tags.score[i]))
    return found, scores


def four(rows: Sequence[Sequence[Entity]]) -> list[list[Entity]]:
    """Mentions in the four classes of CoNLL 2003; dates and money have none."""
    return [[(start, end, FOUR[kind]) for start, end, kind in row if kind in FOUR] for row in rows]


def entities(known: Sequence[Sequence[Entity]], found: Sequence[Sequence[Entity]]) -> dict[str, Any]:
    """Scores of found mentions, by text: exact spans and types."""
    table = counts(known, found)
    right, given, wanted = table.sum(0)
    return {
        "f1": micro_f1(table),
        "interval": interval(len(table), lambda pick: micro_f1(table[pick])),
        "precision": float(right / max(given, 1)),
        "recall": float(right / max(wanted, 1)),
        "four": micro_f1(counts(four(known), four(found))),
        "each": {kind: micro_f1(counts(known, found, kind)) for kind in TYPES},
    }


def answers(model: Model, head: str, examples: Sequence[data.Example]) -> Answers:
    """Puts every labelled target or pair of the examples to the model."""
    asked = [
        (no, holder, target, label)
        for no, one in enumerate(examples)
        for holder, target, label in [((-1, -1), s, k) for s, k in one.portrayals] + list(one.relations)
    ]
    spans: list[list[data.Span]] = [[] for _ in examples]
    for no, holder, target, _ in asked:
        spans[no] += [span for span in (holder, target) if span[0] >= 0]
    tags = model.tag([one.text for one in examples], spans)
    given = [i for i, kind in enumerate(tags.type) if not kind]
    place = {(int(tags.text_no[i]), int(tags.start[i]), int(tags.end[i])): i for i in given}
    none = np.zeros(tags.vectors.shape[1], dtype=np.float16)

    def vectors(rows: Sequence[tuple[int, data.Span]]) -> np.ndarray:
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
    )
    return Answers(head, number, label, model.logits(questions))


def stances(found: Answers, fit: Sequence[float]) -> dict[str, Any]:
    """Scores of answers under a calibration."""
    guess = calibrate.chances(found.logits, fit).argmax(1)
    rows = [np.flatnonzero(found.text_no == no) for no in np.unique(found.text_no)]

    def drawn(pick: np.ndarray) -> float:
        which = np.concatenate([rows[no] for no in pick])
        return macro_f1(found.gold[which], guess[which])

    even = found.text_no % 2 == 0
    sure = calibrate.crossed_chances(FITS[found.head], found.logits, found.gold, even)
    return {
        "f1": macro_f1(found.gold, guess),
        "interval": interval(len(rows), drawn),
        "accuracy": float((guess == found.gold).mean()),
        "each": dict(zip(STANCES, label_f1(found.gold, guess).tolist(), strict=True)),
        "crossed": macro_f1(found.gold, sure.argmax(1)),
        "error": calibration_error(sure.max(1), sure.argmax(1) == found.gold),
    }


def odds(model: Model, examples: Sequence[data.Example]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every mention found: uncalibrated log odds, whether it is right, whether its text number is even."""
    model.config["calibration"] = weights.UNCALIBRATED
    found, scores = mentions(model, [e.text for e in examples])
    right = [mention in gold(examples[no]) for no, row in enumerate(found) for mention in row]
    even = [no % 2 == 0 for no, row in enumerate(found) for _ in row]
    sure = np.clip(np.array([score for row in scores for score in row]), 1e-4, 1 - 1e-4)
    return np.log(sure / (1 - sure)), np.array(right), np.array(even)


def evaluate(model: Model, folder: Path, fit: bool) -> dict[str, Any]:
    """All scores on clean and on ASCII-stripped copies; with `fit`, calibrates `model.config` first."""
    known = model.config["calibration"]
    news = data.newswire(folder / NEWS)
    texts = {name: (head, _read(head, folder / path)) for name, (head, path) in SETS.items()}
    sets = {name: answers(model, head, rows) for name, (head, rows) in texts.items()}
    log_odds, right, even = odds(model, news)
    if fit:
        known = {"entities": calibrate.entities(log_odds, right)}
        for head in FITS:
            ours = [s for s in sets.values() if s.head == head]
            logits, labels = np.concatenate([s.logits for s in ours]), np.concatenate([s.gold for s in ours])
            known[head] = FITS[head](logits, labels)
    model.config["calibration"] = known
    found, _ = mentions(model, [e.text for e in news])
    stripped = [data.ascii_only(e) for e in news]
    damaged, _ = mentions(model, [e.text for e in stripped])
    result = {
        "entities": entities([gold(e) for e in news], found),
        "entities_whole_words": entities(widened(model, news), found),
        "entities_stripped": entities(widened(model, stripped), damaged),
    }
    result["entities"]["error"] = calibration_error(calibrate.crossed_scores(log_odds, right, even), right)
    for name, (head, rows) in texts.items():
        result[name] = stances(sets[name], known[head])
        bare = answers(model, head, [data.ascii_only(e) for e in rows])
        result[f"{name}_stripped"] = stances(bare, known[head])
    return result


def _read(head: str, path: Path) -> list[data.Example]:
    return data.portrayals(path) if head == "portrayal" else data.relations(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Scores a model on the dev sets.")
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--model", type=Path, default=weights.SHIPPED)
    parser.add_argument("--calibrate", action="store_true", help="fit the probabilities and write them")
    parser.add_argument("--card", action="store_true", help="write card.md into the model folder")
    given = parser.parse_args()
    model = Model.load(given.model)
    result = evaluate(model, given.data, given.calibrate)
    if given.calibrate:
        config, tensors, tokenizer = weights.verified(given.model)
        settings = {**config, "calibration": model.config["calibration"]}
        weights.save(given.model, settings, tensors, tokenizer)
    if given.card:
        (given.model / "card.md").write_text(card(model.config, result), encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
