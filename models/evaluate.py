"""Scores a model on the dev sets: `python -m models.evaluate --data DIR [--calibrate] [--card]`.

`--calibrate` first fits probabilities and thresholds to the dev sets and writes them into the model's
config.json. Calibration errors, and the precision of what is published, are cross-fitted: each half of a
set's texts is measured under a fit to the other.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import annotated, calibrate, data, measures, polnear, weights
from models.asked import Answers, Head, answers, together
from models.card import card
from models.data import Example
from models.infer import Model
from models.measures import gold, mentions, widened
from models.scores import calibration_chance, calibration_error
from models.words import pieces

NEWS = "ner/worldwide/dev.jsonl"
HEADS: tuple[Head, ...] = ("portrayal", "relation")
SETS: dict[str, tuple[Head, str]] = {
    "portrayal_rw": ("portrayal", "stance/newsmtsc/dev_rw.jsonl"),
    "portrayal_mt": ("portrayal", "stance/newsmtsc/dev_mt.jsonl"),
    "directed": ("relation", "stance/directed/dev.jsonl"),
}
FITS: dict[str, calibrate.Fit] = {
    "portrayal": calibrate.likelihood,
    "relation": calibrate.relation,
    "portrayal_every": calibrate.likelihood,
    "relation_every": calibrate.likelihood,
}


@dataclass(frozen=True)
class Sets:
    """The texts to score on.

    news, regions  paragraphs of the newswire and the region of each
    stances        each of SETS
    ours, outlets  our own held-out sentences with every judgement, and the outlet of each
    said           sentences of PolNeAR's dev articles
    """

    news: list[Example]
    regions: list[str]
    stances: dict[str, list[Example]]
    ours: list[Example]
    outlets: list[str]
    said: list[Example]

    @staticmethod
    def read(folder: Path) -> Sets:
        """All sets in the data folder."""
        with gzip.open(folder / "raw/clean_articles.jsonl.gz", "rt", encoding="utf-8") as lines:
            outlet = {article["id"]: article["source"] for article in map(json.loads, lines)}
        kept = [(row, text) for row, text in annotated.texts(folder) if annotated.unseen(row)]
        return Sets(
            data.newswire(folder / NEWS),
            [row["region"] for row in data.rows(folder / NEWS)],
            {name: _read(head, folder / path) for name, (head, path) in SETS.items()},
            [annotated.every(text, row) for row, text in kept],
            [outlet.get(row["of"].partition("/")[2], row["of"].partition("/")[0]) for row, _ in kept],
            polnear.examples(folder / "attribution/polnear/dev"),
        )


def _read(head: str, path: Path) -> list[Example]:
    return data.portrayals(path) if head == "portrayal" else data.relations(path)


def odds(model: Model, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every mention found: uncalibrated log odds, whether it is right, whether its text number is even."""
    model.config["calibration"] = model.config["calibration"] | {"entities": [1.0, 0.0]}
    found, scores = mentions(model.tag([e.text for e in examples]), len(examples))
    known = [set(gold(example)) for example in examples]
    right = [mention in known[no] for no, row in enumerate(found) for mention in row]
    even = [no % 2 == 0 for no, row in enumerate(found) for _ in row]
    sure = np.clip(np.array([score for row in scores for score in row]), 1e-4, 1 - 1e-4)
    return np.log(sure / (1 - sure)), np.array(right), np.array(even)


def evaluate(model: Model, sets: Sets, fit: bool) -> dict[str, Any]:
    """All scores on clean and on ASCII-stripped copies; with `fit`, calibrates `model.config` first."""
    known, bounds = model.config["calibration"], model.config["thresholds"]
    log_odds, right, even = odds(model, sets.news)
    found = {name: answers(model, rows, SETS[name][0]) for name, rows in sets.stances.items()}
    ours = {head: answers(model, sets.ours, head) for head in HEADS}
    if fit:
        known = {"entities": calibrate.entities(log_odds, right)}
        for head in HEADS:
            asked = together([found[name] for name in SETS if SETS[name][0] == head])
            known[head] = FITS[head](asked.logits, asked.gold)
            every = f"{head}_every"
            known[every] = FITS[every](ours[head].logits, ours[head].gold)
        bounds = {head: measures.thresholds(ours[head], known[f"{head}_every"]) for head in HEADS}
    model.config["calibration"], model.config["thresholds"] = known, bounds
    result = _names(model, sets)
    sure = calibrate.crossed_scores(log_odds, right, even)
    result["entities"] |= {"error": calibration_error(sure, right), "chance": calibration_chance(sure)}
    for name, (head, _) in SETS.items():
        result[name] = measures.stances(found[name], known[head], FITS[head])
        bare = answers(model, [data.ascii_only(e) for e in sets.stances[name]], head)
        result[f"{name}_stripped"] = measures.stances(bare, known[head], FITS[head])
    for head in HEADS:
        result[f"ours_{head}"] = _ours(ours[head], known, head, sets.outlets)
    result["said"] = _said(model, sets.said)
    return result


def _names(model: Model, sets: Sets) -> dict[str, Any]:
    """Scores of mentions: the newswire, clean and stripped, and our sentences of American news."""
    result: dict[str, Any] = {}
    for name, texts, groups in (("", sets.news, sets.regions), ("_ours", sets.ours, sets.outlets)):
        clean = mentions(model.tag([e.text for e in texts]), len(texts))[0]
        stripped = [data.ascii_only(e) for e in texts]
        bare = mentions(model.tag([e.text for e in stripped]), len(texts))[0]
        seen, lost = (pieces(model.tokenizer, [e.text for e in side]) for side in (texts, stripped))
        result[f"entities{name}"] = measures.entities([gold(e) for e in texts], clean, groups)
        result[f"entities{name}_whole_words"] = measures.entities(widened(seen, texts), clean)
        result[f"entities{name}_stripped"] = measures.entities(widened(lost, stripped), bare)
    return result


def _ours(found: Answers, known: dict[str, list[float]], head: str, outlets: Sequence[str]) -> dict[str, Any]:
    every = f"{head}_every"
    scores = measures.stances(found, known[every], FITS[every], outlets)
    return scores | {"published": measures.published(found, FITS[every])}


def _said(model: Model, examples: Sequence[Example]) -> dict[str, Any]:
    texts = [example.text for example in examples]
    found = model.tag(texts).said
    if found is None:
        raise ValueError("the model has no head for attribution; train one with models.train")
    return dict(measures.roles(examples, found, pieces(model.tokenizer, texts)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Scores a model on the dev sets.")
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--model", type=Path, default=weights.SHIPPED)
    parser.add_argument("--calibrate", action="store_true", help="fit the probabilities and write them")
    parser.add_argument("--card", action="store_true", help="write card.md into the model folder")
    given = parser.parse_args()
    model = Model.load(given.model)
    result = evaluate(model, Sets.read(given.data), given.calibrate)
    if given.calibrate:  # whether eight bits serve is asked anew: models.gate
        config, tensors, tokenizer = weights.verified(given.model)
        fitted = {name: model.config[name] for name in ("calibration", "thresholds")}
        weights.save(given.model, config | fitted | {"int8": False}, tensors, tokenizer)
    if given.card:
        (given.model / "card.md").write_text(card(model.config, result, model.format), encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
