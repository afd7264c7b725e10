"""What stages hand on, and how the shards of a day are read as one."""

from datetime import UTC, date, datetime

import pytest
from lakes import article

from pipeline import schemas
from pipeline.errors import UsageError
from pipeline.outcome import Outcome
from pipeline.staging import Day, Staged, StageRun, Staging
from pipeline.units import Due, Shard, Unit

DAY = date(2022, 1, 5)
DUE = Due("2022-01-05", ("new",), 2, 2, "", "", "f" * 64, ())
ROWS = sorted((article("one"), article("two")), key=lambda row: row["article_id"])


def staged(lake, number: int) -> Staging:
    """A shard with an article of its own, which has been begun."""
    unit = Unit((DUE,), Shard(number, (ROWS[1]["article_id"],), 1, 40))
    staging = Staging(lake, f"{unit.id}-run")
    staging.begin(unit)
    row = ROWS[number - 1]
    ingests = ({"name": "batch"},) if number == 1 else ()
    day = Day(schemas.from_rows("raw", [row]), schemas.REJECTS.empty(), (row["article_id"],), (), ingests)
    staging.take_up({DAY: day})
    return staging


def clean(staging: Staging, number: int) -> None:
    started = datetime(2022, 1, 5, 12 + number, tzinfo=UTC)
    tokens = {ROWS[number - 1]["article_id"]: 7 * number}
    run = StageRun("run", "clean", started, 2.0, 1, 1, 0, tokens)
    staging.write("clean", Outcome({"raw": staging.inputs()[DAY].raw}, 1), run)


def test_shards_are_read_as_one(lake):
    parts = [staged(lake, number) for number in (1, 2)]
    for number in (2, 1):
        clean(parts[number - 1], number)
    whole = Staged(lake, parts[1].unit_id)
    assert whole.waits("clean") == 0
    day = whole.inputs()[DAY]
    assert day.raw["article_id"].to_pylist() == [row["article_id"] for row in ROWS] == list(day.fresh)
    assert day.ingests == ({"name": "batch"},)
    assert whole.read("clean", "raw").equals(day.raw)
    run = whole.run("clean")
    assert (run.started_at.hour, run.seconds, run.articles, run.rows_out) == (13, 4.0, 2, 2)
    assert run.tokens == {ROWS[0]["article_id"]: 7, ROWS[1]["article_id"]: 14}
    whole.remove()
    assert list(lake.store.list("staging")) == []


def test_shards_that_are_not_ready_are_counted(lake):
    first = staged(lake, 1)
    assert Staged(lake, first.unit_id).waits("clean") == 2
    clean(first, 1)
    assert Staged(lake, first.unit_id).waits("clean") == 1
    clean(staged(lake, 2), 2)
    assert Staged(lake, first.unit_id).waits("clean") == 0
    assert Staged(lake, first.unit_id).waits("tag") == 2


def test_a_unit_in_one_piece_is_its_only_shard(lake):
    staging = Staging(lake, "2022-01-05-abc")
    staging.begin(Unit((DUE,)))
    assert [part.unit_id for part in Staged(lake, "2022-01-05-abc").parts] == ["2022-01-05-abc"]


def test_what_nobody_staged_is_told(lake):
    with pytest.raises(UsageError, match="is not in staging: plan again"):
        Staged(lake, "2022-01-05-none")
    Staging(lake, "2022-01-05-abc").begin(Unit((DUE,)))
    with pytest.raises(UsageError, match="run clean first"):
        Staging(lake, "2022-01-05-abc").inputs()
