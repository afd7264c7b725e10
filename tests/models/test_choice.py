"""The TOML file that chooses models: what it may say, what it is refused for, and its digest."""

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_foreign as foreign
import torch

import models
from models import ConfigurationError, hub
from models.choice import Choice, filled

CASES = json.loads((Path(__file__).parent.parent / "cases" / "choice.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with a tagger and a judge."""
    folder = tmp_path_factory.mktemp("shelf")
    foreign.write(folder / "tagger", foreign.BIO)
    foreign.write(folder / "judge", foreign.SENTIMENT, head="SequenceClassification")
    return folder


@pytest.fixture
def chosen(shelf, tmp_path):
    """A TOML file beside copies of both."""
    shutil.copytree(shelf, tmp_path / "shelf")
    return foreign.toml(tmp_path / "shelf", foreign.tagger_lines(foreign.BIO), foreign.judge_lines())


def copy_of(folder, name, **changes):
    """Another folder beside it, whose config.json differs so."""
    made = Path(shutil.copytree(folder, folder.with_name(name)))
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps(config | changes))
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_is_wrong_is_told_in_one_line(shelf, tmp_path, case):
    path = tmp_path / "model.toml"
    path.write_text(case["toml"].replace("SHELF", str(shelf)))
    with pytest.raises(ConfigurationError, match=re.escape(case["told"])) as error:
        models.digest(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_either_part_may_be_missing(shelf, tmp_path):
    shutil.copytree(shelf, tmp_path / "here")
    one = Choice.read(foreign.toml(tmp_path / "here", foreign.tagger_lines(foreign.BIO), name="one.toml"))
    other = Choice.read(foreign.toml(tmp_path / "here", judge=foreign.judge_lines(), name="other.toml"))
    assert str(one) == "tagger tagger, judge shipped"
    assert str(other) == "tagger shipped, judge judge"
    assert len({one.digest(), other.digest(), models.digest()}) == 3


def test_the_digest_is_of_meaning_and_files_alone(chosen, tmp_path):
    known = models.digest(chosen)
    assert models.load(chosen).digest == known
    moved = shutil.copytree(chosen.parent, tmp_path / "elsewhere")
    lines = foreign.tagger_lines(foreign.BIO, "./tagger") + "  # a remark"
    again = foreign.toml(moved, lines, foreign.judge_lines(model=str(moved / "judge")))
    assert models.digest(again) == known


@pytest.mark.parametrize(
    "name", ["tagger/model.safetensors", "judge/model.safetensors", "judge/tokenizer.json"]
)
def test_another_byte_is_another_digest(chosen, name):
    known = models.digest(chosen)
    content = bytearray((chosen.parent / name).read_bytes())
    content[-3] ^= 1
    (chosen.parent / name).write_bytes(content)
    assert models.digest(chosen) != known


@pytest.mark.parametrize(
    ("before", "after"),
    [('ORG = "ORG"', 'ORG = "LOC"'), ("{holder} -> {target}", "{holder}: {target}"), ('"{target}"', "false")],
)
def test_another_meaning_is_another_digest(chosen, before, after):
    known = models.digest(chosen)
    chosen.write_text(chosen.read_text().replace(before, after))
    assert models.digest(chosen) != known


def test_the_digest_loads_no_library(chosen):
    code = (
        "import sys, pathlib, models; models.digest(pathlib.Path(sys.argv[1]));"
        "print(*{'torch', 'transformers', 'tokenizers', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(chosen)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_folders_need_no_network(chosen, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert models.load(chosen).tag(["Ada met Bob."]).tokens.tolist() == [10]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml is missing"):
        models.load(tmp_path / "nowhere.toml")


def test_pickled_weights_are_refused(chosen):
    (chosen.parent / "tagger" / "model.safetensors").unlink()
    torch.save({}, chosen.parent / "tagger" / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"no safetensors in .*pickled"):
        models.digest(chosen)


def test_a_model_without_such_a_head_is_refused(chosen):
    shutil.rmtree(chosen.parent / "judge")
    foreign.write(chosen.parent / "judge", foreign.SENTIMENT, head="MaskedLM")
    with pytest.raises(ValueError, match=r"no weights for .*classifier.*not trained for Sequence"):
        models.load(chosen)


def test_a_slow_tokenizer_is_refused(chosen):
    folder = chosen.parent / "tagger"
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CanineTokenizer"}')
    with pytest.raises(ValueError, match="CanineTokenizer, is a slow one and knows no offsets"):
        models.load(chosen)


def test_code_that_comes_with_a_model_is_not_run(chosen):
    folder = chosen.parent / "tagger"
    (folder / "own.py").write_text("raise SystemExit('run')")
    config = json.loads((folder / "config.json").read_text())
    del config["model_type"]
    own = {"AutoConfig": "own.Config", "AutoModelForTokenClassification": "own.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": own}))
    with pytest.raises(ValueError, match="can be read from"):
        models.load(chosen)


@pytest.mark.parametrize(
    "changes", [{"problem_type": "multi_label_classification"}, {"id2label": {"0": "positive"}}]
)
def test_a_classifier_that_does_not_choose_is_no_judge(chosen, changes):
    copy_of(chosen.parent / "judge", "other", **changes)
    foreign.toml(chosen.parent, judge=foreign.judge_lines(model="other"))
    with pytest.raises(ConfigurationError, match="must be trained to choose one of several labels"):
        models.digest(chosen)


def test_a_model_that_reads_too_little_is_refused(chosen):
    shutil.rmtree(chosen.parent / "tagger")
    foreign.write(chosen.parent / "tagger", foreign.BIO, positions=20)
    with pytest.raises(ValueError, match="reads 20 pieces at once"):
        models.load(chosen)


def cache(root, name, folder, revision):
    """The folder as the hub's cache holds it."""
    home = root / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, home / "snapshots" / ("a" * 40))
    (home / "refs").mkdir()
    (home / "refs" / revision).write_text("a" * 40)


def test_a_hub_id_is_found_in_the_local_cache_without_asking(chosen, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    cache(tmp_path / "hub", "someone/tagger", chosen.parent / "tagger", "v1")
    lines = foreign.tagger_lines(foreign.BIO, "someone/tagger") + '\nrevision = "v1"'
    path = foreign.toml(chosen.parent, lines, foreign.judge_lines(), name="hub.toml")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("the hub was asked"))
    assert models.digest(path) == models.digest(chosen)
    assert "tagger someone/tagger (v1)" in models.describe(path)


def test_a_hub_id_that_cannot_be_had_is_told(tmp_path, monkeypatch):
    from huggingface_hub import constants

    def unreachable(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(
        FileNotFoundError, match="someone/tagger is no folder here, not in the local cache"
    ) as e:
        hub.locate("someone/tagger", None, tmp_path)
    assert "\n" not in str(e.value)


def test_templates_replace_their_fields_once():
    assert filled("{holder} on {target}", {"holder": "{target}", "target": "B"}) == "{target} on B"
