import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.windows import BUDGET, STEP, Window, batches, windows
from models.words import Pieces

SIZE, OVERLAP = 200, 40


def text(lengths: list[int]) -> Pieces:
    """Pieces of words with so many pieces each."""
    word = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    place = np.arange(len(word), dtype=np.int32)
    return Pieces(place.astype(np.int64), place, place + 1, word, place.astype(np.int64))


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), max_size=60))
def test_windows_own_every_piece_once_and_cut_no_word(lengths):
    found = text(lengths)
    made = windows(3, found, SIZE, OVERLAP)
    owned = [piece for w in made for piece in range(w.mine, w.end)]
    assert owned == list(range(len(found)))
    bounds = {*found.firsts().tolist(), len(found)}
    for w in made:
        assert w.text_no == 3
        assert 0 < w.hi - w.lo <= SIZE
        assert w.lo <= w.mine <= w.end <= w.hi
        assert {w.lo, w.hi, w.mine, w.end} <= bounds


def test_a_text_that_fits_is_one_window():
    assert windows(0, text([1] * SIZE), SIZE, OVERLAP) == [Window(0, 0, SIZE, 0, SIZE)]


def test_neighbours_share_the_overlap_and_part_it_in_the_middle():
    first, second = windows(0, text([1] * 300), SIZE, OVERLAP)
    assert (first.lo, first.hi, first.end) == (0, 200, 180)
    assert (second.lo, second.hi, second.mine) == (160, 300, 180)


@settings(deadline=None)
@given(st.lists(st.integers(1, 254), max_size=80))
def test_batches_hold_every_window_once_within_the_budget(sizes):
    rows = [Window(i, 0, size, 0, size) for i, size in enumerate(sizes)]
    made = list(batches(rows))
    assert sorted(w.text_no for batch in made for w in batch) == list(range(len(rows)))
    for batch in made:
        assert len({w.length for w in batch}) == 1
        assert batch[0].length % STEP == 0
        assert len(batch) == 1 or len(batch) * batch[0].length <= BUDGET
