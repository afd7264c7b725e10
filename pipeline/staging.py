"""What stages hand on: `staging/<unit>/` in the lake, so that each stage can be its own task.

unit.json                    the unit of work (pipeline.plan)
inputs/raw.arrow             what its days are built from, and
inputs/rejects.arrow         what ingest refused, as they were when the first stage began
inputs/days.json             which articles are fresh, and the ingests taken up; written last
<stage>/<table>.arrow        what the stage kept
<stage>/rejects.arrow        what it refused
<stage>/run.json             its counts, written last: the stage is done
failed.json                  the unit's data failed validation: its days, and why

Tables are in Arrow's own format, quicker to write and read than Parquet: they are read once or twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import schemas
from pipeline.errors import UsageError
from pipeline.lake import Lake
from pipeline.outcome import Outcome
from pipeline.units import Unit

COUNTS = ("seconds", "articles", "rows_out", "rejected")

FAILED = "failed.json"
NOWHERE = np.empty(0, np.int64)


@dataclass(frozen=True)
class StageRun:
    """One stage of one run on one unit: what `runs` is made of.

    `articles`, `days`: how many the stage worked on; `tokens`: word pieces that the model saw, by article.
    """

    run_id: str
    stage: str
    started_at: datetime
    seconds: float
    articles: int = 0
    rows_out: int = 0
    rejected: int = 0
    tokens: Mapping[str, int] = field(default_factory=dict)
    days: int = 1

    def share(self, articles: int) -> float:
        """The seconds of a day with so many of the articles; of none at all, equal parts."""
        return self.seconds * (articles / self.articles if self.articles else 1 / self.days)


@dataclass(frozen=True)
class Day:
    """What one day of a unit is built from: its articles, ingest's rejects, and which ones are fresh.

    `cleaned`: those of the fresh ones that are published as `clean` would leave them now, so that only the
    later stages compute them; `ingests`: the inbox batches taken up, each with its name, its time and what
    it counted.
    """

    raw: pa.Table
    rejects: pa.Table
    fresh: tuple[str, ...]
    cleaned: tuple[str, ...]
    ingests: tuple[Mapping[str, Any], ...]


class Staging:
    """The staging folder of one unit."""

    def __init__(self, lake: Lake, unit_id: str) -> None:
        """Nothing is created before something is written."""
        self.store, self.unit_id = lake.store, unit_id
        self.folder = f"staging/{unit_id}"
        self._tables: dict[tuple[str, str], pa.Table] = {}  # publishing reads each once a day of the unit

    def begin(self, unit: Unit) -> None:
        """Note the unit, so that tasks need its id alone."""
        self.store.write(f"{self.folder}/unit.json", unit.json())

    @property
    def begun(self) -> bool:
        """Whether the unit is noted here."""
        return self.store.exists(f"{self.folder}/unit.json")

    def unit(self) -> Unit:
        """The unit. Raises UsageError when there is none of this id."""
        data = self.store.find(f"{self.folder}/unit.json")
        if data is None:
            raise UsageError(f"unit {self.unit_id!r} is not in staging: plan again with `standpoint plan`")
        return Unit.parse(data)

    def take_up(self, days: Mapping[date, Day]) -> None:
        """Stage what the unit's days are built from, so that every stage works on the same."""
        for name in ("raw", "rejects"):
            tables = [schemas.stamp(name, getattr(found, name), day, "") for day, found in days.items()]
            whole = pa.concat_tables(tables).combine_chunks()
            self.store.write(f"{self.folder}/inputs/{name}.arrow", _packed(whole))
        record = {
            d.isoformat(): {"fresh": f.fresh, "cleaned": f.cleaned, "ingests": f.ingests}
            for d, f in days.items()
        }
        self.store.write(f"{self.folder}/inputs/days.json", json.dumps(record).encode())

    def inputs(self) -> dict[date, Day]:
        """What was taken up, by day. Raises UsageError when nothing was yet."""
        taken_up = self.store.find(f"{self.folder}/inputs/days.json")
        if taken_up is None:
            raise UsageError(f"unit {self.unit_id}: its inputs are not staged; run clean first")
        tables, parts = {}, {}
        for name in ("raw", "rejects"):
            with self.store.open(f"{self.folder}/inputs/{name}.arrow") as file:
                tables[name] = pa.ipc.open_file(file).read_all()
            parts[name] = rows_by(tables[name]["day"])
        found = {}
        for text, record in json.loads(taken_up).items():
            day = date.fromisoformat(text)
            rows = {
                name: schemas.unstamp(name, table.take(parts[name].get(day, NOWHERE)))
                for name, table in tables.items()
            }
            found[day] = Day(**rows, **{name: tuple(items) for name, items in record.items()})
        return found

    def write(self, stage: str, outcome: Outcome, run: StageRun) -> None:
        """Stage what a stage kept and refused; its run is written last."""
        self._tables.clear()
        for name, table in (*outcome.kept.items(), ("rejects", outcome.rejected)):
            self.store.write(f"{self.folder}/{stage}/{name}.arrow", _packed(schemas.conform(name, table)))
        record = asdict(run) | {"started_at": run.started_at.isoformat()}
        self.store.write(f"{self.folder}/{stage}/run.json", json.dumps(record).encode())

    def read(self, stage: str, table: str) -> pa.Table:
        """A table that a stage of this unit has staged. Raises UsageError when it has not."""
        if (stage, table) not in self._tables:
            path = f"{self.folder}/{stage}/{table}.arrow"
            try:
                with self.store.open(path) as file:
                    self._tables[stage, table] = schemas.conform(table, pa.ipc.open_file(file).read_all())
            except FileNotFoundError as error:
                raise UsageError(
                    f"unit {self.unit_id}: {table} of stage {stage} is not staged; run {stage} first"
                ) from error
        return self._tables[stage, table]

    def done(self, stage: str) -> bool:
        """Whether a stage has staged all that it hands on."""
        names = ("run.json", "rejects.arrow")  # without the second, an earlier version has done it
        return all(self.store.exists(f"{self.folder}/{stage}/{name}") for name in names)

    def run(self, stage: str) -> StageRun:
        """The counts of a stage that is done."""
        record = json.loads(self.store.read(f"{self.folder}/{stage}/run.json"))
        return StageRun(**record | {"started_at": datetime.fromisoformat(record["started_at"])})

    def fail(self, error: str) -> None:
        """Note that the unit's data failed validation, and why."""
        marker = {"days": [due.day for due in self.unit().days], "error": error}
        self.store.write(f"{self.folder}/{FAILED}", json.dumps(marker).encode())

    def remove(self) -> None:
        """Delete the unit's folder."""
        self.store.delete_folder(self.folder)


class Staged:
    """What a unit has staged; of one that is cut into shards, what all of them have, as if it were one."""

    def __init__(self, lake: Lake, unit_id: str) -> None:
        """`unit_id`: of any of the shards."""
        self.unit = Staging(lake, unit_id).unit()
        self.parts = [Staging(lake, name) for name in self.unit.siblings(unit_id)]
        self._rows: dict[tuple[str, str], tuple[pa.Table, Mapping[str, np.ndarray]]] = {}

    def waits(self, stage: str) -> int:
        """How many shards have not finished this stage."""
        return sum(not part.done(stage) for part in self.parts)

    def inputs(self) -> dict[date, Day]:
        """What the unit's days are built from."""
        found = [part.inputs() for part in self.parts]
        return {due.date: _whole([days[due.date] for days in found]) for due in self.unit.days}

    def read(self, stage: str, table: str) -> pa.Table:
        """A table that a stage has staged."""
        return pa.concat_tables(part.read(stage, table) for part in self.parts)

    def of(self, stage: str, table: str, articles: Sequence[str]) -> pa.Table:
        """The rows of these articles of a table that a stage has staged."""
        if (stage, table) not in self._rows:
            whole = self.read(stage, table)
            self._rows[stage, table] = whole, rows_by(whole["article_id"])
        whole, found = self._rows[stage, table]
        rows = [found[article] for article in articles if article in found]
        return whole.take(np.sort(np.concatenate(rows)) if rows else NOWHERE)

    def run(self, stage: str) -> StageRun:
        """The counts of a stage: of all shards together, from when the first began."""
        runs = [part.run(stage) for part in self.parts]
        first = min(runs, key=lambda run: run.started_at)
        counts = {name: sum(getattr(run, name) for run in runs) for name in COUNTS}
        return replace(first, **counts, tokens={a: n for run in runs for a, n in run.tokens.items()})

    def remove(self) -> None:
        """Delete the folders of all shards."""
        for part in self.parts:
            part.remove()


def rows_by(column: pa.ChunkedArray) -> dict[Any, np.ndarray]:
    """The rows of each value of a column, in their order."""
    values = column.combine_chunks().dictionary_encode(null_encoding="encode")
    codes = np.asarray(values.indices)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes, minlength=len(values.dictionary)))[:-1])
    return dict(zip(values.dictionary.to_pylist(), parts, strict=True)) if len(codes) else {}


def _whole(parts: Sequence[Day]) -> Day:
    """One day, put together from what its shards hold of it."""
    tables = (pa.concat_tables(getattr(part, name) for part in parts) for name in ("raw", "rejects"))
    named = (sum((getattr(part, name) for part in parts), ()) for name in ("fresh", "cleaned", "ingests"))
    return Day(*tables, *named)


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
        file.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def sweep(lake: Lake, before: datetime) -> int:
    """Remove what runs left in staging that have written nothing there since then; returns how many units."""
    # By any file: a run that was killed while it removed its folder may have left all but `unit.json`.
    newest: dict[str, datetime] = {}
    for entry in lake.store.list("staging"):
        unit = entry.path.split("/")[1]
        newest[unit] = max(entry.modified, newest.get(unit, entry.modified))
    old = [unit for unit, modified in newest.items() if modified < before]
    for unit in old:
        Staging(lake, unit).remove()
    return len(old)
