"""What upkeep removes, and what raises an alert."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline import database, datadocs, drift, orchestration, upkeep
from pipeline.errors import UsageError, ValidationFailed
from pipeline.evaluation import Score
from pipeline.stages import Context
from pipeline.staging import Staging
from pipeline.upkeep import Evaluation, evaluations, falls
from seeds.gold import GOLD

NOW = datetime(2022, 1, 8, 6, tzinfo=UTC)


@pytest.fixture
def home(built, context, monkeypatch):
    """A lake of two days, 2022-01-05 and 06, that the tasks work on with the small models."""
    monkeypatch.setenv("STANDPOINT_LAKE", built.store.uri)
    monkeypatch.setattr(orchestration, "context", lambda settings: context)
    return built


def age(lake, days: int) -> None:
    when = (datetime.now(UTC) - timedelta(days)).timestamp()
    for entry in list(lake.store.list()):
        os.utime(lake.store.full(entry.path), (when, when))


def test_vacuum_removes_what_is_past_its_grace_and_nothing_else(home):
    home.store.write("staging/old/unit.json", b"[]")
    home.store.write("staging/old/clean/raw.arrow", b"")
    home.store.write("planned/old.json", b"[]")
    home.store.write("data/raw/day=2022-01-05/0000000000000000.parquet", b"")
    age(home, 40)
    database.refresh(home)
    home.store.write("staging/new/unit.json", b"[]")
    home.store.write("planned/new.json", b"[]")
    manifests = {d: m.json() for d, m in home.manifests().items()}
    upkeep.vacuum(datetime.now(UTC))
    assert [e.path for e in home.store.list("staging")] == ["staging/new/unit.json"]
    assert [e.path for e in home.store.list("planned")] == ["planned/new.json"]
    assert not home.store.exists("data/raw/day=2022-01-05/0000000000000000.parquet")
    assert {d: m.json() for d, m in home.manifests().items()} == manifests
    assert all(home.store.exists(e["file"]) for m in home.manifests().values() for e in m.tables.values())


def test_old_validation_pages_go_with_their_records_and_the_index_says_so(home):
    pages = [e.path for e in home.store.list("_docs") if e.path != datadocs.INDEX]
    assert pages
    upkeep.rotate(datetime.now(UTC))
    assert [e.path for e in home.store.list("_docs") if e.path != datadocs.INDEX] == pages
    upkeep.rotate(datetime.now(UTC) + timedelta(days=31))
    assert [e.path for e in home.store.list("_docs")] == [datadocs.INDEX]
    assert not home.store.is_folder(pages[0].rpartition("/")[0])
    assert b"<a " not in home.store.read(datadocs.INDEX)


@pytest.mark.parametrize(("allowed", "today", "message"), [
    ("2", date(2022, 1, 8), ""),
    ("2", date(2022, 1, 9), "the newest published day is 2022-01-06, 3 days ago; allowed are 2 "),
    ("3", date(2022, 1, 9), ""),
    ("0", date(2032, 1, 9), ""),
])  # fmt: skip
def test_freshness(home, monkeypatch, allowed, today, message):
    monkeypatch.setenv("STANDPOINT_STALE_DAYS", allowed)
    if not message:
        upkeep.freshness(today)
        return
    with pytest.raises(ValidationFailed, match=message) as caught:
        upkeep.freshness(today)
    assert "\n" not in str(caught.value)


def test_a_lake_without_a_day_is_not_fresh(lake, monkeypatch):
    monkeypatch.setenv("STANDPOINT_LAKE", lake.store.uri)
    with pytest.raises(ValidationFailed, match="no day is published"):
        upkeep.freshness(NOW.date())
    for name in drift.MEASURES:
        upkeep.watch(name, NOW.date())


def test_two_days_are_too_few_to_tell(home):
    for name in drift.MEASURES:
        upkeep.watch(name, NOW.date())
    pages = {e.path for e in home.store.list("_docs/drift-2022-01-06") if e.path.endswith(".html")}
    assert pages == {f"_docs/drift-2022-01-06/{name}.passed.html" for name in drift.MEASURES}


def test_what_has_drifted_is_an_alert_with_a_line_each_and_a_page(home, monkeypatch, caplog):
    before = {date(2022, 1, 5) - timedelta(n): (40.0, 1.0) for n in range(28)}
    today = {"a.example": 0.0, "b.example": 41.0, "c.example": 400.0}
    counted = {outlet: before | {date(2022, 1, 6): (count, 1.0)} for outlet, count in today.items()}
    monkeypatch.setattr(drift, "measure", lambda connection, day, what: counted)
    with pytest.raises(
        ValidationFailed, match=r"articles, c.example: 400 on .*; articles, a.example: 0 on "
    ) as caught:
        upkeep.watch("volume", NOW.date())
    assert "b.example" not in str(caught.value)
    lines = [r.message for r in caplog.records if r.levelname == "ERROR"]
    assert [line[:19] for line in lines] == ["articles, c.example", "articles, a.example"]
    page = home.store.read("_docs/drift-2022-01-06/volume.failed.html").decode()
    assert "deviation" in page
    assert not home.store.exists("_docs/drift-2022-01-06/volume.passed.html")


def test_the_day_that_has_not_ended_is_not_judged(home):
    upkeep.watch("volume", date(2022, 1, 6))
    assert [e.path.split("/")[1] for e in home.store.list("_docs") if "drift" in e.path][:1] == [
        "drift-2022-01-05"
    ]


def test_an_unknown_measure_is_told(home):
    with pytest.raises(UsageError, match="measure 'mood' is none of volume, rejects"):
        upkeep.watch("mood", NOW.date())


def test_the_model_is_evaluated_once_a_week_and_when_it_is_another(home, context, monkeypatch):
    assert upkeep.evaluate(GOLD, NOW)
    (first,) = evaluations(home)
    assert (first.at, first.model, first.precision) == (NOW.isoformat(), context.model_digest, 0.9)
    assert first.scores["mentions: span"].wanted > 500
    assert not upkeep.evaluate(GOLD, NOW + timedelta(days=1))
    worse = Context(context.settings, context.tagger, context.judge)
    worse.model_digest = "another"
    monkeypatch.setattr(orchestration, "context", lambda settings: worse)
    monkeypatch.setattr(
        upkeep, "scores", lambda gold, about: dict(first.scores) | {"mentions: span": Score(1, 900, 900)}
    )
    with pytest.raises(
        ValidationFailed, match=r"mentions: span: precision fell from .* to 0.001 \(model another\)"
    ):
        upkeep.evaluate(GOLD, NOW + timedelta(days=1))
    assert [e.model for e in evaluations(home)] == [context.model_digest, "another"]
    assert upkeep.evaluate(GOLD, NOW + timedelta(days=8))  # it fell a week ago: that was told then


BEFORE = Evaluation("2022-01-01T06:00:00+00:00", "one", "labels", 0.9, {"x": Score(180, 200, 220)})


@pytest.mark.parametrize(("score", "measures"), [
    (Score(180, 200, 220), []),
    (Score(176, 200, 220), []),
    (Score(140, 200, 220), ["precision", "recall", "f1"]),
    (Score(180, 260, 220), ["precision", "f1"]),
    (Score(140, 150, 220), ["recall", "f1"]),
    (Score(200, 205, 220), []),
])  # fmt: skip
def test_a_fall_is_more_than_chance(score, measures):
    after = replace(BEFORE, model="two", scores={"x": score, "new": Score(0, 9, 99)})
    assert [line.split()[1] for line in falls(BEFORE, after)] == measures


def test_few_labels_tell_nothing():
    few = replace(BEFORE, scores={"x": Score(9, 10, 10)})
    assert falls(few, replace(few, scores={"x": Score(0, 10, 10)})) == []
    assert Evaluation.parse(few.json()) == few


def test_staging_of_a_unit_that_is_at_work_stays(home):
    home.store.write("staging/new/unit.json", b"[]")
    upkeep.vacuum(datetime.now(UTC))
    assert Staging(home, "new").begun
