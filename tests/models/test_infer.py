from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import local, model

from models import STANCES, TYPES, Calibrated, Judge, Questions, Tagger, calibrate, weights
from models.infer import Model
from models.mentions import apart

TEXTS = [
    "Ada met Bob in Paris on Jan. 10, 2022.",
    "",
    "the end",
    "  \n\t ",
    "x " * 400,
    "A much longer sentence, with more words than the others, so that it goes into another batch - said Cem.",
]


# Text elements of a local model (`tiny.SPOKEN`), and the mention that each is.
ELEMENTS = {"x": "", "b": "PERSON", "b i": "PERSON", "b i i i i": "PERSON", "o": "ORG", "o e e": "ORG"}


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A local model that reads 120 pieces at once."""
    return local(tmp_path_factory.mktemp("short"), window=120)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return model(tmp_path_factory.mktemp("tiny"))


def rows(tags, text_no):
    """All that `tags` says of one text."""
    which = np.flatnonzero(tags.text_no == text_no)
    kinds = [tags.type[i] for i in which]
    return (*(column[which].tolist() for column in (tags.start, tags.end, tags.score, tags.vectors)), kinds)


def test_it_is_a_tagger_and_a_judge(tiny):
    assert isinstance(tiny, Tagger)
    assert isinstance(tiny, Judge)
    assert len(tiny.digest) == 64


def test_its_thresholds_are_those_of_its_config(tiny):
    stated = {name: {"0.90": [0.9, None]} for name in ("portrayal", "relation")}
    told = Model(tiny.network, tiny.tokenizer, tiny.config | {"thresholds": stated}, tiny.digest)
    assert isinstance(told, Calibrated)
    assert told.thresholds == stated
    assert tiny.thresholds == {}


def test_columns_are_as_promised(tiny):
    tags = tiny.tag(TEXTS)
    n = len(tags.start)
    assert n > 5
    assert [len(c) for c in (tags.text_no, tags.end, tags.type, tags.score)] == [n] * 4
    assert tags.vectors.shape == (n, 20)
    dtypes = [c.dtype for c in (tags.text_no, tags.start, tags.end, tags.score, tags.vectors, tags.tokens)]
    assert dtypes == ["int32", "int32", "int32", "float32", "float16", "int32"]
    assert set(tags.type) <= set(TYPES)
    assert ((tags.score >= 0) & (tags.score <= 1)).all()
    assert sorted(zip(tags.text_no, tags.start, strict=True)) == list(
        zip(tags.text_no, tags.start, strict=True)
    )


def test_every_piece_is_counted_once(tiny):
    assert tiny.tag(TEXTS).tokens.tolist() == [sum(not c.isspace() for c in text) for text in TEXTS]


def test_mentions_lie_apart_and_neither_begin_nor_end_with_white_space(tiny):
    tags = tiny.tag(TEXTS)
    for no, start, end in zip(tags.text_no, tags.start, tags.end, strict=True):
        assert TEXTS[no][start:end].strip() == TEXTS[no][start:end] != ""
    same = tags.text_no[1:] == tags.text_no[:-1]
    assert (tags.start[1:] >= tags.end[:-1])[same].all()


def test_the_company_and_the_order_of_texts_change_nothing(tiny):
    together, turned = tiny.tag(TEXTS), tiny.tag(TEXTS[::-1])
    for no, text in enumerate(TEXTS):
        known = rows(together, no)
        for other in (rows(tiny.tag([text]), 0), rows(turned, len(TEXTS) - 1 - no)):
            assert other[0] == known[0]
            assert other[1] == known[1]
            assert other[4] == known[4]
            assert np.allclose(other[2], known[2], atol=1e-4)
            assert np.allclose(other[3], known[3], atol=1e-2)


def test_a_long_text_is_read_to_its_end(tiny):
    sentence = "Ada met Bob. "
    alone = [a - len(sentence) for a in tiny.tag([sentence * 2]).start if a >= len(sentence)]
    far = tiny.tag([sentence * 60])
    assert far.tokens.tolist() == [60 * 10]
    assert alone
    assert max(far.start) >= 59 * len(sentence)


def test_given_spans_follow_the_found_ones_in_the_callers_order(tiny):
    spans = [[(8, 11), (0, 3)], [(0, 0)], [], [(1, 2)], [(700, 701)], []]
    tags = tiny.tag(TEXTS, spans)
    given = [i for i, kind in enumerate(tags.type) if not kind]
    assert [(tags.text_no[i], tags.start[i], tags.end[i]) for i in given] == [
        (0, 8, 11), (0, 0, 3), (1, 0, 0), (3, 1, 2), (4, 700, 701),
    ]  # fmt: skip
    assert np.isnan(tags.score[given]).all()
    assert (np.diff(tags.text_no) >= 0).all()
    found = [i for i, kind in enumerate(tags.type) if kind]
    assert max(i for i in found if tags.text_no[i] == 0) < given[0]
    bare = tiny.tag(TEXTS)
    assert [tags.start[i] for i in found] == bare.start.tolist()


def test_a_given_span_has_the_vector_of_the_mention_found_there(tiny):
    tags = tiny.tag(TEXTS[:1])
    again = tiny.tag(TEXTS[:1], [[(tags.start[0], tags.end[0])]])
    assert np.allclose(again.vectors[-1], tags.vectors[0], atol=1e-2)


def test_spans_must_match_the_texts(tiny):
    with pytest.raises(ValueError, match="1 lists of spans for 6 texts"):
        tiny.tag(TEXTS, [[]])


def test_no_texts_no_rows(tiny):
    tags = tiny.tag([])
    assert (len(tags.start), len(tags.tokens), tags.vectors.shape) == (0, 0, (0, 20))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=300), max_size=3))
def test_any_unicode_is_read(tiny, texts):
    tags = tiny.tag(texts)
    for no, start, end in zip(tags.text_no, tags.start, tags.end, strict=True):
        assert 0 <= start < end <= len(texts[no])


@settings(deadline=None, max_examples=40, derandomize=True)
@given(elements=st.lists(st.sampled_from(sorted(ELEMENTS)), min_size=30, max_size=300))
def test_window_seams_change_no_mention(short, elements):
    text, mentions = "", []
    for element in elements:
        if ELEMENTS[element]:
            mentions.append((len(text), len(text) + len(element), ELEMENTS[element]))
        text += element + " "
    tags = short.tag([text])
    assert list(zip(tags.start, tags.end, tags.type, strict=True)) == mentions


@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data())
def test_neither_company_nor_order_changes_a_label(tiny, data):
    words = st.lists(st.sampled_from(["Ada", "met", "Bob,", "x.", "U.N.", "é"]), max_size=120).map(" ".join)
    texts = data.draw(st.lists(words, min_size=1, max_size=5))
    order = data.draw(st.permutations(range(len(texts))))
    together, turned = tiny.tag(texts), tiny.tag([texts[i] for i in order])
    for place, no in enumerate(order):
        known = rows(together, no)
        for other in (rows(turned, place), rows(tiny.tag([texts[no]]), 0)):
            assert (other[0], other[1], other[4]) == (known[0], known[1], known[4])
            assert np.allclose(other[2], known[2], atol=2e-4)
            assert np.allclose(other[3], known[3], atol=1e-2)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data())
def test_neither_company_nor_order_changes_an_answer(tiny, data):
    text = "Ada met Bob, Cem and Dee in Paris."
    spans = data.draw(st.permutations([(0, 3), (8, 11), (13, 16), (21, 24)]))
    vectors = tiny.tag([text], [spans]).vectors[-4:]
    pairs = [(-1, j) for j in range(4)] + [(i, j) for i in range(4) for j in range(4) if i != j]
    table = np.array([(*(spans[i] if i >= 0 else (-1, -1)), *spans[j]) for i, j in pairs], dtype=np.int32)
    holder = np.array([vectors[i] * (i >= 0) for i, _ in pairs], dtype=np.float16)
    target = np.array([vectors[j] for _, j in pairs])

    def answers(which):
        of_text = np.zeros(len(which), dtype=np.int32)
        spans = table[which]
        return tiny.judge(
            Questions([text], of_text, spans[:, :2], spans[:, 2:], holder[which], target[which])
        )

    together = answers(np.arange(len(pairs)))
    part = np.array(data.draw(st.permutations(range(len(pairs)))))[: data.draw(st.integers(1, len(pairs)))]
    assert np.allclose(answers(part), together[part], atol=2e-4)
    assert (answers(part).argmax(1) == together[part].argmax(1)).all()


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "\x00\x07\x1b", "\ud800", "e" + "\u0301" * 5000, "中" * 3000]
)
def test_hostile_texts_are_read(tiny, text):
    tags = tiny.tag([text])
    assert (tags.end <= len(text)).all()


def questions(tiny, turned=False):
    tags = tiny.tag(TEXTS[:1], [[(0, 3), (8, 11)]])
    ada, bob = tags.vectors[-2:]
    none = np.zeros_like(ada)
    table = [((-1, -1), (0, 3), none, ada), ((0, 3), (8, 11), ada, bob), ((8, 11), (0, 3), bob, ada)]
    holder, target, one, other = (np.array(c) for c in zip(*(table[::-1] if turned else table), strict=True))
    holder, target = holder.astype(np.int32), target.astype(np.int32)
    return Questions(TEXTS[:1], np.zeros(3, dtype=np.int32), holder, target, one, other)


def test_judgements_are_probabilities_whatever_the_order(tiny):
    answers = tiny.judge(questions(tiny))
    assert answers.shape == (3, len(STANCES))
    assert answers.dtype == np.float32
    assert np.allclose(answers.sum(1), 1, atol=1e-6)
    assert (answers >= 0).all()
    assert np.array_equal(tiny.judge(questions(tiny, turned=True)), answers[::-1])
    assert not np.allclose(answers[1], answers[2], atol=1e-3)


def test_no_questions_no_answers(tiny):
    none = np.zeros((0, 2), dtype=np.int32)
    empty = np.zeros((0, 20), dtype=np.float16)
    assert tiny.judge(Questions([], none[:, 0], none, none, empty, empty)).shape == (0, 3)


def test_calibration_scales_confidence_and_keeps_labels(tiny):
    before = tiny.judge(questions(tiny))
    tiny.config["calibration"] = {**tiny.config["calibration"], "relation": [0.1, 0.0, 0.0, 0.0]}
    after = tiny.judge(questions(tiny))
    assert np.array_equal(before[0], after[0])
    assert (after[1:].max(1) < before[1:].max(1)).all()
    assert np.array_equal(after.argmax(1), before.argmax(1))


def test_a_question_is_calibrated_as_one_of_all_or_as_a_chosen_one(tiny):
    asked = questions(tiny)
    every = {"portrayal_every": [1.0, 0.0, 0.0, 3.0], "relation_every": [0.5, 0.0, 2.0, 0.0]}
    other = Model(
        tiny.network, tiny.tokenizer, {**tiny.config, "calibration": weights.UNCALIBRATED | every}, ""
    )
    plain, found = other.judge(asked), other.judge(replace(asked, every=True))
    kinds = (plain, asked, [[1, 0, 0, 0]] * 2), (found, replace(asked, every=True), list(every.values()))
    for answers, of, fits in kinds:
        logits = other.logits(of).astype(float)
        for row, wanted in enumerate(calibrate.chances(logits[[i]], fits[i > 0])[0] for i in range(3)):
            assert np.allclose(answers[row], wanted, atol=2e-4)
    assert not np.allclose(plain, found, atol=1e-2)


@pytest.mark.parametrize(
    ("table", "stays"),
    [
        ([], []),
        ([(0, 0, 5, -1), (0, 5, 7, -1)], [True, True]),
        ([(0, 0, 5, -1), (0, 3, 7, -1), (0, 6, 8, -1)], [True, False, True]),
        ([(0, 0, 5, -1), (1, 3, 7, -1)], [True, True]),
        ([(0, 0, 5, -1), (0, 3, 7, 0), (0, 3, 4, 1)], [True, True, True]),
    ],
)
def test_of_overlapping_mentions_the_first_stays(table, stays):
    assert apart(*np.array(table, dtype=int).reshape(-1, 4).T).tolist() == stays
