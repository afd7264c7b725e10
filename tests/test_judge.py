"""Judging: which questions are asked, and what becomes of the answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fake_models import KeywordJudge, KeywordTagger
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pipeline import judge as stage
from pipeline import schemas
from pipeline.aliases import Aliases
from pipeline.judge import HOLDERS, REACH, judge, labels, sound
from pipeline.link import link
from pipeline.tag import tag

CASES = json.loads((Path(__file__).parent / "cases/judge.json").read_text(encoding="utf-8"))
ALIASES = Aliases.load()
ARTICLE = "0" * 16
PLACES = ("holder_mention_no", "target_mention_no")


def tables(*texts: str) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Sentences, mentions and vectors of an article marked `[words|TYPE]` or `[words|TYPE=entity]`."""
    sentences, mentions = [], []
    for no, marked in enumerate(texts):
        text = ""
        for part in re.split(r"(\[[^\]]+\])", marked):
            if found := re.fullmatch(r"\[([^|]+)\|(\w+)(?:=(\S+))?\]", part):
                part, type_, entity = found.groups()
                entity = None if type_ in ("DATE", "MONEY") else entity or part.replace(" ", "-").lower()
                mentions.append(
                    {"article_id": ARTICLE, "sentence_no": no, "mention_no": len(mentions),
                     "start": len(text), "end": len(text) + len(part), "text": part, "type": type_,
                     "score": 0.9, "entity_id": entity}
                )  # fmt: skip
            text += part
        offsets = [{"start": 0, "end": len(text), "raw_start": 0, "raw_end": len(text), "repair": None}]
        kind = "body" if no else "title"
        sentences.append(
            {"article_id": ARTICLE, "sentence_no": no, "line_no": no, "kind": kind, "text": text,
             "raw_offsets": offsets}
        )  # fmt: skip
    vectors = [
        {"article_id": ARTICLE, "mention_no": m["mention_no"], "vector": [m["mention_no"], 1.0]}
        for m in mentions
    ]
    return (
        schemas.from_rows("sentences", sentences),
        schemas.from_rows("mentions", mentions),
        schemas.from_rows("vectors", vectors),
    )


class Recorder(KeywordJudge):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.calls = []

    def judge(self, questions):
        self.calls.append(questions)
        return super().judge(questions)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_questions(case):
    stances = judge(*tables(case["text"]), KeywordJudge()).kept["stances"].to_pylist()
    assert [[row["holder_mention_no"], row["target_mention_no"]] for row in stances] == case["asked"]
    assert [row["stance_no"] for row in stances] == list(range(len(stances)))


def test_pairs_end_at_their_reach():
    many = ", ".join(f"[N{i}|ORG]" for i in range(REACH + 3))
    stances = judge(*tables(many), KeywordJudge()).kept["stances"].to_pylist()
    pairs = {(r["holder_mention_no"], r["target_mention_no"]) for r in stances if r["holder_id"]}
    n = REACH + 3
    assert pairs == {(a, b) for a in range(n) for b in range(n) if 0 < abs(a - b) <= REACH}


def test_pairs_stay_in_their_sentence():
    stances = judge(*tables("[A|ORG] won.", "[B|ORG] lost."), KeywordJudge()).kept["stances"]
    assert stances["holder_id"].null_count == stances.num_rows == 2


def test_answers_and_labels():
    text = "[Biden|PERSON] praised [NATO|ORG]; [Putin|PERSON] condemned [Kyiv|LOC], Roe said."
    rows = judge(*tables(text), KeywordJudge()).kept["stances"].to_pylist()
    told = {(r["holder_id"], r["target_id"]): (r["stance"], r["attributed"]) for r in rows}
    assert told["biden", "nato"] == ("favor", True)
    assert told["putin", "kyiv"] == ("against", True)
    assert told["nato", "biden"] == ("neutral", True)
    assert told[None, "biden"][0] == "neutral"
    favor = next(r for r in rows if (r["holder_id"], r["target_id"]) == ("biden", "nato"))
    assert [round(favor[name], 4) for name in ("favor", "against", "neutral")] == [0.96, 0.02, 0.02]


def test_what_the_model_is_given():
    recorder = Recorder()
    judge(*tables("[A|ORG] hit [Monday|DATE] [B|ORG]."), recorder)
    (asked,) = recorder.calls
    assert asked.texts == ["A hit Monday B."]
    assert asked.holder.tolist() == [[-1, -1], [-1, -1], [0, 1], [13, 14]]
    assert asked.target.tolist() == [[0, 1], [13, 14], [13, 14], [0, 1]]
    assert asked.holder_vectors.tolist() == [[0, 0], [0, 0], [0, 1], [2, 1]]
    assert asked.target_vectors.tolist() == [[0, 1], [2, 1], [2, 1], [0, 1]]
    assert asked.holder_vectors.dtype == asked.target_vectors.dtype == np.float16


def test_chunks_give_the_same(monkeypatch):
    given_ = tables(*[c["text"] for c in CASES], "[Biden|PERSON] praised [NATO|ORG].")
    whole = judge(*given_, KeywordJudge()).kept["stances"]
    monkeypatch.setattr(stage, "CHUNK", 3)
    recorder = Recorder()
    assert judge(*given_, recorder).kept["stances"].equals(whole)
    assert max(len(call.text_no) for call in recorder.calls) == 3
    assert all(len(call.texts) == len(set(call.text_no.tolist())) for call in recorder.calls)


def test_the_order_of_rows_does_not_matter():
    sentences, mentions, vectors = tables(*[c["text"] for c in CASES])
    back = pa.array(range(mentions.num_rows - 1, -1, -1))
    one = judge(sentences, mentions, vectors, KeywordJudge()).kept["stances"]
    other = judge(sentences, mentions.take(back), vectors.take(back), KeywordJudge()).kept["stances"]
    assert one.equals(other)


def test_nothing_to_judge():
    nothing = [schemas.TABLES[name].empty() for name in ("sentences", "mentions", "vectors")]
    outcome = judge(*nothing, KeywordJudge())
    assert outcome.rows_in == outcome.kept["stances"].num_rows == 0


def test_a_missing_vector_or_sentence_is_an_error():
    sentences, mentions, vectors = tables("[A|ORG] won.", "[B|ORG] lost.")
    with pytest.raises(ValueError, match=r"article_id and mention_no 0{16} 1"):
        judge(sentences, mentions, vectors.slice(0, 1), KeywordJudge())
    with pytest.raises(ValueError, match=r"article_id and sentence_no 0{16} 1"):
        judge(sentences.slice(0, 1), mentions, vectors, KeywordJudge())


@pytest.mark.parametrize(
    ("favor", "against", "neutral", "least", "stance"),
    [
        (0.6, 0.3, 0.1, 0.5, "favor"),
        (0.3, 0.6, 0.1, 0.5, "against"),
        (0.49, 0.3, 0.21, 0.5, "neutral"),
        (0.49, 0.3, 0.21, 0.0, "favor"),
        (0.5, 0.5, 0.0, 0.5, "neutral"),
        (0.5, 0.0, 0.5, 0.5, "neutral"),
        (0.5, 0.1, 0.4, 0.5, "favor"),
        (0.1, 0.2, 0.7, 0.0, "neutral"),
    ],
)
def test_labels(favor, against, neutral, least, stance):
    assert labels(np.array([[favor, against, neutral]]), least) == [stance]


@given(npst.arrays(np.float64, (4, 3), elements=st.floats(0.001, 1)))
def test_rounded_probabilities_sum_to_one(values):
    exact = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    rounded = sound(exact)
    assert (rounded >= 0).all()
    assert np.abs(rounded.sum(axis=1) - 1).max() < 1e-9
    assert np.abs(rounded - exact).max() < 2e-4
    assert (np.round(rounded, 4) == rounded).all()


@pytest.mark.parametrize("row", [[np.nan, 0, 1], [0.5, 0.5, 0.5], [1.5, -0.5, 0]])
def test_what_is_no_probability_is_refused(row):
    with pytest.raises(ValueError, match="no probabilities"):
        sound(np.array([row]))


_SENTENCE = st.lists(
    st.sampled_from("Biden Putin NATO Moscow U.S. praised condemned said “ ” , Roe Russians Monday".split()),
    min_size=1, max_size=25,
).map(" ".join)  # fmt: skip


@given(st.lists(_SENTENCE, min_size=1, max_size=3))
def test_stages_fit_together(texts):
    sentences, _, _ = tables(*texts)
    tagged = tag(sentences, KeywordTagger()).kept
    mentions = link(sentences, tagged["mentions"], ALIASES).kept["mentions"]
    outcome = judge(sentences, mentions, tagged["vectors"], KeywordJudge())
    entity = dict(zip(mentions["mention_no"].to_pylist(), mentions["entity_id"].to_pylist(), strict=True))
    kind = dict(zip(mentions["mention_no"].to_pylist(), mentions["type"].to_pylist(), strict=True))
    home = dict(zip(mentions["mention_no"].to_pylist(), mentions["sentence_no"].to_pylist(), strict=True))
    rows = outcome.kept["stances"].to_pylist()
    assert outcome.rows_in == len(rows)
    assert [row["stance_no"] for row in rows] == list(range(len(rows)))
    for row in rows:
        holder, target = row["holder_mention_no"], row["target_mention_no"]
        assert row["target_id"] == entity[target]
        assert row["sentence_no"] == home[target]
        assert abs(row["favor"] + row["against"] + row["neutral"] - 1) < 0.001
        if holder is None:
            assert row["holder_id"] is None
        else:
            assert row["holder_id"] == entity[holder] != row["target_id"]
            assert home[holder] == home[target]
            assert kind[holder] in HOLDERS
    portrayed = [row["target_mention_no"] for row in rows if row["holder_mention_no"] is None]
    assert portrayed == [no for no, entity_id in entity.items() if entity_id]
    keys = [(r["sentence_no"], *(-1 if r[k] is None else r[k] for k in PLACES)) for r in rows]
    assert keys == sorted(set(keys))
