"""Ingest: what is new in the landing zone becomes articles and rejects, by day, in the lake's inbox.

Rows are gathered in chunks and each chunk is landed whole or not at all, so memory stays small and a
crash costs a chunk. Landing the same thing again adds nothing. One ingest at a time: what an article is
(new, a duplicate, moved) depends on what has landed before.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa

from pipeline import inputs, logs, schemas
from pipeline.headers import Publication, article_id, canonical_url, publication, raw_sha256
from pipeline.inbox import Batch, DayBatch
from pipeline.lake import Lake
from pipeline.locks import Claims, Say
from pipeline.outcome import RAW_LIMIT, reject, rejects_table
from pipeline.places import Place, find
from pipeline.sources import Item, Landed, Refused
from pipeline.store import Store
from pipeline.versions import Version, Versions

VERSION = "2"
CHUNK_ITEMS = 2_000
CHUNK_CHARACTERS = 32 * 2**20
CLAIM = "ingest"  # what an ingest holds, so that another waits
PATIENCE = timedelta(hours=1)

log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
"""Called with bytes read, bytes in all, and the source being read."""


@dataclass(frozen=True)
class Summary:
    """What an ingest did: files read and left alone as unchanged, articles by outcome, rejects by reason."""

    sources: int = 0
    unchanged: int = 0
    new: int = 0
    replaced: int = 0
    moved: int = 0
    duplicates: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0

    def rows(self) -> list[tuple[str, int]]:
        """What there is to tell, as names and counts."""
        rejects = [(f"rejected: {reason}", count) for reason, count in sorted(self.rejected.items())]
        return [
            ("files read", self.sources),
            ("files unchanged since they were read", self.unchanged),
            ("new articles", self.new),
            ("replaced by a newer version", self.replaced),
            ("moved to another day", self.moved),
            ("there already (duplicates)", self.duplicates),
            *rejects,
        ]


def ingest(
    lake: Lake,
    sources: Sequence[str] = (),
    landing: Store | str = "./landing",
    progress: Progress | None = None,
    columns: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
) -> Summary:
    """Land what is new in `sources` (files, folders, URIs; none: the whole landing zone) in the lake's inbox.

    `columns` maps title, date, url and text to the columns of records. Files are read oldest first.
    What lies in the lake itself is no source. Another ingest that is at work on the lake is waited for, and
    `say` is told. Raises UsageError for a source or column that cannot be, EnvironmentProblem where the
    landing zone or a store is out of reach or the other ingest takes longer than PATIENCE, Conflict where
    another has taken over since this one stood still; chunks landed until then stay.
    """
    landing = landing if isinstance(landing, Store) else Store(landing)
    places = find(sources, landing, columns or {}, VERSION, lake.store)
    with Claims(lake.store, f"ingest-{uuid.uuid4().hex[:8]}") as claims:
        claims.wait_for(CLAIM, PATIENCE, say)
        return _take_in(lake, places, claims, progress)


def _take_in(lake: Lake, places: Sequence[Place], claims: Claims, progress: Progress | None) -> Summary:
    started = time.perf_counter()
    finished = lake.sources()
    fresh = [place for place in places if finished.get(place.key) != place.signature]
    if not fresh:
        return _told(Summary(0, len(places), seconds=time.perf_counter() - started))
    chunks = _Chunks(lake, claims)
    total, done = sum(place.entry.size for place in fresh), 0
    for place in fresh:
        for item in place.items():
            if chunks.add(item) and progress:
                progress(done + place.position, total, place.uri)
        done += place.entry.size
        if progress:
            progress(done, total, place.uri)
    chunks.close()
    # What could not be opened is tried again: new permissions change neither size nor time.
    lake.remember({place.key: place.signature for place in fresh if place.denied is None})
    seconds = time.perf_counter() - started
    return _told(
        Summary(len(fresh), len(places) - len(fresh), **chunks.outcome, bytes=total, seconds=seconds)
    )


def _told(summary: Summary) -> Summary:
    logs.event(log, "ingested", stage="ingest", **asdict(summary) | {"seconds": round(summary.seconds, 3)})
    return summary


def assess(landed: Landed) -> tuple[Publication, dict[str, Any]] | Refused:
    """When an article was published and its row of `raw`, or why it is not taken."""
    title, date_raw, url_raw, lines = landed.title, landed.date_raw, landed.url_raw, landed.lines
    identity = article_id(canonical_url(url_raw), title, date_raw, lines)
    found = publication(date_raw, url_raw, landed.landed_at)
    if not title.strip():
        reason, detail = "no_title", "no title before the text"
    elif not lines:
        reason, detail = "no_text", "a title without text"
    elif found is None:
        reason = "date"
        detail = (
            f"date {date_raw!r} names no plausible day (1700 to two days after it landed), nor does the URL"
        )
    else:
        row = {
            "article_id": identity,
            "source_uri": landed.source_uri,
            "raw_sha256": raw_sha256(title, date_raw, url_raw, lines),
            "title": title,
            "date_raw": date_raw,
            "url_raw": url_raw,
            "lines": lines,
            "landed_at": landed.landed_at,
        }
        return found, row
    head = "\n".join(part[:RAW_LIMIT] for part in (title, date_raw, url_raw, *lines[:RAW_LIMIT]) if part)
    day = found.published.date() if found else None
    raw = head.encode()[:RAW_LIMIT]
    return Refused(landed.source_uri, reason, detail, raw, landed.landed_at, identity, day)


class _Chunks:
    """Items on their way into the lake: the open chunk, and what this run has seen and done so far."""

    def __init__(self, lake: Lake, claims: Claims) -> None:
        self._clock = time.perf_counter()
        self._lake, self._claims = lake, claims
        self._versions = Versions(inputs.known(lake))
        self._rejected = {int(reject_id, 16) for reject_id in inputs.known_rejects(lake).to_pylist()}
        # The open chunk: for each article its day, row, and the version in the lake; rejects by day.
        self._rows: dict[str, tuple[date, dict[str, Any], Version | None]] = {}
        self._rejects: dict[date, list[dict[str, Any]]] = defaultdict(list)
        self._items = self._characters = 0
        # Counted by day until the day is next written; days that get nothing new are never written.
        self._came: Counter[date] = Counter()
        self._known: Counter[date] = Counter()
        self._written: set[date] = set()
        self._did: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    @property
    def outcome(self) -> dict[str, Any]:
        """Counts for the summary."""
        counts = {name: self._did[name] for name in ("new", "replaced", "moved", "duplicates")}
        return {**counts, "rejected": dict(sorted(self._reasons.items()))}

    def add(self, item: Item) -> bool:
        """Take an item in; True when that filled a chunk, which was landed."""
        self._items += 1
        found = item if isinstance(item, Refused) else assess(item)
        if isinstance(found, Refused):
            self._refuse(found)
        else:
            self._take(*found)
        if self._items < CHUNK_ITEMS and self._characters < CHUNK_CHARACTERS:
            return False
        self._land(self._touched())
        return True

    def close(self) -> None:
        """Land what is left, with the duplicates of days that this run has written to."""
        self._land(self._touched() | {day for day in self._written if self._came[day]})

    def _refuse(self, item: Refused) -> None:
        day = item.day or item.landed_at.astimezone(UTC).date()
        row = reject("ingest", item.source_uri, item.reason, item.detail, item.raw, item.article_id)
        key = int(row["reject_id"], 16)
        self._came[day] += 1
        if key in self._rejected:
            self._duplicate(day)
            return
        self._rejected.add(key)
        self._reasons[item.reason] += 1
        self._rejects[day].append(row)
        self._characters += len(item.raw or b"")

    def _take(self, published: Publication, row: dict[str, Any]) -> None:
        identity, day = row["article_id"], published.published.date()
        version = Version(day, row["raw_sha256"], row["landed_at"], row["source_uri"])
        before = self._versions.get(identity)
        self._came[day] += 1
        if before is not None:
            newer, same = version.order > before.order, version.raw_sha256 == before.raw_sha256
            # The same content read anew, by a version of the parser that tells its day otherwise: a move.
            # A day that only the file's time tells is no reason, or a fresh copy would move the article.
            told = day != before.day and published.source != "landed" and version.order >= before.order
            if newer and same and not told:
                # Delivered again: the row stays, but what lies between the two is older than this one.
                self._versions.put(identity, version._replace(day=before.day))
            if not (told if same else newer):
                self._duplicate(day)
                return
        if identity in self._rows:
            superseded, _, before = self._rows[identity]
            self._duplicate(superseded)
        self._rows[identity] = (day, row, before)
        self._versions.put(identity, version)
        self._characters += sum(map(len, row["lines"]))

    def _duplicate(self, day: date) -> None:
        self._known[day] += 1
        self._did["duplicates"] += 1

    def _touched(self) -> set[date]:
        return {day for day, _, _ in self._rows.values()} | set(self._rejects)

    def _land(self, days: set[date]) -> None:
        if not days:
            self._items = self._characters = 0
            return
        moved: dict[date, list[str]] = defaultdict(list)
        for identity, (day, _, before) in self._rows.items():
            kind = "new" if before is None else "replaced" if before.day == day else "moved"
            self._did[kind] += 1
            if before is not None and before.day != day:
                moved[before.day].append(identity)
        days |= set(moved)
        articles = self._articles()
        seconds = (time.perf_counter() - self._clock) / sum(self._came[day] or 1 for day in days)
        batch = {}
        for day in sorted(days):
            raw = articles.get(day, schemas.RAW.empty())
            rejects = rejects_table(self._rejects.get(day, ()))
            came, known = self._came.pop(day, 0), self._known.pop(day, 0)
            gone = tuple(sorted(moved.get(day, ())))
            batch[day] = DayBatch(raw, rejects, gone, known, came, round(seconds * came, 6))
        self._clock = time.perf_counter()
        name = self._lake.land(Batch(batch, VERSION), self._claims.fenced(CLAIM))
        parts = batch.values()
        logs.event(
            log,
            "landed",
            run=name,
            stage="ingest",
            days=[day.isoformat() for day in batch],
            rows_in=sum(part.rows_in for part in parts),
            rows_out=sum(part.raw.num_rows for part in parts),
            rejected=sum(part.rejects.num_rows for part in parts),
            duplicates=sum(part.duplicates for part in parts),
            seconds=round(sum(part.seconds for part in parts), 3),
        )
        self._written |= days
        self._rows, self._rejects = {}, defaultdict(list)
        self._items = self._characters = 0

    def _articles(self) -> dict[date, pa.Table]:
        """The chunk's rows of `raw` by day, each in the order of its key."""
        rows = sorted(self._rows.items(), key=lambda pair: (pair[1][0], pair[0]))
        table = pa.Table.from_pylist([row for _, (_, row, _) in rows], schema=schemas.RAW.schema)
        tables, start = {}, 0
        for day, group in groupby(rows, key=lambda pair: pair[1][0]):
            size = len(list(group))
            tables[day] = table.slice(start, size)
            start += size
        return tables
