"""Capitals that stand for governments: cases in `cases/metonymy.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.metonymy import stands_for_government

CASES = json.loads((Path(__file__).parent / "cases/metonymy.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("kind", "sentence"), [(kind, s) for kind, all_ in CASES.items() for s in all_])
def test_case(kind, sentence):
    left, name, right = re.fullmatch(r"(.*)\[(.*)\](.*)", sentence).groups()
    assert stands_for_government(left, name, right) == (kind == "government")
