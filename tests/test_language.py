"""The language is told from the text, and only claimed where there is enough of it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language import identify

CASES = json.loads((Path(__file__).parent / "cases/language.json").read_text("utf-8"))


@pytest.mark.parametrize(("code", "text"), CASES)
def test_cases(code, text):
    found = identify(text)
    assert found.code == code
    assert found.certain


@pytest.mark.parametrize("text", ["", "12:30 — 14", "Ja.", "OK", "Kyiv"])
def test_little_text_is_not_certain(text):
    assert not identify(text).certain


@given(st.text())
def test_any_text_has_a_code_and_a_probability(text):
    found = identify(text)
    assert found.code.isalpha()
    assert 2 <= len(found.code) <= 3
    assert 0 <= found.score <= 1
