"""A suspect order is told, and the lead only where it is certain, wherever it stands."""

import json
import time
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.order import (
    AHEAD,
    CERTAIN,
    Paragraph,
    _at_most,
    _is_running,
    _is_title,
    _scoring,
    _words,
    lead_line,
    order_suspect,
)

CASES = json.loads((Path(__file__).parent / "cases/order.json").read_text("utf-8"))
TEXTS = [text for case in CASES["lead"] for text in (case["lead"], *case["others"])]


def numbered(texts):
    return [Paragraph(number, text) for number, text in enumerate(texts, start=1)]


@pytest.mark.parametrize("case", CASES["suspect"], ids=lambda c: f"{c['damaged']} {c['paragraphs'][:1]}")
def test_a_suspect_order(case):
    assert order_suspect(numbered(case["paragraphs"]), damaged=case["damaged"]) is case["suspect"]


@pytest.mark.parametrize("case", CASES["lead"], ids=lambda c: c["why"])
def test_a_certain_lead_is_found_wherever_it_stands(case):
    for order in permutations([case["lead"], *case["others"]]):
        lead = lead_line(case["title"], numbered(order), suspect=True)
        assert lead is not None
        assert order[lead - 1] == case["lead"]


@pytest.mark.parametrize("case", CASES["none"], ids=lambda c: c["why"])
def test_no_lead_is_told_where_none_is_certain(case):
    for order in permutations(case["paragraphs"]):
        assert lead_line(case["title"], numbered(order), suspect=True) is None


@given(st.lists(st.sampled_from(TEXTS), unique=True), st.randoms())
def test_the_lead_does_not_depend_on_the_order(texts, chance):
    body = numbered(texts)
    shuffled = chance.sample(body, len(body))
    assert lead_line("Berg", body, suspect=True) == lead_line("Berg", shuffled, suspect=True)


@given(st.lists(st.sampled_from(TEXTS), min_size=2, unique=True), st.sampled_from(TEXTS))
def test_what_is_told_fast_changes_no_lead(texts, title):
    title = title.split(". ")[0][:80]
    running = [p for p in numbered(texts) if _is_running(p.text) and not _is_title(p.text, title)]
    wanted = _words(title)
    points = list(map(_scoring(wanted, running), range(len(running))))
    for paragraph, exact in zip(running, points, strict=True):
        fast = _at_most(paragraph.text, wanted, paragraph.text.lower())
        assert fast >= _at_most(paragraph.text, wanted, _words(paragraph.text)) >= exact
    if len(running) > 1:
        second, best = sorted(points)[-2:]
        lead = running[points.index(best)].line_no if best >= CERTAIN and best - second >= AHEAD else None
        assert lead_line(title, numbered(texts), suspect=True) == lead


def test_an_order_that_is_not_suspect_gives_the_first_running_text():
    byline, text = "Anna Lee", "The ministers met in Oslo to speak of the price of gas again."
    assert lead_line("T", numbered([byline, text, text]), suspect=False) == 2
    assert lead_line("T", numbered([byline, "Oslo"]), suspect=False) == 1
    assert lead_line("T", [], suspect=False) is None


def test_no_article_takes_long():
    begun = time.process_time()
    for unit in ("A", "A ", "Aa ", "AAAA ", "President ", "OSLO, ", "Mr. "):
        lead_line(unit * 1_000, numbered([unit * 100_000 + ".", unit * 100_000 + "!"]), suspect=True)
    assert time.process_time() - begun < 10
