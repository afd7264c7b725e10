import json

import pytest
from tiny import model
from tiny_data import lines, write

from models import annotated, evaluate, weights
from models.card import card
from models.evaluate import HEADS, Sets


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rows = write(tmp_path, size=60)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    return tmp_path


def test_no_sentence_that_training_reads_is_scored_on(folder):
    sets = Sets.read(folder)
    trained = [json.loads(line)["sentence"] for line in (folder / "stance/directed/train.jsonl").open()]
    assert sets.ours
    assert not {one.text for one in sets.ours} & set(trained)
    assert len(sets.ours) == len(sets.outlets)
    assert set(sets.outlets) == {"Paper 0", "Paper 1"}
    assert len(sets.news) == len(sets.regions) == 60
    assert sets.said


@pytest.mark.parametrize("fit", [True, False])
def test_every_measure_is_made_and_only_a_fit_changes_the_model(folder, fit):
    made = model(folder / "model")
    scores = evaluate.evaluate(made, Sets.read(folder), fit)
    assert {"entities", "entities_ours", "directed", "portrayal_rw_stripped", "said"} <= scores.keys()
    assert all(scores[f"ours_{head}"]["published"].keys() == {"0.80", "0.90", "0.95"} for head in HEADS)
    assert json.loads(json.dumps(scores)) is not None
    assert (made.config["calibration"] != weights.UNCALIBRATED) == fit
    assert made.config["calibration"].keys() == weights.UNCALIBRATED.keys()
    assert set(made.thresholds) == (set(HEADS) if fit else set())


def test_a_new_calibration_is_written_and_takes_the_verdict_on_eight_bits_back(folder, monkeypatch):
    before = model(folder / "model").config
    config, *content = weights.verified(folder / "model")
    weights.save(folder / "model", config | {"int8": True}, *content)
    given = ["--data", str(folder), "--model", str(folder / "model"), "--calibrate"]
    monkeypatch.setattr("sys.argv", ["evaluate", *given])
    evaluate.main()
    after = weights.config(folder / "model")
    assert after["calibration"] != before["calibration"]
    assert after["int8"] is False


def test_the_card_states_every_score(folder):
    made = model(folder / "model")
    scores = evaluate.evaluate(made, Sets.read(folder), True)
    stated = 0.0
    for key in ("entities", "entities_ours", "directed", "ours_relation"):
        stated += 0.01
        scores[key] |= {"f1": 0.111 + stated}
    scores["said"]["cue"] = {"words": 0.777, "spans": 0.666}
    page = card({**made.config, "base_sha256": "f00d"}, scores, "number8")
    for part in (
        "f00d",
        "measured in number8",
        "12.1",
        "13.1",
        "14.1",
        "15.1",
        "| cue | 77.7 | 66.6 |",
        "Paper 0",
        "north",
    ):
        assert part in page
    assert "{" not in page
