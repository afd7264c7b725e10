"""Batches: landed whole, read back by day, removed when taken up."""

from datetime import date

import pytest
from lakes import article, batch, day_batch

from pipeline import inbox
from pipeline.errors import UsageError
from pipeline.store import Store

FIFTH, SIXTH = date(2022, 1, 5), date(2022, 1, 6)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path))


def test_rows_come_back_by_day(store):
    one, two = article("one"), article("two", "2022-01-06")
    inbox.land(store, batch(d20220105=day_batch([one], ["broken"]), d20220106=day_batch([two], duplicates=2)))
    (landed,) = inbox.batches(store)
    assert landed.rows(store, "raw", FIFTH)["article_id"].to_pylist() == [one["article_id"]]
    assert landed.rows(store, "raw", SIXTH)["article_id"].to_pylist() == [two["article_id"]]
    assert landed.rows(store, "rejects", FIFTH)["source_uri"].to_pylist() == ["broken"]
    assert landed.rows(store, "rejects", SIXTH).num_rows == 0
    assert landed.days[SIXTH]["duplicates"] == 2
    known = {(row["article_id"], row["day"]) for row in landed.known(store).to_pylist()}
    assert known == {(one["article_id"], FIFTH), (two["article_id"], SIXTH)}


def test_only_rejects(store):
    inbox.land(store, batch(d20220105=day_batch([], ["a", "b"])))
    (landed,) = inbox.batches(store)
    assert landed.rows(store, "raw", FIFTH).num_rows == 0
    assert landed.known(store).num_rows == 0


def test_batches_apply_in_the_order_of_landing(store):
    names = [inbox.land(store, batch(d20220105=day_batch([article(n)]))) for n in ("c", "a", "b")]
    assert [b.name for b in inbox.batches(store)] == names


def test_a_batch_without_its_commit_point_is_not_there(store):
    name = inbox.land(store, batch(d20220105=day_batch([article("one")])))
    store.delete(f"inbox/{name}.json")
    assert inbox.batches(store) == []


def test_remove(store):
    name = inbox.land(store, batch(d20220105=day_batch([article("one")], ["broken"])))
    inbox.remove(store, [name])
    assert list(store.list()) == []


def test_moves_name_the_day_that_the_article_went_to(store):
    gone = article("one", "2022-01-06")
    inbox.land(
        store,
        batch(d20220105=day_batch(moved=[gone["article_id"]]), d20220106=day_batch([gone])),
    )
    (landed,) = inbox.batches(store)
    assert landed.days[FIFTH]["moved_to"] == ["2022-01-06"]
    assert landed.moved(FIFTH) == [gone["article_id"]]


def test_counts_must_agree():
    with pytest.raises(ValueError, match="3 rows came in, 2 are accounted for"):
        inbox.DayBatch(duplicates=2, rows_in=3)


def test_a_batch_of_an_earlier_version_is_refused_and_stays(store):
    name = inbox.land(store, batch(d20220105=day_batch([article("one")])))
    path = f"inbox/{name}.json"
    store.write(path, store.read(path).replace(b'"format": 2', b'"was": 1'))
    with pytest.raises(UsageError, match=f"{name}.json was landed by another version of Standpoint"):
        inbox.batches(store)
    assert store.exists(f"inbox/{name}.raw.arrow")
