"""What every stage returns: what it kept, what it refused and why, and the counts that must agree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline import schemas

RAW_LIMIT = 4096
DETAIL_LIMIT = 500


@dataclass(frozen=True)
class Outcome:
    """The result of one stage on one partition.

    `kept` holds the tables that the stage writes, by name; `rejected` is a `rejects` table.
    `rows_in` counts what the stage was given (or made, for mentions and stances), in rows of the
    table that it counts in (`Stage.counts`): rows_in = kept rows + rejected + duplicates.
    `tokens` is the number of word pieces that the model saw, by article.
    """

    kept: Mapping[str, pa.Table]
    rows_in: int
    rejected: pa.Table = field(default_factory=lambda: schemas.REJECTS.empty())
    duplicates: int = 0
    tokens: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Outcome) -> Outcome:
        """The same stage's results on two sets of articles as one."""
        return Outcome(
            {name: pa.concat_tables([table, other.kept[name]]) for name, table in self.kept.items()},
            self.rows_in + other.rows_in,
            pa.concat_tables([self.rejected, other.rejected]),
            self.duplicates + other.duplicates,
            {**self.tokens, **other.tokens},
        )


def reject(
    stage: str,
    source_uri: str,
    reason: str,
    detail: str,
    raw: bytes | None = None,
    article_id: str | None = None,
) -> dict[str, Any]:
    """One row of `rejects`; `raw` and `detail` are cut to their stated bounds.

    Raises ValueError for a reason outside the closed set.
    """
    if reason not in schemas.REASONS:
        raise ValueError(f"reason {reason!r} is not one of {', '.join(schemas.REASONS)}")
    raw = None if raw is None else bytes(raw[:RAW_LIMIT])
    detail = detail[:DETAIL_LIMIT]
    parts = (stage, article_id or "", source_uri, reason, detail)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass") + b"\0" + (raw or b""))
    return {
        "reject_id": digest.hexdigest()[:16],
        "stage": stage,
        "article_id": article_id,
        "source_uri": source_uri,
        "reason": reason,
        "detail": detail,
        "raw": raw,
    }


def rejects_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """A `rejects` table of these rows, each distinct row once."""
    return schemas.from_rows("rejects", {row["reject_id"]: row for row in rows}.values())
