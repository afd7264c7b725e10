"""The nightly DAG from end to end in one process, with the shipped model."""

import json
from datetime import date

import pytest
from articles import put

from pipeline import database, publish, runner, stages
from pipeline.lake import Lake
from pipeline.outcome import Outcome

pytestmark = [pytest.mark.airflow, pytest.mark.slow]
FIRST, SECOND = date(2022, 2, 14), date(2022, 2, 15)


@pytest.fixture
def lake(landing):
    return Lake(str(landing.parent / "lake"))


@pytest.fixture
def nightly(bag):
    return bag.dags["nightly"]


def ask(lake, sql: str) -> list[tuple]:
    with database.connect(lake) as connection:
        return database.query(connection, sql).fetchall()


def states(run) -> dict[str, str]:
    return {f"{t.task_id}[{t.map_index}]": t.state for t in run.get_task_instances()}


def events(captured: str) -> list[dict]:
    lines = [line for line in captured.splitlines() if "standpoint-event " in line]
    return [json.JSONDecoder().raw_decode(line.split("standpoint-event ")[1])[0] for line in lines]


def test_landing_zone_to_tables_and_again(nightly, landing, lake, capfd):
    put(landing, "one", FIRST)
    put(landing, "two", SECOND, "Mayor Anna Reed asked the port authority to publish its contract in full.")
    (landing / "empty.txt").write_bytes(b"")
    run = nightly.test()
    assert run.state == "success"
    assert states(run) == {
        "ingest[-1]": "success",
        "plan[-1]": "success",
        **{f"unit.{name}[0]": "success" for name in ("clean", "tag", "link", "judge", "publish")},
        "summary[-1]": "success",
    }
    assert ask(lake, "SELECT day::VARCHAR, count(*) FROM articles GROUP BY day ORDER BY day") == [
        ("2022-02-14", 1),
        ("2022-02-15", 1),
    ]
    assert ask(lake, "SELECT count(*) FROM mentions WHERE text = 'Anna Reed'") == [(2,)]
    assert ask(lake, "SELECT count(*) > 0 FROM stances WHERE stance = 'against'") == [(True,)]
    ids = ask(lake, "SELECT DISTINCT run_id FROM runs WHERE stage <> 'ingest'")
    assert ids == [(f"nightly.{run.run_id}",)]
    done = events(capfd.readouterr().out)
    assert [e["task"] for e in done if e["event"] == "succeeded"][-1] == "summary"
    assert len(done) == 8

    before = [m.json() for m in lake.manifests().values()]
    assert nightly.test().state == "success"
    assert [m.json() for m in lake.manifests().values()] == before
    put(landing, "one", FIRST, "Mayor Anna Reed praised the Harbour Company on Wednesday.")
    assert nightly.test().state == "success"
    assert ask(lake, "SELECT count(*) FROM sentences WHERE text LIKE '%praised%'") == [(1,)]
    assert lake.manifest(SECOND).json() in before


def test_an_empty_landing_zone_is_a_green_run(nightly, landing, lake):
    run = nightly.test()
    assert run.state == "success"
    assert states(run)["summary[-1]"] == "success"
    assert ask(lake, "SELECT count(*) FROM articles") == [(0,)]


def test_data_that_fails_validation_is_a_red_run_that_says_why_in_one_line(
    nightly, landing, lake, capfd, monkeypatch
):
    from dataclasses import replace

    def losing(tables, context) -> Outcome:
        outcome = stages.STAGES[0].run(tables, context)
        return Outcome(outcome.kept, outcome.rows_in + 1)

    put(landing, "one", FIRST)
    broken = (replace(stages.STAGES[0], run=losing), *stages.STAGES[1:])
    for module in (runner, publish):
        monkeypatch.setattr(module, "STAGES", broken)
    run = nightly.test()
    assert run.state == "failed"
    assert states(run)["unit.clean[0]"] == "failed"
    assert states(run)["unit.publish[0]"] == "upstream_failed"
    assert states(run)["summary[-1]"] == "failed"
    assert lake.manifests() == {}
    failure, last, *_ = [e for e in events(capfd.readouterr().out) if e["event"] == "failed"]
    assert last["task"] == "summary"
    assert last["error"].startswith("failed: unit.clean_0")
    assert failure["task"] == "unit.clean"
    assert (failure["try"], failure["exception"]) == (1, "ValidationFailed")
    assert "2 rows in, 1 accounted for" in failure["error"]
    assert "\n" not in failure["error"]
