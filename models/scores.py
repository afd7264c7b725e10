"""Measures of quality: F1 of spans and of labels, calibration error, bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Entity = tuple[int, int, str]  # start, end, type
RESAMPLES = 500


def counts(
    gold: Sequence[Sequence[Entity]], found: Sequence[Sequence[Entity]], kind: str | None = None
) -> np.ndarray:
    """Right, found and gold mentions of each text, int64 (texts, 3); of one type where `kind` is given."""

    def chosen(mentions: Sequence[Entity]) -> set[Entity]:
        return {m for m in mentions if kind is None or m[2] == kind}

    pairs = [(chosen(g), chosen(f)) for g, f in zip(gold, found, strict=True)]
    return np.array([(len(g & f), len(f), len(g)) for g, f in pairs], dtype=np.int64).reshape(-1, 3)


def micro_f1(table: np.ndarray) -> float:
    """F1 over all mentions of a table made by `counts`; 0 where there is neither gold nor found."""
    right, found, gold = table.sum(0)
    return float(2 * right / max(found + gold, 1))


def label_f1(gold: np.ndarray, found: np.ndarray, classes: int = 3) -> np.ndarray:
    """F1 of each class."""
    right = np.array([np.sum((gold == k) & (found == k)) for k in range(classes)])
    total = np.array([np.sum(gold == k) + np.sum(found == k) for k in range(classes)])
    return np.asarray(2 * right / np.maximum(total, 1))


def macro_f1(gold: np.ndarray, found: np.ndarray) -> float:
    """Mean of the classes' F1."""
    return float(label_f1(gold, found).mean())


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over equally wide bins."""
    place = np.minimum((sure * bins).astype(int), bins - 1)
    parts = [place == k for k in range(bins)]
    off = [p.sum() * abs(sure[p].mean() - right[p].mean()) for p in parts if p.any()]
    return float(sum(off) / max(len(sure), 1))


def calibration_chance(sure: np.ndarray, seed: int = 0) -> float:
    """The calibration error that confidences (n) would have on average if they were exactly right.

    It is not 0: of few answers in a bin not just the expected share comes true (Kumar et al., NeurIPS 2019).
    """
    rng = np.random.default_rng(seed)
    drawn = [calibration_error(sure, rng.random(len(sure)) < sure) for _ in range(RESAMPLES)]
    return float(np.mean(drawn))


def interval(units: int, measure: Callable[[np.ndarray], float], seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap over resampled units, whose indices `measure` gets."""
    rng = np.random.default_rng(seed)
    drawn = [measure(rng.integers(0, units, units)) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
