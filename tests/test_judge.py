"""Judging: which questions are asked, and what becomes of the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from fake_models import KeywordJudge, KeywordTagger
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from marked import unmarked

from pipeline import judge as stage
from pipeline import schemas
from pipeline.aliases import Aliases
from pipeline.judge import HOLDERS, REACH, labels, sound
from pipeline.link import link
from pipeline.outcome import Outcome
from pipeline.tag import tag
from pipeline.thresholds import Thresholds

CASES = json.loads((Path(__file__).parent / "cases/judge.json").read_text(encoding="utf-8"))
ALIASES = Aliases.load()
ARTICLE = "0" * 16
PLACES = ("holder_mention_no", "target_mention_no")
QUOTED = ["<s>[Roe|PERSON]</s> <c>spoke</c> <t>of [Ellery|LOC]</t>.", "<t>“We condemn [Norsund|LOC].”</t>"]
"""A paragraph whose second sentence is said by a source of the first."""


def tables(*lines: str | list[str]) -> tuple[pa.Table, ...]:
    """Sentences, mentions, vectors and attributions of an article; a list is a paragraph (see `marked`)."""
    sentences, mentions, attributions = [], [], []
    for line_no, line in enumerate(lines):
        for text in [line] if isinstance(line, str) else line:
            found, where = unmarked(text), {"article_id": ARTICLE, "sentence_no": len(sentences)}
            for start, end, type_, entity in found.mentions:
                mentions.append(
                    {**where, "mention_no": len(mentions), "start": start, "end": end,
                     "text": found.text[start:end], "type": type_, "score": 0.9, "entity_id": entity}
                )  # fmt: skip
            attributions += [
                {**where, "start": start, "end": end, "role": role, "score": 0.9}
                for start, end, role in found.spans
            ]
            whole = {"start": 0, "end": len(found.text), "raw_start": 0, "raw_end": len(found.text),
                     "repair": None}  # fmt: skip
            sentences.append({**where, "line_no": line_no, "kind": "body" if sentences else "title",
                              "text": found.text, "raw_offsets": [whole]})  # fmt: skip
    vectors = [
        {"article_id": ARTICLE, "mention_no": m["mention_no"], "vector": [m["mention_no"], 1.0]}
        for m in mentions
    ]
    given = {"sentences": sentences, "mentions": mentions, "vectors": vectors, "attributions": attributions}
    return tuple(schemas.from_rows(name, rows) for name, rows in given.items())


def judge(*given: Any, precision: float = 0.9) -> Outcome:
    """The stage, at the default precision."""
    return stage.judge(*given, Thresholds.of(given[-1], precision))


def told(outcome: Outcome, tables: tuple[pa.Table, ...]) -> dict[tuple[str | None, str], dict[str, Any]]:
    """The judgements by holder and target, as they are written."""
    written = dict(zip(*(tables[1][name].to_pylist() for name in ("mention_no", "text")), strict=True))
    written[None] = None
    return {
        (written[row[PLACES[0]]], written[row[PLACES[1]]]): row for row in outcome.kept["stances"].to_pylist()
    }


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
    text = "[Biden|PERSON] praised [NATO|ORG]; [Putin|PERSON] condemned [Kyiv|LOC]"
    text = f"<t>{text}</t>, <s>Roe</s> <c>said</c>."
    rows = judge(*tables(text), KeywordJudge()).kept["stances"].to_pylist()
    found = {(r["holder_id"], r["target_id"]): (r["stance"], r["attributed"]) for r in rows}
    assert found["biden", "nato"] == ("favor", True)
    assert found["putin", "kyiv"] == ("against", True)
    assert found["nato", "biden"] == ("neutral", True)
    assert found[None, "biden"] == ("neutral", True)
    favor = next(r for r in rows if (r["holder_id"], r["target_id"]) == ("biden", "nato"))
    assert [round(favor[name], 4) for name in ("favor", "against", "neutral")] == [0.96, 0.02, 0.02]


def test_what_the_model_is_given():
    recorder = Recorder()
    judge(*tables("[A|ORG] hit [Monday|DATE] [B|ORG]."), recorder)
    (asked,) = recorder.calls
    assert asked.every
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
    given_ = tables(*[c["text"] for c in CASES], QUOTED)
    back = [table.take(pa.array(range(table.num_rows - 1, -1, -1))) for table in given_]
    one, other = (judge(*some, KeywordJudge()).kept["stances"] for some in (given_, back))
    assert one.equals(other)


def test_nothing_to_judge():
    nothing = [schemas.TABLES[name].empty() for name in ("sentences", "mentions", "vectors", "attributions")]
    outcome = judge(*nothing, KeywordJudge())
    assert outcome.rows_in == outcome.kept["stances"].num_rows == 0


def test_a_missing_vector_or_sentence_is_an_error():
    sentences, mentions, vectors, said = tables("[A|ORG] won.", "[B|ORG] lost.")
    with pytest.raises(ValueError, match=r"article_id and mention_no 0{16} 1"):
        judge(sentences, mentions, vectors.slice(0, 1), said, KeywordJudge())
    with pytest.raises(ValueError, match=r"article_id and sentence_no 0{16} 1"):
        judge(sentences.slice(0, 1), mentions, vectors, said, KeywordJudge())


def test_the_source_of_another_sentence_holds_what_the_sentence_says():
    given_ = tables("[Doe|PERSON] left.", QUOTED)
    found = told(judge(*given_, KeywordJudge()), given_)
    assert list(found) == [(None, "Doe"), (None, "Roe"), (None, "Ellery"), ("Roe", "Ellery"),
                           ("Ellery", "Roe"), (None, "Norsund"), ("Roe", "Norsund")]  # fmt: skip
    itself, reported = found[None, "Norsund"], found["Roe", "Norsund"]
    assert (reported["stance"], itself["stance"]) == ("neutral", "against")
    assert all(reported[name] == itself[name] for name in (*schemas.STANCES, "attributed", "sentence_no"))
    assert (reported["holder_id"], reported["sentence_no"]) == ("roe", 2)
    assert [pair for pair, row in found.items() if row["attributed"]] == [
        (None, "Ellery"), ("Roe", "Ellery"), (None, "Norsund"), ("Roe", "Norsund")
    ]  # fmt: skip


def test_what_a_post_says_its_author_says():
    post = ["[Norsund|LOC] lied.", "[Roe|PERSON] (@roe) May 3, 2031"]
    rows = judge(*tables("[Doe|PERSON] left.", post), KeywordJudge()).kept["stances"].to_pylist()
    found = {(row["holder_id"], row["target_id"]): row["attributed"] for row in rows}
    assert found == {
        (None, "doe"): False,
        (None, "norsund"): True,
        ("roe", "norsund"): True,
        (None, "roe"): False,
    }


def test_the_model_is_not_asked_about_sources_of_other_sentences():
    recorder = Recorder()
    judge(*tables(QUOTED), recorder)
    (asked,) = recorder.calls
    assert len(asked.target) == 5


@pytest.mark.parametrize(
    "second",
    [
        "<t>“We condemn [Roe|PERSON].”</t>",
        "We condemn [Norsund|LOC].",
        "<t>“We and [Ms. Roe|PERSON=roe] condemn [Norsund|LOC].”</t>",
    ],
    ids=["nobody is judged toward itself", "nobody else says it", "the sentence names the source"],
)
def test_no_holder_comes_from_another_sentence(second):
    given_ = tables([QUOTED[0], second])
    assert not [pair for pair in told(judge(*given_, KeywordJudge()), given_) if pair == ("Roe", "Norsund")]
    stances = judge(*given_, KeywordJudge()).kept["stances"].to_pylist()
    assert all(row["holder_id"] != row["target_id"] for row in stances)


def test_a_source_is_asked_about_what_it_speaks_of_however_far():
    many = ", ".join(f"[N{i}|ORG]" for i in range(REACH + 3))
    given_ = tables(f"<s>[Roe|PERSON]</s> <c>said</c> <t>that {many} lied</t>.")
    found = told(judge(*given_, KeywordJudge()), given_)
    assert {target for holder, target in found if holder == "Roe"} == {f"N{i}" for i in range(REACH + 3)}
    assert (f"N{REACH + 2}", "Roe") not in found
    assert len(found) == len(judge(*given_, KeywordJudge()).kept["stances"])


def test_a_source_that_the_sentence_names_too_is_asked_about_there_however_far():
    many = ", ".join(f"[N{i}|ORG]" for i in range(REACH + 3))
    given_ = tables([QUOTED[0], f"<t>“[Ms. Roe|PERSON=roe], {many}.”</t>"])
    found = told(judge(*given_, KeywordJudge()), given_)
    assert ("Ms. Roe", f"N{REACH + 2}") in found
    assert not [pair for pair in found if pair[0] == "Roe" and pair[1] != "Ellery"]


def test_a_source_that_the_sentence_names_as_what_holds_nothing_keeps_its_row():
    given_ = tables([QUOTED[0], "<t>“[Roe Hall|FAC=roe] shames [Norsund|LOC].”</t>"])
    assert ("Roe", "Norsund") in told(judge(*given_, KeywordJudge()), given_)


def test_an_attribution_without_its_sentence():
    sentences, mentions, vectors, _ = tables("[Ann|PERSON] left.")
    with pytest.raises(ValueError, match=r"article_id and sentence_no 0{16} 1"):
        judge(sentences, mentions, vectors, tables(*QUOTED)[3], KeywordJudge())


class Stated(KeywordJudge):
    """States thresholds: favor is published from 0.96 on at 0.9 and never at 0.95, of the text itself.

    Less is stated, as the text itself must be so much above (`PORTRAYAL_MARGINS`).
    """

    thresholds: ClassVar = {
        "portrayal": {"0.80": [0.5, 0.5], "0.90": [0.91, 0.97], "0.95": [None, 0.5]},
        "relation": {"0.80": [0.5, 0.5], "0.90": [0.5, 0.5], "0.95": [0.5, None]},
    }


@pytest.mark.parametrize(
    ("precision", "published"),
    [
        (0.8, {(None, "Fay"), (None, "Norsund"), ("Ann", "Bob")}),
        (0.9, {(None, "Fay"), ("Ann", "Bob")}),
        (0.95, {(None, "Norsund"), ("Ann", "Bob")}),
    ],
)
def test_what_the_precision_asked_for_leaves(precision, published):
    given_ = tables("We thank [Fay|PERSON].", "[Ann|PERSON] admires [Bob|PERSON].", QUOTED)
    found = told(judge(*given_, Stated(), precision=precision), given_)
    shown = {pair for pair, row in found.items() if row["stance"] != "neutral"}
    assert shown - {(None, "Bob")} == published
    assert round(found[None, "Norsund"]["against"], 4) == 0.96


def test_a_judge_without_thresholds_has_fixed_ones():
    given_ = tables(QUOTED)
    one, other = (judge(*given_, KeywordJudge(), precision=p).kept["stances"] for p in (0.8, 0.95))
    assert one.equals(other)


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


def test_labels_with_a_threshold_for_each_side():
    rows = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]])
    assert labels(rows, np.array([0.7, 0.8])) == ["favor", "neutral"]
    assert labels(rows, np.array([[0.8, 0.7], [0.8, 0.7]])) == ["neutral", "against"]
    assert labels(rows, np.array([np.inf, 0.7])) == ["neutral", "against"]


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


_WORDS = "Biden Putin NATO Moscow U.S. praised condemned said he “ ” , Roe Russians Monday".split()
_SENTENCE = st.lists(
    st.sampled_from(_WORDS),
    min_size=1, max_size=25,
).map(" ".join)  # fmt: skip


@given(st.lists(st.lists(_SENTENCE, min_size=1, max_size=4), min_size=1, max_size=3))
def test_stages_fit_together(texts):
    sentences, *_ = tables(*texts)
    tagged = tag(sentences, KeywordTagger()).kept
    mentions = link(sentences, tagged["mentions"], ALIASES).kept["mentions"]
    outcome = judge(sentences, mentions, tagged["vectors"], tagged["attributions"], KeywordJudge())
    entity = dict(zip(mentions["mention_no"].to_pylist(), mentions["entity_id"].to_pylist(), strict=True))
    kind = dict(zip(mentions["mention_no"].to_pylist(), mentions["type"].to_pylist(), strict=True))
    home = dict(zip(mentions["mention_no"].to_pylist(), mentions["sentence_no"].to_pylist(), strict=True))
    line = dict(zip(sentences["sentence_no"].to_pylist(), sentences["line_no"].to_pylist(), strict=True))
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
            assert line[home[holder]] == line[home[target]]
            assert row["attributed"] or home[holder] == home[target]
            assert kind[holder] in HOLDERS
    portrayed = [row["target_mention_no"] for row in rows if row["holder_mention_no"] is None]
    assert portrayed == [no for no, entity_id in entity.items() if entity_id]
    keys = [(r["sentence_no"], *(-1 if r[k] is None else r[k] for k in PLACES)) for r in rows]
    assert keys == sorted(set(keys))
