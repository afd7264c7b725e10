"""What is no news is told from news that begins like it."""

import json
import time
from pathlib import Path

import pytest

from pipeline.boilerplate import LONGEST, is_boilerplate

CASES = json.loads((Path(__file__).parent / "cases/boilerplate.json").read_text("utf-8"))


@pytest.mark.parametrize("line", CASES["boilerplate"])
def test_boilerplate(line):
    assert is_boilerplate(line)


@pytest.mark.parametrize("line", CASES["news"], ids=lambda line: line[:50])
def test_news(line):
    assert not is_boilerplate(line)


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
