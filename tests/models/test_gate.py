"""Whether a model may compute in eight bits is measured and written into its config."""

import pytest
from tiny import write as model
from tiny_data import lines, write

from models import annotated, gate, int8, weights

pytestmark = pytest.mark.skipif(not int8.serves(), reason="this machine has no AVX2")


@pytest.mark.parametrize(("loss", "serves"), [(1.0, True), (-1.0, False)])
def test_the_verdict_follows_the_scores_and_is_all_that_changes(tmp_path, monkeypatch, capsys, loss, serves):
    rows = write(tmp_path, size=60)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    monkeypatch.setattr(gate, "LOSS", loss)
    before = weights.verified(model(tmp_path / "model"))
    monkeypatch.setattr("sys.argv", ["gate", "--data", str(tmp_path), "--model", str(tmp_path / "model")])
    gate.main()
    after = weights.verified(tmp_path / "model")
    assert after[0] == before[0] | {"int8": serves}
    assert after[1:] == before[1:]
    said = capsys.readouterr().out
    assert f"int8: {str(serves).lower()}" in said
    for name in (
        "entities",
        "portrayal_mt_stripped",
        "directed",
        "ours_relation",
        "entities_ours, four types",
    ):
        assert f"\n{name} " in said
