"""The DAG `upkeep` from end to end in one process: each alert is a task of its own."""

import json
from datetime import UTC, datetime

import pytest

from pipeline import orchestration, upkeep

pytestmark = [pytest.mark.airflow, pytest.mark.slow]
CHECKS = ["volume", "rejects", "languages", "entities", "stances"]


@pytest.fixture
def home(built, context, monkeypatch):
    """A lake of two days, which the tasks work on with the small models, on the morning after."""
    monkeypatch.setenv("STANDPOINT_LAKE", built.store.uri)
    monkeypatch.setattr(orchestration, "context", lambda settings: context)
    monkeypatch.setattr(upkeep, "now", lambda: datetime(2022, 1, 7, 6, tzinfo=UTC))
    return built


def test_a_lake_that_is_well_and_then_stale(bag, home, monkeypatch, capfd):
    run = bag.dags["upkeep"].test()
    assert {t.task_id: t.state for t in run.get_task_instances() if t.map_index < 0} == dict.fromkeys(
        ["vacuum", "rotate", "freshness", "evaluate"], "success"
    )
    drift = sorted(
        (t for t in run.get_task_instances() if t.task_id == "drift.watch"), key=lambda t: t.map_index
    )
    assert [(t.rendered_map_index, t.state) for t in drift] == [(name, "success") for name in CHECKS]
    assert len(upkeep.evaluations(home)) == 1
    capfd.readouterr()

    monkeypatch.setattr(upkeep, "now", lambda: datetime(2022, 1, 12, 6, tzinfo=UTC))
    run = bag.dags["upkeep"].test()
    assert run.state == "failed"
    states = {f"{t.task_id}[{t.map_index}]": t.state for t in run.get_task_instances()}
    assert states == {
        "vacuum[-1]": "success",
        "rotate[-1]": "success",
        "freshness[-1]": "failed",
        "evaluate[-1]": "skipped",
        **{f"drift.watch[{n}]": "success" for n in range(len(CHECKS))},
    }
    lines = [line for line in capfd.readouterr().out.splitlines() if "standpoint-event " in line]
    events = [json.JSONDecoder().raw_decode(line.split("standpoint-event ")[1])[0] for line in lines]
    (alert,) = [e for e in events if e["event"] == "failed" and e.get("task")]
    assert (alert["task"], alert["try"], alert["exception"]) == ("freshness", 1, "ValidationFailed")
    assert "the newest published day is 2022-01-06, 6 days ago; allowed are 2" in alert["error"]
