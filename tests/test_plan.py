"""What is due and why, and how it is cut into units."""

from dataclasses import replace
from datetime import date

from fake_models import KeywordJudge, KeywordTagger
from lakes import article, batch, day_batch

from pipeline import inbox, plan
from pipeline.inputs import gather
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
    (unit,) = plan.units(found, built, apart=True)
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


def test_the_newest_days_come_first_where_that_is_asked_for(built):
    other = Context(Settings(languages=("en", "fr")), KeywordTagger(), KeywordJudge())
    found = plan.due(built, other, newest=True)
    assert [due.day for due in found] == ["2022-01-06", "2022-01-05"]
    assert found == plan.due(built, other)[::-1]


def test_what_is_to_be_read_is_estimated_in_tokens(built, context):
    """A late article counts alone, a new day and one for another model as a whole."""
    built.land(batch(d20220105=day_batch([article("late", lines=["x" * 4800])])))
    (late,) = plan.due(built, context)
    assert 1000 <= late.tokens <= 1010
    assert late.size > late.tokens
    whole = plan.due(built, Context(Settings(languages=("en", "fr")), KeywordTagger(), KeywordJudge()))
    assert [due.tokens == due.size for due in whole] == [True, True]
    assert whole[0].size == late.size


def test_days_that_exchange_articles_are_told_by_the_first_of_them(built, context):
    moved = article("one", "2022-01-06")
    built.land(batch(d20220105=day_batch(moved=[moved["article_id"]]), d20220106=day_batch([moved])))
    assert [due.together for due in plan.due(built, context)] == ["2022-01-05"] * 2


def test_the_inputs_that_are_planned_are_those_that_are_built(built, context):
    """However many batches have come since, in whatever order, a day is current once it is built."""
    moved = article("one", "2022-01-06")
    built.land(batch(d20220105=day_batch([article("late")], ["bad"])))
    built.land(batch(d20220105=day_batch([article("late", lines=["Corrected."])], ["bad", "worse"])))
    built.land(batch(d20220105=day_batch(moved=[moved["article_id"]]), d20220106=day_batch([moved])))
    for due in plan.due(built, context):
        manifest = built.manifest(due.date)
        found = gather(built, due.date, manifest, inbox.batches(built.store))
        assert (due.inputs, due.articles) == (found.digest, found.raw.num_rows)
