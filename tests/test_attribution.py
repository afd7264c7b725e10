"""What a source says and what the text says: cases in `cases/attribution.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.attribution import attribution

CASES = json.loads((Path(__file__).parent / "cases/attribution.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_case(case):
    left, name, right = re.fullmatch(r"(.*)\[(.*)\](.*)", case["text"]).groups()
    span = (len(left), len(left) + len(name))
    assert attribution(left + name + right).covers(span) == case["said"]


@given(st.text(alphabet="ab said,.“”\"'’", max_size=60))
def test_spans_lie_in_the_sentence(text):
    found = attribution(text)
    assert all(0 <= start < end <= len(text) for start, end in (*found.quoted, *found.sources))
