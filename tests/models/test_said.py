import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import SPOKEN, local, model, tokenizer

from models import ROLES
from models.said import TAGS, Voiced, said, voiced
from models.windows import windows
from models.words import pieces

OUT, BEGIN, INSIDE = range(3)
TEXTS = [
    "“We are ready,” said Ada. Bob denied it, according to Cem.",
    "",
    "so",
    "she said " * 120,
    " \n",
    "Ada told Bob that Cem had told Dee what he knew; nobody believed it.",
]


def columns(found):
    """One row per span."""
    return list(
        zip(
            *(c.tolist() for c in (found.text_no, found.start, found.end)),
            found.role,
            found.score.tolist(),
            strict=True,
        )
    )


def slowly(words, logits):
    """The spans of words (text, start, end), one role and one word at a time."""
    found = []
    for k, role in enumerate(ROLES):
        run = None
        for (text, start, end), row in zip(words, logits, strict=True):
            mine = [float(x) for x in row[TAGS * k : TAGS * (k + 1)]]
            tag = mine.index(max(mine))
            weights = [math.exp(x - max(mine)) for x in mine]
            sure = 1 - weights[OUT] / sum(weights)
            if tag == OUT:
                run = None
            elif tag == BEGIN or run is None or run[0] != text:
                run = [text, start, end, role, sure]
                found.append(run)
            else:
                run[2], run[4] = end, min(run[4], sure)
    return sorted(found, key=lambda span: (span[0], span[1], ROLES.index(span[3])))


@st.composite
def worded(draw):
    """Words of several texts with logits, in which ties and runs are frequent."""
    words, at = [], 0
    for text in range(draw(st.integers(0, 3))):
        for _ in range(draw(st.integers(0, 8))):
            words.append((text * 2, at, at + 2))
            at += 3
    number = st.sampled_from([-3.0, 0.0, 0.5, 4.0])
    rows = st.lists(number, min_size=TAGS * len(ROLES), max_size=TAGS * len(ROLES))
    return words, [draw(rows) for _ in words]


@settings(max_examples=300)
@given(worded())
def test_it_finds_what_reading_word_by_word_finds(given_words):
    words, logits = given_words
    table = np.array(words, dtype=np.int64).reshape(-1, 3)
    found = columns(said(*table.T, np.array(logits).reshape(-1, TAGS * len(ROLES))))
    wanted = slowly(words, logits)
    assert [row[:4] for row in found] == [tuple(row[:4]) for row in wanted]
    assert [row[4] for row in found] == pytest.approx([row[4] for row in wanted], abs=6e-5)


def sure(*tags):
    """Logits of words for certain tags of source, cue and content."""
    return np.concatenate([np.eye(TAGS)[list(of_role)] * 20 for of_role in tags], 1)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([OUT, OUT, OUT], []),
        ([BEGIN, INSIDE, OUT], [(0, 4)]),
        ([BEGIN, BEGIN, INSIDE], [(0, 1), (2, 6)]),
        ([INSIDE, INSIDE, BEGIN], [(0, 4), (5, 6)]),
        ([OUT, INSIDE, OUT], [(2, 4)]),
    ],
)
def test_spans_begin_at_a_begin_or_after_what_is_outside(tags, spans):
    start, end = np.array([0, 2, 5]), np.array([1, 4, 6])
    found = said(np.zeros(3, dtype=int), start, end, sure(tags, [OUT] * 3, [OUT] * 3))
    assert list(zip(found.start.tolist(), found.end.tolist(), strict=True)) == spans
    assert set(found.role) <= {"source"}
    assert np.allclose(found.score, 1)


def test_roles_may_overlap_and_are_ordered_by_place_then_role():
    start = np.arange(3) * 2
    found = said(
        np.zeros(3, dtype=int),
        start,
        start + 1,
        sure([OUT, BEGIN, OUT], [OUT, BEGIN, OUT], [BEGIN, INSIDE, INSIDE]),
    )
    assert [row[:4] for row in columns(found)] == [
        (0, 0, 5, "content"),
        (0, 2, 3, "source"),
        (0, 2, 3, "cue"),
    ]


@settings(max_examples=60)
@given(st.data())
def test_parts_of_words_come_together_in_any_order(data):
    texts = data.draw(
        st.lists(st.sampled_from(["ab cd, e", "", "x", "one two three four"]), min_size=1, max_size=4)
    )
    found = pieces(tokenizer(), texts)
    words = [(no, int(i)) for no, one in enumerate(found) for i in one.firsts()]
    logits = np.random.default_rng(len(words)).normal(0, 2, (len(words), TAGS * len(ROLES)))
    whole = [Voiced(*np.array(words, dtype=np.int64).reshape(-1, 2).T, logits)]
    order = data.draw(st.permutations(range(len(words))))
    cut = data.draw(st.integers(0, len(words)))
    parts = [np.array(part, dtype=np.int64) for part in (order[:cut], order[cut:])]
    apart = [Voiced(whole[0].text_no[part], whole[0].piece[part], logits[part]) for part in parts]
    assert columns(voiced(apart, found)) == columns(voiced(whole, found))


def test_no_texts_say_nothing():
    assert columns(voiced([], [])) == []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return model(tmp_path_factory.mktemp("said"))


def of(tags, text_no):
    """What is said in one text."""
    return [row[1:] for row in columns(tags.said) if row[0] == text_no]


def test_the_model_tells_who_says_what(tiny):
    found = tiny.tag(TEXTS).said
    assert [c.dtype for c in (found.text_no, found.start, found.end, found.score)] == [
        "int32",
        "int32",
        "int32",
        "float32",
    ]
    assert len(set(found.role)) > 1
    assert set(found.role) <= set(ROLES)
    assert ((found.score > 0) & (found.score <= 1)).all()
    for text_no, start, end, _, _ in columns(found):
        assert TEXTS[text_no][start:end].strip() == TEXTS[text_no][start:end] != ""
    order = [(row[0], row[1], ROLES.index(row[3])) for row in columns(found)]
    assert order == sorted(order)
    assert {0, 2, 3, 5} <= set(found.text_no.tolist())


@settings(max_examples=25, derandomize=True)
@given(data=st.data())
def test_neither_order_nor_company_changes_who_says_what(tiny, data):
    order = data.draw(st.permutations(range(len(TEXTS))))
    some = order[: data.draw(st.integers(1, len(order)))]
    whole, part = tiny.tag(TEXTS), tiny.tag([TEXTS[no] for no in some])
    for place, no in enumerate(some):
        known, found = of(whole, no), of(part, place)
        assert [row[:3] for row in found] == [row[:3] for row in known]
        assert [row[3] for row in found] == pytest.approx([row[3] for row in known], abs=2e-4)


def test_given_spans_change_nothing_of_what_is_said(tiny):
    spans = [[(0, 3)] for _ in TEXTS]
    assert columns(tiny.tag(TEXTS, spans).said) == columns(tiny.tag(TEXTS).said)


@pytest.mark.parametrize("size", [40, 199, 200, 201, 650])
def test_each_word_of_a_long_text_is_told_by_the_window_that_owns_it(tiny, size, monkeypatch):
    text = " ".join(f"w{i % 10}" for i in range(size))
    parts = []

    def kept(found, texts):
        parts.extend(found)
        return voiced(found, texts)

    monkeypatch.setattr("models.infer.voiced", kept)
    tiny.tag(["Ada left.", text])
    (_, seen) = pieces(tiny.tokenizer, ["Ada left.", text])
    told = sorted(int(i) for part in parts for i in part.piece[part.text_no == 1])
    assert told == seen.firsts().tolist()
    assert sum(len(part.piece) for part in parts) == sum(len(part.logits) for part in parts)
    cut = windows(1, seen, tiny.config["window"], tiny.config["overlap"])
    assert (len(cut) > 1) == (len(seen) > tiny.config["window"])


@pytest.fixture(scope="module")
def sized(tmp_path_factory):
    """Two models that read each word by itself alone, 120 pieces at once and 4,000."""
    made = [local(tmp_path_factory.mktemp("sized"), window) for window in (120, 4000)]
    torch.manual_seed(3)
    with torch.no_grad():
        for tensor in made[0].network.said.parameters():
            tensor.normal_(0, 1)
    made[1].network.said.load_state_dict(made[0].network.said.state_dict())
    return made


@settings(max_examples=40, derandomize=True)
@given(words=st.lists(st.sampled_from(["x", *SPOKEN]), min_size=1, max_size=500).map(" ".join))
def test_the_seams_of_windows_change_nothing_of_what_is_said(sized, words):
    short, long = (one.tag(["b i o", words]) for one in sized)
    assert [row[:4] for row in columns(short.said)] == [row[:4] for row in columns(long.said)]
    assert np.allclose(short.said.score, long.said.score, atol=2e-4)


def test_what_is_said_goes_on_over_seams(sized):
    text = "o e " * 300
    found = sized[0].tag([text]).said
    assert columns(found)
    assert any(end - start > 600 for start, end in zip(found.start, found.end, strict=True))
