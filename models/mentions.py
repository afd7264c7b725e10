"""Mentions of many batches brought together as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from models import TYPES, Tags

DECIMALS = 4  # of probabilities: a float's last bits may differ from machine to machine


@dataclass(frozen=True)
class Rows:
    """Mentions as columns.

    text_no, start, end  as in `models.Tags`
    kind     index into TYPES; -1 for a given span
    log      log probability of span and type; nan for a given span
    given    rank among the given spans of the text; -1 for a found mention
    vectors  float16 (n, width)
    """

    text_no: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray
    log: np.ndarray
    given: np.ndarray
    vectors: np.ndarray


def rounded(chances: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) to DECIMALS, float32; the likeliest of a row takes what is left to 1."""
    result = chances.round(DECIMALS)
    top = result.argmax(1)
    result[np.arange(len(top)), top] += 1 - result.sum(1)
    return np.asarray(result, dtype=np.float32)


def unseen(table: np.ndarray, width: int) -> Rows:
    """Given spans (n, 4: text, start, end, rank) that no encoder saw; their vectors are zero."""
    n = len(table)
    vectors = np.zeros((n, width), dtype=np.float16)
    text_no, start, end, rank = table.T
    return Rows(text_no, start, end, np.full(n, -1), np.full(n, np.nan), rank, vectors)


def together(parts: Sequence[Rows], calibration: Sequence[float], tokens: np.ndarray) -> Tags:
    """The table of all parts, with scores calibrated by [scale, shift] of the log odds."""
    columns = (np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Rows))
    text_no, start, end, kind, log, given, vectors = columns
    order = np.lexsort((-end, np.where(given < 0, start, 0), given, text_no))
    order = order[apart(text_no[order], start[order], end[order], given[order])]
    sure = np.clip(np.exp(log[order]), 1e-6, 1 - 1e-6)
    score = 1 / (1 + np.exp(-(calibration[0] * np.log(sure / (1 - sure)) + calibration[1])))
    return Tags(
        text_no[order].astype(np.int32),
        start[order].astype(np.int32),
        end[order].astype(np.int32),
        [TYPES[k] if k >= 0 else "" for k in kind[order]],
        score.round(DECIMALS).astype(np.float32),
        vectors[order],
        tokens,
    )


def apart(text_no: np.ndarray, start: np.ndarray, end: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Which sorted mentions stay: all given spans, and of found ones that overlap the first.

    Only two windows that both saw a mention at their seam make mentions overlap.
    """
    stays = np.ones(len(start), dtype=bool)
    if not ((text_no[1:] == text_no[:-1]) & (given[1:] < 0) & (start[1:] < end[:-1])).any():
        return stays
    last = 0
    for i in range(1, len(start)):
        if given[i] < 0 and text_no[i] == text_no[last] and given[last] < 0 and start[i] < end[last]:
            stays[i] = False
        else:
            last = i
    return stays
