import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tokenizer

from models.words import CLS, SEP, cases, padded, pieces

CASES = json.loads((Path(__file__).parent.parent / "cases" / "words.json").read_text("utf-8"))
TOKENIZER = tokenizer()


@pytest.mark.parametrize(("word", "case"), CASES["case"])
def test_case_of_a_word(word, case):
    assert cases(word, np.array([0]), np.array([len(word)])).tolist() == [case]


@pytest.mark.parametrize(("text", "words"), CASES["words"])
def test_words_are_split_as_bert_does(text, words):
    found = pieces(TOKENIZER, [text])[0]
    bounds = np.append(found.firsts(), len(found))
    assert [text[found.start[a] : found.end[b - 1]] for a, b in itertools.pairwise(bounds)] == words


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=())), max_size=4))
def test_pieces_are_ordered_and_inside_any_text(texts):
    for text, found in zip(texts, pieces(TOKENIZER, texts), strict=True):
        assert (found.start <= found.end).all()
        assert (np.diff(found.start) >= 0).all()
        assert (np.diff(found.end) >= 0).all()
        assert len(found) == 0 or found.end[-1] <= len(text)
        heads = found.firsts()
        assert found.word[heads].tolist() == list(range(len(heads)))
        for at in heads:
            assert not text[found.start[at]].isspace()


def test_a_word_of_a_million_characters_is_one_piece():
    assert len(pieces(TOKENIZER, ["a" * 1_000_000])[0]) == 1


@pytest.mark.parametrize(
    ("span", "covered"), [((0, 2), (0, 2)), ((3, 4), (2, 3)), ((2, 3), (2, 2)), ((9, 9), (4, 4))]
)
def test_pieces_that_a_span_covers(span, covered):
    found = pieces(TOKENIZER, ["ab cd"])[0]
    assert tuple(found.covering(np.array([span]))[0]) == covered


def test_rows_are_padded_between_their_special_pieces():
    ids, case, mask = padded([(np.array([7, 8]), np.array([1, 2])), (np.array([9]), np.array([3]))], 5)
    assert ids.tolist() == [[CLS, 7, 8, SEP, 0], [CLS, 9, SEP, 0, 0]]
    assert case.tolist() == [[0, 1, 2, 0, 0], [0, 3, 0, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=40), max_size=6))
def test_texts_are_cut_alike_in_any_company(texts):
    for text, together in zip(texts, pieces(TOKENIZER, texts), strict=True):
        (alone,) = pieces(TOKENIZER, [text])
        for name in ("ids", "start", "end", "word", "case"):
            one, other = getattr(alone, name), getattr(together, name)
            assert one.dtype == other.dtype
            assert one.tolist() == other.tolist()


def test_texts_beyond_one_chunk_keep_their_order(monkeypatch):
    monkeypatch.setattr("models.words._AT_ONCE", 2)
    found = pieces(TOKENIZER, ["a", "", "b c", "d", "e"])
    assert [len(one) for one in found] == [1, 0, 2, 1, 1]
    assert found[2].start.tolist() == [0, 2]
