"""Whether a model may compute in eight bits is measured and written into its config."""

import pytest
import torch
from tiny import write as model
from tiny_data import lines, write

from models import annotated, gate, int8, weights
from models.infer import Model


@pytest.mark.parametrize(
    ("eight", "allowed"),
    [
        ({"a": 0.5, "b": 0.8}, True),
        ({"a": 0.491, "b": 0.8}, True),
        ({"a": 0.5, "b": 0.789}, False),
        ({"a": 0.489, "b": 0.9}, False),
        ({"a": 0.9, "b": 0.9}, True),
    ],
)
def test_one_score_that_falls_by_more_than_a_point_is_enough(eight, allowed):
    assert gate.allowed({"a": 0.5, "b": 0.8}, eight) == allowed


@pytest.mark.skipif(not int8.serves(), reason="this machine has no AVX2")
@pytest.mark.parametrize(("loss", "serves"), [(1.0, True), (-1.0, False)])
def test_both_are_measured_and_the_verdict_is_all_that_changes(tmp_path, monkeypatch, capsys, loss, serves):
    rows = write(tmp_path, size=60)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    monkeypatch.setattr(gate, "LOSS", loss)
    scored, score = [], gate.evaluate
    monkeypatch.setattr(
        gate,
        "evaluate",
        lambda model, *rest, **more: scored.append(model.format) or score(model, *rest, **more),
    )
    before = weights.verified(model(tmp_path / "model"))
    monkeypatch.setattr("sys.argv", ["gate", "--data", str(tmp_path), "--model", str(tmp_path / "model")])
    gate.main()
    assert scored == ["float32", "int8"]
    after = weights.verified(tmp_path / "model")
    assert after[0] == before[0] | {"int8": serves}
    assert after[1:] == before[1:]
    said = capsys.readouterr().out
    assert f"int8: {str(serves).lower()}" in said
    for name in ("entities", "directed", "ours_relation", "entities_ours, four types", "said: cue, spans"):
        assert f"\n{name} " in said


@pytest.mark.skipif(not int8.serves(), reason="this machine has no AVX2")
def test_differences_are_counted_on_both_sides(tmp_path, monkeypatch):
    rows = write(tmp_path, size=60)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    sets = gate.Sets.read(tmp_path)
    one, other = (Model.load(model(tmp_path / str(seed), seed), dtype=torch.float32) for seed in (1, 2))
    same, apart = gate.differences(one, one, sets), gate.differences(one, other, sets)
    assert [count for count, _ in same.values()] == [0, 0, 0]
    assert all(count > 0 for count, _ in apart.values())
    assert apart == gate.differences(other, one, sets)


def test_a_machine_without_the_product_is_told_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(int8, "serves", lambda: False)
    monkeypatch.setattr("sys.argv", ["gate", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        gate.main()
    assert "does not multiply in eight bits" in capsys.readouterr().err
