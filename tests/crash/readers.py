"""A reader that hammers a lake while others write and are killed, and reports the first thing that is wrong.

It reads in the two ways that users do: DuckDB on `standpoint.duckdb`, and the manifests with their files.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pipeline import database, schemas
from pipeline.manifest import Manifest
from pipeline.store import Store

PAUSE = 0.1  # seconds between two looks: the writers are to get on, too
STAMP = [column.name for column in schemas.PARTITION]
TABLES = [table.name for table in schemas.PUBLISHED]
COUNTS = " UNION ALL ".join(
    f"SELECT '{name}' AS name, day, snapshot, count(*) FROM {name} GROUP BY ALL" for name in TABLES
)
GHOSTS = "SELECT count(*) - count(DISTINCT article_id) FROM raw"
ORPHANS = "SELECT count(*) FROM stances ANTI JOIN articles USING (day, article_id)"


class Violation(AssertionError):
    """A reader saw what it never should."""


class Reader:
    """What one reader has seen so far of a lake; `look` looks again, and raises Violation."""

    def __init__(self, lake: str) -> None:
        """The lake need not be there yet. Reading opens nothing that would complete what a crash left."""
        self.root = Path(lake)
        self.looks = 0
        self._store = Store(lake)
        self._days: dict[str, set[date]] = {"duckdb": set(), "manifests": set()}
        self._past: dict[date, list[str]] = {}
        self._rows: dict[tuple[str, date, str], int] = {}
        self._checked: set[tuple[str, int, str]] = set()

    def look(self) -> None:
        """One look in each way, where there is something to see."""
        if (self.root / "lake.json").exists():
            self._manifests()
        if (self.root / database.FILE).exists():
            self._duckdb()
        self.looks += 1

    def _manifests(self) -> None:
        # Not through `Lake`, which completes the commits that a crash cut off when it is opened.
        found = [Manifest.parse(self._store.read(e.path)) for e in self._store.list("manifest")]
        manifests = {date.fromisoformat(manifest.day): manifest for manifest in found}
        self._all_there("manifests", set(manifests))
        for day, manifest in manifests.items():
            past = self._past.setdefault(day, [])
            if manifest.snapshot in past[:-1]:
                raise Violation(f"{day}: went back to {manifest.snapshot}")
            if manifest.snapshot not in past:
                past.append(manifest.snapshot)
            self._partition(day, manifest)

    def _partition(self, day: date, manifest: Manifest) -> None:
        for name, entry in manifest.tables.items():
            path = self.root / entry["file"]
            try:
                inode = path.stat().st_ino
                if (key := (entry["file"], inode, entry["sha256"])) in self._checked:
                    continue
                data = path.read_bytes()
            except FileNotFoundError as error:
                raise Violation(f"{day}, {name}: {entry['file']} is not there") from error
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise Violation(f"{day}, {name}: {entry['file']} is not what its manifest says")
            table = pq.read_table(io.BytesIO(data), columns=STAMP)
            if table.num_rows != entry["rows"]:
                raise Violation(f"{day}, {name}: {table.num_rows} rows, its manifest says {entry['rows']}")
            stamps = set(zip(*(table[c].to_pylist() for c in STAMP), strict=True))
            if stamps - {(day, manifest.snapshot)}:
                raise Violation(f"{day}, {name}: holds rows of {stamps}, not of {manifest.snapshot}")
            self._checked.add(key)

    def _duckdb(self) -> None:
        try:
            with duckdb.connect(str(self.root / database.FILE), read_only=True) as connection:
                counts = connection.execute(COUNTS).fetchall()
                ghosts = connection.execute(GHOSTS).fetchall()[0][0]
                orphans = connection.execute(ORPHANS).fetchall()[0][0]
        except duckdb.Error as error:
            raise Violation(f"{database.FILE}: {error}") from error
        self._all_there("duckdb", {day for _, day, _, _ in counts})
        snapshots: dict[date, set[str]] = {}
        for name, day, snapshot, rows in counts:
            snapshots.setdefault(day, set()).add(snapshot)
            if not schemas.TABLES[name].named_by_content:
                known = self._rows.setdefault((name, day, snapshot), rows)
                if known != rows:
                    raise Violation(f"{day}, {name}: {rows} rows of {snapshot}, {known} before")
        if mixed := {day: found for day, found in snapshots.items() if len(found) > 1}:
            raise Violation(f"{database.FILE}: days of several snapshots: {mixed}")
        if ghosts or orphans:
            raise Violation(f"{database.FILE}: {ghosts} articles on two days, {orphans} stances without one")

    def _all_there(self, way: str, days: set[date]) -> None:
        if missing := self._days[way] - days:
            raise Violation(f"{way}: {sorted(missing)} were published and are missing")
        self._days[way] |= days


def hammer(lake: str, stopped: Callable[[], bool]) -> str:
    """Look until told to stop, and once more; returns the violation, or how often it looked."""
    reader = Reader(lake)
    try:
        while not stopped():
            reader.look()
            time.sleep(PAUSE)
        reader.look()
    except Violation as violation:
        return f"VIOLATION {violation}"
    return str(reader.looks)
