"""What `runs` needs beside a build's rows: that counts are whole, whose the time was, what else changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schemas
from pipeline.errors import ValidationFailed
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.stages import STAGES, Context, Tables, recipe
from pipeline.staging import Staged, StageRun


def check(staging: Staged) -> None:
    """Whether what a unit's articles take from each stage is what it counted.

    Raises ValidationFailed where a row belongs to none of their articles.
    """
    # Of all that was taken up: days that other runs have published since are counted, and then left out.
    days = (day for part in staging.parts for day in part.inputs().values())
    fresh = [article for day in days for article in day.fresh]
    for stage in STAGES:
        run = staging.run(stage.name)
        taken = [staging.of(stage.name, name, fresh).num_rows for name in (stage.counts, "rejects")]
        if taken != [run.rows_out, run.rejected]:
            raise ValidationFailed(
                f"unit {staging.unit.id}, stage {stage.name}: {run.rows_out} rows out and {run.rejected} "
                f"rejected were counted, {taken[0]} and {taken[1]} belong to its articles; nothing of it is "
                "published"
            )


def shares(seconds: float, days: Mapping[date, Tables]) -> dict[date, float]:
    """Each day's share of the time that it took to publish them, by rows."""
    rows = {day: sum(table.num_rows for table in tables.values()) for day, tables in days.items()}
    whole = sum(rows.values())
    return {day: seconds * (count / whole if whole else 1 / len(rows)) for day, count in rows.items()}


def settled(
    lake: Lake, manifest: Manifest, tables: Tables, publishing: StageRun, context: Context
) -> pa.Table:
    """The `runs` of a published day of which a run has changed these tables, as its neighbours changed.

    One row a run: where it has changed the day before, their time is added up.
    """
    before = lake.table(manifest, "runs")
    own = pc.and_(pc.equal(before["run_id"], publishing.run_id), pc.equal(before["stage"], "settle"))
    earlier = before.filter(own).to_pylist()
    rows = sum(table.num_rows for table in tables.values())
    row = {
        "run_id": publishing.run_id,
        "stage": "settle",
        "started_at": min([publishing.started_at, *(r["started_at"] for r in earlier)]),
        "rows_in": rows,
        "rows_out": rows,
        "rejected": 0,
        "duplicates": 0,
        "seconds": publishing.seconds + sum(r["seconds"] for r in earlier),
        "tokens": 0,
        "fingerprint": manifest.fingerprint,
        "verdict": "passed",
        **recipe(context)["publish"],
    }
    kept = before.filter(pc.invert(own))
    return schemas.conform("runs", pa.concat_tables([kept, schemas.from_rows("runs", [row])]))
