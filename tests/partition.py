"""A small partition that keeps every rule, and changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pipeline import schemas

A, B = "000000000000000a", "000000000000000b"
SENTENCES = {
    A: (
        "Norland turns on Eastmark",
        "Norland accused Eastmark of lying.",
        "Observers doubted Eastmark.",
        "Norland left.",
    ),
    B: ("Rain “in” Norland", "It rained."),
}
MENTIONS = (
    (A, 1, 0, 0, "Norland"),
    (A, 1, 1, 16, "Eastmark"),
    (A, 2, 2, 18, "Eastmark"),
    (A, 3, 3, 0, "Norland"),
    (B, 0, 0, 10, "Norland"),
)


def article(article_id: str, **more: Any) -> dict[str, Any]:
    """A row of `articles`."""
    row = {
        "article_id": article_id, "title": SENTENCES.get(article_id, ("A title",))[0], "url": None,
        "outlet": None, "published": datetime(2021, 12, 29, 8, tzinfo=UTC), "date_source": "header",
        "language": "en", "language_score": 0.99, "sentences": 2, "characters": 100,
        "text_sha256": "0" * 64, "near_duplicate_of": None, "repairs": {}, "order_suspect": False,
        "lead_line": None,
    }  # fmt: skip
    return row | more


def sentence(article_id: str, number: int, text: str) -> dict[str, Any]:
    """A row of `sentences`, unrepaired."""
    offsets = {"start": 0, "end": len(text), "raw_start": 0, "raw_end": len(text), "repair": None}
    kind = "body" if number else "title"
    return {"article_id": article_id, "sentence_no": number, "line_no": number, "kind": kind, "text": text,
            "raw_offsets": [offsets]}  # fmt: skip


def repair(article_id: str, number: int, before: str, after: str, **more: Any) -> dict[str, Any]:
    """A row of `repairs`, made at the beginning of line 1."""
    row = {"article_id": article_id, "repair_no": number, "line_no": 1, "raw_start": 0,
           "raw_end": len(before), "kind": "apostrophe", "before": before, "after": after,
           "confidence": 0.99, "evidence": "a contraction", "applied": True}  # fmt: skip
    return row | more


def mention(article_id: str, sentence_no: int, mention_no: int, start: int, text: str) -> dict[str, Any]:
    """A row of `mentions`."""
    return {
        "article_id": article_id, "sentence_no": sentence_no, "mention_no": mention_no, "start": start,
        "end": start + len(text), "text": text, "type": "LOC", "score": 0.9, "entity_id": text.lower(),
    }  # fmt: skip


def stance(article_id: str, number: int, holder: int | None, target: int, **more: Any) -> dict[str, Any]:
    """A row of `stances` on sentence 1; `holder` and `target` are numbers of mentions."""
    names = {0: "norland", 1: "eastmark"}
    row = {
        "article_id": article_id, "sentence_no": 1, "stance_no": number, "holder_mention_no": holder,
        "target_mention_no": target, "holder_id": None if holder is None else names[holder],
        "target_id": names[target], "stance": "favor", "favor": 0.7, "against": 0.2, "neutral": 0.1,
        "attributed": False,
    }  # fmt: skip
    return row | more


def partition() -> dict[str, pa.Table]:
    """Articles, sentences, repairs, mentions and stances."""
    rows = {
        "articles": [article(A), article(B)],
        "sentences": [sentence(a, i, text) for a, texts in SENTENCES.items() for i, text in enumerate(texts)],
        "repairs": [repair(B, 0, "Its", "It's"), repair(B, 1, "Norlands", "Norland's", applied=False)],
        "mentions": [mention(*m) for m in MENTIONS],
        "stances": [stance(A, 0, None, 0), stance(A, 1, 0, 1)],
    }
    return {name: schemas.from_rows(name, found) for name, found in rows.items()}


def changed(tables: Mapping[str, pa.Table], name: str, row: int, values: Mapping[str, Any]) -> pa.Table:
    """One of the tables with values of one of its rows replaced; "NaN" and "Infinity" are numbers."""
    floats = {c.name for c in schemas.TABLES[name].columns if pa.types.is_floating(c.type)}
    rows = tables[name].to_pylist()
    rows[row] |= {k: float(v) if k in floats and isinstance(v, str) else v for k, v in values.items()}
    return schemas.from_rows(name, rows)
