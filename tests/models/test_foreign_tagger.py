"""A token classifier from elsewhere: offsets, schemes, windows and company, with models made here."""

import numpy as np
import pytest
import tiny_foreign as foreign
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models import Tagger

TEXTS = [
    "Ada met Bob in Paris on Jan. 10, 2022.",
    "",
    "the end",
    "  \n\t ",
    "x " * 400,
    "“Ça va?” a\u0301 — Žižek\u00a0met  the U.N.  [SEP] 中文 </s> 🙂🙂 and left ",
]
ELEMENTS = {
    "x": "",
    "s m": "",
    "b": "PERSON",
    "b i": "PERSON",
    "b i i i i": "PERSON",
    "o": "ORG",
    "o e e": "ORG",
}
FAMILIES = sorted(foreign.TOKENIZERS)


def load(folder, labels, **more):
    foreign.write(folder / "tagger", labels, **more)
    return models.load(foreign.toml(folder, foreign.tagger_lines(labels), foreign.judge_lines()))


@pytest.fixture(scope="module")
def taggers(tmp_path_factory):
    """By name of family: a model with random weights."""
    folder = tmp_path_factory.mktemp("random")
    return {family: made(folder / family, foreign.BIO, family=family) for family in FAMILIES}


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """By name of family: a model that tells a word's label from the word alone."""
    folder = tmp_path_factory.mktemp("local")
    return {family: made(folder / family, foreign.BIO, family=family, local=True) for family in FAMILIES}


def made(folder, labels, **more):
    folder.mkdir()
    foreign.write(folder / "judge", foreign.SENTIMENT, head="SequenceClassification")
    return load(folder, labels, **more)


def rows(tags, text_no=0):
    """Span and type of each mention of one text."""
    return [
        (int(tags.start[i]), int(tags.end[i]), tags.type[i]) for i in np.flatnonzero(tags.text_no == text_no)
    ]


def scores(tags, text_no=0):
    return tags.score[tags.text_no == text_no]


def built(elements):
    """A text of elements, and the mentions in it by construction."""
    text, mentions = "", []
    for element in elements:
        if ELEMENTS[element]:
            mentions.append((len(text), len(text) + len(element), ELEMENTS[element]))
        text += element + " "
    return text, mentions


@pytest.mark.parametrize("family", FAMILIES)
def test_columns_are_as_promised(taggers, family):
    tagger = taggers[family]
    assert isinstance(tagger, Tagger)
    tags = tagger.tag(TEXTS)
    n = len(tags.start)
    assert n > 5
    dtypes = [c.dtype for c in (tags.text_no, tags.start, tags.end, tags.score, tags.vectors, tags.tokens)]
    assert dtypes == ["int32", "int32", "int32", "float32", "float16", "int32"]
    assert tags.vectors.shape == (n, 0)
    assert set(tags.type) <= {"PERSON", "ORG"}
    assert ((tags.score > 0) & (tags.score <= 1)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_offsets_are_of_the_text_as_given(taggers, family):
    tags = taggers[family].tag(TEXTS)
    for no, start, end in zip(tags.text_no, tags.start, tags.end, strict=True):
        assert TEXTS[no][start:end].strip() == TEXTS[no][start:end] != ""
    same = tags.text_no[1:] == tags.text_no[:-1]
    assert (tags.start[1:] >= tags.end[:-1])[same].all()


@pytest.mark.parametrize("family", FAMILIES)
def test_each_piece_is_counted_once_and_nothing_is_cut(taggers, family):
    tagger = taggers[family]
    counted = tagger.tag(TEXTS).tokens.tolist()
    whole = foreign.TOKENIZERS[family]()
    whole.encode_special_tokens = True
    assert counted == [len(whole.encode(text, add_special_tokens=False).ids) for text in TEXTS]
    assert counted[4] >= 400


def test_a_tokenizer_that_would_truncate_is_not_let(tmp_path):
    foreign.write(tmp_path / "judge", foreign.SENTIMENT, head="SequenceClassification")
    foreign.write(tmp_path / "tagger", foreign.BIO, local=True)
    path = tmp_path / "tagger" / "tokenizer.json"
    cutting = foreign.wordpiece()
    cutting.enable_truncation(10)
    cutting.enable_padding(length=128)
    cutting.save(str(path))
    tagger = models.load(foreign.toml(tmp_path, foreign.tagger_lines(foreign.BIO), foreign.judge_lines()))
    text, mentions = built(["x"] * 50 + ["b i"])
    tags = tagger.tag([text])
    assert tags.tokens.tolist() == [52]
    assert rows(tags) == mentions


def test_it_finds_what_transformers_finds(taggers, tmp_path):
    folder = foreign.write(tmp_path / "same", foreign.BIO)
    oracle = transformers.pipeline("token-classification", str(folder), aggregation_strategy="first")
    text = "Ada met Bob in Paris on Jan. 10, 2022, said Cem."
    theirs = [
        (one["start"], one["end"], foreign.MEANS[one["entity_group"]])
        for one in oracle(text)
        if foreign.MEANS[one["entity_group"]]
    ]
    assert theirs
    assert rows(taggers["bert"].tag([text])) == theirs


@pytest.mark.parametrize("family", FAMILIES)
@settings(deadline=None, max_examples=40, derandomize=True)
@given(elements=st.lists(st.sampled_from(sorted(ELEMENTS)), min_size=30, max_size=150))
def test_window_seams_change_no_mention(local, family, elements):
    text, mentions = built(elements)
    assert rows(local[family].tag([text])) == mentions


@pytest.mark.parametrize("family", FAMILIES)
@settings(deadline=None, max_examples=30, derandomize=True)
@given(data=st.data())
def test_neither_company_nor_order_changes_a_label(taggers, family, data):
    words = st.lists(st.sampled_from(["Ada", "met", "Bob,", "x.", "U.N.", "é"]), max_size=60).map(" ".join)
    texts = data.draw(st.lists(words, min_size=1, max_size=5))
    order = data.draw(st.permutations(range(len(texts))))
    tagger = taggers[family]
    together, turned = tagger.tag(texts), tagger.tag([texts[i] for i in order])
    for place, no in enumerate(order):
        alone = tagger.tag([texts[no]])
        assert rows(together, no) == rows(turned, place) == rows(alone)
        assert np.allclose(scores(together, no), scores(turned, place), atol=2e-4)
        assert np.allclose(scores(together, no), scores(alone), atol=2e-4)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(FAMILIES),
    st.lists(st.text(st.characters(exclude_categories=()), max_size=200), max_size=3),
)
def test_any_unicode_is_read(taggers, family, texts):
    tags = taggers[family].tag(texts)
    for no, start, end in zip(tags.text_no, tags.start, tags.end, strict=True):
        assert 0 <= start < end <= len(texts[no])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", ["a" * 3000, "\x00\x07\x1b", "\ud800", "e" + "\u0301" * 500, "中" * 900])
def test_hostile_texts_are_read(taggers, family, text):
    tags = taggers[family].tag([text])
    assert (tags.end <= len(text)).all()


@pytest.mark.parametrize(
    ("labels", "text", "found"),
    [
        (foreign.BIO, "b i x b b", ["b i", "b", "b"]),
        (foreign.BIO, "i i x o i", ["i i", "o", "i"]),  # as conlleval reads it
        (foreign.IOB1, "b b o b x i b", ["b b", "o b", "i", "b"]),
        (foreign.BIOES, "b i o x e b o e s", ["b i o", "e", "b o", "e", "s"]),
        (foreign.IO, "b b x b i i b", ["b b", "b", "i i", "b"]),
    ],
    ids=["BIO", "BIO cut", "IOB1", "BIOES", "IO"],
)
def test_every_scheme_is_read(tmp_path, labels, text, found):
    tagger = made(tmp_path / "one", labels, local=True)
    tags = tagger.tag([text])
    assert [text[start:end] for start, end, _ in rows(tags)] == found


def test_given_spans_follow_the_found_ones_in_the_callers_order(taggers):
    spans = [[(8, 11), (0, 3)], [(0, 0)], [], [(1, 2)], [(700, 701)], []]
    tags = taggers["bert"].tag(TEXTS, spans)
    asked = [i for i, kind in enumerate(tags.type) if not kind]
    assert [(tags.text_no[i], tags.start[i], tags.end[i]) for i in asked] == [
        (0, 8, 11), (0, 0, 3), (1, 0, 0), (3, 1, 2), (4, 700, 701),
    ]  # fmt: skip
    assert np.isnan(tags.score[asked]).all()
    with pytest.raises(ValueError, match="1 lists of spans for 6 texts"):
        taggers["bert"].tag(TEXTS, [[]])


def test_no_texts_no_rows(taggers):
    tags = taggers["bert"].tag([])
    assert (len(tags.start), len(tags.tokens), tags.vectors.shape) == (0, 0, (0, 0))


def test_the_score_is_the_probability_of_the_words_labels(local):
    tagger = local["bert"]
    ids = torch.tensor([foreign.wordpiece().encode("x b i x").ids])
    begin, inside, after = tagger.tagger.classifier.model(ids).logits[0].softmax(-1)[2:5]
    wanted = begin[1] * inside[2] * (1 - after[2])
    assert wanted < 0.9999
    assert tagger.tag(["x b i x"]).score == pytest.approx([wanted.item()], abs=1e-4)
