"""Sentences are exact stretches of the line, and survive what news is full of."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sentences import split

CASES = json.loads((Path(__file__).parent / "cases/sentences.json").read_text("utf-8"))
PARTS = st.lists(
    st.sampled_from(
        ["Mr. ", "U.S. ", "He said. ", "(No.) ", "“Yes?” ", "? he ", "3", ".", " ", "\u2028", "é", "Vol. "]
    )
)


def pieces(text):
    return [text[start:end] for start, end in split(text)]


@pytest.mark.parametrize("sentences", CASES["spaced"], ids=lambda s: s[0][:40])
def test_cases(sentences):
    assert pieces(" ".join(sentences)) == sentences


@pytest.mark.parametrize("sentences", CASES["joined"], ids=lambda s: s[0][:40])
def test_a_lost_space_between_sentences(sentences):
    assert pieces("".join(sentences)) == sentences


@pytest.mark.parametrize("sentence", CASES["whole"])
def test_no_sentence_ends_within_a_word(sentence):
    assert pieces(sentence) == [sentence]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, id=c["rule"], marks=[pytest.mark.xfail(reason=c["xfail"])] if "xfail" in c else [])
        for c in CASES["golden"]
    ],
)
def test_the_phenomena_of_the_golden_rules(case):
    assert pieces(case.get("between", " ").join(case["sentences"])) == case["sentences"]


@given(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), PARTS.map("".join)))
def test_sentences_hold_every_character_but_white_space(text):
    spans = split(text)
    at = 0
    for start, end in spans:
        assert at <= start < end
        assert text[at:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        at = end
    assert text[at:].strip() == ""


def test_a_line_without_a_full_stop_is_one_sentence_in_linear_time():
    begun = time.process_time()
    assert split("word " * 200_000) == [(0, 999_999)]
    assert len(split("He came. " * 20_000)) == 20_000
    for unit in ('a." ', "? A.", "(“", '" ', "p.m. ", "1. A "):
        split(unit * 100_000)
    assert time.process_time() - begun < 20


def test_nothing_gives_no_sentence():
    assert split("") == split(" \n\u2003") == []
