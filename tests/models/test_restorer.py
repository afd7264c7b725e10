"""The model of what a text lost: its file, what it guesses and where, in what time, and why."""

import doctest
import hashlib
import json
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

import models
from models import clues
from models.clues import (
    CONTRACTIONS,
    UNMISTAKABLE,
    WORD,
    Known,
    Text,
    candidates,
    closed,
    count,
    letters,
    split,
)
from models.features import TOLD, explain, featured
from models.restorer import BITS, FILE, SLIP, Restorer

MODEL = models.restorer()
LINE = "Russia didnt say why its armys plan, the workers rights and OConnors itwas all wed  and shes ill."
PIECES = st.sampled_from(
    ["dont ", "Russias ", "its ", "were ", "wed", "s ", "s", "presidentand ", "itwas", "ORourke ", "  ", " ",
     ". ", "?", "'", "’", "é", "Erdoğans ", "\ud800", "\u0130", "12", "-", "@", "x.com", "_",
     "workers rights ", "USAs ", "a", "\n"]
)  # fmt: skip
LINES = st.one_of(st.text(), st.lists(PIECES, max_size=15).map("".join))


def test_examples_in_docstrings():
    found = doctest.testmod(clues)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_the_digest_names_the_file():
    assert models.restorer_digest() == MODEL.digest == hashlib.sha256(FILE.read_bytes()).hexdigest()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        Restorer.load(tmp_path / "none.safetensors")


def spoilt_words(tensors):
    return tensors | {"words": compressed(b"word:1")}


def spoilt_size(tensors):
    return tensors | {"inside": compressed(b"\0" * 100)}


def spoilt_checksum(tensors):
    data = tensors["after"].copy()
    data[len(data) // 2] ^= 1
    return tensors | {"after": data}


def without(tensors):
    return {name: tensor for name, tensor in tensors.items() if name != "inside"}


def compressed(data):
    return np.frombuffer(zlib.compress(data), np.uint8)


@pytest.mark.parametrize("spoil", [spoilt_words, spoilt_size, spoilt_checksum, without])
def test_a_file_that_was_tampered_with_is_refused(tmp_path, spoil):
    file = tmp_path / "restorer.safetensors"
    file.write_bytes(save(spoil(load(FILE.read_bytes()))))
    with pytest.raises(ValueError, match=r"restorer\.safetensors is no restorer: restore it from the repo"):
        Restorer.load(file)


@pytest.mark.parametrize("content", [b"", b"nothing", FILE.read_bytes()[:1000]])
def test_what_is_no_such_file_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match="is no restorer"):
        Restorer.load(tmp_path / "x")


def test_every_process_guesses_the_same():
    code = (
        f"import json, models; line = {LINE!r}; words = models.count_words([line]);"
        "print(json.dumps(models.restorer().guesses(line, words)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert len(json.loads(done.stdout)) > 5
    assert json.loads(done.stdout) == json.loads(json.dumps(MODEL.guesses(LINE, count([LINE]))))


@given(LINES, st.booleans(), st.sampled_from([0.0, 0.02, 0.5]))
def test_guesses_are_in_order_apart_and_within_the_line(line, counted, least):
    words = count([line]) if counted else {}
    end = 0
    for guess in MODEL.guesses(line, words, least):
        assert end <= guess.start < guess.at <= guess.end <= len(line)
        end = guess.end
        assert line[guess.start : guess.end].isalpha()
        assert line[guess.start : guess.end].isascii()
        assert guess.insert in ("'", "—")
        assert least <= guess.lost <= 1
        assert 0 <= guess.probability <= guess.lost
        assert len(guess.evidence) <= 3
        assert explain(guess.evidence) or not guess.evidence


@given(LINES)
def test_guesses_change_nothing_and_come_again(line):
    words = count([line])
    first = MODEL.guesses(line, words)
    assert words == count([line])
    assert MODEL.guesses(line, words) == first


@given(st.lists(LINES, max_size=5))
def test_the_lines_of_an_article_are_guessed_at_once_as_each_by_itself(lines):
    words = count(lines)
    assert MODEL.all_guesses(lines, words) == [MODEL.guesses(line, words) for line in lines]


@given(LINES)
def test_what_is_passed_over_is_no_candidate(line):
    read = Text.of(line, count([line]))
    assert list(candidates(read, MODEL.known)) == list(candidates(read, MODEL.known, closed(MODEL.known)))


@given(LINES)
def test_a_line_is_read_alike_whether_it_is_pure_ascii_or_not(line):
    read, beyond = Text.of(line, {}), Text.of(f"{line}\né", {})
    assert beyond.tokens == [*read.tokens, "é"]
    assert beyond.starts == [*read.starts, len(line) + 1]
    for token, at in zip(read.tokens, read.starts, strict=True):
        assert line.startswith(token, at) or line[at] in " —"
    assert letters(line) == letters(f"{line}\né") == WORD.findall(line)


def test_in_an_empty_line_nothing_is_guessed():
    assert MODEL.guesses("", {}) == MODEL.guesses(" ", {}) == []


@pytest.mark.parametrize(
    "unit", ["a", "Russias ", "dont ", "presidentand ", "is" * 50 + " ", "  ", ".", "é", "s ", "a.b"]
)
def test_long_lines_take_no_more_than_linear_time(unit):
    def seconds(size):
        line = unit * (size // len(unit))
        begun = time.process_time()
        MODEL.guesses(line, {})
        return time.process_time() - begun

    # Four times the text: sixteen times the time where it is quadratic. The best of three, for busy machines.
    short, long = (min(seconds(size) for _ in range(3)) for size in (10_000, 40_000))
    assert long < 12 * max(short, 0.02)


@pytest.mark.parametrize("form", CONTRACTIONS.values())
def test_the_apostrophe_of_every_contraction_is_put_where_it_was(form):
    lost = form.replace("'", "")
    for word in {lost, lost.capitalize(), lost.upper()} - {"ID", "ILL", "IM", "id", "ill", "im"}:
        (one,) = candidates(Text.of(f"so {word} there", {}), MODEL.known)
        assert one.kind == "c"
        assert f"{word[: one.at - 3]}'{word[one.at - 3 :]}".lower() == form
    if lost in UNMISTAKABLE:
        (guess,) = MODEL.guesses(lost, {})
        assert guess.probability >= SLIP


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Russias army didnt move", ["Russias s", "didnt c"]),
        ("Russia's army didn't move", []),
        ("Russia’s army didn’t move", []),
        ("the presidentand everyone", ["presidentand j"]),
        ("see dont.example.com, @theyre #isnt its/their a_dont b=dont R&Ds 7s 7dont", []),
        ("was has this his class business", []),
        ("well-known, dont-ask", []),
        ("an Erdoğans plan, Élysées", []),
        ("a s I", []),
        ("dont dont", ["dont c", "dont c"]),
    ],
)
def test_what_may_have_lost_something(line, expected):
    read = Text.of(line, count([line]))
    found = [f"{read.tokens[one.number]} {one.kind}" for one in candidates(read, MODEL.known)]
    assert found == expected


@given(st.text("abcdefgh AB", max_size=50).map(lambda text: text.replace(" ", "")))
def test_a_word_falls_into_two_known_ones_or_none(word):
    known = {part: Known(len(part), -1) for part in ("a", "ab", "abc", "cde", "de", "fgh", "gh", "b")}
    at = split(word, known)
    assert at == 0 or {word[:at].lower(), word[at:].lower()} <= known.keys()
    assert split("abcde", known) in (2, 3)
    assert split("a" * 41, known) == split("", known) == split("a", known) == 0


@given(st.lists(st.sampled_from(["the", "army", "Russia", "said", "of", ",", "."]), max_size=9), LINES)
def test_features_are_pure_and_see_two_words_back_and_three_on(around, far):
    middle = ["one", "two", "Russias", "dont", "presidentand", "three", "four", "five"]
    words = {"Russia": 2}
    lines = [
        " ".join(middle),
        " ".join([*around, ",", *middle, ",", *around]),
        f"{far} {' '.join(middle)} {far}",
    ]
    seen = []
    for line in lines:
        read = Text.of(line, words)
        seen.append(
            [
                list(featured(read, one, MODEL.known))
                for one in candidates(read, MODEL.known)
                if read.tokens[one.number - 2 : one.number + 4] in (middle[n - 2 : n + 4] for n in (2, 3, 4))
            ][:3]
        )
    assert words == {"Russia": 2}
    assert len(seen[0]) == 3
    assert seen[0] == seen[1]
    assert all(features in seen[2] for features in seen[0]) or "dont" in far or "presidentand" in far
    assert all(len(features) == len(set(features)) > 10 for features in seen[0])


def test_the_evidence_is_what_spoke_most_for_a_guess():
    """Shown on a model of two features: one speaks for it, one against it, and all others are silent."""
    tables = [bytearray(1 << BITS), bytearray(1 << BITS)]
    for feature, weight in (("word=armys", 48), ("next=plan", 16), ("last=the", 256 - 32)):
        tables[0][zlib.crc32(feature.encode()) & ((1 << BITS) - 1)] = weight
    tiny = Restorer(*(memoryview(t).cast("b") for t in tables), {"army": Known(5, -1)}, "")
    (guess,) = tiny.guesses("the armys plan", {})
    assert guess.evidence == ("word=armys", "next=plan")
    odds = np.exp((48 + 16 - 32) / 16)
    assert guess.probability == pytest.approx(odds / (1 + odds + 1))
    assert guess.lost == pytest.approx((1 + odds) / (2 + odds))
    assert (guess.start, guess.end, guess.at, guess.insert) == (4, 9, 8, "'")
    assert explain(guess.evidence) == "the word itself; “plan” follows"


def test_every_feature_has_its_words():
    """A contraction is a feature of its own, and so is that a word ends in s: these have no value."""
    line = "of the armys big plan, and the presidentand allies dont say"
    read = Text.of(line, count([line]))
    for one in candidates(read, MODEL.known):
        for feature in featured(read, one, MODEL.known):
            name = feature.partition("=")[0].rpartition(".")[2]
            assert name in TOLD or feature in ("s", "dont")
    assert explain([]) == ""
    assert explain(["s", "word=its", "its.next=a"]) == "the word itself; “a” follows"
