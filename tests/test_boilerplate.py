"""What is no news is told from news that begins like it."""

import json
import re
import time
from pathlib import Path

import pytest

from pipeline.boilerplate import IGNORING, LONGEST, LOWERED, UNLIKE, is_boilerplate, marked

CASES = json.loads((Path(__file__).parent / "cases/boilerplate.json").read_text("utf-8"))


@pytest.mark.parametrize("line", CASES["boilerplate"])
def test_boilerplate(line):
    assert is_boilerplate(line)


@pytest.mark.parametrize("line", CASES["news"], ids=lambda line: line[:50])
def test_news(line):
    assert not is_boilerplate(line)


@pytest.mark.parametrize("line", ["Nobody knows. ", *CASES["boilerplate"], *CASES["news"]], ids=str)
def test_the_parts_of_a_line_are_marked_as_each_by_itself(line):
    text = f"The talks failed. {line}"
    spans = [(0, 17), (18, len(text))]
    expected = [is_boilerplate(text) or is_boilerplate(text[start:end]) for start, end in spans]
    assert marked(text, spans) == expected
    assert marked(line, [(0, len(line))]) == [is_boilerplate(line)]


def test_in_lower_case_a_line_is_what_it_is_in_any_case():
    """`re` takes three other letters for ASCII ones where it disregards case."""
    odd = [chr(n) for n in range(0x80, 0x110000) if re.match("[a-z]", chr(n), re.IGNORECASE)]
    assert {c for c in odd if not (len(c.lower()) == 1 and c.lower().isascii())} == set("ſıİ")
    assert all(map(UNLIKE.match, "ſıİ"))
    for line in (*CASES["boilerplate"], *CASES["news"]):
        for text in (line, line.upper(), line.title()):
            assert UNLIKE.search(text) or bool(LOWERED.fullmatch(text.lower())) == bool(
                IGNORING.fullmatch(text)
            )
    assert is_boilerplate("ſee more")


def test_half_of_the_cases_are_news():
    assert len(CASES["news"]) >= 30


@pytest.mark.parametrize(
    "unit",
    ["A", "A.", "Aa ", "Aa, Aa ", "1", "share", "share x ", "Advertisement ", "was ", ". A", "updated: "],
)
def test_no_line_takes_long(unit):
    begun = time.process_time()
    for head in ("", "By John Smith, ", "This article was ", "Follow ", "Jane Doe is a "):
        is_boilerplate((head + unit * LONGEST)[: LONGEST - 1] + "!")
    assert time.process_time() - begun < 2
