"""A stage whose output changes must say so by its version: that is what makes old days due again."""

import json

import golden
import pytest

from pipeline.stages import STAGES

RECORDED = json.loads(golden.FILE.read_text())


@pytest.fixture(scope="module")
def found():
    return golden.digests()


@pytest.mark.parametrize("stage", [*(s.name for s in STAGES), "publish"])
def test_a_changed_output_has_a_new_version(stage, found):
    recorded, now = RECORDED[stage], found[stage]
    if now["input"] == recorded["input"] and now["output"] != recorded["output"]:
        assert now["version"] != recorded["version"], f"raise the version of {stage}"
    assert now == recorded, "record the new output with: python -m tests.golden"
