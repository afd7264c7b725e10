"""How many rows a stage's tables can sanely have, given the tables that they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

SUSPICIOUS_SHARE = 0.9
SUSPICIOUS_ROWS = 20
SILENT_SENTENCES = 500


@dataclass(frozen=True)
class Bound:
    """How many rows a table may have: inclusive limits, and why; a warning shows but stops nothing."""

    name: str
    reason: str
    low: int | None = None
    high: int | None = None
    severity: str = "critical"


def bounds(
    tables: Mapping[str, pa.Table], parents: Mapping[str, pa.Table], stage: str
) -> dict[str, tuple[Bound, ...]]:
    """The bounds on the number of rows of each of the stage's tables, by table.

    The critical ones follow from what a row is, so that no input, however hostile, can break them:
    only a defect can. What is merely unlikely (nearly all articles rejected, no entity in hundreds of
    sentences) is a warning, since a folder of garbage must not stop a day.
    """
    present = {**parents, **tables}
    rows = {name: table.num_rows for name, table in present.items()}
    found: dict[str, tuple[Bound, ...]] = {}
    if stage == "clean" and {"raw", "rejects"} <= set(rows):
        least = 1 if rows["raw"] and not rows["rejects"] else 0
        found["articles"] = (
            Bound("volume", "some article of those landed is kept or rejected, and none is added.",
                  least, rows["raw"]),
        )  # fmt: skip
        if rows["raw"] >= SUSPICIOUS_ROWS:
            most = int(SUSPICIOUS_SHARE * rows["raw"])
            why = f"more than {SUSPICIOUS_SHARE:.0%} of the articles rejected is suspicious."
            found["rejects"] = (Bound("rejected_share", why, 0, most, "warning"),)
    if {"articles", "sentences"} <= set(rows):
        found["sentences"] = (Bound("volume", "every article has a title.", rows["articles"]),)
    if {"articles", "signatures"} <= set(rows):
        found["signatures"] = (
            Bound("volume", "one signature an article.", rows["articles"], rows["articles"]),
        )
    if {"sentences", "mentions"} <= set(rows):
        found["mentions"] = _mentions(present["sentences"])
    if {"mentions", "vectors"} <= set(rows):
        found["vectors"] = (Bound("volume", "one vector a mention.", rows["mentions"], rows["mentions"]),)
    if {"mentions", "entities"} <= set(rows):
        found["entities"] = (Bound("volume", "an entity is mentioned.", 0, rows["mentions"]),)
    if {"mentions", "stances"} <= set(rows):
        found["stances"] = (_stances(present["mentions"]),)
    return {name: found[name] for name in found if name in tables}


def _mentions(sentences: pa.Table) -> tuple[Bound, ...]:
    characters = pc.sum(pc.utf8_length(sentences["text"])).as_py() or 0
    most = Bound("volume", "a mention has a character of a sentence to itself.", 0, characters)
    if sentences.num_rows < SILENT_SENTENCES:
        return (most,)
    why = f"no named entity in {SILENT_SENTENCES} sentences or more is suspicious."
    return (most, Bound("silence", why, 1, None, "warning"))


def _stances(mentions: pa.Table) -> Bound:
    """n mentions in an article leave n judgements by the text and n(n-1) by each other: n² in all."""
    per_article = mentions.group_by("article_id").aggregate([([], "count_all")])
    counts = pc.cast(per_article["count_all"], pa.int64())
    most = pc.sum(pc.multiply(counts, counts)).as_py() or 0
    return Bound("volume", "the text and each mention judge each other mention of an article once.", 0, most)
