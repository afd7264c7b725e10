"""What a source says and what the text says, told by rule: cases in `cases/cues.json`."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import ROLES
from pipeline.attribution import Paragraph, Sentence
from pipeline.cues import spans
from pipeline.speakers import Mention

CASES = json.loads((Path(__file__).parent / "cases/cues.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_case(case):
    left, name, right = re.fullmatch(r"(.*)\[(.*)\](.*)", case["text"]).groups()
    text, mention = left + name + right, Mention(0, len(left), len(left) + len(name), "PERSON", "x")
    found = [tuple((s, e) for s, e, is_ in spans(text) if is_ == role) for role in ROLES]
    assert bool(Paragraph([Sentence(text, *found, (mention,))]).spoken()) == case["said"]


def test_the_spans_of_a_sentence():
    text = "“Norsund lied,” Jane Roe told reporters, according to the Gazette."
    assert [(text[start:end], role) for start, end, role in spans(text)] == [
        ("“Norsund lied,”", "content"),
        ("Norsund lied", "content"),
        ("Jane Roe", "source"),
        ("told", "cue"),
        ("reporters", "content"),
        ("according to", "cue"),
        ("the Gazette", "source"),
    ]


def test_a_sentence_without_cue_or_quotation_has_none():
    assert spans("Norsund won the cup.") == spans("") == []


@given(st.text(alphabet="ab said,.“”\"'’", max_size=60))
def test_spans_lie_in_the_sentence(text):
    found = spans(text)
    assert all(0 <= start < end <= len(text) and role in ROLES for start, end, role in found)
    assert found == sorted(set(found))


def test_time_is_linear_in_cues_without_a_break():
    def took(repeats: int, text: str) -> float:
        begun = time.process_time()
        spans(text * repeats)
        return time.process_time() - begun

    for text in ("Roe said that ", "according to "):
        short, long = (min(took(n, text) for _ in range(3)) for n in (1_000, 8_000))
        assert long < 24 * short  # 64 times as long where it is quadratic


def test_a_very_long_sentence_takes_no_longer_than_its_length():
    begun = time.perf_counter()
    spans("a!" * 50_000 + " said")
    spans("he said it, " * 2_000)
    assert time.perf_counter() - begun < 5
