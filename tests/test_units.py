"""How what is due is packed into units, and cut into shards where a day is too large for one."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakes import article, batch, day_batch

from pipeline import inbox, plan
from pipeline.inputs import gather
from pipeline.lake import Lake
from pipeline.units import CARRIED, Due, Shard, Unit, tokens_of, units

FIRST = date(2022, 1, 1)
SIZES = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 4000)), max_size=30)


def days(sizes, *, newest: bool = False) -> list[Due]:
    """Dirty days of so many tokens to compute and to carry over."""
    found = [
        Due((FIRST + timedelta(n)).isoformat(), ("new",), 9, 9, "", "", f"{n:064x}", (), new, new + old)
        for n, (new, old) in enumerate(sizes)
    ]
    return found[::-1] if newest else found


def crowded(lake: Lake, lengths) -> Due:
    """A day with an article of each of these lengths, landed."""
    rows = [article(f"a{n}", lines=["x" * length]) for n, length in enumerate(lengths)]
    lake.land(batch(d20220105=day_batch(rows)))
    raw = inbox.batches(lake.store)[0].rows(lake.store, "raw", date(2022, 1, 5))
    tokens = tokens_of(int(inbox.characters(raw).sum()))
    names = tuple(inbox.names(lake.store))
    return Due("2022-01-05", ("new",), len(rows), len(rows), "", "", "f" * 64, names, tokens, tokens)


@given(SIZES, st.integers(700, 3000), st.booleans())
def test_units_hold_every_day_once_in_order_and_no_more_than_asked(sizes, bound, newest):
    listed = days(sizes, newest=newest)
    found = list(units(listed, None, bound))
    assert [due for unit in found for due in unit.days] == listed
    for unit in found:
        assert len(unit.days) == 1 or sum(due.weight for due in unit.days) <= bound
    for before, after in pairwise(found):
        assert sum(due.weight for due in (*before.days, after.days[0])) > bound


def test_what_is_carried_over_fills_a_unit_too():
    """Days that need no model are read and written whole: thousands of them must not be one unit."""
    (alone,) = days([(0, 4000)])
    assert alone.weight == 4000 // CARRIED
    assert len(list(units(days([(0, 4000)] * 50), None, 5000))) == 10


def test_days_apart():
    assert [len(unit.days) for unit in units(days([(1, 0)] * 3), None, 100, apart=True)] == [1, 1, 1]


@given(SIZES, st.lists(st.integers(0, 29), max_size=12))
def test_days_that_exchange_articles_are_in_one_unit(sizes, members):
    listed = days(sizes)
    together = sorted({n for n in members if n < len(listed)})
    for n in together:
        listed[n] = replace(listed[n], together=listed[together[0]].day)
    found = list(units(listed, None, 10**6 if not together else 700 * 30, apart=True))
    assert sorted(due.day for unit in found for due in unit.days) == [due.day for due in listed]
    holders = [unit for unit in found if {due.day for due in unit.days} & {listed[n].day for n in together}]
    assert len(holders) == min(len(together), 1)


@given(st.lists(st.integers(1, 3000), min_size=2, max_size=60), st.integers(50, 500))
def test_every_article_of_a_day_in_shards_is_in_one_of_them(tmp_path_factory, lengths, bound):
    lake = Lake(str(tmp_path_factory.mktemp("crowded")))
    due = crowded(lake, lengths)
    found = list(units([due], lake, bound))
    assert {unit.days for unit in found} == {(due,)}
    assert sum(unit.fresh for unit in found) == len(lengths)
    if len(found) == 1:
        assert found[0].shard is None
        return
    raw = gather(lake, due.date, None, inbox.batches(lake.store)).raw
    held = [unit.shard.of(raw) for unit in found]
    assert pa.concat_tables(held)["article_id"].to_pylist() == raw["article_id"].to_pylist()
    for unit, rows in zip(found, held, strict=True):
        tokens = sum(tokens_of(size) for size in inbox.characters(rows).tolist())
        assert (unit.fresh, unit.tokens) == (rows.num_rows, tokens)
        assert tokens <= bound or rows.num_rows == 1


def test_shards_are_about_equal(lake):
    """Nine articles of 100 tokens, at most 400 at a time: not four, four and one."""
    found = list(units([crowded(lake, [470 - 31] * 9)], lake, 400))
    assert [unit.fresh for unit in found] == [3, 3, 3]


def test_shards_are_the_same_whenever_they_are_cut(lake):
    due = crowded(lake, [400] * 10)
    first, second = (list(units([due], lake, 300)) for _ in range(2))
    assert [unit.id for unit in first] == [unit.id for unit in second]
    assert len({unit.id for unit in first}) == len(first) > 1


def test_a_day_in_shards_shares_no_unit(lake):
    small = days([(10, 10), (10, 10)])
    found = list(units([small[0], crowded(lake, [400] * 10), small[1]], lake, 300))
    assert [unit.shard is None for unit in found] == [True, *([False] * (len(found) - 2)), True]
    assert [unit.days for unit in (found[0], found[-1])] == [(small[0],), (small[1],)]


def test_only_what_is_computed_is_cut(built, context):
    """One late article of a day is no reason to cut the others, however many."""
    built.land(batch(d20220105=day_batch([article(f"late{n}", lines=["x" * 400]) for n in range(6)])))
    (due,) = plan.due(built, context)
    found = list(units([due], built, 300))
    assert len(found) > 1
    assert sum(unit.fresh for unit in found) == due.fresh == 6


def test_a_plan_that_another_run_has_overtaken_is_no_error(lake):
    due = crowded(lake, [400] * 10)
    inbox.remove(lake.store, due.batches)
    assert [unit.shard for unit in units([due], lake, 300)] == [None]


def test_shards_know_each_other_by_the_names_they_are_staged_under():
    day = days([(1, 0)])
    parts = [Unit(tuple(day), Shard(n, ("4", "8"), 1, 1)) for n in (1, 2, 3)]
    staged = [f"{unit.id}-0123abcd" for unit in parts]
    assert len(set(staged)) == 3
    assert [unit.siblings(name) for unit, name in zip(parts, staged, strict=True)] == [staged] * 3
    whole = Unit(tuple(day))
    assert whole.siblings("any-name") == ["any-name"]


@pytest.mark.parametrize("shard", [None, Shard(2, ("4000000000000000", "8"), 3, 99)])
def test_a_unit_survives_its_json(shard):
    unit = Unit(tuple(days([(5, 10), (7, 0)])), shard)
    assert Unit.parse(unit.json()) == unit
    assert Unit.parse(unit.json()).id == unit.id
