"""The DAG `backfill` from end to end in one process, with small models."""

from datetime import date

import pytest
from articles import put
from fake_models import KeywordJudge, KeywordTagger

from pipeline import orchestration, runner
from pipeline.errors import ValidationFailed
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context

pytestmark = [pytest.mark.airflow, pytest.mark.slow]
DAYS = [date(2022, 2, 13), date(2022, 2, 14), date(2022, 2, 15), date(2022, 2, 16)]
PARAMS = {
    "from": None, "to": None, "reprocess": "changed", "order": "oldest", "units_in_parallel": 2,
    "dry_run": False,
}  # fmt: skip


@pytest.fixture
def backfill(bag, monkeypatch):
    """Triggers the DAG with parameters; it makes a unit for each day."""
    about = Context(Settings(), KeywordTagger(), KeywordJudge())
    monkeypatch.setattr(orchestration, "context", lambda settings: about)
    monkeypatch.setattr(orchestration, "TOKENS_PER_UNIT", 1)

    def trigger(**asked):
        # All of them, since in one process Airflow takes what a run was given for the default of the next.
        return bag.dags["backfill"].test(run_conf=PARAMS | asked)

    return trigger


@pytest.fixture
def lake(landing):
    for day in DAYS:
        put(landing, f"of-{day}", day)
    return Lake(str(landing.parent / "lake"))


def tasks(run, name: str) -> list:
    found = [t for t in run.get_task_instances() if t.task_id == f"unit.{name}" and t.map_index >= 0]
    return sorted(found, key=lambda t: t.start_date)


def published(lake) -> list[date]:
    return sorted(lake.manifests())


def test_a_range_newest_first_one_unit_at_a_time_and_again(backfill, lake):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    asked = {"from": "2022-02-14", "to": "2022-02-16", "order": "newest", "units_in_parallel": 1}
    run = backfill(**asked)
    assert run.state == "success"
    assert published(lake) == DAYS[1:]
    assert [t.rendered_map_index for t in tasks(run, "publish")] == ["2022-02-16", "2022-02-15", "2022-02-14"]
    begun, ended = tasks(run, "clean"), tasks(run, "publish")
    assert all(a.end_date <= b.start_date for a, b in zip(ended, begun[1:], strict=False))
    with create_session() as session:
        events = session.query(AssetEvent).filter_by(source_run_id=run.run_id).all()
        keys = [event.partition_key for event in events if event.partition_key]
        assert sorted(keys) == [f"{day}" for day in DAYS[1:]]
        assert len(events) == 3 * 11

    before = {day: m.json() for day, m in lake.manifests().items()}
    assert backfill(**asked, reprocess="none").state == "success"
    assert {day: m.json() for day, m in lake.manifests().items()} == before
    dry = backfill(dry_run=True, reprocess="all")
    assert dry.state == "success"
    assert {day: m.json() for day, m in lake.manifests().items()} == before
    stances = lake.manifest(DAYS[1]).tables["stances"]
    again = backfill(**asked | {"to": "2022-02-14"}, reprocess="all")
    after = lake.manifests()
    assert after[DAYS[1]].run_id == f"backfill.{again.run_id}"
    assert after[DAYS[1]].tables["stances"] == stances
    assert after[DAYS[2]].json() == before[DAYS[2]]


def test_a_day_that_fails_stops_no_other_and_is_tried_again_alone(backfill, lake, monkeypatch):
    publish = runner.publish_unit

    def refusing(lake, unit_id, *more):
        if unit_id.startswith("2022-02-14"):
            raise ValidationFailed(f"unit {unit_id}, stage publish: a defect; nothing of it is published")
        return publish(lake, unit_id, *more)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "publish_unit", refusing)
        run = backfill(units_in_parallel=1)
    assert run.state == "failed"
    assert published(lake) == [DAYS[0], *DAYS[2:]]
    assert sorted(t.state for t in tasks(run, "publish")) == ["failed", "success", "success", "success"]

    again = backfill(reprocess="failed")
    assert again.state == "success"
    assert [t.rendered_map_index for t in tasks(again, "publish")] == ["2022-02-14"]
    assert published(lake) == DAYS


def test_an_unknown_parameter_is_a_red_run_that_says_so(backfill, lake, capfd):
    run = backfill(form="2022-02-14")
    assert run.state == "failed"
    assert published(lake) == []
    assert "parameter 'form' is none of from, to, reprocess" in capfd.readouterr().out
