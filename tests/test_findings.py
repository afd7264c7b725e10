"""What the status asks for: each finding says what to do, and a lake in order has none."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from lakes import article, batch, day_batch

from pipeline import status
from pipeline.backlog import Backlog, Waiting
from pipeline.failures import Failure
from pipeline.findings import findings
from pipeline.trend import MEASURES, Measure

AT = datetime(2022, 2, 1, tzinfo=UTC)


def told(found) -> str:
    return "\n".join(f"{one.what} -> {one.next}" for one in findings(found))


@pytest.fixture
def current(built, context):
    return status.examine(built, context)


def test_a_lake_in_order_asks_for_nothing(current):
    assert findings(current) == []


def test_an_empty_lake_asks_for_articles(lake, context):
    assert told(status.examine(lake, context)) == (
        "nothing has landed yet -> `standpoint ingest FOLDER`, then `standpoint run`"
    )


def test_what_is_due_is_to_be_run(built, context):
    built.land(batch(d20220105=day_batch([article("late")])))
    found = status.examine(built, context)
    assert told(found).startswith("1 day is due -> `standpoint run`")
    waited = replace(found, at=found.at + timedelta(days=3))
    assert "articles have waited since" in told(waited)
    assert "`nightly` is on" in told(waited)


def test_failed_days_come_with_why(current):
    many = [Failure(AT, f"u{n}", tuple(f"2022-01-{d:02}" for d in range(1, 7)), f"row {n}") for n in range(5)]
    lines = told(replace(current, failures=replace(current.failures, failed=tuple(many)))).splitlines()
    assert lines[0].startswith(
        "2022-01-01, 2022-01-02, 2022-01-03 and 3 more days failed at 2022-02-01 00:00: row 0 -> mend"
    )
    assert lines[3].startswith("2 more units failed")
    assert len(lines) == 4


def test_missing_files_come_first(current):
    broken = replace(current, size=replace(current.size, missing=(date(2022, 1, 5),), orphan_files=2))
    lines = told(broken).splitlines()
    assert lines[0].startswith("files of 2022-01-05 are missing")
    assert lines[-1].startswith("2 data files are named by no manifest")


def test_units_left_in_the_middle(current):
    stuck = replace(current.failures, stuck={"a": AT, "b": AT + timedelta(hours=1)})
    assert "2 units were left in the middle, the last at 2022-02-01 01:00" in told(
        replace(current, failures=stuck)
    )


def test_another_model_is_told_with_how_to_see_what_it_changed(current):
    other = replace(current, model=replace(current.model, days_with_another=2))
    due = Backlog(Waiting(2, 3), {"model (tag, judge)": Waiting(2, 3)}, 0, None)
    assert "2 days are published as another model left them" in told(replace(other, backlog=due))


@pytest.mark.parametrize(
    ("name", "last", "before", "moved"),
    [
        ("reject_rate", 0.10, 0.02, True),
        ("reject_rate", 0.04, 0.02, False),
        ("articles", 10, 21, True),
        ("articles", 15, 20, False),
        ("articles", 0, 0, False),
        ("favor_share", 0.1, None, False),
    ],
)
def test_what_moved_is_told(current, name, last, before, moved):
    one = Measure(name, MEASURES[name], last, before, ())
    found = findings(replace(current, quality=(one,)))
    assert [MEASURES[name] in f.what for f in found] == [True] * moved
