"""The inbox of a lake: what ingest has landed and no build has taken up yet.

A batch is three files under `inbox/`: `<batch>.raw.arrow` and `<batch>.rejects.arrow` with one record batch
per day, and `<batch>.json`, written last, which is its commit point. Batches are named by time, so that
their order is the order in which they apply. A build lists the batches that it took up in the manifest of
its day (`consumed`); a batch that every one of its days has consumed is removed.

Not Parquet: with a row group a day its footer takes 9 MB of memory for 1,500 days, more than the days'
rows, and a backfill reads days from all the batches of a large ingest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schemas
from pipeline.errors import UsageError
from pipeline.store import Store

FOLDER = "inbox"
FORMAT = 2
KNOWN = pa.schema(
    [
        ("article_id", pa.string()),
        ("day", pa.date32()),
        ("raw_sha256", pa.string()),
        ("landed_at", schemas.TIMESTAMP),
        ("source_uri", pa.string()),
    ]
)


@dataclass(frozen=True)
class DayBatch:
    """What one chunk of an ingest means for one day.

    `raw`: new or replacing articles; `rejects`: what was refused; `moved`: articles that now belong to
    another day (which the same batch must hold); `duplicates`: items that were there already.
    rows_in = raw + rejects + duplicates. Raises ValueError when the counts disagree.
    """

    raw: pa.Table = field(default_factory=lambda: schemas.RAW.empty())
    rejects: pa.Table = field(default_factory=lambda: schemas.REJECTS.empty())
    moved: tuple[str, ...] = ()
    duplicates: int = 0
    rows_in: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        accounted = self.raw.num_rows + self.rejects.num_rows + self.duplicates
        if accounted != self.rows_in:
            raise ValueError(f"{self.rows_in} rows came in, {accounted} are accounted for")


@dataclass(frozen=True)
class Batch:
    """What one chunk of an ingest means, by day; landed whole or not at all. `code`: ingest's version."""

    days: Mapping[date, DayBatch]
    code: str = ""


@dataclass(frozen=True)
class Landed:
    """A batch as it stands in the inbox: its name and, for each day, counts and places in its files."""

    name: str
    started_at: datetime
    code: str
    days: Mapping[date, Mapping[str, Any]]

    @property
    def began_at(self) -> datetime:
        """When the work on it began; `started_at` is when it landed, which orders the batches."""
        return self.started_at - timedelta(seconds=sum(part["seconds"] for part in self.days.values()))

    def moved(self, day: date) -> list[str]:
        """The articles that left this day."""
        return list(self.days[day]["moved"])

    def rows(self, store: Store, table: str, day: date) -> pa.Table:
        """This batch's rows of `raw` or `rejects` for one day."""
        place = self.days[day][table]
        if place is None:
            return schemas.TABLES[table].empty()
        with store.open(_path(self.name, table)) as file:
            rows = pa.ipc.open_file(file).get_batch(place)
            rows.validate(full=True)
            return schemas.conform(table, pa.Table.from_batches([rows]))

    def by_day(self, store: Store, table: str, columns: Sequence[str]) -> dict[date, pa.Table]:
        """These columns of all its rows of `raw` or `rejects`, by day, read at once."""
        days = sorted(day for day, entry in self.days.items() if entry[table] is not None)
        if not days:
            return {}
        rows = self._columns(store, table, columns)
        counts = [self.days[day]["rows_out" if table == "raw" else "rejected"] for day in days]
        starts = np.cumsum([0, *counts])
        return {day: rows.slice(*part) for day, *part in zip(days, starts[:-1].tolist(), counts, strict=True)}

    def known(self, store: Store) -> pa.Table:
        """The columns `KNOWN` of all its articles."""
        if all(entry["raw"] is None for entry in self.days.values()):
            return KNOWN.empty_table()
        rows = self._columns(store, "raw", [name for name in KNOWN.names if name != "day"])
        days = [day for day, entry in self.days.items() if entry["raw"] is not None]
        counts = [self.days[day]["rows_out"] for day in days]
        repeated = [day for day, count in zip(days, counts, strict=True) for _ in range(count)]
        return rows.append_column("day", pa.array(repeated, pa.date32())).select(KNOWN.names).cast(KNOWN)

    def _columns(self, store: Store, table: str, columns: Sequence[str]) -> pa.Table:
        schema = schemas.TABLES[table].schema
        wanted = [schema.get_field_index(name) for name in columns]
        with store.open(_path(self.name, table)) as file:
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            return pa.ipc.open_file(file, options=options).read_all().select(list(columns)).combine_chunks()


def characters(raw: pa.Table) -> np.ndarray:
    """How many characters each article of a `raw` table has, title and lines, int64."""
    lines = raw["lines"].combine_chunks()
    lengths = pc.utf8_length(lines.flatten()).fill_null(0)
    rows = np.asarray(pc.list_parent_indices(lines))
    found = np.bincount(rows, np.asarray(lengths), raw.num_rows).astype(np.int64)
    return found + np.asarray(pc.utf8_length(raw["title"]).fill_null(0)).astype(np.int64)


def land(store: Store, batch: Batch, commit: AbstractContextManager[None] | None = None) -> str:
    """Write a batch into the inbox and return its name; nothing is seen of it before it is whole.

    Its commit point is written within `commit`, if given.
    """
    days = sorted(batch.days)
    raw, raw_places = _file("raw", {day: batch.days[day].raw for day in days})
    rejects, reject_places = _file("rejects", {day: batch.days[day].rejects for day in days})
    now = max(datetime.now(UTC), _last(store) + timedelta(microseconds=1))
    name = f"{now:%Y%m%dT%H%M%S%f}-{hashlib.sha256(raw + rejects).hexdigest()[:8]}"
    home = {article: day for day in days for article in batch.days[day].raw["article_id"].to_pylist()}
    entries = {}
    for day in days:
        part = batch.days[day]
        entries[day.isoformat()] = {
            "raw": raw_places.get(day),
            "rejects": reject_places.get(day),
            "moved": sorted(part.moved),
            "moved_to": sorted({home[article].isoformat() for article in part.moved}),
            "rows_in": part.rows_in,
            "rows_out": part.raw.num_rows,
            "rejected": part.rejects.num_rows,
            "duplicates": part.duplicates,
            "characters": int(characters(part.raw).sum()),
            "seconds": part.seconds,
        }
    if raw_places:
        store.write(_path(name, "raw"), raw)
    if reject_places:
        store.write(_path(name, "rejects"), rejects)
    record = {"format": FORMAT, "started_at": now.isoformat(), "code": batch.code, "days": entries}
    with commit or nullcontext():
        store.write(f"{FOLDER}/{name}.json", json.dumps(record, indent=1).encode())
    return name


def batches(store: Store) -> list[Landed]:
    """Every batch in the inbox, in the order in which they apply."""
    found = names(store)
    return [*map(_parsed, found, store.read_all([f"{FOLDER}/{name}.json" for name in found]))]


def names(store: Store) -> list[str]:
    """The names of the batches in the inbox, in the order in which they apply."""
    paths = (entry.path for entry in store.list(FOLDER) if entry.path.endswith(".json"))
    return [path.removeprefix(f"{FOLDER}/").removesuffix(".json") for path in paths]


def read(store: Store, name: str) -> Landed:
    """The batch of this name. Raises FileNotFoundError when a build has taken it up and it is gone."""
    return _parsed(name, store.read(f"{FOLDER}/{name}.json"))


def _parsed(name: str, data: bytes) -> Landed:
    commit = json.loads(data)
    if commit.get("format") != FORMAT:
        raise UsageError(
            f"{FOLDER}/{name}.json was landed by another version of Standpoint: have that version run until "
            "nothing is due, then go on with this one"
        )
    days = {date.fromisoformat(day): value for day, value in commit["days"].items()}
    return Landed(name, datetime.fromisoformat(commit["started_at"]), commit["code"], days)


def remove(store: Store, done: Iterable[str]) -> None:
    """Delete batches, the commit point first, so that a batch is never seen without its files."""
    for name in done:
        for path in (f"{FOLDER}/{name}.json", _path(name, "raw"), _path(name, "rejects")):
            store.delete(path)
    store.sync(FOLDER)  # a batch that came back would count as new, once no manifest lists it any more


def orphans(store: Store, before: datetime) -> list[str]:
    """Files of batches that were cut off before their commit point, or while they were removed."""
    committed = set(names(store))
    return [
        entry.path
        for entry in store.list(FOLDER)
        if entry.modified < before and entry.path.removeprefix(f"{FOLDER}/").split(".")[0] not in committed
    ]


def _last(store: Store) -> datetime:
    """When the newest batch landed: clocks of several machines differ, the order must not."""
    found = names(store)
    return read(store, found[-1]).started_at if found else datetime.min.replace(tzinfo=UTC)


def _path(name: str, table: str) -> str:
    return f"{FOLDER}/{name}.{table}.arrow"


def _file(table: str, by_day: Mapping[date, pa.Table]) -> tuple[bytes, dict[date, int]]:
    """The rows of all days as one file, and the place of each day that has any."""
    sink, schema = pa.BufferOutputStream(), schemas.TABLES[table].schema
    places: dict[date, int] = {}
    with pa.ipc.new_file(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        for day, rows in by_day.items():
            if rows.num_rows:
                places[day] = len(places)
                (batch,) = schemas.conform(table, rows).to_batches()
                writer.write_batch(batch)
    return sink.getvalue().to_pybytes(), places
