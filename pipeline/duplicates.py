"""Near-duplicates within a partition: MinHash finds candidates, the overlap of their shingles decides."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

SHINGLE = 5
"""Words in a shingle."""
ALIKE = 0.8
"""Near-duplicates have at least this overlap."""
SHORTER = 0.6
"""A text counts as contained in another that it is at least this part as long as."""
SMALLEST = 30
"""Shingles; a text of fewer is a duplicate only of the same text."""
BANDS, ROWS, SEED = 42, 3, 1
"""Bands and rows of the signatures. `ALIKE` and `SHORTER` leave a Jaccard index of at least 0.42: 97 of 100
such pairs are candidates, all but one in 10^13 of those with 0.8, and 3 in 10^4 of those with 0.02."""
WORD = re.compile(r"\w+")


def mark(articles: pa.Table, sentences: pa.Table) -> pa.Table:
    """The `articles` with `near_duplicate_of` filled: the earliest article of each cluster, null for itself.

    Compared are the body sentences, without case and punctuation. Articles are near-duplicates when their
    sets of five-word shingles have a Jaccard index of at least 0.8, or when that part of the shorter one's
    is in the longer one's and it is at least 0.6 times as long (Broder 1997). What such pairs connect is a
    cluster. Earliest: by `published`, then `article_id`; so the order of the rows makes no difference.
    """
    body = sentences.filter(pc.equal(sentences["kind"], "body")).select(["article_id", "sentence_no", "text"])
    body = body.sort_by([("article_id", "ascending"), ("sentence_no", "ascending")])
    words = defaultdict[str, list[str]](list)
    for article, text in zip(body["article_id"].to_pylist(), body["text"].to_pylist(), strict=True):
        words[article] += WORD.findall(text.lower())
    ids = articles["article_id"].to_pylist()
    published = dict(zip(ids, articles["published"].to_pylist(), strict=True))
    first = _earliest(
        _pairs({article: words[article] for article in sorted(ids) if words[article]}), published
    )
    column = pa.array([first.get(article) for article in ids], pa.string())
    at = articles.schema.get_field_index("near_duplicate_of")
    return articles.set_column(at, articles.schema.field(at), column)


def _pairs(words: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The pairs of articles that are near-duplicates; of those with the same words, each with the first."""
    same: dict[str, str] = {}
    shingles: dict[str, frozenset[int]] = {}
    for article, found in words.items():
        text = " ".join(found)
        if same.setdefault(text, article) != article:
            yield same[text], article
            continue
        grams = zip(*(found[n:] for n in range(SHINGLE)), strict=False)
        hashes = frozenset(crc32(" ".join(gram).encode()) for gram in grams)
        if len(hashes) >= SMALLEST:
            shingles[article] = hashes
    for one, other in _candidates(shingles):
        sizes = sorted((len(shingles[one]), len(shingles[other])))
        shared = len(shingles[one] & shingles[other])
        jaccard = shared / (sum(sizes) - shared)
        contained = shared >= ALIKE * sizes[0] and sizes[0] >= SHORTER * sizes[1]
        if jaccard >= ALIKE or contained:
            yield one, other


def _candidates(shingles: Mapping[str, frozenset[int]]) -> Iterator[tuple[str, str]]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    for article, hashes in shingles.items():
        signature = MinHash(num_perm=BANDS * ROWS, seed=SEED, hashfunc=int)
        signature.update_batch(sorted(hashes))
        for other in sorted(index.query(signature)):
            yield other, article
        index.insert(article, signature)


def _earliest(pairs: Iterable[tuple[str, str]], published: Mapping[str, datetime]) -> dict[str, str]:
    """For every article of a cluster but the earliest one: the earliest one."""
    parent: dict[str, str] = {}

    def root(article: str) -> str:
        while (up := parent.setdefault(article, article)) != article:
            parent[article] = parent[up]
            article = up
        return article

    for one, other in pairs:
        roots = sorted((root(one), root(other)), key=lambda a: (published[a], a))
        parent[roots[1]] = roots[0]
    return {article: root(article) for article in list(parent) if root(article) != article}
