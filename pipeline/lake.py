"""The lake: immutable Parquet files, one manifest per day as the commit point, and DuckDB over them.

    data/<table>/day=YYYY-MM-DD/<snapshot>.parquet   never changed once a manifest names them
                              <snapshot>-<digest>    of tables that one snapshot's builds may differ in,
                                                     and of a build that came out other than the one before
    data/<table>/none.parquet                        no rows: gives an empty lake its columns
    manifest/YYYY-MM-DD.json                         which files are the day; replaced atomically
    intent/<id>.json                                 manifests that must change together
    inbox/                                           what is landed but not built yet (pipeline.inbox)
    staging/<unit>/                                  what stages hand on (pipeline.staging)
    locks/                                           who commits, and who is at work on what (pipeline.locks)
    compacted/                                       many days in few files, for the views (pipeline.compact)
    standpoint.duckdb                                views over exactly the committed files

Of the protocols tried, this one alone showed readers no mixed tables under kills and rewriters
(docs/decisions/storage.md).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline import inbox, mutex, schemas
from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.inbox import Batch
from pipeline.manifest import Manifest, manifest_path, parsed
from pipeline.store import Store

Result = TypeVar("Result")
FORMAT = 1
TRIES = 5
GRACE = timedelta(days=1)  # longer than any query that still reads superseded files
DATABASE = "standpoint.duckdb"


class Lake:
    """A lake in a store. Opening it creates what is missing and completes what a crash left undone."""

    def __init__(self, uri: str, *, create: bool = True) -> None:
        """Raises EnvironmentProblem when there is no lake and `create` is false, or it is too new;
        UsageError when there is a file in its place.
        """
        self.store = Store(uri)
        if self.store.exists(""):
            raise UsageError(f"lake {uri!r} is a file: name a folder or an s3:// URI with --lake")
        record = self.store.find("lake.json")
        if record is None:
            if not create:
                raise EnvironmentProblem(f"lake {uri!r}: there is none; make one with `standpoint ingest`")
            self._prepare(())
        found = json.loads(record or self.store.read("lake.json"))
        if found["format"] != FORMAT:
            raise EnvironmentProblem(
                f"lake {uri!r} has format {found['format']}; this version reads {FORMAT}: upgrade it"
            )
        self._prepare(found.get("tables", ()))
        self.recover()

    def _prepare(self, known: Collection[str]) -> None:
        """Give the tables their files without rows that are not among those that the lake knows."""
        missing = [table for table in schemas.PUBLISHED if table.name not in known]
        for table in missing:
            none = table.published_schema.empty_table()
            self.store.write(f"data/{table.name}/none.parquet", parquet(none))
        if missing:
            names = sorted({*known, *(table.name for table in missing)})
            record = {"format": FORMAT, "grain": "day", "tables": names}
            self.store.write("lake.json", json.dumps(record).encode())

    # Manifests

    def manifest(self, day: date) -> Manifest | None:
        """The day's manifest, or None for a day that was never published."""
        data = self.store.find(manifest_path(day))
        return None if data is None else Manifest.parse(data)

    def manifests(self, days: Collection[date] | None = None) -> dict[date, Manifest]:
        """Every published day's manifest, or those of these days, in the order of the days."""
        wanted = None if days is None else {manifest_path(day) for day in days}
        return parsed(self._read_manifests(wanted))

    def settled_manifests(self) -> dict[date, Manifest]:
        """Every published day's manifest, as they all stood at one moment: no commit is seen half."""
        before = None
        while before != (now := self._read_manifests()):
            before = now
            self.recover()  # what is under way between two equal readings would have been seen here
        return parsed(now)

    def _read_manifests(self, wanted: Collection[str] | None = None) -> list[bytes]:
        paths = [entry.path for entry in self.store.list("manifest") if entry.path.endswith(".json")]
        return self.store.read_all([path for path in paths if wanted is None or path in wanted])

    def table(self, manifest: Manifest | None, name: str) -> pa.Table:
        """One table of a published day, without the partition's own columns.

        It is empty where the manifest names none: it was written before there was such a table.
        """
        if manifest is None or name not in manifest.tables:
            return schemas.TABLES[name].empty()
        with self.store.open(manifest.tables[name]["file"]) as file:
            return schemas.unstamp(name, pq.read_table(file))

    def rows(self, name: str, manifests: Iterable[Manifest], columns: Sequence[str]) -> pa.Table:
        """These columns of one table of several published days."""
        files = [m.tables[name]["file"] for m in manifests if name in m.tables]
        return self.dataset(name, files).to_table(columns=list(columns))

    def commit(self, manifests: Sequence[Manifest], check: Callable[[], None] = lambda: None) -> None:
        """Switch these days to their new manifests: each at once, and all or none after a crash.

        No other process commits between `check`, which raises where something else has changed meanwhile, and
        the last switch.
        """
        with mutex.exclusive(self.store) as section:
            self._complete(section)
            check()
            if len(manifests) == 1:
                self._switch(manifests[0], section)
                return
            changes = [{"from": self._state(m.day), "to": asdict(m)} for m in manifests]
            data = json.dumps(changes, sort_keys=True).encode()
            intent = f"intent/{hashlib.sha256(data).hexdigest()[:16]}.json"
            section.check()
            self.store.write(intent, data)
            for manifest in manifests:
                self._switch(manifest, section)
            self.store.delete(intent)

    def recover(self) -> None:
        """Complete commits of several days that were cut off, once nobody is at work on them."""
        if any(self.store.list("intent")):
            with mutex.exclusive(self.store) as section:
                self._complete(section)

    def _complete(self, section: mutex.Section) -> None:
        # A day that has gone on since is left as it is: its manifest is not the one that the intent replaces.
        for entry in list(self.store.list("intent")):
            try:
                changes = json.loads(self.store.read(entry.path))
            except FileNotFoundError:  # an object store's section was lost, and another has completed it
                continue
            for change in changes:
                manifest = Manifest(**change["to"])
                if self._state(manifest.day) == change["from"]:
                    self._switch(manifest, section)
            self.store.delete(entry.path)

    def _switch(self, manifest: Manifest, section: mutex.Section) -> None:
        section.check()
        self.store.write(manifest_path(date.fromisoformat(manifest.day)), manifest.json())

    def _state(self, day: str) -> str:
        """Digest of a day's manifest as it stands; empty where there is none."""
        data = self.store.find(manifest_path(date.fromisoformat(day)))
        return "" if data is None else hashlib.sha256(data).hexdigest()

    def write_table(
        self, name: str, day: date, snapshot: str, table: pa.Table, published: Manifest | None = None
    ) -> dict[str, Any]:
        """Write one table of one build, and return its entry for the manifest.

        A file that the published manifest names stays as it is: where the same build comes out otherwise, the
        new file is named by its content too.
        """
        data = parquet(schemas.stamp(name, table, day, snapshot))
        digest = hashlib.sha256(data).hexdigest()
        there = published.tables.get(name) if published and published.snapshot == snapshot else None
        if there and there["sha256"] == digest:
            file = there["file"]
        else:
            own = there or schemas.TABLES[name].named_by_content
            build = f"{snapshot}-{digest[:8]}" if own else snapshot
            file = f"data/{name}/day={day.isoformat()}/{build}.parquet"
        self.store.write(file, data)
        return {"file": file, "rows": table.num_rows, "sha256": digest}

    # Inputs

    def land(self, batch: Batch, commit: AbstractContextManager[None] | None = None) -> str:
        """Add a chunk of an ingest to the inbox, whole or not at all, seen from within `commit` on; returns
        its name.
        """
        return inbox.land(self.store, batch, commit)

    def sources(self) -> dict[str, str]:
        """Sources that were read to the end, with size and time: a shortcut, never needed to be right."""
        found: dict[str, str] = {}
        for data in self.store.read_all([entry.path for entry in self.store.list("sources")]):
            found |= json.loads(data)
        return found

    def remember(self, sources: Mapping[str, str]) -> None:
        """Add to `sources`; called once at the end of an ingest."""
        if sources:
            now = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
            self.store.write(f"sources/{now}.json", json.dumps(dict(sources), indent=0).encode())

    def files(self, manifests: Iterable[Manifest]) -> dict[str, list[str]]:
        """For each table the files of these manifests, the one without rows first."""
        listed = list(manifests)
        return {
            t.name: [
                f"data/{t.name}/none.parquet",
                *(m.tables[t.name]["file"] for m in listed if t.name in m.tables),
            ]
            for t in schemas.PUBLISHED
        }

    def dataset(self, name: str, files: Sequence[str]) -> ds.Dataset:
        """These data files of one table, and the one without rows, as a dataset of its schema."""
        paths = [self.store.full(f) for f in (f"data/{name}/none.parquet", *files)]
        schema = schemas.TABLES[name].published_schema
        return ds.dataset(paths, schema=schema, format="parquet", filesystem=self.store.filesystem)


def settled(work: Callable[[], Result]) -> Result:
    """What `work` returns; tried again where a file vanished under it, as another run tidied up."""
    for _ in range(TRIES - 1):
        try:
            return work()
        except FileNotFoundError:
            continue
    return work()


def parquet(table: pa.Table) -> bytes:
    """The table as one Parquet file: equal tables give equal bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
