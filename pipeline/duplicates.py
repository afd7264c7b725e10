"""Near-duplicates among signed articles: a join on bands finds candidates, the signatures decide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schemas import MINHASHES

ALIKE = 0.8
"""Near-duplicates have at least this overlap."""
SHORTER = 0.6
"""A text counts as contained in another that it is at least this part as long as."""
ROWS = 3
"""Values in a band. `ALIKE` and `SHORTER` leave a Jaccard index of at least 0.42: 97 of 100 such pairs agree
in a band, all but one in 10^13 of those with 0.8, and 3 in 10^4 of those with 0.02."""


def earliest(signatures: pa.Table) -> dict[str, str]:
    """For every article that is a near-duplicate of an earlier one: the earliest of its cluster.

    Near-duplicates have the same words, or sets of five-word shingles with a Jaccard index of at least 0.8,
    or that part of the smaller set is in the larger one and it is at least 0.6 times as large (Broder 1997),
    as the signatures estimate. What such pairs connect is a cluster. Earliest: by `published`, then
    `article_id`; so the order of the rows makes no difference.
    """
    rows = signatures.sort_by([("published", "ascending"), ("article_id", "ascending")]).combine_chunks()
    clusters = _Clusters(rows.num_rows)
    distinct = _join_equal(rows["words"], clusters)
    signed = distinct[np.asarray(pc.list_value_length(rows["minhash"]))[distinct] > 0]
    if len(signed) > 1:
        _join_alike(rows.take(pa.array(signed)), signed, clusters)
    ids = rows["article_id"].to_pylist()
    roots = ((n, clusters.root(n)) for n in range(len(ids)))
    return {ids[n]: ids[first] for n, first in roots if first != n}


class _Clusters:
    """Sets of numbers; the root of each is its smallest."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, n: int) -> int:
        parent = self._parent
        while parent[n] != n:
            parent[n] = n = parent[parent[n]]
        return n

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first


def _join_equal(words: pa.ChunkedArray, clusters: _Clusters) -> np.ndarray:
    """Join the rows with the same words; returns the first row of each text, texts without words aside."""
    first: dict[str, int] = {}
    for n, digest in enumerate(words.to_pylist()):
        if digest is not None and (same := first.setdefault(digest, n)) != n:
            clusters.join(same, n)
    return np.array(list(first.values()), np.int64)


def _join_alike(rows: pa.Table, numbers: np.ndarray, clusters: _Clusters) -> None:
    """Join the signed rows that are near-duplicates; `numbers` are their numbers in `clusters`."""
    values = rows["minhash"].combine_chunks().flatten()
    signatures = np.asarray(values).reshape(-1, MINHASHES)
    sizes = np.asarray(rows["shingles"]).astype(np.float64)
    for group in _candidates(signatures):
        roots = np.array([clusters.root(n) for n in numbers[group]])
        for at, one in enumerate(group):
            # Who is in one cluster already is not compared: fifty reprints cost fifty comparisons.
            apart = group[at:][roots[at:] != roots[at]]
            if not len(apart):
                break
            alike = apart[_alike(signatures, sizes, one, apart)]
            for other in alike:
                clusters.join(numbers[one], numbers[other])
            if len(alike):
                roots = np.array([clusters.root(n) for n in numbers[group]])


def _candidates(signatures: np.ndarray) -> Iterator[np.ndarray]:
    """Groups of rows that agree in a band, in an order that depends on the signatures alone."""
    bands = signatures.reshape(len(signatures), -1, ROWS).astype(np.uint64)
    number = np.arange(bands.shape[1], dtype=np.uint64)
    # The number of the band and its three values are one number of 64 bits: equality is exact.
    keys = (bands[:, :, 0] | bands[:, :, 1] << 16 | bands[:, :, 2] << 32 | number << 48).ravel()
    order = np.argsort(keys, kind="stable")
    ends = np.flatnonzero(np.diff(keys[order], append=keys[order[-1:]] ^ 1)) + 1
    starts = np.concatenate(([0], ends[:-1]))
    for start, end in zip(*(at[ends - starts > 1].tolist() for at in (starts, ends)), strict=True):
        yield order[start:end] // bands.shape[1]


def _alike(signatures: np.ndarray, sizes: np.ndarray, one: int, others: np.ndarray) -> np.ndarray:
    """Whether each of the others is a near-duplicate of one, as far as their signatures tell."""
    jaccard = (signatures[others] == signatures[one]).mean(axis=1)
    smaller, larger = np.minimum(sizes[others], sizes[one]), np.maximum(sizes[others], sizes[one])
    shared = jaccard / (1 + jaccard) * (smaller + larger)
    contained: np.ndarray = (shared >= ALIKE * smaller) & (smaller >= SHORTER * larger)
    return (jaccard >= ALIKE) | contained
