"""Adapts the encoder to news by filling in masked words: `python -m models.pretrain --data DIR [--out FILE]`.

Whole words are masked (Devlin et al., NAACL 2019; on adapting to a domain Gururangan et al., ACL 2020). The
letter case of a masked word stays visible, so that the case embedding learns what it tells.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models import data, loop
from models.batches import grouped
from models.dropout import replace
from models.encoder import Encoder
from models.train import BASE_SHA256, CONFIG, RUNS, fresh
from models.words import Pieces, padded, pieces

_MASK, _VOCABULARY = 103, 30522
_PIECES = 126  # of a text; longer paragraphs are cut


@dataclass
class Masked:
    """A batch; `places` (n, 2) are row and piece of the hidden words, `words` (n) what stood there."""

    ids: Tensor
    case: Tensor
    mask: Tensor
    places: Tensor
    words: Tensor


class Filler(nn.Module):
    """The encoder, and a head that tells the hidden words; the word embeddings are shared and frozen."""

    def __init__(self, encoder: Encoder, hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.turn = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(_VOCABULARY))

    def forward(self, batch: Masked) -> Tensor:
        """Logits (n, vocabulary) of the hidden words."""
        states = self.encoder(batch.ids, batch.case, batch.mask)
        words = self.encoder.bert.get_input_embeddings().weight
        turned: Tensor = self.turn(states[batch.places[:, 0], batch.places[:, 1]])
        return turned @ words.to(turned.dtype).T + self.bias


def paragraphs(folder: Path) -> list[str]:
    """Unlabelled paragraphs: news, articles of PolNeAR, the training paragraphs of the newswire."""
    found: list[str] = []
    with gzip.open(folder / "raw/clean_articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            found += json.loads(line)["text"].split("\n")
    for file in sorted((folder / "attribution/polnear/train/text").glob("*.txt")):
        found += file.read_text("utf-8").split("\n")
    found += [example.text for example in data.newswire(folder / "ner/worldwide/train.jsonl")]
    out = data.held_out(folder)
    return [text for text in dict.fromkeys(found) if len(text.split()) >= 8 and data.key(text) not in out]


def hidden(found: Pieces, rng: np.random.Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The pieces as the encoder sees them, and which of them it has to tell; whole words are hidden."""
    picked = rng.random(int(found.word[-1]) + 1) < share
    asked = picked[found.word]
    ids, dice = found.ids.copy(), rng.random(len(found))
    ids[asked & (dice < 0.8)] = _MASK
    swapped = asked & (dice >= 0.9)
    ids[swapped] = rng.integers(1000, _VOCABULARY, int(swapped.sum()))
    return ids, asked


class Filling:
    """The task of the loop."""

    def __init__(self, settings: dict[str, Any], folder: Path, out: Path) -> None:
        self.settings, self.out = settings, out
        self.identity = json.dumps([settings["model"], settings["pretrain"], settings["damage"], BASE_SHA256])
        network, self.tokenizer, config = fresh(settings)
        replace(network)
        if not isinstance(network.encoder, Encoder):
            raise TypeError("only the encoder that ships is adapted to news")
        self.network = Filler(network.encoder, config["encoder"]["hidden_size"])
        self.texts = paragraphs(folder)

    def epoch(self, number: int) -> list[Masked]:
        """Every paragraph once, damaged by chance, in random order of batches of similar length."""
        seed = self.settings["pretrain"]["seed"]
        rng = random.Random(f"{seed}-{number}")  # noqa: S311 (sampling, not secrets)
        draw = np.random.default_rng([seed, number])
        texts = [data.damaged(data.Example(t), rng, self.settings["damage"]).text for t in self.texts]
        parts = list(_cut(pieces(self.tokenizer, texts)))
        parts.sort(key=lambda one: len(one) * rng.uniform(0.9, 1.1))
        items = [(data.Example(""), one) for one in parts]
        groups = grouped(items, 512, self.settings["pretrain"]["budget"])
        made = [self._batch([one for _, one in group], draw) for group in groups]
        rng.shuffle(made)
        return made

    def loss(self, batch: Masked) -> dict[str, tuple[Tensor, float]]:
        """Cross-entropy of the hidden words."""
        loss = cross_entropy(self.network(batch).float(), batch.words)
        return {"words": (loss, float(loss.detach()))}

    def export(self, state: dict[str, Tensor]) -> None:
        """Writes the encoder's tensors."""
        ours = {name: tensor for name, tensor in state.items() if name.startswith("encoder.")}
        kept = {name: tensor.detach().float().cpu().contiguous() for name, tensor in ours.items()}
        self.out.parent.mkdir(parents=True, exist_ok=True)
        save_file(kept, self.out)

    def _batch(self, rows: Sequence[Pieces], draw: np.random.Generator) -> Masked:
        seen = [hidden(row, draw, self.settings["pretrain"]["share"]) for row in rows]
        length = 2 + max(len(row) for row in rows)
        ids, case, mask = padded([(s[0], row.case) for s, row in zip(seen, rows, strict=True)], length)
        places = [(no, int(i) + 1) for no, (_, asked) in enumerate(seen) for i in np.flatnonzero(asked)]
        words = np.concatenate([row.ids[asked] for (_, asked), row in zip(seen, rows, strict=True)])
        places = places or [(0, 1)]  # a tiny batch by chance hides nothing: then its first word is told
        words = words if len(words) else rows[0].ids[:1]
        one, two, three = (torch.from_numpy(x) for x in (ids, case, mask))
        return Masked(one, two, three, torch.tensor(places), torch.from_numpy(words))


def _cut(texts: Sequence[Pieces]) -> Iterator[Pieces]:
    """Runs of whole words of at most _PIECES pieces."""
    for one in texts:
        lo = 0
        while lo < len(one):
            hi = min(lo + _PIECES, len(one))
            while hi < len(one) and hi > lo + 1 and one.word[hi] == one.word[hi - 1]:
                hi -= 1
            word = one.word[lo:hi] - one.word[lo]
            yield Pieces(one.ids[lo:hi], one.start[lo:hi], one.end[lo:hi], word, one.case[lo:hi])
            lo = hi


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--out", type=Path, default=RUNS / "news.safetensors", help="file to write")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--run", default="news", help="name of the run, whose state is kept in models/runs")
    given = parser.parse_args()
    settings = tomllib.loads(given.config.read_text())
    loop.run(Filling, (settings, given.data, given.out), settings["pretrain"], RUNS / given.run)


if __name__ == "__main__":
    main()
