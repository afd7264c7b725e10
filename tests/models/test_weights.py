import json
import subprocess
import sys

import pytest
from tiny import write

import models
from models import weights


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "model")


def test_a_folder_is_read_as_it_was_written(folder):
    config, tensors, tokenizer = weights.verified(folder)
    assert config["portrayal"] == 8
    assert weights.sha256(tensors) == config["files"][weights.TENSORS]
    assert json.loads(tokenizer)["model"]["type"] == "WordPiece"
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


@pytest.mark.parametrize("name", [weights.TENSORS, weights.TOKENIZER])
def test_a_tampered_file_is_refused(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-3] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} differs from its sha256"):
        models.load(folder)


@pytest.mark.parametrize("name", [weights.CONFIG, weights.TENSORS, weights.TOKENIZER])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        models.load(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": {"a": "b"}}'])
def test_a_config_that_is_no_manifest_is_refused(folder, content):
    (folder / weights.CONFIG).write_text(content)
    with pytest.raises(ValueError, match="not a model manifest"):
        models.digest(folder)


def test_the_digest_names_the_behaviour(folder, tmp_path):
    known = models.digest(folder)
    assert models.load(folder).digest == known == models.digest(write(tmp_path / "same"))
    assert models.digest(write(tmp_path / "other", seed=2)) != known
    config, tensors, tokenizer = weights.verified(folder)
    weights.save(folder, {**config, "overlap": 30}, tensors, tokenizer)
    assert models.digest(folder) != known


def test_the_root_package_imports_no_heavy_library():
    heavy = "{'torch', 'transformers', 'tokenizers'}"
    code = f"import sys, models; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
