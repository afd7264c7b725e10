"""One type for one name in an article: cases in `cases/settling.json`, and what holds for all."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schemas import ENTITY_TYPES, MENTION_TYPES
from pipeline.settling import settled

CASES = json.loads((Path(__file__).parent / "cases/settling.json").read_text(encoding="utf-8"))
MENTIONS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["Roe", "roe", "May"]),
        st.sampled_from(MENTION_TYPES),
        st.integers(0, 100),
    ),
    max_size=12,
)


def asked(mentions):
    article, names, types, hundredths = zip(*mentions, strict=True) if mentions else ((),) * 4
    return settled(article, names, types, np.array(hundredths, np.float32) / 100)


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case(case):
    scores = np.array(case["scores"], np.float32)
    assert settled(case["article"], case["names"], case["types"], scores) == case["settled"]


@given(MENTIONS)
def test_a_name_has_one_type_or_keeps_those_it_had(mentions):
    before, after = defaultdict(list), defaultdict(list)
    for (article, name, kind, _), now in zip(mentions, asked(mentions), strict=True):
        if kind in ENTITY_TYPES:
            before[article, name.casefold()].append(kind)
            after[article, name.casefold()].append(now)
        else:
            assert now == kind
    for name, types in after.items():
        assert types == before[name] or (len(set(types)) == 1 and types[0] in before[name])


@given(MENTIONS, st.randoms(use_true_random=False))
def test_order_does_not_matter(mentions, rng):
    order = rng.sample(range(len(mentions)), len(mentions))
    there = asked([mentions[i] for i in order])
    here = asked(mentions)
    assert there == [here[i] for i in order]
