"""Training of the restorer: what damage does, and that a planted rule is learnt, each time the same."""

import doctest
import gzip
import itertools
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import train_restorer
from models.clues import Text, count
from models.restorer import INSIDE, Restorer
from models.train_restorer import Examples, damage, sizes

WORDS = st.sampled_from(
    [
        "didn't",
        "Russia's",
        "O'Neill",
        "workers'",
        "the",
        "plan",
        "1990s",
        "it's",
        "y'all",
        "x",
        "war—but",
        "U.S.",
    ]
)
CLEAN = st.lists(WORDS, max_size=15).map(lambda words: " ".join(words) + ".")


def put_back(damaged):
    """The damaged text with what it lost at the recorded places."""
    text = damaged.text
    for at in sorted(damaged.apostrophes | damaged.dashes, reverse=True):
        text = text[:at] + ("'" if at in damaged.apostrophes else "—") + text[at:]
    return text


def test_examples_in_docstrings():
    found = doctest.testmod(train_restorer)
    assert (found.failed, found.attempted > 0) == (0, True)


@given(CLEAN)
def test_what_was_lost_can_be_put_back_where_it_was(clean):
    damaged = damage(clean)
    assert put_back(damaged) == clean
    assert damage(clean.replace("'", "’")) == damaged
    assert damaged.text.isascii()
    assert "'" not in damaged.text


@given(CLEAN, st.sampled_from(["“{}”", '"{}"', "‘{}’", "«{}»"]))
def test_quotation_marks_are_lost_without_a_trace(clean, marks):
    clean = clean.replace("workers' ", "").replace("workers'.", ".")
    quoted = marks.format(clean)
    assert damage(f"He said {quoted}") == damage(f"He said {clean}")


def test_in_a_straight_quotation_a_plural_possessive_cannot_be_told_from_its_end():
    assert put_back(damage("the 'workers' plan' isn't")) == "the workers plan isn't"
    assert put_back(damage("the workers' plan isn't")) == "the workers' plan isn't"


@given(st.text())
def test_any_text_loses_what_the_articles_lost_and_nothing_else(text):
    damaged = damage(text)
    assert damaged.text == "".join(c for c in text if c.isascii() and c not in "'\"")
    assert all(0 <= at <= len(damaged.text) for at in damaged.apostrophes | damaged.dashes)
    assert len(damaged.apostrophes) <= text.count("'") + text.count("’")


def test_words_are_counted_in_lower_case_and_those_with_apostrophes_left_out():
    found = sizes(["An army, the Army", "no army; army's didn't a b a b a b"])
    assert found == {"a": 2, "army": 2}


def test_answers_are_what_was_lost_where():
    corpus = ["The army's plan didn't work for the workers' party. Its armies."]
    line = damage(corpus[0]).text
    examples = Examples.of(corpus, {})
    read = Text.of(line, count([line]))
    assert list(examples.kinds) == ["s", "c", "s", "c", "s"]
    assert list(examples.answers) == [INSIDE, INSIDE, 2, 0, 0]
    assert len(examples.begins) == 6
    assert examples.begins[-1] == len(examples.hashes)
    assert len(examples.seen(1).hashes) == len(examples.hashes)
    often = examples.seen(2)
    assert 0 < len(often.hashes) < len(examples.hashes)
    assert often.begins[-1] == len(often.hashes)
    assert len(read.tokens) == 13


OWNED = ["army", "plan", "capital", "leader", "border"]
DONE = ["said", "met", "agreed", "fled", "voted"]
NOUNS = ["bridge", "river", "market", "school", "harbour", "tower", "garden", "station", "library", "castle"]
PLACES = [
    a + b for a, b in itertools.product("Nor Sud Wes Os Mit Ber Fal Gar Hol Kar".split(), ("land", "mark"))
]


def news(seed, places):
    """Sentences in which a place's s is a possessive before what it has, and a plural before a verb."""
    rng = random.Random(seed)
    fill = " ".join(rng.choices(NOUNS, k=2) + rng.choices(["old", "new", "wide", "calm"], k=2))
    for _ in range(20):
        place, other = rng.sample(places, 2)
        yield (
            f"Then {place}'s {rng.choice(OWNED)} was near the {rng.choice(NOUNS)}, and the {other}s "
            f"{rng.choice(DONE)} by the {fill}."
        )
        yield f"The {rng.choice(NOUNS)} of {rng.choice('abcd')} is {rng.choice(NOUNS)} {rng.randrange(9)}."


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder as training reads it; one article of it is held back."""
    folder = tmp_path_factory.mktemp("data")
    rows = [{"title": "News", "text": "\n".join(news(seed, PLACES[2:]))} for seed in range(12)]
    held = "Nobody but the keeper of the held back article knows what it says here."
    for name in ("repair", "raw", "attribution/polnear/train/text", "ner/worldwide", "stance/newsmtsc",
                 "stance/directed"):  # fmt: skip
        (folder / name).mkdir(parents=True)
    with gzip.open(folder / "raw/clean_articles.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in [*rows, {"title": "Held", "text": held}])
    (folder / "repair/dev.jsonl").write_text(json.dumps({"original": [held]}))
    (folder / "attribution/polnear/train/text/a.txt").write_text("\n".join(news(50, PLACES[2:])))
    tokens = "Norland did n't move ( its army ) .".split()
    (folder / "ner/worldwide/train.jsonl").write_text(json.dumps({"article": 1, "tokens": tokens}))
    for name in ("newsmtsc", "directed"):
        sentences = [json.dumps({"sentence": s}) for s in news(60, PLACES[2:])]
        (folder / f"stance/{name}/train.jsonl").write_text("\n".join(sentences))
    return folder


def trained(data, out, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train_restorer", "--data", str(data), "--out", str(out)])
    train_restorer.main()
    return out


def test_texts_are_read_from_the_data_folder_without_what_is_held_back(data):
    found = list(train_restorer.texts(data))
    assert len(found) == 12 + 1 + 1 + 2 * 40
    assert not any("Nobody but the keeper" in text for text in found)
    assert "Norland didn't move (its army)." in found


def test_a_planted_rule_is_learnt_and_a_second_run_writes_the_same_bytes(data, tmp_path, monkeypatch):
    first = trained(data, tmp_path / "one.safetensors", monkeypatch)
    model = Restorer.load(first)
    right = 0
    for place in PLACES[:2]:  # never seen in training
        for owned, done in itertools.product(OWNED, DONE):
            line = f"Then {place}s {owned} was near the bridge, and the {place}s {done} by the old river."
            guesses = [g for g in model.guesses(line, count([line])) if g.probability > 0.5]
            right += [(g.at, g.insert) for g in guesses] == [(5 + len(place), "'")]
    assert right == 2 * 25
    second = trained(data, tmp_path / "two.safetensors", monkeypatch)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.safetensors", "two.safetensors"]
