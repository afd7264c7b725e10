"""The joint training loss."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.batches import Batch
from models.data import Chances
from models.heads import Network, gaps

_SURE: tuple[Chances, ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
TASKS = ("entities", "said", "portrayals", "relations")


def units(batch: Batch) -> dict[str, int]:
    """Labelled units of each task."""
    labels: list[Sized] = [batch.words, batch.voiced, batch.portrayals, batch.relations]
    return dict(zip(TASKS, map(len, labels), strict=True))


def mean_units(batches: Sequence[Batch]) -> dict[str, float]:
    """Labelled units of each task in a batch, on average."""
    return {task: sum(units(b)[task] for b in batches) / max(len(batches), 1) for task in TASKS}


class Losses:
    """Task losses per labelled unit, each divided by the mean of its units in a batch.

    So every unit of a task weighs the same, whichever batch it came in.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.mean = dict.fromkeys(TASKS, 1.0)

    def __call__(self, network: Network, batch: Batch) -> dict[str, tuple[Tensor, float]]:
        """Of each task in the batch: the weighted loss, and its mean over the labelled units."""
        states = network.encoder(batch.ids, batch.case, batch.mask)
        counted = units(batch)
        sums = self._sums(network, batch, states)
        weight = {task: self.settings[task] / max(self.mean[task], 1.0) for task in sums}
        return {task: (weight[task] * s, float(s.detach()) / counted[task]) for task, s in sums.items()}

    def _sums(self, network: Network, batch: Batch, states: Tensor) -> dict[str, Tensor]:
        sums: dict[str, Tensor] = {}
        soft: dict[str, Any] = {"reduction": "none", "label_smoothing": self.settings["smoothing"]}
        if batch.words:
            logits = network.tags(_picked(network, states, batch.words)).float()
            sums["entities"] = cross_entropy(logits, batch.tags, reduction="sum")
        if batch.voiced:
            logits = network.said(_picked(network, states, batch.voiced)).float().view(-1, 3)
            sums["said"] = cross_entropy(logits, _on(states, batch.roles).flatten(), reduction="sum")
        if not batch.mentions:
            return sums
        spans, characters = _on(states, batch.mentions), _on(states, batch.characters)
        vectors = network.mention(network.dropout(states), batch.mask, spans[:, 0], spans[:, 1:])
        if batch.portrayals:
            one, every = _on(states, [(one, every) for one, _, every in batch.portrayals]).T
            told = _on(states, [_chances(label) for _, label, _ in batch.portrayals])
            each = cross_entropy(network.portray(vectors[one], every).float(), told, **soft)
            sums["portrayals"] = (each * self._weight(every)).sum()
        if batch.relations:
            pairs = [(one, other, every) for one, other, _, every in batch.relations]
            one, other, every = _on(states, pairs).T
            told = _on(states, [_chances(label) for _, _, label, _ in batch.relations])
            gap = gaps(characters[one], characters[other])
            logits = network.relate(vectors[one], vectors[other], gap, every).float()
            weight = _on(states, self.settings["relation_weights"])
            sums["relations"] = (cross_entropy(logits, told, weight, **soft) * self._weight(every)).sum()
        return sums

    def _weight(self, every: Tensor) -> Tensor:
        """Of each question: those that somebody chose are the fewer, and count more."""
        chosen: float = self.settings["chosen"]
        return torch.where(every > 0, 1.0, chosen)


def _chances(label: int | Chances) -> Chances:
    """What is to be learned of a question: what another model says, or a label as if it were sure."""
    return _SURE[label] if isinstance(label, int) else label


def _on(states: Tensor, values: object) -> Tensor:
    return torch.tensor(values, device=states.device)


def _picked(network: Network, states: Tensor, places: list[tuple[int, int]]) -> Tensor:
    where = _on(states, places)
    found: Tensor = network.dropout(states[where[:, 0], where[:, 1]])
    return found
