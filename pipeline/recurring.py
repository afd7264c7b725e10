"""Lines that recur: what an outlet puts around many of its articles, learned from the articles themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LEAST = 4
"""Articles of an outlet that hold a line that recurs."""
SHARE = 0.05
"""Part of the outlet's articles that they are at least. Both were chosen by reading what they mark in 3,000
articles of 125 outlets (docs/cleaning.md); at three articles the first sentence of news is among it."""

KEY = ("article_id", "line_no")


def lines(signatures: pa.Table, near: Mapping[str, str]) -> pa.Table:
    """The lines (article_id, line_no) that recur among these articles of one outlet.

    A line recurs in an outlet when at least 4 of its articles, and 5 of 100, hold it; near-duplicates of each
    other (`near`, as `pipeline.duplicates.earliest` gives it) count as one article.
    """
    ids = signatures["article_id"].to_pylist()
    outlet = _codes(signatures["outlet"])
    cluster = _codes(pa.chunked_array([[near.get(article, article) for article in ids]], pa.string()))
    held = signatures["lines"].combine_chunks()
    row = np.asarray(pc.list_parent_indices(held))
    number, digest = held.flatten().flatten()
    # The hash of a line is of its outlet too: equal hashes are lines of one outlet.
    _, which = np.unique(np.asarray(digest), return_inverse=True)
    articles = _distinct(which, cluster[row])
    outlets = np.zeros(len(articles), np.int64)
    outlets[which] = outlet[row]
    recurs = (articles >= LEAST) & (articles >= SHARE * _distinct(outlet, cluster)[outlets])
    marked = pa.array(np.flatnonzero(recurs[which]))
    return pa.table(
        {
            "article_id": signatures["article_id"].take(pa.array(row).take(marked)),
            "line_no": number.take(marked),
        }
    )


def mark(sentences: pa.Table, lines: pa.Table) -> pa.Table:
    """The sentences with kind `recurring` for the body text of these lines, and for no other."""
    kind = sentences["kind"]
    marked = pc.equal(kind, "recurring")
    recurs = _among(sentences, lines)
    was_body = pc.or_(marked, pc.equal(kind, "body"))
    settled = pc.if_else(was_body, pc.if_else(recurs, "recurring", "body"), kind)
    at = sentences.schema.get_field_index("kind")
    return sentences.set_column(at, sentences.schema.field(at), settled)


def without(mentions: pa.Table, sentences: pa.Table) -> pa.Table:
    """The mentions that are not in a line that recurs."""
    aside = sentences.filter(pc.equal(sentences["kind"], "recurring"))
    return mentions.filter(pc.invert(_among(mentions, aside, ("article_id", "sentence_no"))))


def _among(table: pa.Table, rows: pa.Table, key: tuple[str, str] = KEY) -> pa.Array:
    """Whether each row of the table has the key of one of the rows."""
    wanted = set(zip(*(rows[c].to_pylist() for c in key), strict=True))
    if not wanted:
        return pa.repeat(False, table.num_rows)
    found = zip(*(table[c].to_pylist() for c in key), strict=True)
    return pa.array([pair in wanted for pair in found], pa.bool_())


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers from 0, equal for equal values; a null is a value of its own."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices).astype(np.int64)


def _distinct(group: np.ndarray, member: np.ndarray) -> np.ndarray:
    """How many different members each group has, by the group's number."""
    pairs = np.unique(group * (member.max(initial=0) + 1) + member)
    return np.bincount(pairs // (member.max(initial=0) + 1))
