"""The names of accents.txt are no other words without their accents."""

import string

import pytest

import models
from pipeline.accents import FILE, left_of, written
from pipeline.restore import Article, accent
from pipeline.tracked import Tracked

NAMES = [line for line in FILE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
COMMON = 6
"""Log2 from which a word is common; below it stand what is left of "café" and "José" where they are cut."""


def test_every_line_is_a_name():
    assert len(NAMES) > 200
    assert all(name == name.strip() and "  " not in name for name in NAMES)
    entries = {entry for entries in written().values() for entry in entries}
    assert {entry.name for entry in entries} > set(NAMES)


def test_names_of_the_alias_file_are_known_too():
    assert [entry.name for entry in written()["Shinz"]] == ["Shinzō Abe"]
    assert "Mal" not in written()  # Malé: too little is left


def test_what_is_left_of_no_two_names_is_the_same():
    left = [left_of(name) for name in NAMES]
    assert sorted(left) == sorted(set(left))


@pytest.fixture(scope="module")
def known():
    return models.restorer().known


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_is_no_word(name, known):
    left = left_of(name)
    assert not name.isascii()
    assert len(left) >= 3
    assert set(left) <= {*string.ascii_letters, *" -&"}
    assert left not in NAMES
    if left.isalpha():
        assert left.lower() not in known or known[left.lower()].size < COMMON
        assert f"{left}s".lower() not in known or known[f"{left}s".lower()].size < COMMON


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_restored_among_other_words(name):
    text = f"Then {left_of(name)}, it said."
    found = accent(text, Article(damaged=True))
    assert Tracked.of(text).edited(found, "accent").text == f"Then {name}, it said."
    assert all(" " not in finding.replacement for finding in found)
    assert accent(text.replace(left_of(name), name), Article(damaged=True)) == []


@pytest.mark.parametrize(
    "text", ["la carte", "San Josef", "Erdoanism", "xErdoan", "0Erdoan", "erdoan", "-Erdoan", "the Erdoans"]
)
def test_other_words_stay(text):
    assert accent(text, Article(damaged=True)) == []
