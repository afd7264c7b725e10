"""What has landed for a day, told from a few columns: the same as if the day had been put together."""

from datetime import date

import pytest
from lakes import article, batch, day_batch

from pipeline import inbox
from pipeline.arrivals import Arrivals
from pipeline.inputs import gather

DAY = date(2022, 1, 5)


def arrived(lake):
    batches = inbox.batches(lake.store)
    return Arrivals(lake).of(DAY, lake.manifest(DAY), [b for b in batches if DAY in b.days])


def test_a_new_day_is_all_that_has_landed_for_it(lake):
    lake.land(batch(d20220105=day_batch([article("one"), article("two")], ["broken"])))
    lake.land(batch(d20220106=day_batch([article("three", "2022-01-06")])))
    found = arrived(lake)
    assert (found.articles, found.counts["late"], found.counts["refused"]) == (2, 2, 1)
    raw = inbox.batches(lake.store)[0].rows(lake.store, "raw", DAY)
    assert (
        found.characters
        == int(inbox.characters(raw).sum())
        == sum(len(row["title"]) + sum(map(len, row["lines"])) for row in raw.to_pylist())
    )


@pytest.mark.parametrize("times", [1, 2])
def test_batches_apply_in_their_order(built, times):
    for n in range(times):
        built.land(batch(d20220105=day_batch([article("one", lines=[f"Version {n}."])])))
    found = arrived(built)
    assert (found.articles, found.counts["late"], found.counts["corrected"]) == (2, 0, 1)
    inputs = gather(built, DAY, built.manifest(DAY), inbox.batches(built.store))
    assert found.inputs == inputs.digest


def test_an_article_that_comes_and_goes_again_changes_nothing(built):
    built.land(batch(d20220105=day_batch([article("guest")])))
    moved = article("guest", "2022-01-06")
    built.land(batch(d20220105=day_batch(moved=[moved["article_id"]]), d20220106=day_batch([moved])))
    found = arrived(built)
    assert (found.articles, found.counts["late"], found.counts["moved away"]) == (2, 0, 1)
    assert found.inputs == built.manifest(DAY).inputs


def test_a_batch_that_is_gone_is_told(built):
    built.land(batch(d20220105=day_batch([article("late")])))
    (pending,) = inbox.batches(built.store)
    inbox.remove(built.store, [pending.name])
    with pytest.raises(FileNotFoundError):
        Arrivals(built).of(DAY, built.manifest(DAY), [pending])
