"""A task for the loop that trains in a moment: its module can be imported by the processes that train."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.dropout import Dropout

SETTINGS = {
    "seed": 7,
    "threads": 1,
    "workers": 1,
    "batches": 2,
    "epochs": 2,
    "encoder_rate": 0.01,
    "head_rate": 0.02,
    "decay": 0.01,
    "warm_up": 0.1,
    "average": 0.9,
    "save_minutes": 4,
}


@dataclass
class Batch:
    """Points whose sum is to be told."""

    ids: Tensor
    mask: Tensor
    number: int = 0


class Network(nn.Module):
    """Has a part that is called the encoder, one that is frozen, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"bert": nn.Linear(4, 8)})
        self.frozen = nn.Parameter(torch.full((8,), 0.5), requires_grad=False)
        self.noise = Dropout(0.25)
        self.idle = nn.Linear(2, 2)
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of each point (n, 4)."""
        told: Tensor = self.head(self.noise(torch.tanh(self.encoder["bert"](x)) * self.frozen))
        return told[:, 0]


class Task:
    """Learns sums. Kills its process, or raises, where `stop` is in the file `trips` for the first time."""

    def __init__(self, out: Path, batches: int = 24, stop: int = -1, kill: bool = False) -> None:
        self.out, self.batches, self.stop, self.kill = out, batches, stop, kill
        self.network, self.identity = Network(), "tiny"
        self.seen: list[int] = []
        self.watch: Callable[[], None] = lambda: None

    def epoch(self, number: int) -> list[Batch]:
        """Batches of several sizes, numbered on over all epochs."""
        rng = random.Random(number)
        made = []
        for i in range(self.batches):
            ids = torch.tensor([[rng.uniform(-1, 1) for _ in range(4)] for _ in range(rng.randint(1, 5))])
            made.append(Batch(ids, torch.ones(ids.shape, dtype=torch.long), number * self.batches + i))
        return made

    def loss(self, batch: Batch) -> dict[str, tuple[Tensor, float]]:
        """Squared error; of every eleventh batch nothing is known."""
        if batch.number == self.stop:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt
        self.seen.append(batch.number)
        self.watch()
        if batch.number % 11 == 10:
            return {}
        loss = (self.network(batch.ids).float() - batch.ids.sum(1)).square().mean()
        return {"sums": (loss, float(loss.detach()))}

    def export(self, state: dict[str, Tensor]) -> None:
        """Writes the averaged weights."""
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, self.out)
