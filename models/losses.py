"""The joint training loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.batches import Batch
from models.heads import Network, gaps

TASKS = ("entities", "portrayals", "relations")


class Losses:
    """Task losses per labelled unit, each divided by the running mean of its units in a batch.

    So every unit of a task weighs the same, whichever batch it came in.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.mean = dict.fromkeys(TASKS, 0.0)
        self.seen = dict.fromkeys(TASKS, (0.0, 0))
        self.batches = 0

    def __call__(self, network: Network, batch: Batch) -> Tensor:
        """The weighted loss of one batch."""
        states = network.encoder(batch.ids, batch.case, batch.mask)
        self.batches += 1
        total = torch.zeros(())
        for task, (loss, units) in self._sums(network, batch, states).items():
            self.mean[task] += (units - self.mean[task]) / min(self.batches, 200)
            total = total + self.settings[task] * loss / max(self.mean[task], 1.0)
            before = self.seen[task]
            self.seen[task] = before[0] + float(loss.detach()), before[1] + units
        return total

    def _sums(self, network: Network, batch: Batch, states: Tensor) -> dict[str, tuple[Tensor, int]]:
        sums: dict[str, tuple[Tensor, int]] = {}
        soft: dict[str, Any] = {"reduction": "sum", "label_smoothing": self.settings["smoothing"]}
        if batch.words:
            where = torch.tensor(batch.words)
            logits = network.tags(network.dropout(states[where[:, 0], where[:, 1]])).float()
            sums["entities"] = cross_entropy(logits, torch.tensor(batch.tags), reduction="sum"), len(where)
        if not batch.mentions:
            return sums
        spans, characters = torch.tensor(batch.mentions), torch.tensor(batch.characters)
        vectors = network.mention(network.dropout(states), batch.mask, spans[:, 0], spans[:, 1:])
        if batch.portrayals:
            one, label = torch.tensor(batch.portrayals).T
            loss = cross_entropy(network.portray(vectors[one]).float(), label, **soft)
            sums["portrayals"] = loss, len(one)
        if batch.relations:
            one, other, label = torch.tensor(batch.relations).T
            gap = gaps(characters[one], characters[other])
            logits = network.relate(vectors[one], vectors[other], gap).float()
            weight = torch.tensor(self.settings["relation_weights"])
            sums["relations"] = cross_entropy(logits, label, weight, **soft), len(one)
        return sums

    def report(self) -> str:
        """Mean loss per unit of each task since the last report."""
        line = ", ".join(f"{task} {total / max(units, 1):.4f}" for task, (total, units) in self.seen.items())
        self.seen = dict.fromkeys(TASKS, (0.0, 0))
        return line
