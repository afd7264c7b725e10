"""What is logged, and that every line says what it is about: as JSON lines, and in structlog's own lines."""

import json
import logging
import os
import re

import pytest
import structlog
from lakes import article, batch, day_batch

from pipeline import logs, plan, publish, runner
from pipeline.errors import ValidationFailed
from pipeline.ingest import ingest
from pipeline.stages import STAGES

log = logging.getLogger("pipeline.test")


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@logs.within(run="run_id", unit="unit_id")
def work(unit_id: str, run_id: str = "r1") -> str:
    logs.note(days=["2022-01-05"])
    logs.event(log, "done", rows=3)
    log.warning("half of %s is left", unit_id)
    return "result"


def test_every_line_inside_says_what_it_is_about(tmp_path):
    path = tmp_path / "log.jsonl"
    with logs.written(str(path)):
        assert work("u1") == "result"
        logs.event(log, "outside")
    done, left, outside = lines(path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", done.pop("time"))
    about = {"run": "r1", "unit": "u1", "days": ["2022-01-05"]}
    assert done == {"level": "info", "event": "done", **about, "rows": 3}
    assert left | {"time": ""} == {"time": "", "level": "warning", "event": "half of u1 is left", **about}
    assert set(outside) == {"time", "level", "event"}


def test_lines_are_appended_and_only_while_asked_for(tmp_path):
    path = tmp_path / "log.jsonl"
    for _ in range(2):
        with logs.written(str(path)):
            logs.event(log, "wörk")
    logs.event(log, "later")
    assert [line["event"] for line in lines(path)] == ["wörk", "wörk"]


def test_what_ends_the_command_is_the_last_line(tmp_path):
    path = tmp_path / "log.jsonl"
    with pytest.raises(ValueError, match="two"), logs.written(str(path)):
        raise ValueError("one\ntwo")
    (line,) = lines(path)
    assert (line["level"], line["error"], line["kind"]) == ("error", "one two", "ValueError")


def test_nothing_is_said_where_nothing_is_asked_for(capfd):
    with logs.written(""):
        work("u1")
    assert capfd.readouterr() == ("", "")


def test_standard_error(capsys):
    with logs.written("-"):
        logs.event(log, "here")
    assert json.loads(capsys.readouterr().err)["event"] == "here"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_to_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError), logs.written(str(tmp_path / "log.jsonl")):
        pass


def test_structlog_has_the_same_fields():
    """As Airflow's task logs have them, which it writes through structlog."""
    found = []

    @logs.within(unit="unit")
    def inside(unit: str) -> None:
        logs.note(days=["2022-01-05"])
        found.append(structlog.contextvars.merge_contextvars(None, "info", {"event": "x"}))

    inside("u1")
    assert found == [{"event": "x", "unit": "u1", "days": ["2022-01-05"]}]
    assert structlog.contextvars.merge_contextvars(None, "info", {}) == {}


def test_a_run_from_the_landing_zone_to_the_tables(lake, context, tmp_path):
    landing = tmp_path / "landing"
    landing.mkdir()
    text = (
        "Mayor Smith praises Poland\n20220105\nhttps://gazette.example.com/1\nMayor Smith praised Poland.\n"
    )
    (landing / "one.txt").write_text(text)
    (landing / "bad.txt").write_bytes(b"")
    path = tmp_path / "log.jsonl"
    with logs.written(str(path)):
        ingest(lake, (), str(landing))
        units = list(plan.units(plan.due(lake, context), lake))
        runner.run(lake, units, context)
        runner.finish(lake)
    told = lines(path)
    events = [line["event"] for line in told]
    assert events == ["landed", "ingested", *["stage done"] * len(STAGES), "published", "tidied"]
    landed, ingested, *stages, published, _ = told
    assert (landed["rows_in"], landed["rows_out"], landed["rejected"]) == (2, 1, 1)
    assert ingested["new"] == 1
    assert [line["stage"] for line in stages] == [stage.name for stage in STAGES]
    days = [due.day for due in units[0].days]
    assert {tuple(line["days"]) for line in (*stages, published)} == {tuple(days)}
    (run,) = {line["run"] for line in (*stages, published)}
    assert {m.run_id for m in lake.manifests().values()} == {run}
    assert len({line["unit"] for line in (*stages, published)}) == 1
    assert all(line["rows_in"] == line["rows_out"] + line["rejected"] + line["duplicates"] for line in stages)
    assert published["snapshots"] == [m.snapshot for m in lake.manifests().values()]


def test_a_day_that_fails_is_an_error_with_its_day(lake, context, tmp_path, monkeypatch):
    lake.land(batch(d20220105=day_batch([article("one")])))
    due = plan.due(lake, context)

    def refused(*given):
        raise ValidationFailed("day 2022-01-05: a defect; nothing of it is published")

    monkeypatch.setattr(publish, "runs", refused)
    path = tmp_path / "log.jsonl"
    with logs.written(str(path)):
        (failure,) = runner.run(lake, list(plan.units(due, lake)), context)
    *_, line = lines(path)
    assert (line["level"], line["event"], line["days"]) == ("error", "unit failed", ["2022-01-05"])
    assert line["error"] == failure
