"""What waits, told without reading articles: it must agree with the plan."""

from datetime import date

import pytest
from fake_models import KeywordJudge, KeywordTagger, NewJudge, NewTagger
from lakes import article, batch, day_batch

from pipeline import inbox, plan
from pipeline.backlog import Waiting, backlog
from pipeline.settings import Settings
from pipeline.stages import Context

FIRST = date(2022, 1, 5)


def found(lake, context):
    return backlog(lake.manifests(), inbox.batches(lake.store), context)


def test_a_current_lake_has_none(built, context):
    asked = found(built, context)
    assert (asked.total, asked.reasons, asked.batches, asked.oldest_batch) == (Waiting(), {}, 0, None)


def test_what_has_landed_is_new(landed, context):
    asked = found(landed, context)
    assert asked.total == Waiting(2, 3)
    assert asked.reasons == {"new": Waiting(2, 3)}
    assert asked.batches == 1
    assert asked.oldest_batch == inbox.batches(landed.store)[0].started_at


def test_late_articles_do_not_count_those_that_are_carried_over(built, context):
    built.land(
        batch(d20220105=day_batch([article("late")]), d20220109=day_batch([article("x", "2022-01-09")]))
    )
    asked = found(built, context)
    assert asked.reasons == {"landed since": Waiting(1, 1), "new": Waiting(1, 1)}
    assert asked.total == Waiting(2, 2)


@pytest.mark.parametrize(
    ("about", "reasons"),
    [
        (Context(Settings(), NewTagger(), NewJudge()), {"model (tag, judge)": Waiting(2, 3)}),
        (Context(Settings(languages=("de",)), KeywordTagger(), KeywordJudge()),
         {"config (clean)": Waiting(2, 3)}),
        # Only what publishing settles: no article is computed.
        (Context(Settings(duplicate_days=1), KeywordTagger(), KeywordJudge()),
         {"config (publish)": Waiting(2, 0)}),
    ],
    ids=["model", "language", "publish"],
)  # fmt: skip
def test_it_agrees_with_the_plan(built, about, reasons):
    asked, due = found(built, about), plan.due(built, about)
    assert asked.reasons == reasons
    assert asked.total == Waiting(len(due), sum(d.fresh for d in due))


def test_a_batch_that_some_days_have_taken_up_waits_for_the_others(landed, context):
    name = inbox.names(landed.store)[0]
    manifests = {FIRST: _published(name)}
    asked = backlog(manifests, inbox.batches(landed.store), context)
    assert asked.reasons["new"] == Waiting(1, 1)
    assert asked.batches == 1
    manifests[date(2022, 1, 6)] = _published(name)
    assert backlog(manifests, inbox.batches(landed.store), context).batches == 0


def _published(batch_name: str):
    from pipeline.manifest import Manifest

    return Manifest("2022-01-05", "", "", "{}", "", 2, "", "", {}, (batch_name,))
