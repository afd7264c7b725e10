"""Which days a backfill builds, in which order, and that a unit begins in its turn."""

import os
from datetime import UTC, date, datetime, timedelta

import pytest
from fake_models import KeywordJudge
from lakes import article, batch, day_batch

from pipeline import backfill, orchestration, plan, runner
from pipeline.backfill import Request
from pipeline.errors import UsageError
from pipeline.stages import STAGES, Context
from pipeline.staging import Staging


class Swapped(KeywordJudge):
    """The judge with a defect that its digest does not tell of: favor for against."""

    def judge(self, questions):
        return super().judge(questions)[:, [1, 0, 2]]


FIRST, SECOND, THIRD = "2022-01-05", "2022-01-06", "2022-01-07"


@pytest.fixture
def two_built(built, context, monkeypatch):
    """Two days that are current and a third that has landed; tasks use this lake and the small models."""
    monkeypatch.setenv("STANDPOINT_LAKE", built.store.uri)
    monkeypatch.setattr(orchestration, "context", lambda settings: context)
    built.land(batch(d20220107=day_batch([article("four", THIRD)])))
    return built


def build(unit_id: str, run_id: str) -> list[str]:
    backfill.begin(unit_id)
    for stage in STAGES:
        assert orchestration.stage(unit_id, stage.name, run_id)
    return orchestration.publish(unit_id, run_id)


def chosen(lake, context, **asked) -> list[str]:
    return [due.day for due in backfill.select(lake, context, Request(**asked))]


def fail(lake, day: str) -> None:
    lake.store.write("staging/a-unit/failed.json", f'{{"days": ["{day}"], "error": "x"}}'.encode())


def test_which_days_are_built(two_built, context):
    lake = two_built
    lake.land(batch(d20220106=day_batch([article("late", SECOND)])))
    assert chosen(lake, context) == [SECOND, THIRD]
    assert chosen(lake, context, reprocess="changed", first=date(2022, 1, 7)) == [THIRD]
    assert chosen(lake, context, reprocess="none") == [THIRD]
    assert chosen(lake, context, reprocess="failed") == []
    fail(lake, SECOND)
    assert chosen(lake, context, reprocess="failed") == [SECOND]
    assert chosen(lake, context, reprocess="failed", last=date(2022, 1, 5)) == []
    assert chosen(lake, context, reprocess="all") == [FIRST, SECOND, THIRD]
    assert chosen(lake, context, reprocess="all", first=date(2022, 1, 6), last=date(2022, 1, 6)) == [SECOND]


def test_a_failed_day_that_is_current_by_now_is_left(two_built, context):
    fail(two_built, FIRST)
    assert chosen(two_built, context, reprocess="failed") == []


def test_days_that_exchange_an_article_are_built_together(two_built, context):
    moved = article("one", THIRD)
    two_built.land(batch(d20220105=day_batch(moved=[moved["article_id"]]), d20220107=day_batch([moved])))
    assert chosen(two_built, context, reprocess="none") == [FIRST, THIRD]


def test_a_current_day_is_built_again_from_its_articles_and_comes_out_the_same(two_built, context):
    lake = two_built
    before = lake.manifest(date(2022, 1, 5))
    request = Request(last=date(2022, 1, 5), reprocess="all")
    (due,) = backfill.select(lake, context, request)
    assert (due.reasons, due.fresh, due.articles) == (("asked for again",), 2, 2)
    (unit_id,) = backfill.plan("backfill.one", "backfill.one", request)
    backfill.begin(unit_id)
    orchestration.stage(unit_id, "clean", "backfill.one")
    (day,) = Staging(lake, unit_id).inputs().values()
    assert (len(day.fresh), day.cleaned) == (2, ())  # nothing that is published is relied on
    build(unit_id, "backfill.one")
    after = lake.manifest(date(2022, 1, 5))
    assert after.run_id == "backfill.one"
    same = [name for name in after.tables if name != "runs"]
    assert {n: after.tables[n] for n in same} == {n: before.tables[n] for n in same}


def test_a_run_that_was_cleared_leaves_out_what_it_has_built(two_built, context):
    request = Request(reprocess="all")
    units = backfill.plan("backfill.one", "backfill.one", request)
    for unit_id in units:
        build(unit_id, "backfill.one")
    assert backfill.plan("backfill.one.1", "backfill.one", request) == []
    assert len(backfill.plan("backfill.onemore", "backfill.onemore", request)) == 1
    assert backfill.plan("backfill.two", "backfill.two", Request()) == []


@pytest.mark.parametrize(
    ("order", "days"), [("oldest", [FIRST, SECOND, THIRD]), ("newest", [THIRD, SECOND, FIRST])]
)
def test_units_come_in_the_order_that_is_asked_for(two_built, monkeypatch, order, days):
    monkeypatch.setattr(orchestration, "TOKENS_PER_UNIT", 20)
    ids = backfill.plan("run", "run", Request(reprocess="all", order=order))
    assert list(dict.fromkeys(unit_id[:10] for unit_id in ids)) == days  # the first is cut into shards


def test_a_dry_run_says_what_and_why_and_leaves_the_lake_as_it_is(two_built, caplog):
    caplog.set_level("INFO")
    before = [(entry.path, entry.modified) for entry in two_built.store.list()]
    assert backfill.plan("run", "run", Request(reprocess="all", dry_run=True)) == []
    assert [(entry.path, entry.modified) for entry in two_built.store.list()] == before
    assert "2022-01-07        1        1  new" in caplog.text
    assert "2022-01-05        2        2  asked for again" in caplog.text
    assert "1 units, 3 days, 4 articles, 4 to compute" in caplog.text


def test_a_unit_is_staged_when_it_begins_and_once(two_built):
    (unit_id,) = backfill.plan("run", "run", Request())
    assert list(two_built.store.list("staging")) == []
    backfill.begin(unit_id)
    begun = [(e.path, e.modified) for e in two_built.store.list("staging")]
    assert [path for path, _ in begun] == [f"staging/{unit_id}/unit.json"]
    backfill.begin(unit_id)
    assert [(e.path, e.modified) for e in two_built.store.list("staging")] == begun
    assert orchestration.days(unit_id) == [THIRD]


def test_what_was_planned_long_ago_is_forgotten_and_says_so(two_built):
    now = datetime.now(UTC)
    (unit_id,) = backfill.plan("run", "run", Request())
    assert backfill.forget(two_built, now) == 0
    old = (now - timedelta(days=31)).timestamp()
    os.utime(two_built.store.full(f"planned/{unit_id}.json"), (old, old))
    assert backfill.forget(two_built, now) == 1
    with pytest.raises(UsageError, match=f"{unit_id}' is planned no more .* clear the task plan"):
        backfill.begin(unit_id)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"reprocess": "some"}, "reprocess: 'some' is not one of none, failed, changed, all"),
        ({"order": "random"}, "order: 'random' is not one of oldest, newest"),
        ({"from": "yesterday"}, "from: 'yesterday' is not a day such as 2022-02-14"),
        ({"from": "2022-02-02", "to": "2022-02-01"}, "from 2022-02-02 is after to 2022-02-01"),
        ({"form": "2022-02-02"}, "parameter 'form' is none of from, to, reprocess"),
    ],
)
def test_a_wrong_parameter_is_told(params, message):
    with pytest.raises(UsageError, match=message):
        Request.of(params)


def test_parameters_of_a_run():
    params = {"from": "2022-02-01", "to": None, "reprocess": "all", "order": "newest", "dry_run": True}
    assert Request.of(params) == Request(date(2022, 2, 1), None, "all", "newest", dry_run=True)
    assert Request.of({"units_in_parallel": 3}) == Request()


@pytest.mark.parametrize(
    ("ended", "index", "parallel", "ahead"),
    [
        ([], 0, 1, 0),
        ([], 1, 1, 1),
        ([], 1, 2, 0),
        ([], 9, 2, 8),
        ([0], 1, 1, 0),
        ([0, 2], 3, 1, 1),
        ([0, 2], 3, 2, 0),
        ([4], 3, 2, 2),  # who comes later counts for nothing
    ],
)
def test_a_unit_waits_for_those_before_it(ended, index, parallel, ahead):
    states = dict.fromkeys([f"unit.publish_{n}" for n in range(10)])
    ways = ("success", "skipped", "failed", "upstream_failed")
    states |= {f"unit.publish_{n}": ways[n % 4] for n in ended}
    assert backfill.ahead(states, "unit.publish", index, parallel) == ahead


def test_a_build_that_comes_out_otherwise_leaves_the_published_files_as_they_are(two_built, context):
    """A defect that no version told of: readers of the old manifest see the old tables to the end."""
    lake, day = two_built, date(2022, 1, 5)
    before = lake.manifest(day)
    files = {name: lake.store.read(entry["file"]) for name, entry in before.tables.items()}
    defect = Context(context.settings, context.tagger, Swapped())
    (unit,) = plan.units(backfill.select(lake, defect, Request(last=day, reprocess="all")), lake)
    assert runner.run(lake, [unit], defect) == []
    after = lake.manifest(day)
    assert after.snapshot == before.snapshot
    assert after.tables["stances"]["file"] != before.tables["stances"]["file"]
    assert after.tables["sentences"] == before.tables["sentences"]
    assert {n: lake.store.read(entry["file"]) for n, entry in before.tables.items()} == files
    assert before.tables["stances"]["file"] in after.superseded
