"""Rates of the stages over the last runs."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from pipeline import speeds
from pipeline.schemas import RUNS


def runs(*rows: tuple[int, str, str, int, float, int]) -> pa.Table:
    """Rows of day of the month, run, stage, rows in, seconds, tokens; each starts a minute after the last."""
    start = datetime(2022, 1, 1, tzinfo=UTC)
    records = [
        {"day": date(2022, 1, day), "run_id": run, "stage": stage, "started_at": start + timedelta(minutes=n),
         "rows_in": rows_in, "seconds": seconds, "tokens": tokens}
        for n, (day, run, stage, rows_in, seconds, tokens) in enumerate(rows)
    ]  # fmt: skip
    return pa.Table.from_pylist(records, schema=RUNS.published_schema).select(speeds.COLUMNS)


def test_articles_are_those_that_the_run_computed():
    found = speeds.speeds(
        runs(
            (1, "b1", "ingest", 6, 2.0, 0), (1, "r1", "clean", 4, 1.0, 0), (1, "r1", "tag", 90, 8.0, 2000),
            (2, "r1", "clean", 2, 1.0, 0), (2, "r1", "tag", 10, 4.0, 1000),
        )
    )  # fmt: skip
    assert found == [
        speeds.Rate("ingest", 6, 2.0, 0),
        speeds.Rate("clean", 6, 2.0, 0),
        speeds.Rate("tag", 6, 12.0, 3000),
    ]
    ingest, clean, tag = found
    assert (ingest.articles_per_second, clean.articles_per_second, tag.articles_per_second) == (3, 3, 0.5)
    assert (clean.tokens_per_second, tag.tokens_per_second) == (None, 250)


def test_only_the_last_runs_that_computed_something_count():
    old = [(1, f"r{n}", "clean", 1, 100.0, 0) for n in range(3)]
    new = [(1, f"s{n}", "clean", 10, 1.0, 0) for n in range(5)]
    idle = [(1, f"t{n}", "clean", 0, 5.0, 0) for n in range(5)]
    assert speeds.speeds(runs(*old, *new, *idle)) == [speeds.Rate("clean", 50, 5.0, 0)]
    assert speeds.speeds(runs(*old, *new), last=1) == [speeds.Rate("clean", 10, 1.0, 0)]


def test_no_time_measured_is_no_rate():
    assert speeds.speeds(runs((1, "r", "clean", 3, 0.0, 0)))[0].articles_per_second is None
    assert speeds.speeds(runs()) == []


def test_of_a_real_lake(built):
    found = speeds.speeds(built.rows("runs", built.manifests().values(), speeds.COLUMNS))
    assert [(r.stage, r.articles) for r in found] == [
        ("ingest", 5), ("clean", 3), ("tag", 3), ("link", 3), ("judge", 3), ("publish", 3)
    ]  # fmt: skip
    assert all(r.seconds > 0 for r in found)
    assert [r.stage for r in found if r.tokens_per_second] == ["tag"]
