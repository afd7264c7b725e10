"""Scores on hand labels, with the small models."""

from pathlib import Path

import pytest

from pipeline import gold
from pipeline.errors import EnvironmentProblem
from pipeline.evaluation import Score, scores

LABELS = """\
Mayor praises Poland
[Anna Smith|PERSON anna-smith] praised [Poland|LOC poland] on [Monday|DATE].
= anna-smith favor poland
[Anna Smith|PERSON anna-smith] left.
"""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "one.txt").write_text(LABELS, "utf-8")
    return tmp_path


def test_a_score():
    score = Score.of(["a", "b", "b", "c"], ["b", "c", "d", "e"])
    assert (score.right, score.found, score.wanted) == (2, 3, 4)
    assert (score.precision, score.recall, score.f1) == (2 / 3, 1 / 2, 4 / 7)
    nothing = Score.of([], [])
    assert (nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0)


def test_what_the_models_find_is_scored(labels, context):
    found = scores(gold.articles(labels), context)
    assert found["mentions: span and type"] == Score(
        4, 6, 4
    )  # "Mayor" and "Poland" of the title are not labelled
    assert found["who on whom, favor, given mentions"] == Score(1, 1, 1)
    assert found["who on whom, against, end to end"].wanted == 0


def test_other_labels_have_another_digest(labels):
    before = gold.digest(labels)
    assert gold.digest(labels) == before
    (labels / "one.txt").write_text(LABELS + "It rained.\n", "utf-8")
    assert gold.digest(labels) != before


def test_a_folder_without_labels_is_told(tmp_path):
    with pytest.raises(EnvironmentProblem, match=r"hand labels: there are none in .* seeds/gold"):
        gold.articles(tmp_path)
