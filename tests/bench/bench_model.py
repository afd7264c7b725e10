"""Measure the model in one run on the same texts: limit of the machine, encoder, tag, judge, and pipelines.

    python -m tests.bench.bench_model [--texts FILE] [--model DIR] [--threads N] [--rounds 3] [--compared 40]
        [--format float32]

FILE holds one text per line (JSON objects with `sentence` or `text` are read as such); without it, news-like
sentences are generated. The judge is asked about every mention, and about every ordered pair of mentions of a
text. Rounds alternate, and the fastest of each counts, as other work on the machine only ever slows one down;
with one thread, time is the process's own, which waiting for a core does not change.
Tokens are word pieces of the texts, without padding, [CLS] and [SEP].

The limit is how fast PyTorch multiplies matrices of the encoder's own shapes in the encoder's precision, the
best of several sizes and ways; beside it stands what the encoder reaches, counting its matrix products alone,
at the rows' real lengths ([CLS] and [SEP] included). Then the encoder in the other number formats that a
processor without bfloat16 has.

The last part sets the model beside what a user would write today (`tests.bench.today`): a pass for the tags,
then one for every mention; the last line also has one for every pair, as the model answers these too. As that
is slow, all take `--compared` texts there, evenly picked by length.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from models import Questions, Tags, int8
from models.infer import Model
from models.windows import Window, batches, windows
from models.words import padded, pieces
from tests.bench import today
from tests.bench.limit import Limit, clock, operations

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
FORMATS = {"bfloat16": torch.bfloat16, "int8": torch.int8, "float32": torch.float32}
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


def batched(model: Model, texts: list[str]) -> list[list[torch.Tensor]]:
    """Ids, case and mask of the batches that `tag` makes."""
    found = pieces(model.tokenizer, texts)
    made = []
    for batch in batches(windows_of(model, texts)):
        rows = [(found[w.text_no].ids[w.lo : w.hi], found[w.text_no].case[w.lo : w.hi]) for w in batch]
        made.append([torch.from_numpy(x) for x in padded(rows, batch[0].length)])
    return made


def encode(model: Model, texts: list[str]) -> None:
    """The encoder alone, tokenising included, on the batches that `tag` makes."""
    for batch in batched(model, texts):
        model.encoder(*batch)


def windows_of(model: Model, texts: list[str]) -> list[Window]:
    """The rows that the encoder reads."""
    size, overlap = model.config["window"], model.config["overlap"]
    found = pieces(model.tokenizer, texts)
    return [w for no, one in enumerate(found) for w in windows(no, one, size, overlap)]


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
            began = clock()
            run()
            best[name] = min(best[name], clock() - began)
    return best


def compared(model: Model, texts: list[str], rounds: int) -> None:
    """Prints the model beside pipelines at batch 1 and 32, on these texts."""
    with tempfile.TemporaryDirectory() as folder:
        today.write(model, Path(folder))
        pipelines = today.Pipelines(Path(folder))
    tags = model.tag(texts)
    asked = questions(texts, tags)
    passes = [
        (texts[no], texts[no][lo:hi] if start < 0 else f"{texts[no][start:end]} -> {texts[no][lo:hi]}")
        for no, (start, end), (lo, hi) in zip(asked.text_no, asked.holder, asked.target, strict=True)
    ]
    mentions = passes[: len(tags.start)]
    seconds = fastest(
        {
            "tag + judge": lambda: model.judge(questions(texts, model.tag(texts))),
            "pipelines, batch 32": lambda: pipelines.run(texts, mentions, 32),
            "pipelines, batch 1": lambda: pipelines.run(texts, mentions, 1),
        },
        rounds,
    )
    seconds |= fastest({"batch 1, pairs too": lambda: pipelines.run(texts, passes, 1)}, 1)
    tokens = int(tags.tokens.sum())
    pairs = len(passes) - len(mentions)
    print(f"\n{len(texts)} texts, {tokens} tokens, {len(mentions)} mentions, {pairs} pairs")
    for name, spent in seconds.items():
        print(
            f"{name:20} {tokens / spent:8.0f} tokens/s   {spent / seconds['tag + judge']:6.1f} times the time"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures tokens per second of encoder, tag and judge.")
    parser.add_argument("--texts", type=Path, help="one text per line; generated if not given")
    parser.add_argument("--model", type=Path, help="model folder; the shipped one if not given")
    parser.add_argument("--format", choices=FORMATS, help="the processor's own choice if not given")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compared", type=int, default=40, help="texts for the comparison; 0: none")
    given = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if given.threads == 1 else "true"
    model = Model.load(given.model, FORMATS.get(given.format), "cpu")
    chosen = FORMATS[model.format]
    others = {
        name: Model.load(given.model, dtype, "cpu")
        for name, dtype in FORMATS.items()
        if dtype not in (chosen, torch.bfloat16) and (dtype is not torch.int8 or int8.serves())
    }
    torch.set_num_threads(given.threads)
    texts = read(given.texts) if given.texts else generated(800)
    tags, rows, limit = model.tag(texts), windows_of(model, texts), Limit(model, chosen)
    asked, ready = questions(texts, tags), batched(model, texts)
    seconds = fastest(
        {
            "limit": limit.measure,
            "encoder": lambda: [model.encoder(*batch) for batch in ready],
            **{
                f"encoder, {name}": lambda other=other: [other.encoder(*batch) for batch in ready]
                for name, other in others.items()
            },
            "tag": lambda: model.tag(texts),
            "tag + judge": lambda: model.judge(questions(texts, model.tag(texts))),
        },
        given.rounds,
    )
    del seconds["limit"]
    tokens, count = int(tags.tokens.sum()), operations(model, rows)
    print(f"{len(texts)} texts, {tokens} tokens; {chosen}, {given.threads} thread(s)")
    print(f"{len(tags.start)} mentions, {len(asked.text_no)} questions")
    print(f"limit {limit.best / 1e9:.0f} GFLOP/s; {count / tokens / 1e6:.1f} MFLOP a token")
    reached = count / seconds["encoder"]
    print(f"encoder {reached / 1e9:.0f} GFLOP/s, {reached / limit.best:.0%} of the limit")
    for name, spent in seconds.items():
        share = seconds["encoder"] / spent
        print(f"{name:17} {tokens / spent:8.0f} tokens/s   {share:.2f} of the encoder's speed")
    if given.compared:
        order = sorted(texts, key=len)
        compared(model, order[:: max(1, len(order) // given.compared)][: given.compared], given.rounds)


if __name__ == "__main__":
    main()
