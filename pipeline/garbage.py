"""Python's search for cyclic garbage, which goes over every object, kept to where there is any."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unsought() -> Iterator[None]:
    """Meanwhile nobody looks for it: for work that makes many objects and leaves none in cycles."""
    seeks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if seeks:
            gc.enable()


def settle() -> None:
    """What has been loaded so far is not looked at again.

    Great Expectations, PyTorch and the model are 600,000 objects; looking at them over and over took a tenth
    of what a run takes beside the model. Not for every unit of work: what is held in cycles at this moment is
    never given back (of each validation by Great Expectations its last tables).
    """
    gc.collect()  # or what is garbage now would stay for good
    gc.freeze()
