"""Thresholds: what a judge states for a precision, and what holds where it states nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from fake_models import KeywordJudge

from pipeline.errors import UsageError
from pipeline.thresholds import MIN_PORTRAYAL, MIN_RELATION, Thresholds

STATED = {
    "portrayal": {"0.80": [0.4, 0.5], "0.90": [0.7, None]},
    "relation": {"0.80": [0.6, 0.85], "0.90": [0.8, 0.95], "0.95": [None, None]},
}


class Stated(KeywordJudge):
    """States thresholds."""

    def __init__(self, thresholds: dict[str, Any]) -> None:
        self.thresholds = thresholds


def test_what_the_judge_states_and_between_parties_no_less_than_is_asked():
    assert Thresholds.of(Stated(STATED), 0.8) == Thresholds((0.45, 0.52), (0.81, 0.85))


def test_a_stance_must_be_a_little_more_probable_than_is_asked():
    low = {name: {"0.90": [0.5, 0.5], "0.95": [0.5, 0.5]} for name in STATED}
    assert Thresholds.of(Stated(low), 0.9) == Thresholds((0.55, 0.52), (0.91, 0.93))
    assert Thresholds.of(Stated(low), 0.95).relation == (0.96, 0.98)


def test_what_cannot_be_reached_is_never_published():
    assert Thresholds.of(Stated(STATED), 0.9) == Thresholds((0.75, math.inf), (0.91, 0.95))
    both = {**STATED, "portrayal": STATED["relation"]}
    assert Thresholds.of(Stated(both), 0.95).relation == (math.inf, math.inf)


@pytest.mark.parametrize("judge", [KeywordJudge(), Stated({})], ids=["silent", "empty"])
def test_fixed_ones_where_the_judge_states_none(judge):
    fixed = Thresholds((MIN_PORTRAYAL,) * 2, (MIN_RELATION,) * 2)
    assert {Thresholds.of(judge, precision) for precision in (0.8, 0.9, 0.95)} == {fixed}


def test_a_precision_that_the_judge_does_not_state():
    with pytest.raises(UsageError, match=r"^precision: 0.95 .* STANDPOINT_PRECISION to one of 0.8, 0.9$"):
        Thresholds.of(Stated(STATED), 0.95)
