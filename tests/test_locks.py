"""Claims: all or none, told apart by owner, renewed, taken over, and fenced off."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rivals import claim_and_hang, claim_in_any_order, race, rivals, silence, until

from pipeline import locks
from pipeline.errors import Conflict, EnvironmentProblem
from pipeline.locks import Claims, claimed, sweep
from pipeline.mutex import this_process
from pipeline.store import Store

DAYS = [f"2022-01-0{n}" for n in range(1, 6)]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "lake"))


def test_days_are_claimed_together_or_not_at_all(store):
    one, two = Claims(store, "one"), Claims(store, "two")
    assert one.take([DAYS[:2]]) == {}
    assert one.take([DAYS[:3]]) == {}
    refused = two.take([DAYS[2:4], DAYS[4:]])
    assert {name: claim.owner for name, claim in refused.items()} == dict.fromkeys(DAYS[2:4], "one")
    assert {claim.owner: claim.holds for claim in claimed(store)} == {
        "one": tuple(DAYS[:3]),
        "two": tuple(DAYS[4:]),
    }
    one.release(DAYS[2:3])
    assert two.take([DAYS[2:4]]) == {}
    one.release()
    assert [claim.owner for claim in claimed(store)] == ["two"]


def test_a_claim_says_whose_it_is(store):
    with Claims(store, "nightly") as claims:
        claims.take([DAYS])
        (claim,) = claimed(store)
        assert claim.process == this_process()
        assert str(claim).startswith(f"run nightly (process {os.getpid()} on ")
    assert claimed(store) == []


def test_what_a_run_of_many_processes_holds_outlives_each(store):
    with Claims(store, "dag run", of_process=False) as claims:
        claims.take([DAYS[:1]])
    with Claims(store, "dag run", of_process=False) as claims:
        claims.take([DAYS[1:2]])
    (claim,) = claimed(store)
    assert (claim.process, claim.holds) == (None, tuple(DAYS[:2]))


def test_who_is_not_heard_from_is_taken_over_and_fenced_off(store):
    one, two = Claims(store, "one"), Claims(store, "two")
    one.take([DAYS])
    silence(one)
    one.check(DAYS)  # nobody has taken over yet
    with one.fenced(*DAYS):
        pass
    assert two.take([DAYS[:1]]) == {}
    with pytest.raises(Conflict, match="2022-01-01: run one was not heard from for 600 s"):
        one.check(DAYS)
    with pytest.raises(Conflict, match="another has taken over"), one.fenced(DAYS[4]):
        pytest.fail("the fence is open")
    assert set(one.take([[day] for day in DAYS])) == {DAYS[0]}


def test_who_works_is_heard_from(store, monkeypatch):
    monkeypatch.setattr(locks, "RENEWAL", timedelta(seconds=0.05))
    with Claims(store, "one") as claims:
        claims.take([DAYS])
        silence(claims)
        (before,) = claimed(store)
        until(lambda: claimed(store)[0].heard > before.heard)
        assert set(Claims(store, "two").take([DAYS[:1]])) == {DAYS[0]}
        Path(store.full(claims._path)).unlink()
        time.sleep(0.3)
        assert claimed(store) == []  # a heart that beats on brings back nothing


def test_a_killed_owner_is_taken_over_at_once(store):
    with rivals(claim_and_hang, (store.uri, DAYS)) as (owner,):
        until(lambda: store.exists("claimed"))
        claims = Claims(store, "next")
        assert set(claims.take([DAYS])) == set(DAYS)
        owner.kill()
        owner.join()
        assert claims.take([DAYS]) == {}
    assert [claim.owner for claim in claimed(store)] == ["next"]


def test_what_the_dead_hold_is_swept(store):
    one, two = Claims(store, "one"), Claims(store, "two")
    one.take([DAYS[:1]])
    two.take([DAYS[1:]])
    silence(one)
    sweep(store)
    assert [claim.owner for claim in claimed(store)] == ["two"]


def test_opposite_orders_end_and_nothing_is_held_twice(store):
    race(claim_in_any_order, *[(store.uri, str(n), DAYS[:3], 15) for n in range(3)])
    assert claimed(store) == []
    assert list(store.list("twice")) == []


def test_waiting_says_for_whom_and_ends(store):
    said: list[str] = []
    first, second = Claims(store, "first"), Claims(store, "second")
    first.wait_for("ingest", timedelta(0))
    with pytest.raises(
        EnvironmentProblem, match=r"ingest: run first \(process .* is still at it after 0 s; wait"
    ):
        second.wait_for("ingest", timedelta(0), said.append)

    def tell(line: str) -> None:
        said.append(line)
        first.release()

    second.wait_for("ingest", timedelta(seconds=60), tell)
    assert [line.split(" (")[0] for line in said] == ["ingest: waiting for run first"]
    assert [claim.owner for claim in claimed(store)] == ["second"]


def test_waiting_for_days_ends_with_the_first_that_is_free(store):
    said: list[str] = []
    first, second = Claims(store, "first"), Claims(store, "second")
    first.take([DAYS[:2]])

    def tell(line: str) -> None:
        said.append(line)
        first.release(DAYS[:1])

    second.wait_until_free(DAYS[:2], tell)
    assert [line.split(" (")[0] for line in said] == ["2022-01-01 and 1 more: waiting for run first"]
    second.wait_until_free(DAYS[2:], pytest.fail)


class Owners(RuleBasedStateMachine):
    """Three runs that claim, fall silent, come back and release, against a model in memory."""

    names = st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True)
    owners = st.sampled_from("abc")

    @initialize(folder=st.uuids())
    def begin(self, folder):
        import tempfile

        self.home = tempfile.TemporaryDirectory()
        store = Store(f"{self.home.name}/{folder}")
        self.claims = {name: Claims(store, name) for name in "abc"}
        self.holds = {name: set() for name in "abc"}
        self.silent = set()

    @rule(owner=owners, groups=st.lists(names, min_size=1, max_size=2))
    def take(self, owner, groups):
        for other in self.silent - {owner}:
            self.holds[other] = set()
        self.silent &= {owner}
        others = set().union(*(held for name, held in self.holds.items() if name != owner))
        free = [set(group) for group in groups if not others & set(group)]
        refused = self.claims[owner].take(groups)
        assert set(refused) == set().union(*(set(group) for group in groups if others & set(group)))
        if not set().union(*free) <= self.holds[owner]:
            self.silent.discard(owner)  # its file is new
        self.holds[owner] |= set().union(*free)

    @rule(owner=owners, names=st.none() | names)
    def release(self, owner, names):
        left = set() if names is None else self.holds[owner] - set(names)
        self.claims[owner].release(names)
        if left != self.holds[owner] or not left:
            self.silent.discard(owner)
        self.holds[owner] = left

    @rule(owner=owners)
    def fall_silent(self, owner):
        if self.holds[owner]:
            silence(self.claims[owner])
            self.silent.add(owner)

    @rule(owner=owners, names=names)
    def commit(self, owner, names):
        if set(names) <= self.holds[owner]:
            with self.claims[owner].fenced(*names):
                pass
        else:
            with pytest.raises(Conflict), self.claims[owner].fenced(*names):
                pytest.fail("the fence is open")

    @invariant()
    def nothing_is_held_twice(self):
        found = {claim.owner: set(claim.holds) for claim in claimed(self.claims["a"].store)}
        assert found == {owner: held for owner, held in self.holds.items() if held}
        assert sum(map(len, found.values())) == len(set().union(*found.values()))

    def teardown(self):
        self.home.cleanup()


TestOwners = Owners.TestCase
TestOwners.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
