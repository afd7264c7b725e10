"""The quality of the last four weeks against the four before, as the view `quality` has it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from fake_models import KeywordJudge, KeywordTagger
from lakes import article, batch, day_batch

from pipeline import database, plan, runner, trend
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context

LAST = date(2022, 3, 1)


@pytest.fixture(scope="module")
def eight_weeks(tmp_path_factory) -> Lake:
    """One article on four days of each half, two of the last day; a reject on two days of the last half."""
    lake = Lake(str(tmp_path_factory.mktemp("weeks") / "lake"))
    days = [LAST - timedelta(n) for n in (0, 1, 14, 27, 28, 35, 41, 55, 56)]
    parts = {}
    for n, day in enumerate(days):
        rows = [article(f"a{n}", str(day)), *([article("b", str(day))] if n == 0 else [])]
        parts[f"d{day:%Y%m%d}"] = day_batch(rows, [f"bad{n}"] if n in (0, 2) else [])
    rejects_alone = LAST + timedelta(3)
    parts[f"d{rejects_alone:%Y%m%d}"] = day_batch([], ["alone"])
    lake.land(batch(**parts))
    context = Context(Settings(), KeywordTagger(), KeywordJudge())
    assert runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context) == []
    database.refresh(lake)
    return lake


def test_pooled_and_day_by_day(eight_weeks):
    found = {one.name: one for one in trend.trend(eight_weeks, eight_weeks.manifests())}
    assert list(found) == list(trend.MEASURES)
    articles, refused = found["articles"], found["reject_rate"]
    assert (articles.last, articles.before) == (5 / 4, 1)
    assert [n for n, value in enumerate(articles.daily) if value is not None] == [0, 13, 26, 27]
    assert articles.daily[27] == 2
    assert refused.last == pytest.approx(2 / 7)
    assert refused.before == 0
    assert refused.daily[27] == pytest.approx(1 / 3)


def test_shares_of_judgements_are_those_of_the_tables(eight_weeks):
    found = {one.name: one for one in trend.trend(eight_weeks, eight_weeks.manifests())}
    asked = f"""SELECT count(*) FILTER (stance = 'favor') / count(*) FROM stances
        WHERE day > DATE '{LAST}' - 28 AND day <= DATE '{LAST}'"""
    with database.connect(eight_weeks) as connection:
        (expected,) = database.query(connection, asked).fetchall()
    assert found["favor_share"].last == pytest.approx(expected[0])
    assert expected[0] > 0


def test_without_days_before_nothing_is_compared(eight_weeks):
    last = {day: m for day, m in eight_weeks.manifests().items() if day == LAST}
    assert {one.before for one in trend.trend(eight_weeks, last)} == {None}
    assert trend.trend(eight_weeks, {}) == []
    none = {day: replace(m, articles=0) for day, m in last.items()}
    assert trend.trend(eight_weeks, none) == []


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("reject_rate", 0.1234, "12.3 %"), ("articles", 1234.5, "1,234.5"), ("articles", None, "–")],
)
def test_values_for_people(name, value, shown):
    assert trend.Measure(name, trend.MEASURES[name], None, None, ()).shown(value) == shown
