"""What is due and why, and how it is cut into units."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from fake_models import KeywordJudge, KeywordTagger
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import article, batch, day_batch

from pipeline import plan
from pipeline.plan import Due, Unit
from pipeline.settings import Settings
from pipeline.stages import Context


def reasons(lake, context, **span) -> dict[str, tuple[str, ...]]:
    return {due.day: due.reasons for due in plan.due(lake, context, **span)}


def test_an_empty_lake_has_nothing_due(lake, context):
    assert plan.due(lake, context) == []


def test_new_days_are_due(lake, context):
    lake.land(batch(d20220105=day_batch([article("one")], ["broken"])))
    (due,) = plan.due(lake, context)
    assert (due.reasons, due.articles, due.fresh) == (("new",), 1, 1)


def test_built_days_are_current(built, context):
    assert plan.due(built, context) == []


def test_a_late_article_makes_its_day_due_and_is_the_only_fresh_one(built, context):
    built.land(batch(d20220105=day_batch([article("late")])))
    (due,) = plan.due(built, context)
    assert (due.day, due.reasons, due.articles, due.fresh) == ("2022-01-05", ("1 late",), 3, 1)


def test_a_corrected_article_is_recomputed_alone(built, context):
    built.land(batch(d20220105=day_batch([article("one", lines=["The council was wrong."])])))
    (due,) = plan.due(built, context)
    assert (due.reasons, due.articles, due.fresh) == (("1 corrected",), 2, 1)


def test_a_refused_input_makes_its_day_due_without_any_work(built, context):
    built.land(batch(d20220105=day_batch([], ["garbage"])))
    (due,) = plan.due(built, context)
    assert (due.reasons, due.fresh) == (("1 refused",), 0)


def test_a_moved_article_makes_both_days_due_in_one_unit(built, context):
    moved = article("one", "2022-01-06")
    built.land(batch(d20220105=day_batch(moved=[moved["article_id"]]), d20220106=day_batch([moved])))
    found = plan.due(built, context)
    assert [(d.day, d.reasons) for d in found] == [
        ("2022-01-05", ("1 moved away",)),
        ("2022-01-06", ("1 late",)),
    ]
    (unit,) = plan.units(found, built, articles=0)
    assert [d.day for d in unit.days] == ["2022-01-05", "2022-01-06"]
    one_day = plan.due(built, context, date(2022, 1, 6), date(2022, 1, 6))
    assert [d.day for d in one_day] == ["2022-01-05", "2022-01-06"]


def test_a_changed_setting_makes_every_day_due_and_everything_fresh(built):
    other = Context(Settings(languages=("de", "en")), KeywordTagger(), KeywordJudge())
    found = plan.due(built, other)
    assert [(d.reasons, d.fresh == d.articles) for d in found] == [(("config (clean)",), True)] * 2


def test_a_changed_model_makes_every_day_due(built):
    class OtherTagger(KeywordTagger):
        digest = "another"

    other = Context(Settings(), OtherTagger(), KeywordJudge())
    assert reasons(built, other)["2022-01-05"] == ("model (judge)", "model (tag)")


def test_a_changed_stage_version_makes_every_day_due(built, context, monkeypatch):
    from pipeline import stages

    changed = tuple(replace(s, version="2000") if s.name == "link" else s for s in stages.STAGES)
    monkeypatch.setattr(stages, "STAGES", changed)
    assert reasons(built, context)["2022-01-05"] == ("code (link)",)


def test_bounds_are_inclusive(built):
    other = Context(Settings(languages=("en", "fr")), KeywordTagger(), KeywordJudge())
    assert list(reasons(built, other, first=date(2022, 1, 6))) == ["2022-01-06"]
    assert list(reasons(built, other, last=date(2022, 1, 5))) == ["2022-01-05"]


def test_a_unit_survives_its_json(built):
    other = Context(Settings(languages=("en", "fr")), KeywordTagger(), KeywordJudge())
    unit = Unit(tuple(plan.due(built, other)))
    assert Unit.parse(unit.json()) == unit
    assert Unit.parse(unit.json()).id == unit.id


@given(st.lists(st.integers(0, 700), max_size=30), st.integers(1, 500))
@settings(deadline=None, max_examples=50)
def test_units_hold_every_day_once_in_order_and_no_more_than_asked(tmp_path_factory, sizes, bound):
    from pipeline.lake import Lake

    lake = Lake(str(tmp_path_factory.getbasetemp() / "units"))
    first = date(2022, 1, 1)
    days = [
        Due((first + timedelta(i)).isoformat(), ("new",), size, size, "", "", f"{i:064x}", ())
        for i, size in enumerate(sizes)
    ]
    units = list(plan.units(days, lake, bound))
    assert [d for u in units for d in u.days] == days
    for unit in units:
        assert len(unit.days) == 1 or sum(d.fresh for d in unit.days) <= bound
    for before, after in pairwise(units):
        assert sum(d.fresh for d in (*before.days, after.days[0])) > bound
