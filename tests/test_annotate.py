"""The records of `standpoint annotate`: the contract of docs and design, and mistakes in records."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import ClassVar

import pytest
from fake_models import KeywordJudge, KeywordTagger, Wavering
from hypothesis import given
from hypothesis import strategies as st

from pipeline import annotate as module
from pipeline.annotate import annotate
from pipeline.schemas import ENTITY_TYPES

MISTAKES = json.loads((Path(__file__).parent / "cases/annotate.json").read_text(encoding="utf-8"))
TEXT = "Biden praised NATO on Monday."


def run(*records):
    return list(annotate(records, KeywordTagger(), KeywordJudge()))


def test_mentions_are_the_targets_where_none_are_given():
    (out,) = run({"id": "a", "text": TEXT})
    neutral = {"stance": "neutral", "favor": 0.1, "against": 0.1, "neutral": 0.8}
    assert out == {
        "id": "a",
        "mentions": [
            {"start": 0, "end": 5, "text": "Biden", "type": "PERSON", "score": 0.9},
            {"start": 14, "end": 18, "text": "NATO", "type": "ORG", "score": 0.9},
            {"start": 22, "end": 28, "text": "Monday", "type": "DATE", "score": 0.9},
        ],
        "targets": [
            {"start": 0, "end": 5} | neutral,
            {"start": 14, "end": 18, "stance": "favor", "favor": 0.96, "against": 0.02, "neutral": 0.02},
        ],
        "pairs": [],
    }


TWO = "Biden praised NATO. Putin was in Paris."


def test_mentions_are_those_of_each_sentence_by_itself():
    class Lengths(KeywordTagger):
        texts: ClassVar = []

        def tag(self, texts, spans=None):
            self.texts.append(list(texts))
            return super().tag(texts, spans)

    (out,) = annotate([{"id": 1, "text": f" {TWO}"}], Lengths(), KeywordJudge())
    assert Lengths.texts == [TWO.replace(". ", ".\n").split("\n")]
    alone = run(*({"text": sentence} for sentence in Lengths.texts[0]))
    for name in ("mentions", "targets"):
        there = [
            one | {"start": one["start"] + at, "end": one["end"] + at}
            for at, part in zip((1, 21), alone, strict=True)
            for one in part[name]
        ]
        assert out[name] == there
    assert [f" {TWO}"[m["start"] : m["end"]] for m in out["mentions"]] == [m["text"] for m in out["mentions"]]
    assert len(out["mentions"]) > len(alone[0]["mentions"])


def test_mentions_of_one_name_in_a_text_have_one_type():
    records = [
        {"id": 1, "text": "Georgia won. It rained in Georgia.", "targets": [[0, 7]]},
        {"id": 2, "text": "Georgia won.", "pairs": [[[0, 7], [8, 11]]]},
        {"id": 3, "text": "It rained in Georgia."},
    ]
    found = list(annotate(records, Wavering(), KeywordJudge()))
    kinds = [[(m["text"], m["type"], m["score"]) for m in one["mentions"]] for one in found]
    assert kinds == [
        [("Georgia", "LOC", 0.5), ("Georgia", "LOC", 0.9)],
        [("Georgia", "PERSON", 0.5)],
        [("Georgia", "LOC", 0.9)],
    ]
    assert [len(one["targets"]) for one in found] == [1, 1, 1]
    assert [list(annotate([one], Wavering(), KeywordJudge())) for one in records] == [[one] for one in found]


@pytest.mark.parametrize("between", ["\n", "\r\n", "\n\n \n"])
def test_a_line_ends_a_sentence(between):
    text = f"Biden praised Paris{between}Putin was in Rome"
    (out,) = run({"id": 1, "text": text, "targets": None})
    assert [text[m["start"] : m["end"]] for m in out["mentions"]] == ["Biden", "Paris", "Putin", "Rome"]
    assert [t["stance"] for t in out["targets"]] == ["neutral", "favor", "neutral", "neutral"]


@pytest.mark.parametrize("text", [" ", "\n", " \n\t\r\n"])
def test_a_text_of_white_space_has_no_mentions(text):
    (out,) = run({"id": 1, "text": text, "targets": [[0, 1]]})
    assert out["mentions"] == []
    assert [t["stance"] for t in out["targets"]] == ["neutral"]


def test_given_spans_are_judged_in_the_whole_text():
    pairs = [[[0, 5], [20, 25]], [[20, 25], [14, 18]]]
    (out,) = run({"id": 1, "text": TWO, "targets": [[20, 25], [14, 38]], "pairs": pairs})
    assert [(t["start"], t["end"]) for t in out["targets"]] == [(20, 25), (14, 38)]
    assert [[p["holder"], p["target"]] for p in out["pairs"]] == pairs
    assert [t["stance"] for t in out["targets"]] == ["favor"] * 2  # of "praised" in the other sentence
    assert out["mentions"] == run({"text": TWO})[0]["mentions"]


def test_given_targets_alone_are_judged():
    (out,) = run({"id": 1, "text": TEXT, "targets": [[22, 28], [14, 18], [22, 28]]})
    assert [(t["start"], t["end"]) for t in out["targets"]] == [(22, 28), (14, 18), (22, 28)]
    assert [t["stance"] for t in out["targets"]] == ["favor"] * 3
    assert len(out["mentions"]) == 3


def test_a_judge_is_told_which_questions_somebody_chose():
    class Recorder(KeywordJudge):
        calls: ClassVar = []

        def judge(self, questions):
            self.calls.append((questions.every, len(questions.text_no)))
            return super().judge(questions)

    pairs = [[[0, 5], [14, 18]]]
    records = [{"text": TEXT}, {"text": TEXT, "targets": [[0, 5]]}, {"text": TEXT, "pairs": pairs}]
    list(annotate(records, KeywordTagger(), Recorder()))
    assert Recorder.calls == [(True, 4), (False, 2)]


def test_no_targets_are_none():
    assert run({"id": 1, "text": TEXT, "targets": []})[0]["targets"] == []
    assert len(run({"id": 1, "text": TEXT, "targets": None})[0]["targets"]) == 2


def test_pairs():
    pairs = [[[0, 5], [14, 18]], [[14, 18], [0, 5]]]
    (out,) = run({"id": 1, "text": TEXT, "pairs": pairs})
    assert [[p["holder"], p["target"]] for p in out["pairs"]] == pairs
    assert [p["stance"] for p in out["pairs"]] == ["favor", "neutral"]
    assert len(out["targets"]) == 2


def test_the_id_is_passed_through():
    ids = [None, 0, "x", 1.5, {"a": [1]}]
    assert [out["id"] for out in run(*({"id": i, "text": ""} for i in ids))] == ids
    assert run({"text": ""}) == [{"id": None, "mentions": [], "targets": [], "pairs": []}]


def test_offsets_count_characters():
    text = "\U0001f600é — Biden praised NATO."
    (out,) = run({"id": 1, "text": text})
    assert [text[m["start"] : m["end"]] for m in out["mentions"]] == ["Biden", "NATO"]


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case["error"][:60])
def test_a_mistake_is_told_in_its_place(case):
    answers = annotate(
        [{"id": 0, "text": TEXT}, case["record"], {"id": 2, "text": TEXT}], KeywordTagger(), KeywordJudge()
    )
    first, wrong, last = answers
    given_id = case["record"]["id"] if isinstance(case["record"], dict) else None
    assert wrong == {"id": given_id, "error": case["error"]}
    assert (first["id"], last["id"]) == (0, 2)
    assert first["mentions"] == last["mentions"]


def test_a_long_wrong_value_is_cut():
    out = next(annotate([{"id": 1, "text": ["x" * 9999]}], KeywordTagger(), KeywordJudge()))
    assert len(out["error"]) < 120


def test_it_streams(monkeypatch):
    """The first answers come before the last record is read."""
    monkeypatch.setattr(module, "CHUNK", 2)
    endless = ({"id": i, "text": TEXT} for i in itertools.count())
    answers = annotate(endless, KeywordTagger(), KeywordJudge())
    assert [out["id"] for out in itertools.islice(answers, 5)] == [0, 1, 2, 3, 4]


def test_a_chunk_ends_at_its_characters(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_CHARACTERS", 10)
    read = []
    records = (read.append(i) or {"id": i, "text": TEXT} for i in range(9))
    next(annotate(records, KeywordTagger(), KeywordJudge()))
    assert read == [0]


@given(
    st.lists(st.text("Biden NATO praised é\U0001f600.", max_size=30), max_size=6),
    st.integers(1, 3),
    st.data(),
)
def test_one_answer_per_record_in_order(texts, size, data):
    records = []
    for i, text in enumerate(texts):
        cut = (
            data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4, unique=True) | st.none())
            if len(text) > 3
            else None
        )
        one, two = (sorted(cut[:2]), sorted(cut[2:])) if cut else (None, None)
        records.append({"id": i, "text": text} | ({"targets": [one], "pairs": [[one, two]]} if cut else {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", size)
        answers = run(*records)
    assert answers == [run(record)[0] for record in records]
    for record, out in zip(records, answers, strict=True):
        assert out["id"] == record["id"]
        found = [[m["start"], m["end"]] for m in out["mentions"] if m["type"] in ENTITY_TYPES]
        assert [[t["start"], t["end"]] for t in out["targets"]] == record.get("targets", found)
        assert [[p["holder"], p["target"]] for p in out["pairs"]] == record.get("pairs", [])
        assert all(record["text"][m["start"] : m["end"]] == m["text"] for m in out["mentions"])
        for answer in out["targets"] + out["pairs"]:
            assert abs(answer["favor"] + answer["against"] + answer["neutral"] - 1) < 1e-6
