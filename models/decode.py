"""From tag logits of words to entity mentions: constrained BIO decoding."""

from __future__ import annotations

import numpy as np

# tag 0 is outside, 1 + 2k begins and 2 + 2k continues an entity of type k


def legal(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Whether tag `after` may follow tag `before`: an inside tag continues a mention of its own type."""
    return (after == 0) | (after % 2 == 1) | (before == after) | (before == after - 1)


def best(logs: np.ndarray) -> np.ndarray:
    """The most probable legal tag sequence of one text (words, tags): Viterbi without learned transitions."""
    tags = np.arange(logs.shape[1])
    barred = np.where(legal(tags[:, None], tags[None]), 0.0, -np.inf)
    score = logs[0] + barred[0]
    back = np.zeros(logs.shape, dtype=np.int64)
    for i in range(1, len(logs)):
        paths = score[:, None] + barred
        back[i] = paths.argmax(0)
        score = paths.max(0) + logs[i]
    path = np.zeros(len(logs), dtype=np.int64)
    path[-1] = score.argmax()
    for i in range(len(logs) - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path


def decode(logits: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mentions in the words of several rows, as columns (first word, end word, type, log probability).

    logits (words, tags) with the words of a row adjacent; row (words). The probability of a mention is that
    of all its tags, times that of the next word not continuing it.
    """
    if not len(row):
        none = np.zeros(0, dtype=np.int64)
        return none, none, none, np.zeros(0)
    logs = logits.astype(np.float64)
    logs -= logs.max(1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    tags = logs.argmax(1)
    opens = np.diff(row, prepend=-1) != 0
    before = np.where(opens, 0, np.roll(tags, 1))
    for wrong in np.unique(row[~legal(before, tags)]):  # elsewhere the likeliest tags are already legal
        here = row == wrong
        tags[here] = best(logs[here])
    first = np.flatnonzero(tags % 2 == 1)
    inside = (tags > 0) & (tags % 2 == 0)
    stops = np.append(np.flatnonzero(~inside), len(tags))
    end = stops[np.searchsorted(stops, first, side="right")]
    kind = (tags[first] - 1) // 2
    total = np.concatenate([[0.0], np.cumsum(logs[np.arange(len(tags)), tags])])
    follows = np.minimum(end, len(tags) - 1)
    goes_on = np.where((end < len(tags)) & (row[follows] == row[first]), logs[follows, 2 + 2 * kind], -np.inf)
    return first, end, kind, total[end] - total[first] + np.log1p(-np.exp(np.minimum(goes_on, -1e-9)))
