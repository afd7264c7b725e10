"""Settings: defaults, then the environment, then options; wrong values are named."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.settings import Settings, choose_allocator

ROOT = Path(__file__).resolve().parent.parent


def test_options_win_over_the_environment_and_that_over_defaults():
    environ = {"STANDPOINT_LAKE": "s3://bucket/lake", "STANDPOINT_THREADS": "4", "STANDPOINT_MODEL": ""}
    settings = Settings.load(environ, lake=None, landing="/articles")
    assert settings == Settings(lake="s3://bucket/lake", landing="/articles", threads=4)
    assert Settings.load(environ, lake="here").lake == "here"
    assert Settings.load({}) == Settings()


def test_a_base_stands_for_the_defaults():
    base = Settings(lake="demo/lake", threads=2)
    assert Settings.load({"STANDPOINT_THREADS": "3"}, base) == Settings(lake="demo/lake", threads=3)


@pytest.mark.parametrize(("text", "precision"), [("0.8", 0.8), (" 0.90", 0.9), ("0.95", 0.95)])
def test_the_precision_is_one_of_those_stated(text, precision):
    assert Settings.load({"STANDPOINT_PRECISION": text}).precision == precision


def test_languages_are_a_sorted_set():
    assert Settings.load({"STANDPOINT_LANGUAGES": " de, EN,de,"}).languages == ("de", "en")


WRONG = [
    ("languages", "english", "'english' is not a comma-separated list of ISO 639 codes"),
    ("languages", ",", "','"),
    ("threads", "-1", "'-1' is not a whole number from 0 to 9999"),
    ("threads", "two", "'two'"),
    ("duplicate_days", "91", "'91' is not a whole number from 0 to 90"),
    ("stale_days", "-2", "'-2' is not a whole number from 0 to 9999"),
    ("precision", "0.85", "'0.85' is not one of 0.8, 0.9, 0.95"),
    ("precision", "high", "'high' is not one of 0.8, 0.9, 0.95"),
    ("lake", " ", "' ' names nothing"),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG)
def test_wrong_values_are_named(name, text, said):
    with pytest.raises(UsageError, match=f"^{name}: {re.escape(said)}"):
        Settings.load({f"STANDPOINT_{name.upper()}": text})


def test_an_empty_option_is_no_default():
    """As `--lake "$LAKE"` gives it where LAKE is not set."""
    with pytest.raises(UsageError, match="lake: '' names nothing"):
        Settings.load({}, lake="")


def test_a_child_process_gets_the_same_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        lake="lake",
        landing="s3://bucket/x",
        languages=("de", "en"),
        threads=3,
        duplicate_days=0,
        precision=0.95,
        log="-",
    )
    environ = settings.environ()
    assert environ["STANDPOINT_LAKE"] == str(Path(tmp_path, "lake"))
    monkeypatch.chdir("/")
    again = Settings.load(environ)
    assert again == Settings(str(tmp_path / "lake"), "s3://bucket/x", "", "", ("de", "en"), 3, 0, 0.95, "-")


def test_the_digest_tells_what_a_stage_reads():
    one, two = Settings(threads=1), Settings(threads=2, languages=("de",))
    assert one.digest(["lake"]) == two.digest(["lake"])
    assert one.digest(["languages"]) != two.digest(["languages"])
    assert one.digest(["lake", "languages"]) == one.digest(["languages", "lake"])


def test_arrow_allocates_as_the_system_does_unless_a_user_says_otherwise():
    environ = {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}
    choose_allocator(environ)
    assert environ == {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}
    code = "import pipeline.stages, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ARROW_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "system"
