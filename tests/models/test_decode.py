import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.decode import best, decode, legal

O, B, I, B2, I2 = range(5)  # noqa: E741


def sure(tags: list[int], count: int = 5) -> np.ndarray:
    return np.eye(count)[tags] * 20


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([O, O], []),
        ([B, I, O], [(0, 2, 0)]),
        ([B, B, I], [(0, 1, 0), (1, 3, 0)]),
        ([B, I, B2, I2], [(0, 2, 0), (2, 4, 1)]),
        ([O, B2], [(1, 2, 1)]),
    ],
)
def test_tags_to_mentions(tags, spans):
    first, end, kind, log = decode(sure(tags), np.zeros(len(tags), dtype=int))
    assert list(zip(first.tolist(), end.tolist(), kind.tolist(), strict=True)) == spans
    assert np.allclose(log, 0, atol=1e-6)


def test_no_words_no_mentions():
    assert [len(column) for column in decode(np.zeros((0, 5)), np.zeros(0, dtype=int))] == [0, 0, 0, 0]


def test_a_mention_ends_with_its_row():
    first, end, _, _ = decode(sure([B, I, I, O]), np.array([0, 0, 1, 1]))
    assert first.tolist()[0] == 0
    assert end.tolist()[0] == 2


def test_an_orphaned_inside_tag_becomes_the_likeliest_legal_reading():
    logits = np.array([[0.0, 3.0, 0, 0, 0], [0, 0, 0, 0, 4.0]])
    first, end, kind, _ = decode(logits, np.zeros(2, dtype=int))
    assert legal(np.array([O, O, B, B]), np.array([I, B2, I, I2])).tolist() == [False, True, True, False]
    assert list(zip(first, end, kind, strict=True)) == [(0, 2, 1)]


def test_probability_counts_every_tag_and_the_end():
    logits = np.log(np.array([[0.1, 0.8, 0.1], [0.5, 0.2, 0.3]]))
    *_, log = decode(logits, np.zeros(2, dtype=int))
    assert np.exp(log) == pytest.approx([0.8 * 0.7])


@settings(deadline=None)
@given(arrays(float, st.tuples(st.integers(1, 4), st.just(5)), elements=st.floats(-5, 5, width=16)))
def test_best_is_the_maximum_over_all_legal_sequences(logs):
    pairs = list(itertools.product(range(5), repeat=2))
    may = dict(zip(pairs, legal(*np.array(pairs).T).tolist(), strict=True))

    def allowed(path):
        return all(may[pair] for pair in itertools.pairwise((O, *path)))

    paths = filter(allowed, itertools.product(range(5), repeat=len(logs)))
    found = best(logs)
    assert allowed(found.tolist())
    top = max(logs[range(len(logs)), path].sum() for path in paths)
    assert logs[range(len(logs)), found].sum() == pytest.approx(top)
