"""What stages hand on: `staging/<unit>/` in the lake, so that each stage can be its own task.

unit.json                    the unit of work (pipeline.plan)
inputs/raw.parquet           what its days are built from, and
inputs/rejects.parquet       what ingest refused, as they were when the first stage began
inputs/days.json             which articles are fresh, and the ingests taken up; written last
<stage>/<table>.parquet      what the stage kept
<stage>/rejects.parquet      what it refused
<stage>/run.json             its counts, written last: the stage is done
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import schemas
from pipeline.errors import UsageError
from pipeline.lake import Lake, parquet
from pipeline.outcome import Outcome
from pipeline.plan import Unit


@dataclass(frozen=True)
class StageRun:
    """One stage of one run on one unit: what `runs` is made of.

    `articles`: how many the stage worked on; `tokens`: word pieces that the model saw, by article.
    """

    run_id: str
    stage: str
    started_at: datetime
    seconds: float
    articles: int = 0
    rows_out: int = 0
    rejected: int = 0
    tokens: Mapping[str, int] = field(default_factory=dict)


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
        if not self.begun:
            raise UsageError(f"unit {self.unit_id!r} is not in staging: plan again with `standpoint plan`")
        return Unit.parse(self.store.read(f"{self.folder}/unit.json"))

    def take_up(self, days: Mapping[date, Day]) -> None:
        """Stage what the unit's days are built from, so that every stage works on the same."""
        for name in ("raw", "rejects"):
            tables = [schemas.stamp(name, getattr(found, name), day, "") for day, found in days.items()]
            self.store.write(f"{self.folder}/inputs/{name}.parquet", parquet(pa.concat_tables(tables)))
        record = {
            d.isoformat(): {"fresh": f.fresh, "cleaned": f.cleaned, "ingests": f.ingests}
            for d, f in days.items()
        }
        self.store.write(f"{self.folder}/inputs/days.json", json.dumps(record).encode())

    def inputs(self) -> dict[date, Day]:
        """What was taken up, by day. Raises UsageError when nothing was yet."""
        path = f"{self.folder}/inputs/days.json"
        if not self.store.exists(path):
            raise UsageError(f"unit {self.unit_id}: its inputs are not staged; run clean first")
        tables = {}
        for name in ("raw", "rejects"):
            with self.store.open(f"{self.folder}/inputs/{name}.parquet") as file:
                tables[name] = pq.read_table(file)
        found = {}
        for text, record in json.loads(self.store.read(path)).items():
            day = date.fromisoformat(text)
            rows = {
                name: schemas.unstamp(name, table.filter(pc.equal(table["day"], pa.scalar(day, pa.date32()))))
                for name, table in tables.items()
            }
            found[day] = Day(**rows, **{name: tuple(items) for name, items in record.items()})
        return found

    def write(self, stage: str, outcome: Outcome, run: StageRun) -> None:
        """Stage what a stage kept and refused; its run is written last."""
        self._tables.clear()
        for name, table in (*outcome.kept.items(), ("rejects", outcome.rejected)):
            self.store.write(f"{self.folder}/{stage}/{name}.parquet", parquet(schemas.conform(name, table)))
        record = asdict(run) | {"started_at": run.started_at.isoformat()}
        self.store.write(f"{self.folder}/{stage}/run.json", json.dumps(record).encode())

    def read(self, stage: str, table: str) -> pa.Table:
        """A table that a stage of this unit has staged. Raises UsageError when it has not."""
        if (stage, table) not in self._tables:
            path = f"{self.folder}/{stage}/{table}.parquet"
            if not self.store.exists(path):
                raise UsageError(
                    f"unit {self.unit_id}: {table} of stage {stage} is not staged; run {stage} first"
                )
            with self.store.open(path) as file:
                self._tables[stage, table] = schemas.conform(table, pq.read_table(file))
        return self._tables[stage, table]

    def run(self, stage: str) -> StageRun:
        """The counts of a stage that is done."""
        record = json.loads(self.store.read(f"{self.folder}/{stage}/run.json"))
        return StageRun(**record | {"started_at": datetime.fromisoformat(record["started_at"])})

    def remove(self) -> None:
        """Delete the unit's folder."""
        self.store.delete_folder(self.folder)


def sweep(lake: Lake, before: datetime) -> int:
    """Remove what runs that began before then left in staging: none of them can still be at work.

    Returns how many units.
    """
    old = [e for e in lake.store.list("staging") if e.path.endswith("/unit.json") and e.modified < before]
    for entry in old:
        Staging(lake, entry.path.split("/")[1]).remove()
    return len(old)
