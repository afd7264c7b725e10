"""The machine's limit: how fast it multiplies matrices of the encoder's shapes, and what it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from models.fast import packs
from models.infer import Model
from models.windows import Window


def operations(model: Model, rows: list[Window]) -> float:
    """Floating-point operations of the encoder's matrix products on these rows, without padding."""
    settings = model.config["encoder"]
    hidden, inner = settings["hidden_size"], settings["intermediate_size"]
    lengths = np.array([row.hi - row.lo + 2 for row in rows], dtype=float)
    dense = 2 * (4 * hidden * hidden + 2 * hidden * inner) * lengths.sum()
    attention = 4 * hidden * (lengths**2).sum()
    return float(settings["num_hidden_layers"] * (dense + attention))


class Limit:
    """The fastest matrix products of the encoder's shapes that were seen, in operations per second."""

    def __init__(self, model: Model) -> None:
        hidden, inner = (model.config["encoder"][name] for name in ("hidden_size", "intermediate_size"))
        dtype = model.network.tags.weight.dtype
        self.best = 0.0
        self.work: list[tuple[float, Callable[[], object]]] = []
        for size, width in [(hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden)]:
            weight = torch.randn(width, size, dtype=dtype)
            for rows in (128, 256, 512, 1024, 2048):
                x, out = torch.randn(rows, size, dtype=dtype), torch.empty(rows, width, dtype=dtype)
                ways: list[Callable[[], object]] = [partial(torch.mm, x, weight.t(), out=out)]
                if packs(weight):
                    packed = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
                    ways.append(partial(torch.ops.mkldnn._linear_pointwise, x, packed, None, "none", [], ""))
                self.work += [(2.0 * rows * size * width, way) for way in ways]

    @torch.inference_mode()
    def measure(self, repeats: int = 5) -> None:
        """One round of all sizes and ways."""
        for count, way in self.work:
            way()
            began = time.perf_counter()
            for _ in range(repeats):
                way()
            self.best = max(self.best, repeats * count / (time.perf_counter() - began))
