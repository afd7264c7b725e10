"""A sequence classifier from elsewhere: questions, probabilities, long texts and company."""

import numpy as np
import pytest
import tiny_foreign as foreign
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models import Judge, Questions

TEXT = "Ada thanked Bob, while Cem blamed Ada for the delay."
ADA, BOB, CEM = (0, 3), (12, 15), (23, 26)
ITSELF = (-1, -1)


def asked(*rows, texts=(TEXT,)):
    """Questions of (text number, holder, target)."""
    text_no, holder, target = zip(*rows, strict=True)
    empty = np.zeros((len(rows), 0), dtype=np.float16)
    spans = (np.array(c, dtype=np.int32) for c in (holder, target))
    return Questions(list(texts), np.array(text_no, dtype=np.int32), *spans, empty, empty)


def made(folder, pair=foreign.PAIR, **more):
    folder.mkdir()
    foreign.write(folder / "judge", foreign.SENTIMENT, head="SequenceClassification", **more)
    foreign.write(folder / "tagger", foreign.BIO)
    return models.load(foreign.toml(folder, foreign.tagger_lines(foreign.BIO), foreign.judge_lines(pair)))


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    """By name of family: a model with random weights that reads 64 pieces at once."""
    folder = tmp_path_factory.mktemp("judges")
    return {family: made(folder / family, family=family) for family in sorted(foreign.TOKENIZERS)}


def oracle(folder, text, second=None):
    """What transformers' own pipeline says, in the order of STANCES."""
    classify = transformers.pipeline("text-classification", str(folder), top_k=None)
    given = {"text": text} | ({"text_pair": second} if second else {})
    told = {one["label"]: one["score"] for one in classify(given)}
    return [told["positive"], told["negative"], told["neutral"]]


@pytest.mark.parametrize("family", sorted(foreign.TOKENIZERS))
def test_probabilities_are_the_classifiers_own(judges, tmp_path, family):
    folder = foreign.write(
        tmp_path / "judge", foreign.SENTIMENT, head="SequenceClassification", family=family, positions=128
    )
    judge = made(tmp_path / "same", family=family, positions=128)
    assert isinstance(judge, Judge)
    answers = judge.judge(asked((0, ITSELF, BOB), (0, ADA, BOB), (0, BOB, ADA)))
    assert answers.dtype == np.float32
    assert answers.sum(1) == pytest.approx([1, 1, 1], abs=1e-6)
    wanted = [oracle(folder, TEXT, second) for second in ("Bob", "Ada -> Bob", "Bob -> Ada")]
    assert answers == pytest.approx(np.array(wanted), abs=1e-4)
    assert not np.allclose(answers[1], answers[2], atol=1e-3)


def test_the_question_can_be_a_sentence_or_left_out(tmp_path):
    pair = '{ portrayal = "", relation = "What does {holder} think of {target}?" }'
    judge = made(tmp_path / "one", pair, positions=128)
    answers = judge.judge(asked((0, ITSELF, BOB), (0, CEM, ADA)))
    folder = tmp_path / "one" / "judge"
    wanted = [oracle(folder, TEXT), oracle(folder, TEXT, "What does Cem think of Ada?")]
    assert answers == pytest.approx(np.array(wanted), abs=1e-4)


@pytest.mark.parametrize(
    ("pair", "neutral"),
    [
        ('{ portrayal = "{target}", relation = false }', 1),
        ('{ portrayal = false, relation = "{holder} {target}" }', 0),
    ],
)
def test_what_the_model_cannot_tell_is_neutral(tmp_path, pair, neutral):
    answers = made(tmp_path / "one", pair).judge(asked((0, ITSELF, BOB), (0, ADA, BOB)))
    assert answers[neutral].tolist() == [0, 0, 1]
    assert 0 < answers[1 - neutral].max() < 1


def test_labels_of_one_stance_add_up(tmp_path):
    judge = made(tmp_path / "one")
    path = tmp_path / "one" / "model.toml"
    three = judge.judge(asked((0, ADA, BOB)))
    path.write_text(path.read_text().replace('neutral = "neutral"', 'neutral = "against"'))
    two = models.load(path).judge(asked((0, ADA, BOB)))
    assert two[0] == pytest.approx([three[0, 0], three[0, 1] + three[0, 2], 0], abs=2e-4)


def test_names_that_look_like_fields_are_text(judges):
    text = "{holder} met {target}."
    answers = judges["bert"].judge(asked((0, (0, 8), (13, 21)), texts=[text]))
    assert np.isfinite(answers).all()


def test_a_long_text_is_read_where_both_mentions_stand(judges):
    judge = judges["bert"].judged_by
    text = "x " * 100 + "Ada thanked Bob. " + "y " * 100
    ada, bob = (200, 203), (212, 215)
    found = judge.classifier.read([text])
    _, lo, hi, _ = judge._row(asked((0, ada, bob), texts=[text]), 0, found, "Ada -> Bob", 8)
    seen = text[found[0].start[lo] : found[0].end[hi - 1]]
    assert "Ada thanked Bob." in seen
    assert hi - lo + 8 <= judge.classifier.size < len(found[0])
    assert not np.array_equal(
        judges["bert"].judge(asked((0, ITSELF, (0, 1)), texts=[text])),
        judges["bert"].judge(asked((0, ITSELF, (len(text) - 2, len(text) - 1)), texts=[text])),
    )


@pytest.mark.parametrize("text", ["", " ", "a" * 3000, "\ud800", "中" * 900, "e" + "\u0301" * 500])
def test_hostile_texts_are_judged(judges, text):
    span = (0, len(text))
    for judge in judges.values():
        answers = judge.judge(asked((0, ITSELF, span), (0, span, span), texts=[text]))
        assert answers.sum(1) == pytest.approx([1, 1], abs=1e-6)


def test_no_questions_no_answers(judges):
    none = np.zeros((0, 2), dtype=np.int32)
    empty = np.zeros((0, 0), dtype=np.float16)
    assert judges["bert"].judge(Questions([], none[:, 0], none, none, empty, empty)).shape == (0, 3)


@pytest.mark.parametrize("family", sorted(foreign.TOKENIZERS))
@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data())
def test_neither_company_nor_order_changes_an_answer(judges, family, data):
    words = st.lists(st.sampled_from(["Ada", "met", "Bob,", "x.", "U.N.", "é"]), min_size=2, max_size=60)
    texts = data.draw(st.lists(words.map(" ".join), min_size=1, max_size=4))
    spans = [(0, len(text.split()[0])) for text in texts]
    last = [(len(text) - len(text.split()[-1]), len(text)) for text in texts]
    rows = [(no, ITSELF, spans[no]) for no in range(len(texts))]
    rows += [(no, spans[no], last[no]) for no in range(len(texts))]
    order = data.draw(st.permutations(range(len(rows))))
    judge = judges[family]
    together = judge.judge(asked(*rows, texts=texts))
    turned = judge.judge(asked(*(rows[i] for i in order), texts=texts))
    alone = np.concatenate([judge.judge(asked((0, *row[1:]), texts=[texts[row[0]]])) for row in rows])
    assert np.allclose(together[list(order)], turned, atol=2e-4)
    assert np.allclose(together, alone, atol=2e-4)
    assert (together.argmax(1) == alone.argmax(1)).all()
    assert (together[list(order)].argmax(1) == turned.argmax(1)).all()


def test_weights_stay_as_they_are_in_their_file(judges):
    assert {p.dtype for p in judges["bert"].judged_by.classifier.model.parameters()} == {torch.float32}
