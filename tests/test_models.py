"""The shipped model on obvious sentences: it loads offline, finds names, and tells for from against."""

import json
from pathlib import Path

import numpy as np
import pytest

import models
from models import STANCES, Questions

CASES = json.loads((Path(__file__).parent / "cases" / "model.json").read_text("utf-8"))
MOST = 50_000_000  # bytes: what may be shipped


@pytest.fixture(scope="module")
def model():
    return models.load()


def spans(text, *names):
    return [(text.index(name), text.index(name) + len(name)) for name in names]


def judged(model, cases):
    """The stance of each case: text, holder (none for the text itself), target."""
    given = [spans(text, *names) for text, *names in cases]
    tags = model.tag([text for text, *_ in cases], given)
    rows = [np.flatnonzero((tags.text_no == no) & np.isnan(tags.score)) for no in range(len(cases))]
    target = tags.vectors[[row[-1] for row in rows]]
    holder = np.stack(
        [tags.vectors[r[0]] if len(r) > 1 else np.zeros_like(t) for r, t in zip(rows, target, strict=True)]
    )
    questions = Questions(
        [text for text, *_ in cases],
        np.arange(len(cases), dtype=np.int32),
        np.array([s[0] if len(s) > 1 else (-1, -1) for s in given], dtype=np.int32),
        np.array([s[-1] for s in given], dtype=np.int32),
        holder,
        target,
    )
    return [STANCES[k] for k in model.judge(questions).argmax(1)]


def test_obvious_names_are_found(model):
    tags = model.tag([text for text, _ in CASES["entities"]])
    found = {
        (int(no), CASES["entities"][no][0][start:end], kind)
        for no, start, end, kind in zip(tags.text_no, tags.start, tags.end, tags.type, strict=True)
    }
    gold = {(no, *mention) for no, (_, known) in enumerate(CASES["entities"]) for mention in known}
    assert len(gold & found) >= 0.85 * len(gold)
    assert len(gold & found) >= 0.85 * len(found)


def test_scores_are_confident_where_names_are_obvious(model):
    tags = model.tag(["Angela Merkel met Emmanuel Macron in Paris."])
    assert (tags.score > 0.6).all()


@pytest.mark.parametrize(("kind", "least"), [("portrayal", 4), ("directed", 3)])
def test_obvious_stances_are_told(model, kind, least):
    cases = CASES[kind]
    answers = judged(model, [case[:-1] for case in cases])
    right = [answer == case[-1] for answer, case in zip(answers, cases, strict=True)]
    assert sum(right) >= least, list(zip(answers, cases, strict=True))


def test_for_and_against_are_never_swapped(model):
    cases = [case for kind in ("portrayal", "directed") for case in CASES[kind] if case[-1] != "neutral"]
    opposite = {"favor": "against", "against": "favor"}
    assert all(
        a != opposite[c[-1]] for a, c in zip(judged(model, [c[:-1] for c in cases]), cases, strict=True)
    )


def test_the_direction_matters(model):
    text = "Maria Lopez strongly condemned John Miller for the attack."
    cases = [(text, "Maria Lopez", "John Miller"), (text, "John Miller", "Maria Lopez")]
    assert judged(model, cases) == ["against", "neutral"]


def test_what_is_shipped_is_small_whole_and_described(model):
    folder = Path(models.__file__).parent / "weights"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MOST
    assert model.digest == models.digest()
    assert model.config["calibration"]["portrayal"][0] != 1.0
    page = (folder / "card.md").read_text("utf-8")
    assert "## Scores on the dev sets" in page
    assert "## Limits" in page
