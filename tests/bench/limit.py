"""The machine's limit: how fast it multiplies matrices of the encoder's shapes, and what it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from models import int8
from models.fast import packs
from models.infer import Model
from models.windows import Window


def clock() -> float:
    """Seconds of this process's own work where it has one thread; by the wall where it has more."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def operations(model: Model, rows: list[Window]) -> float:
    """Floating-point operations of the encoder's matrix products on these rows, without padding."""
    settings = model.config["encoder"]
    hidden, inner = settings["hidden_size"], settings["intermediate_size"]
    lengths = np.array([row.hi - row.lo + 2 for row in rows], dtype=float)
    dense = 2 * (4 * hidden * hidden + 2 * hidden * inner) * lengths.sum()
    attention = 4 * hidden * (lengths**2).sum()
    return float(settings["num_hidden_layers"] * (dense + attention))


class Limit:
    """The fastest matrix product of the encoder's shapes, in operations per second of sustained work."""

    @torch.inference_mode()
    def __init__(self, model: Model, dtype: torch.dtype) -> None:
        """Tries each shape at several numbers of rows, by plain and by packed weights, and keeps the best.

        Of int8 the product alone, of numbers that are rounded already.
        """
        hidden, inner = (model.config["encoder"][name] for name in ("hidden_size", "intermediate_size"))
        self.best, fastest = 0.0, 0.0
        for size, width in [(hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden)]:
            for rows in (256, 512, 1024, 2048):
                for way in _ways(rows, size, width, dtype):
                    speed = max(_speed(way, 2.0 * rows * size * width, 5) for _ in range(4))
                    if speed > fastest:
                        fastest, self.way, self.operations = speed, way, 2.0 * rows * size * width

    @torch.inference_mode()
    def measure(self, seconds: float = 1.0) -> None:
        """One round of the best way, for about so long."""
        repeats = int(seconds / self.operations * 1e11) + 1
        self.best = max(self.best, _speed(self.way, self.operations, repeats))


def _ways(rows: int, size: int, width: int, dtype: torch.dtype) -> list[Callable[[], object]]:
    """Products of (rows, size) by weights (width, size)."""
    if dtype is torch.int8:
        weights = int8.packed(torch.randn(width, size))
        return [partial(weights.times, torch.randint(-127, 128, (rows, size), dtype=torch.int8))]
    weight = torch.randn(width, size, dtype=dtype)
    x, out = torch.randn(rows, size, dtype=dtype), torch.empty(rows, width, dtype=dtype)
    ways: list[Callable[[], object]] = [partial(torch.mm, x, weight.t(), out=out)]
    if packs(weight):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        ways.append(partial(torch.ops.mkldnn._linear_pointwise, x, packed, None, "none", [], ""))
    return ways


def _speed(way: Callable[[], object], operations: float, repeats: int) -> float:
    way()
    began = clock()
    for _ in range(repeats):
        way()
    return repeats * operations / (clock() - began)
