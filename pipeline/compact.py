"""Compacting: what many days hold, once more in few files (`pipeline.spans`), for the views to read."""

from __future__ import annotations

import hashlib
import io
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import logs, mutex, objectstore, schemas
from pipeline.errors import EnvironmentProblem
from pipeline.lake import GRACE, Lake
from pipeline.manifest import Manifest
from pipeline.spans import FOLDER, INDEX, Index, Span, digest, read, whole
from pipeline.store import Store

LOOSE = 32  # days at most that are left to be read from their own files: 0.2 ms a table and day
LARGEST = 5_000_000  # rows of a span, all tables together: beyond, a month's days are large enough themselves
GROUP_ROWS, GROUP_BYTES = 122_880, 64 * 2**20  # of a row group, whichever comes first

log = logging.getLogger(__name__)


def compact(lake: Lake, now: datetime | None = None) -> list[str]:
    """Compact what is due, so that few days are left to be read from their own files; returns the spans.

    Another run may do the same meanwhile: it writes the same files.
    """
    now = now or datetime.now(UTC)
    spans, index = _spans(lake.manifests().values()), read(lake.store)
    there = whole(lake.store, index)
    useful = there.keys() & spans.keys()
    if index.spans.keys() - useful:  # what is left of the others goes
        _commit(lake.store, {}, useful)
    due = _due(spans, there, now)
    for name in due:
        clock = time.perf_counter()
        try:
            files = dict(_write(lake, name, spans[name]))
        except (OSError, pa.ArrowInvalid) as error:
            if told := objectstore.told(str(error)):
                raise EnvironmentProblem(told) from error
            log.warning("%s is not compacted, since a file of its days cannot be read: %s", name, error)
            # What it holds of a day that has changed may have had to go.
            if name in there and there[name].days.items() - _states(spans[name]):
                _commit(lake.store, {}, spans.keys() - {name})
            continue
        made = Span({m.day: digest(m) for m in spans[name]}, files, now.isoformat())
        _commit(lake.store, {name: made}, spans)
        size, spent = sum(size for _, size in files.values()), round(time.perf_counter() - clock, 3)
        logs.event(log, "compacted", span=name, days=len(made.days), bytes=size, seconds=spent)
    return due


def _spans(manifests: Iterable[Manifest]) -> dict[str, list[Manifest]]:
    """The years and, of those that are too large, the months, with their days; none of a single day.

    By the calendar, and not by what fits: a day that grows changes no other span than its own.
    """
    found: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        found.setdefault(manifest.day[:4], []).append(manifest)
    for name in [name for name, days in found.items() if _rows(days) > LARGEST]:
        for manifest in found.pop(name):
            found.setdefault(manifest.day[:7], []).append(manifest)
    return {name: days for name, days in found.items() if len(days) > 1 and _rows(days) <= LARGEST}


def _rows(manifests: Iterable[Manifest]) -> int:
    """The rows of these days, and for their raw text as many as it has sentences, be they kept or not."""
    return sum(m.characters // 100 + sum(e["rows"] for e in m.tables.values()) for m in manifests)


def _due(spans: Mapping[str, Sequence[Manifest]], there: Mapping[str, Span], now: datetime) -> list[str]:
    """The spans to compact: those that hold days as they are no more, for half a day or longer, and of the
    others those with most days to gain, so that LOOSE days or fewer remain.
    """
    loose, due = {}, []
    for name, days in spans.items():
        current = _states(days)
        held = set(there[name].days.items()) if name in there else set()
        # What was changed may have to go, such as an article withdrawn; but each time costs a copy for a day.
        if held - current and now - datetime.fromisoformat(there[name].made) > GRACE / 2:
            due.append(name)
        else:
            loose[name] = len(current - held)
    while sum(loose.values()) > LOOSE:
        due.append(max(loose, key=loose.__getitem__))
        del loose[due[-1]]
    return due


def _states(days: Iterable[Manifest]) -> set[tuple[str, str]]:
    """The days, each with the digest of its tables."""
    return {(m.day, digest(m)) for m in days}


def _write(lake: Lake, name: str, days: Sequence[Manifest]) -> Iterator[tuple[str, tuple[str, int]]]:
    """Write the files of a span; for each table its file and bytes."""
    content = hashlib.sha256("".join(map(digest, days)).encode()).hexdigest()[:16]
    for table in schemas.PUBLISHED:
        if files := [m.tables[table.name]["file"] for m in days if table.name in m.tables]:
            data = _joined(lake, table.name, files)
            path = f"{FOLDER}/{table.name}/{name}-{content}.parquet"
            lake.store.write(path, data)
            yield table.name, (path, len(data))


def _joined(lake: Lake, name: str, files: Sequence[str]) -> bytes:
    """These files of a table as one, their rows in the same order; only a row group of it is held as rows."""
    sink, schema = io.BytesIO(), schemas.TABLES[name].published_schema
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        group, rows, size = list[pa.RecordBatch](), 0, 0
        for batch in lake.dataset(name, files).to_batches():
            group, rows, size = [*group, batch], rows + batch.num_rows, size + batch.nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(group, schema))
                group, rows, size = [], 0, 0
        writer.write_table(pa.Table.from_batches(group, schema))
    return sink.getvalue()


def _commit(store: Store, made: Mapping[str, Span], spans: Iterable[str]) -> None:
    """Add what was made to the index, which keeps of the others those that are still `spans`."""
    with mutex.exclusive(store) as section:
        before, now = read(store), datetime.now(UTC)
        kept = {name: span for name, span in before.spans.items() if name in set(spans)}
        after = Index({**kept, **made})
        since = now - 7 * GRACE  # as of the files that a manifest replaces (pipeline.publish)
        late = {path: at for path, at in before.superseded.items() if datetime.fromisoformat(at) > since}
        replaced = late | dict.fromkeys(before.files, now.isoformat())
        superseded = {path: at for path, at in sorted(replaced.items()) if path not in after.files}
        section.check()
        store.write(INDEX, Index(after.spans, superseded).json())
