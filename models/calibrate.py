"""Calibration of probabilities by scaling (Guo et al., ICML 2017; Platt, 1999)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy


def minimum(loss: Callable[[Tensor], Tensor], start: Sequence[float]) -> list[float]:
    """The parameters at which a smooth loss is least, by L-BFGS from `start`, to four decimals."""
    at = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([at], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        value = loss(at)
        value.backward()
        return value

    search.step(closure)
    return [round(x, 4) for x in at.tolist()]


def stance(logits: np.ndarray, gold: np.ndarray) -> list[float]:
    """[scale, 0, 0, 0] of the logits (n, 3): one temperature, which leaves every label as it is."""
    x, y = torch.from_numpy(logits.astype(np.float64)), torch.from_numpy(gold)
    return [*minimum(lambda at: cross_entropy(x * at[0], y), [1.0]), 0.0, 0.0, 0.0]


def entities(odds: np.ndarray, right: np.ndarray) -> list[float]:
    """[scale, shift] of the log odds (n) that a mention is right."""
    x, y = torch.from_numpy(odds), torch.from_numpy(right.astype(np.float64))
    return minimum(lambda at: binary_cross_entropy_with_logits(at[0] * x + at[1], y), [1.0, 0.0])


def chances(logits: np.ndarray, fit: Sequence[float]) -> np.ndarray:
    """Probabilities (n, 3) of logits under [scale, bias of each class]."""
    scaled = torch.from_numpy(logits.astype(np.float64)) * fit[0] + torch.tensor(fit[1:], dtype=torch.float64)
    return scaled.softmax(-1).numpy()


def crossed_chances(logits: np.ndarray, gold: np.ndarray, even: np.ndarray) -> np.ndarray:
    """Probabilities (n, 3) where each half, by `even`, is calibrated on the other."""
    result = np.zeros(logits.shape)
    for part in (even, ~even):
        result[part] = chances(logits[part], stance(logits[~part], gold[~part]))
    return result


def crossed_scores(odds: np.ndarray, right: np.ndarray, even: np.ndarray) -> np.ndarray:
    """Scores (n) of mentions where each half, by `even`, is calibrated on the other."""
    result = np.zeros(odds.shape)
    for part in (even, ~even):
        scale, shift = entities(odds[~part], right[~part])
        result[part] = 1 / (1 + np.exp(-(scale * odds[part] + shift)))
    return result
