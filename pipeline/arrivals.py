"""What has landed for days since they were built, told without reading what the articles say.

Each batch of the inbox is read once, in the few columns that tell versions apart: some 150 bytes an article.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.inbox import Landed
from pipeline.inputs import VERSION, Version, digest, versions
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.units import CHARACTERS_PER_ARTICLE


@dataclass(frozen=True)
class Arrived:
    """What batches change in a day.

    `counts`: by kind (late, corrected, moved away, refused); `articles`: how many the day then has;
    `characters`: of what the batches bring; `inputs`: the digest of what the day is then built from.
    """

    counts: Mapping[str, int]
    articles: int
    characters: int
    inputs: str


class Arrivals:
    """What the inbox of a lake holds, for as long as a plan is made."""

    def __init__(self, lake: Lake) -> None:
        """Nothing is read before it is asked for; FileNotFoundError then, where a batch is gone."""
        self._lake = lake
        self._read: dict[tuple[str, str], dict[date, pa.Table]] = {}

    def of(self, day: date, manifest: Manifest | None, pending: Sequence[Landed]) -> Arrived:
        """What these batches change in a day, in their order."""
        known, refused = self._published(manifest)
        rows = {version[0]: version for version in known}
        for batch in pending:
            for article in batch.moved(day):
                rows.pop(article, None)
            if raw := self._rows(batch, "raw", VERSION).get(day):
                rows |= {version[0]: version for version in versions(raw)}
            if rejects := self._rows(batch, "rejects", ("reject_id",)).get(day):
                refused |= set(rejects["reject_id"].to_pylist())
        ids = {version[0] for version in known}
        arriving = set(rows.values()) - known
        late = sum(version[0] not in ids for version in arriving)
        entries = [batch.days[day] for batch in pending]
        counts = {
            "late": late,
            "corrected": len(arriving) - late,
            "moved away": sum(len(entry["moved"]) for entry in entries),
            "refused": sum(entry["rejected"] for entry in entries),
        }
        characters = sum(
            entry.get("characters", entry["rows_out"] * CHARACTERS_PER_ARTICLE) for entry in entries
        )
        return Arrived(counts, len(rows), characters, digest(rows.values(), refused))

    def _rows(self, batch: Landed, table: str, columns: Sequence[str]) -> dict[date, pa.Table]:
        if (batch.name, table) not in self._read:
            self._read[batch.name, table] = batch.by_day(self._lake.store, table, columns)
        return self._read[batch.name, table]

    def _published(self, manifest: Manifest | None) -> tuple[set[Version], set[str]]:
        """The versions of a published day's articles, and what ingest refused of it."""
        if manifest is None:
            return set(), set()
        refused = self._lake.rows("rejects", [manifest], ("reject_id", "stage"))
        refused = refused.filter(pc.equal(refused["stage"], "ingest"))
        known = versions(self._lake.rows("raw", [manifest], VERSION))
        return known, set(refused["reject_id"].to_pylist())
