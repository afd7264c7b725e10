"""Measure the model: the bare encoder, `tag`, and `tag` with `judge`, in one run on the same texts.

    python -m tests.bench.bench_model [--texts FILE] [--model DIR] [--threads N] [--rounds 3]

FILE holds one text per line (JSON objects with `sentence` or `text` are read as such); without it, news-like
sentences are generated. The judge is asked about every mention, and about every ordered pair of mentions of a
text. Rounds alternate, and the fastest of each counts, as other work on the machine only ever slows one down.
Tokens are word pieces without padding. The ratios are what to compare between machines.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import models
from models import Questions, Tags
from models.infer import Model
from models.windows import batches, windows
from models.words import padded, pieces

PEOPLE = ["Maria Lopez", "John Miller", "Prime Minister Anna Schmidt", "Mr. Okoro", "Senator Li"]
PLACES = ["Kenya", "the United States", "Brussels", "Warsaw", "Crimea", "the U.K."]
BODIES = ["NATO", "the European Union", "the World Bank", "the Foreign Ministry", "the Senate"]
VERBS = ["praised", "condemned", "met", "accused", "backed", "warned", "invited", "criticised", "thanked"]
TAILS = [
    "on Tuesday",
    "after weeks of talks",
    "over the new law, which was passed in March 2021",
    "in a statement",
]
MOST_PAIRS = 30  # ordered pairs of a text


def generated(count: int, seed: int = 1) -> list[str]:
    """News-like sentences of 10 to 60 words."""
    rng = random.Random(seed)

    def clause() -> str:
        who, whom = rng.choice(PEOPLE + BODIES), rng.choice(PEOPLE + BODIES + PLACES)
        return f"{who} {rng.choice(VERBS)} {whom} in {rng.choice(PLACES)} {rng.choice(TAILS)}"

    return [", while ".join(clause() for _ in range(rng.randint(1, 4))) + "." for _ in range(count)]


def read(path: Path) -> list[str]:
    """The texts of a file, one per line, as they are or as JSON objects."""
    texts = []
    for line in path.read_text("utf-8").splitlines():
        known = json.loads(line) if line.startswith("{") else {"text": line}
        texts.append(known.get("sentence") or known.get("text") or "")
    return texts


def encode(model: Model, texts: list[str]) -> None:
    """The encoder alone, on the batches that `tag` makes."""
    found = pieces(model.tokenizer, texts)
    size, overlap = model.config["window"], model.config["overlap"]
    for batch in batches([w for no, one in enumerate(found) for w in windows(no, one, size, overlap)]):
        rows = [(found[w.text_no].ids[w.lo : w.hi], found[w.text_no].case[w.lo : w.hi]) for w in batch]
        with torch.inference_mode():
            model.network.encoder(*(torch.from_numpy(x) for x in padded(rows, batch[0].length)))


def questions(texts: list[str], tags: Tags) -> Questions:
    """Every mention as a target of the text, and every ordered pair of mentions of a text."""
    holders, targets = [np.full(len(tags.start), -1)], [np.arange(len(tags.start))]
    for no in range(len(texts)):
        lo, hi = np.searchsorted(tags.text_no, [no, no + 1])
        pairs = np.array([(i, j) for i in range(lo, hi) for j in range(lo, hi) if i != j][:MOST_PAIRS])
        holders.append(pairs.reshape(-1, 2)[:, 0].astype(int))
        targets.append(pairs.reshape(-1, 2)[:, 1].astype(int))
    holder, target = np.concatenate(holders), np.concatenate(targets)
    spans = np.stack([tags.start, tags.end], 1)
    itself = (holder < 0)[:, None]
    return Questions(
        texts,
        tags.text_no[target],
        np.where(itself, -1, spans[holder]),
        spans[target],
        np.where(itself, 0, tags.vectors[holder]),
        tags.vectors[target],
    )


def fastest(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of the fastest round of each, in alternation."""
    best = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, run in work.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures tokens per second of encoder, tag and judge.")
    parser.add_argument("--texts", type=Path, help="one text per line; generated if not given")
    parser.add_argument("--model", type=Path, help="model folder; the shipped one if not given")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = models.load(given.model)
    texts = read(given.texts) if given.texts else generated(800)
    tags = model.tag(texts)
    asked = questions(texts, tags)
    seconds = fastest(
        {
            "encoder": lambda: encode(model, texts),
            "tag": lambda: model.tag(texts),
            "tag + judge": lambda: model.judge(questions(texts, model.tag(texts))),
        },
        given.rounds,
    )
    tokens = int(tags.tokens.sum())
    kind = next(model.network.encoder.parameters()).dtype
    print(f"{len(texts)} texts, {tokens} tokens; {kind}, {given.threads} thread(s)")
    print(f"{len(tags.start)} mentions, {len(asked.text_no)} questions")
    for name, spent in seconds.items():
        share = seconds["encoder"] / spent
        print(f"{name:12} {tokens / spent:8.0f} tokens/s   {share:.2f} of the encoder's speed")


if __name__ == "__main__":
    main()
