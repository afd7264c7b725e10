"""Who says what is said of a mention: cases in `cases/attribution.json`, marked as `marked` says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import unmarked

from pipeline.attribution import REACH, Paragraph, Sentence
from pipeline.speakers import SPEAKS, Mention

CASES = json.loads((Path(__file__).parent / "cases/attribution.json").read_text(encoding="utf-8"))


def paragraph(*texts: str) -> list[Sentence]:
    """A paragraph of marked sentences; its mentions are numbered."""
    sentences, number = [], 0
    for text in texts:
        found = unmarked(text)
        spans = {role: tuple((s, e) for s, e, is_ in found.spans if is_ == role)
                 for role in ("source", "cue", "content")}  # fmt: skip
        mentions = []
        for start, end, type_, entity in found.mentions:
            mentions.append(Mention(number, start, end, type_, entity or ""))
            number += 1
        sentences.append(
            Sentence(found.text, spans["source"], spans["cue"], spans["content"], tuple(mentions))
        )
    return sentences


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_case(case):
    sentences = paragraph(*case["text"])
    name = {m.number: s.text[m.start : m.end] for s in sentences for m in s.mentions}
    spoken = Paragraph(sentences).spoken()
    assert {name[of]: None if by is None else name[by] for of, by in spoken.items()} == case["said"]


def test_half_a_name_is_not_in_the_content_but_can_be_the_source():
    roe, norsund = Mention(0, 0, 8, "PERSON", "roe"), Mention(1, 14, 25, "LOC", "norsund")
    text = "Jane Roe hit: New Norsund lied."
    given = {"sources": ((5, 8),), "cues": ((9, 12),), "mentions": (roe, norsund)}
    assert Paragraph([Sentence(text, contents=((14, 30),), **given)]).spoken() == {1: 0}
    assert Paragraph([Sentence(text, contents=((18, 30),), **given)]).spoken() == {}


def test_content_may_end_before_the_full_stop_of_a_name():
    roe, place = Mention(0, 0, 3, "PERSON", "roe"), Mention(1, 17, 21, "LOC", "us")
    spans = {"sources": ((0, 3),), "cues": ((4, 8),), "mentions": (roe, place)}
    assert Paragraph([Sentence("Roe said it left U.S.", contents=((9, 20),), **spans)]).spoken() == {1: 0}
    assert Paragraph([Sentence("Roe said it left U.S.", contents=((9, 19),), **spans)]).spoken() == {}


def test_a_sentence_of_very_many_spans_has_no_source():
    many = tuple((i, i + 1) for i in range(20_000))
    roe = Mention(0, 0, 1, "PERSON", "roe")
    others = tuple(Mention(i, i, i + 1, "ORG", "x") for i in range(1, 20_000))
    spoken = Paragraph([Sentence("x" * 20_000, many, many, many, (roe, *others))]).spoken()
    assert spoken == dict.fromkeys(range(20_000))


def test_a_paragraph_of_very_many_quotations_is_looked_at_nearby_only():
    far = [
        Sentence("“x x”", contents=((0, 5),), mentions=(Mention(i, 1, 2, "ORG", "x"),)) for i in range(5000)
    ]
    said = Sentence(
        "Roe", sources=((0, 3),), contents=((3, 3),), mentions=(Mention(5000, 0, 3, "PERSON", "r"),)
    )
    spoken = Paragraph([*far, said]).spoken()
    assert [no for no, by in spoken.items() if by == 5000] == list(range(5000 - REACH, 5000))


def test_an_empty_paragraph_says_nothing():
    assert Paragraph([]).spoken() == {}


_TEXT = 'Roe “said” Doe "that" he lied.'
_SPANS = st.lists(
    st.tuples(st.integers(0, len(_TEXT) - 1), st.integers(1, 12)).map(
        lambda x: (x[0], min(sum(x), len(_TEXT)))
    ),
    max_size=4, unique=True,
).map(tuple)  # fmt: skip
_MENTIONS = st.lists(st.tuples(_SPANS.filter(bool), st.sampled_from([*SPEAKS, "MISC"])), max_size=3)


@given(st.lists(st.tuples(_SPANS, _SPANS, _SPANS, _MENTIONS), max_size=4))
def test_whatever_the_spans_only_what_content_covers_is_said_and_only_who_can_speak_does(given_):
    sentences, number = [], 0
    for sources, cues, contents, marks in given_:
        mentions = [Mention(number + i, *spans[0], kind, f"e{i}") for i, (spans, kind) in enumerate(marks)]
        number += len(mentions)
        sentences.append(Sentence(_TEXT, sources, cues, contents, tuple(mentions)))
    every = {m.number: (m, s) for s in sentences for m in s.mentions}
    for of, by in Paragraph(sentences).spoken().items():
        mention, sentence = every[of]
        end_ = mention.start + len(_TEXT[mention.start : mention.end].rstrip(".,"))
        assert any(start <= mention.start and end_ <= end for start, end in sentence.contents)
        assert by is None or every[by][0].type in SPEAKS
