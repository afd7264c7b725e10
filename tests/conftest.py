"""Fixtures that several test modules share."""

from pathlib import Path

import pytest
from fake_models import KeywordJudge, KeywordTagger

from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake on the disk."""
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def context() -> Context:
    """Default settings, with the small models for tests."""
    return Context(Settings(), KeywordTagger(), KeywordJudge())
