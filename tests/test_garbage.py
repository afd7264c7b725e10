"""Where nobody looks for cyclic garbage, and that what is loaded is passed over."""

import contextlib
import gc
import weakref

import pytest

from pipeline import garbage


class Node:
    """Something that can hold itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.mark.parametrize("seeks", [True, False])
def test_nobody_looks_meanwhile_and_then_as_before(seeks):
    gc.enable() if seeks else gc.disable()
    try:
        with contextlib.suppress(KeyError), garbage.unsought():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() is seeks
    finally:
        gc.enable()


def test_what_is_loaded_is_passed_over_and_garbage_is_not_kept():
    before = gc.get_freeze_count()
    kept, dropped = Node(), Node()
    left = weakref.ref(dropped)
    del dropped
    with garbage.unsought():
        garbage.settle()
        assert left() is None
    try:
        assert gc.get_freeze_count() > before
        assert not any(one is kept for one in gc.get_objects())
        later = Node()
        del later
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
    assert any(one is kept for one in gc.get_objects())
