"""Runs that overlap and are repeated: whoever publishes a day first wins, nobody loses anything."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lakes import article, batch, day_batch

from pipeline import orchestration, plan, publish, runner, stages
from pipeline.errors import UsageError, ValidationFailed
from pipeline.locks import claimed
from pipeline.outcome import Outcome
from pipeline.stages import STAGES
from pipeline.staging import Staging
from pipeline.store import Store

DAYS = ("2022-01-05", "2022-01-06", "2022-01-07")


@pytest.fixture
def three_days(lake, context, monkeypatch):
    """Three days of one article, landed; tasks work on this lake with the small models."""
    monkeypatch.setenv("STANDPOINT_LAKE", lake.store.uri)
    monkeypatch.setattr(orchestration, "context", lambda settings: context)
    names = {f"d{day.replace('-', '')}": day_batch([article(f"of{day}", day)]) for day in DAYS}
    lake.land(batch(**names))
    return lake


def build(unit_id: str, run_id: str) -> list[str]:
    for stage in STAGES:
        assert orchestration.stage(unit_id, stage.name, run_id)
    return orchestration.publish(unit_id, run_id)


def lapse(lake, run_id: str) -> None:
    """As if the run had not been heard from for long, and another had come by."""
    orchestration._claims(lake, run_id).release()


def days_of(lake, unit_id: str) -> list[str]:
    return [due.day for due in Staging(lake, unit_id).unit().days]


@pytest.mark.parametrize(
    ("key", "up_to", "expected"),
    [
        (None, False, DAYS),
        (None, True, DAYS),
        ("2022-01-06", True, DAYS[:2]),
        ("2022-01-06", False, DAYS[1:2]),
        ("2022-01-04", True, ()),
        ("2022-02-01", False, ()),
    ],
)
def test_which_days_a_run_is_for(three_days, key, up_to, expected):
    ids = orchestration.plan("run", key, up_to=up_to)
    assert tuple(day for unit_id in ids for day in days_of(three_days, unit_id)) == expected


def test_a_key_that_is_no_day_is_refused(three_days):
    with pytest.raises(UsageError, match="'yesterday' is not a day such as"):
        orchestration.plan("run", "yesterday", up_to=False)


def test_units_grow_where_there_would_be_too_many_to_map(three_days, monkeypatch):
    monkeypatch.setattr(orchestration, "TOKENS_PER_UNIT", 1)
    assert len(orchestration.plan("many", None, up_to=False)) == 3
    monkeypatch.setattr(orchestration, "MAX_UNITS", 2)
    assert len(orchestration.plan("few", None, up_to=False)) == 2


def test_the_first_run_to_publish_a_unit_wins(three_days, context):
    """Three runs plan the same day; one builds it, one comes too late, one finds it changed again."""
    runs = ("nightly.scheduled__1", "nightly.backfill__1", "nightly.manual__1")
    ids = dict(zip(runs, (orchestration.plan(run, DAYS[1], up_to=False)[0] for run in runs), strict=True))
    assert len(set(ids.values())) == 3
    first, second, third = runs
    assert orchestration.stage(ids[second], "clean", second)
    lapse(three_days, second)

    snapshots = build(ids[first], first)
    assert len(snapshots) == 1
    assert [due.day for due in plan.due(three_days, context)] == [DAYS[0], DAYS[2]]
    assert {m.run_id for m in three_days.manifests().values()} == {first}
    assert orchestration.publish(ids[first], first) == snapshots  # tried again after its commit

    before = {m.day: m.json() for m in three_days.manifests().values()}
    assert not orchestration.stage(ids[second], "tag", second)
    assert {m.day: m.json() for m in three_days.manifests().values()} == before

    three_days.land(batch(d20220106=day_batch([article("late", "2022-01-06")])))
    with pytest.raises(ValidationFailed, match=r"day 2022-01-06: another run .* run again"):
        orchestration.stage(ids[third], "clean", third)

    orchestration.finish()
    assert three_days.store.exists("standpoint.duckdb")
    assert {e.path.split("/")[1] for e in three_days.store.list("staging")} == {ids[third]}


def test_days_that_another_run_has_published_drop_out_of_a_unit(three_days):
    (nightly,) = orchestration.plan("nightly", None, up_to=False)
    (backfill,) = orchestration.plan("backfill", "2022-01-06", up_to=False)
    for stage in STAGES[:2]:
        assert orchestration.stage(nightly, stage.name, "nightly")
    lapse(three_days, "nightly")
    build(backfill, "backfill")
    for stage in STAGES[2:]:
        assert orchestration.stage(nightly, stage.name, "nightly")
    assert len(orchestration.publish(nightly, "nightly")) == 2
    found = {m.day: m.run_id for m in three_days.manifests().values()}
    assert found == dict.fromkeys(DAYS, "nightly") | {"2022-01-06": "backfill"}
    assert {m.day: m.articles for m in three_days.manifests().values()} == dict.fromkeys(DAYS, 1)


def test_days_that_another_run_is_at_work_on_are_left_to_it(three_days, caplog):
    (backfill,) = orchestration.plan("backfill", "2022-01-06", up_to=False)
    (nightly,) = orchestration.plan("nightly", None, up_to=False)
    (late,) = orchestration.plan("late", "2022-01-06", up_to=False)
    assert orchestration.stage(backfill, "clean", "backfill")
    caplog.set_level("INFO", "pipeline.orchestration")
    assert orchestration.stage(nightly, "clean", "nightly")
    assert "day 2022-01-06 is left to run backfill (of Airflow, since" in caplog.text
    assert days_of(three_days, nightly) == [DAYS[0], DAYS[2]]
    assert not orchestration.stage(late, "clean", "late")
    assert orchestration.stage(backfill, "tag", "backfill.1")  # cleared, it is the same run
    held = {claim.owner: claim.holds for claim in claimed(three_days.store)}
    assert held == {"backfill": DAYS[1:2], "nightly": (DAYS[0], DAYS[2])}
    orchestration.finish("backfill")
    assert [claim.owner for claim in claimed(three_days.store)] == ["nightly"]


def test_a_day_in_shards_is_published_by_the_last_of_them(lake, context, monkeypatch):
    monkeypatch.setenv("STANDPOINT_LAKE", lake.store.uri)
    monkeypatch.setattr(orchestration, "context", lambda settings: context)
    monkeypatch.setattr(orchestration, "TOKENS_PER_UNIT", 100)
    lines = ["The council met in Moscow. " * 9]
    lake.land(batch(d20220105=day_batch([article(f"n{n}", lines=lines) for n in range(2)])))
    first, second = orchestration.plan("nightly", None, up_to=False)
    assert days_of(lake, first) == days_of(lake, second) == ["2022-01-05"]
    for stage in STAGES:
        assert orchestration.stage(second, stage.name, "nightly")
    assert orchestration.publish(second, "nightly") == []
    assert lake.manifests() == {}
    snapshots = build(first, "nightly")
    assert [m.articles for m in lake.manifests().values()] == [2]
    assert [m.snapshot for m in lake.manifests().values()] == snapshots
    assert orchestration.publish(second, "nightly") == snapshots  # cleared, or tried again
    assert list(lake.store.list("staging")) == []


def losing(monkeypatch) -> None:
    """From now on cleaning loses a row, which validation finds."""
    whole = STAGES[0]

    def lose(tables, context) -> Outcome:
        outcome = whole.run(tables, context)
        return Outcome(outcome.kept, outcome.rows_in + 1)

    for module in (stages, runner, publish):
        monkeypatch.setattr(module, "STAGES", (replace(whole, run=lose), *STAGES[1:]))


def fail(unit_id: str, run_id: str, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        losing(patch)
        with pytest.raises(ValidationFailed, match="accounted for"):
            orchestration.stage(unit_id, "clean", run_id)


def test_days_of_a_unit_that_failed_are_tried_alone(three_days, monkeypatch):
    (failed,) = orchestration.plan("first", None, up_to=False)
    fail(failed, "first", monkeypatch)
    again = orchestration.plan("second", None, up_to=False)
    assert [days_of(three_days, unit_id) for unit_id in again] == [[day] for day in DAYS]
    monkeypatch.setattr(orchestration, "MAX_UNITS", 2)
    assert len(orchestration.plan("third", None, up_to=False)) == 1
    assert days_of(three_days, failed) == list(DAYS)


def test_units_that_others_are_at_work_on_have_not_failed(three_days):
    first = orchestration.plan("first", None, up_to=False)
    assert orchestration.stage(first[0], "clean", "first")
    again = orchestration.plan("second", None, up_to=False)
    assert [days_of(three_days, unit_id) for unit_id in again] == [list(DAYS)]


def test_units_still_to_come_count_toward_the_most_that_may_be_mapped(three_days, monkeypatch):
    (failed,) = orchestration.plan("first", "2022-01-06", up_to=True)
    fail(failed, "first", monkeypatch)
    due = plan.due(three_days, orchestration.context(None))
    units = [plan.Unit(tuple(due[:2])), plan.Unit(tuple(due[2:]))]
    for most, expected in ((3, [1, 1, 1]), (2, [2, 1])):
        monkeypatch.setattr(orchestration, "MAX_UNITS", most)
        assert [len(unit.days) for unit in orchestration._apart(three_days, units)] == expected


def test_staging_that_another_run_removes_meanwhile_is_no_error(three_days, monkeypatch):
    (failed,) = orchestration.plan("first", None, up_to=False)
    fail(failed, "first", monkeypatch)
    listed = list(three_days.store.list("staging"))
    assert f"staging/{failed}/failed.json" in {entry.path for entry in listed}
    Staging(three_days, failed).remove()
    monkeypatch.setattr(Store, "list", lambda self, prefix="": iter(listed if prefix == "staging" else ()))
    assert orchestration.failed_days(three_days) == set()


def test_what_old_runs_left_is_swept(three_days, monkeypatch):
    orchestration.plan("old", None, up_to=False)
    orchestration.finish()
    assert len(list(three_days.store.list("staging"))) == 1
    monkeypatch.setattr(runner, "GRACE", timedelta(0))
    orchestration.finish()
    assert list(three_days.store.list("staging")) == []


def test_a_unit_that_nobody_staged_is_told(three_days):
    with pytest.raises(UsageError, match="not in staging"):
        orchestration.stage("2022-01-05-0123456789ab-01234567", "clean", "run")


def test_what_is_landed_is_taken_in(three_days, tmp_path, monkeypatch):
    landing = tmp_path / "landing"
    landing.mkdir()
    lines = [
        "A late article",
        "20220108",
        "https://gazette.example.com/late",
        "The mayor praised the council.",
    ]
    (landing / "late.txt").write_text("\n".join(lines))
    monkeypatch.setenv("STANDPOINT_LANDING", str(landing))
    orchestration.ingest()
    ids = orchestration.plan("run", "2022-01-08", up_to=False)
    assert [days_of(three_days, unit_id) for unit_id in ids] == [["2022-01-08"]]


def test_one_process_loads_the_model_once():
    from pipeline.settings import Settings

    assert orchestration.context(Settings()) is orchestration.context(Settings())
    assert orchestration.context(Settings()) is not orchestration.context(Settings(lake="other"))
