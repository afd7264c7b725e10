"""Several models' weights as one."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import write

from models import mean, weights
from models.infer import Model


def test_the_mean_of_two_models_is_a_model(tmp_path, monkeypatch):
    one, other = write(tmp_path / "one"), write(tmp_path / "other", seed=2)
    config, *content = weights.verified(one)
    weights.save(one, config | {"int8": True}, *content)
    files = [str(folder / weights.TENSORS) for folder in (one, other)]
    monkeypatch.setattr("sys.argv", ["mean", *files, "--like", str(one), "--out", str(tmp_path / "both")])
    mean.main()
    states = [load_file(file) for file in files]
    found = load_file(tmp_path / "both" / weights.TENSORS)
    for name, tensor in found.items():
        wanted = (states[0][name].float() + states[1][name].float()) / 2
        assert tensor.dtype == states[0][name].dtype
        assert np.allclose(tensor.float(), wanted, atol=1e-2)
    assert not torch.equal(found["tags.weight"], states[0]["tags.weight"])
    assert Model.load(tmp_path / "both").config["calibration"] == weights.UNCALIBRATED
    assert Model.load(tmp_path / "both").config["int8"] is False
    assert Model.load(tmp_path / "both").digest not in {Model.load(one).digest, Model.load(other).digest}


def test_models_of_other_networks_have_no_mean():
    one = {"a": torch.zeros(2)}
    with pytest.raises(ValueError, match="other networks"):
        mean.mean([one, {"b": torch.zeros(2)}])
