"""Small raw articles and batches for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pipeline import schemas
from pipeline.inbox import Batch, DayBatch
from pipeline.lake import Lake
from pipeline.outcome import reject, rejects_table

SECRET = "never-to-be-seen"  # what no output of ours may hold
LANDED = datetime(2022, 3, 1, tzinfo=UTC)


def digests(lake: Lake) -> dict[str, dict[str, str]]:
    """SHA-256 of every table of every day, except that of `runs`, whose times differ from run to run."""
    return {
        m.day: {name: entry["sha256"] for name, entry in m.tables.items() if name != "runs"}
        for m in lake.manifests().values()
    }


def article(name: str, day: str = "2022-01-05", lines: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """One row of `raw`; `name` gives identity, and with the lines the content digest."""
    lines = list(lines) or [f"The council met on {day}.", f"Mayor {name.title()} Smith praised Poland."]
    content = "\0".join([name, day, *lines])
    return {
        "article_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "source_uri": f"{name}.txt",
        "raw_sha256": hashlib.sha256(content.encode()).hexdigest(),
        "title": f"Mayor {name.title()} Smith praises Poland",
        "date_raw": day.replace("-", ""),
        "url_raw": f"https://gazette.example.com/{name}",
        "lines": lines,
        "landed_at": LANDED,
    } | more


def day_batch(
    articles: Sequence[Mapping[str, Any]] = (),
    refused: Sequence[str] = (),
    moved: Sequence[str] = (),
    duplicates: int = 0,
) -> DayBatch:
    """A day's part of a batch; `refused` are source names."""
    rejects = rejects_table(reject("ingest", name, "empty", "no bytes", b"") for name in refused)
    count = len(articles) + rejects.num_rows + duplicates
    return DayBatch(schemas.from_rows("raw", articles), rejects, tuple(moved), duplicates, count, 0.1)


def batch(**days: DayBatch) -> Batch:
    """A batch of days named like d20220105."""
    return Batch({date.fromisoformat(f"{n[1:5]}-{n[5:7]}-{n[7:9]}"): part for n, part in days.items()})
