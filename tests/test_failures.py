"""What went wrong lately: told from staging, against what has been published since."""

from datetime import UTC, datetime, timedelta

from lakes import article, batch, day_batch

from pipeline import plan, runner, stages
from pipeline.failures import Rejected, failures
from pipeline.outcome import Outcome
from pipeline.staging import Staging

NOW = datetime(2122, 1, 1, tzinfo=UTC)  # later than anything that these tests write


def found(lake, now=None):
    return failures(lake, lake.manifests(), now or datetime.now(UTC))


def failing(monkeypatch):
    """A stage that loses a row: nothing of the unit may be published."""
    clean = stages.STAGES[0]
    lost = lambda tables, context: (  # noqa: E731
        Outcome((done := clean.run(tables, context)).kept, done.rows_in + 1, done.rejected)
    )
    broken = stages.Stage(**{**vars(clean), "run": lost})
    monkeypatch.setattr(runner, "STAGES", (broken, *stages.STAGES[1:]))


def test_a_current_lake_has_only_its_rejects(built):
    asked = found(built)
    assert (asked.failed, asked.working, asked.stuck) == ((), 0, {})
    assert asked.rejects == (Rejected("ingest", "empty", 1),)
    assert found(built, NOW).rejects == ()


def test_a_failed_day_is_told_until_it_is_published(landed, context, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch)
        errors = runner.run(landed, list(plan.units(plan.due(landed, context), landed)), context)
    asked = found(landed)
    assert sorted(f.days for f in asked.failed) == [("2022-01-05",), ("2022-01-06",)]
    assert sorted(f.error for f in asked.failed) == sorted(errors)
    assert (asked.working, asked.stuck) == (0, {})
    assert runner.run(landed, list(plan.units(plan.due(landed, context), landed)), context) == []
    assert found(landed).failed == ()


def test_of_several_failures_of_a_day_the_last_is_told(landed, context):
    (unit,) = plan.units(plan.due(landed, context), landed)
    for name, error in (("one", "first"), ("two", "second")):
        staging = Staging(landed, f"{unit.id}-{name}")
        staging.begin(unit)
        staging.fail(error)
    (failure,) = found(landed).failed
    assert (failure.error, failure.unit) == ("second", f"{unit.id}-two")
    assert failure.days == ("2022-01-05", "2022-01-06")


def test_a_unit_is_at_work_until_it_is_silent_for_long(landed, context):
    (unit,) = plan.units(plan.due(landed, context), landed)
    Staging(landed, "2022-01-05-x").begin(unit)
    assert (found(landed).working, found(landed).stuck) == (1, {})
    later = found(landed, datetime.now(UTC) + timedelta(hours=7))
    assert (later.working, list(later.stuck)) == (0, ["2022-01-05-x"])


def test_rejects_of_all_stages_are_counted_by_reason(lake, context):
    german = ["Der Gemeinderat hat am Mittwoch über die neue Brücke beraten und die Pläne abgelehnt."]
    articles = [article("eins", lines=german, title="Der Rat lehnt ab"), article("two")]
    lake.land(batch(d20220105=day_batch(articles, ["a", "b"])))
    runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context)
    assert found(lake).rejects == (Rejected("ingest", "empty", 2), Rejected("clean", "language", 1))
