import gzip
import json
import random
import re
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_data import damaged, lines, write

from models import STANCES, TYPES, annotated, data
from models.data import Example

FAVOR, AGAINST, NEUTRAL = range(3)


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """Rows for the sentences of a data folder, in the place of the committed ones."""
    return relabelled(write(tmp_path), tmp_path, monkeypatch)


def relabelled(rows, folder, monkeypatch):
    monkeypatch.setattr(annotated, "FILE", lines(folder / "labels.jsonl.gz", rows))
    return rows


def row(text, names, portrayals=(), relations=()):
    """A row about `text`, in which `names` (name, type) follow each other."""
    spans, at = [], 0
    for name, kind in names:
        start = text.index(name, at)
        at = start + len(name)
        spans.append([start, at, kind])
    return {"sha": annotated.sha(text), "names": spans, "portrayals": portrayals, "relations": relations}


def told(text, example):
    """Portrayals and relations of an example in words."""
    one = [(text[slice(*span)], STANCES[k]) for span, k in example.portrayals]
    return one, [(text[slice(*h)], text[slice(*t)], STANCES[k]) for h, t, k in example.relations]


def test_every_row_comes_with_its_sentence(labels, tmp_path):
    found = list(annotated.texts(tmp_path))
    assert [one for one, _ in found] == labels
    for one, text in found:
        assert annotated.sha(text) == one["sha"]
        assert [text[end : end + 1] for _, end, _ in one["names"]] == [" ", " "]


def test_sentences_of_the_newswire_are_told_by_their_tokens(tmp_path, monkeypatch):
    write(tmp_path)
    wires = list(data.rows(tmp_path / "ner/worldwide/train.jsonl"))
    lo, hi = data.sentences(wires[3]["tokens"], wires[3]["tags"])[1]
    text = data.detokenized(wires[3]["tokens"][lo:hi])[0]
    relabelled(
        [{"sha": annotated.sha(text), "of": "newswire/3", "at": [lo, hi], "names": []}], tmp_path, monkeypatch
    )
    assert [found for _, found in annotated.texts(tmp_path)] == [text]


def with_damaged(folder, numbers):
    """Rows for a sentence of each of these damaged articles, of 24 that lie there then."""
    whole = damaged(folder, [f"{n} The boats sank Ada in {2000 + n}." for n in range(24)])
    rows = []
    for number in numbers:
        at = whole[number].index("The")
        sentence = whole[number][at:-1]
        place = {"of": f"damaged/{number:05}", "at": [at, at + len(sentence)]}
        rows.append(row(sentence, [("Ada", "PERSON")], [[0, "against"]]) | place)
    return rows


def test_damaged_articles_that_are_measured_on_are_never_trained_on(tmp_path, monkeypatch):
    rows = write(tmp_path)
    new = with_damaged(tmp_path, (11, 23))
    relabelled([*rows, *new], tmp_path, monkeypatch)
    assert [text for _, text in annotated.texts(tmp_path)][len(rows) :] == [
        "The boats sank Ada in 2011.",
        "The boats sank Ada in 2023.",
    ]
    assert all(map(annotated.unseen, new))
    trained = {one.text for one in annotated.examples(tmp_path, random.Random(1))}
    assert not {"The boats sank Ada in 2011.", "The boats sank Ada in 2023."} & trained


def test_other_damaged_articles_are_trained_on_but_never_those_that_are_read_by_eye(tmp_path, monkeypatch):
    write(tmp_path)
    other, by_eye = with_damaged(tmp_path, (4, 5))
    relabelled([other], tmp_path, monkeypatch)
    assert not annotated.unseen(other)
    (trained,) = annotated.examples(tmp_path, random.Random(1))
    assert trained.text == "The boats sank Ada in 2004."
    relabelled([by_eye], tmp_path, monkeypatch)
    with pytest.raises(ValueError, match="of damaged/00005 "):
        list(annotated.texts(tmp_path))


@pytest.mark.parametrize(
    ("of", "at"),
    [
        ("stance", None),
        ("damaged/00011", [0, 9]),
        ("news/a1", [0, 9]),
        ("news/a1", [8000, 9000]),
        ("news/nothing", [0, 9]),
        ("newswire/0", [0, 2]),
        ("newswire/400", [0, 2]),
    ],
)
def test_a_sentence_that_the_data_lacks_is_named(tmp_path, monkeypatch, of, at):
    write(tmp_path)
    relabelled([{"sha": "0123456789abcdef", "of": of, "at": at, "names": []}], tmp_path, monkeypatch)
    with pytest.raises(ValueError, match=f"lacks the sentence 0123456789abcdef of {of} "):
        list(annotated.texts(tmp_path))


def test_what_is_held_out_depends_on_the_sentence_and_its_source(labels, tmp_path):
    assert annotated.held_out({"sha": "00000000000000a0", "of": "stance"})
    assert not annotated.held_out({"sha": "00000000000000a1", "of": "stance"})
    assert annotated.held_out({"sha": "00000000000000a1", "of": "damaged/00011"})
    assert not annotated.held_out({"sha": "00000000000000a1", "of": "damaged/00012"})
    assert annotated.held_out({"sha": "00000000000000a0", "of": "damaged/00012"})
    assert not annotated.unseen({"sha": "00000000000000a0", "of": "damaged/00012"})
    rest = annotated.examples(tmp_path, random.Random(1))
    kept = {text for one, text in annotated.texts(tmp_path) if int(one["sha"], 16) % 8 == 0}
    assert len(kept) + len(rest) == len(labels)
    assert not kept & {e.text for e in rest}
    seen = [one for one in labels if annotated.unseen(one)]
    assert seen == [one for one in labels if annotated.held_out(one) and one["of"] != "stance"]
    again = annotated.examples(tmp_path, random.Random(2))
    assert [e.text for e in again] == [e.text for e in rest]


def test_what_is_not_listed_is_neutral():
    text = "Ada sued Bo and Acme in Rome on Monday."
    kinds = ["PERSON", "PERSON", "ORG", "LOC", "DATE"]
    made = annotated.every(
        text,
        row(
            text,
            zip(["Ada", "Bo", "Acme", "Rome", "Monday"], kinds, strict=True),
            [[1, "favor"]],
            [[0, 1, "against"]],
        ),
    )
    assert made.text == text
    assert [(text[slice(*span)], TYPES[k]) for span, k in made.entities] == list(
        zip(["Ada", "Bo", "Acme", "Rome", "Monday"], kinds, strict=True)
    )
    portrayals, relations = told(text, made)
    assert portrayals == [("Ada", "neutral"), ("Bo", "favor"), ("Acme", "neutral"), ("Rome", "neutral")]
    assert len(relations) == 4 * 3
    assert [r for r in relations if r[2] != "neutral"] == [("Ada", "Bo", "against")]


def test_another_mention_of_a_name_that_was_judged_is_left_open():
    text = "Ada sued Bo, and Bo left Ada."
    names = [("Ada", "PERSON"), ("Bo", "PERSON"), ("Bo", "PERSON"), ("Ada", "PERSON")]
    portrayals, relations = told(
        text, annotated.every(text, row(text, names, [[1, "against"]], [[0, 1, "against"]]))
    )
    assert portrayals == [("Ada", "neutral"), ("Bo", "against"), ("Ada", "neutral")]
    assert sorted(relations) == [("Ada", "Bo", "against")] + [("Bo", "Ada", "neutral")] * 4


def test_a_label_counts_whatever_the_type_of_its_name():
    text = "Monday ruined the Oscars."
    made = annotated.every(
        text,
        row(text, [("Monday", "DATE"), ("Oscars", "MISC")], [[0, "against"]], [[0, 1, "against"]]),
    )
    assert told(text, made) == (
        [("Monday", "against"), ("Oscars", "neutral")],
        [("Monday", "Oscars", "against")],
    )


@st.composite
def labelled(draw):
    """A sentence of one-letter names, some of them twice, and a row of labels for it."""
    text = " ".join(draw(st.lists(st.sampled_from("ABCDx"), min_size=1, max_size=9)))
    places = [i for i, c in enumerate(text) if c not in "x "]
    names = [[i, i + 1, draw(st.sampled_from(TYPES))] for i in places]
    stance, count = st.sampled_from(STANCES[:2]), len(places)
    which = st.integers(0, max(count - 1, 0))
    one = draw(st.dictionaries(which, stance, max_size=4)) if count else {}
    pairs = st.tuples(which, which).filter(lambda pair: pair[0] != pair[1])
    other = draw(st.dictionaries(pairs, stance, max_size=4)) if count > 1 else {}
    told = [[i, s] for i, s in one.items()], [[i, j, s] for (i, j), s in other.items()]
    return text, {"names": names, "portrayals": told[0], "relations": told[1]}


@given(labelled())
def test_no_question_is_asked_twice_nor_about_what_is_no_name(sentence):
    text, labels = sentence
    made = annotated.every(text, labels)
    spans = {span for span, _ in made.entities}
    assert {span for span, _ in made.portrayals} <= spans
    assert {span for h, t, _ in made.relations for span in (h, t)} <= spans
    assert len({span for span, _ in made.portrayals}) == len(made.portrayals)
    assert len({(h, t) for h, t, _ in made.relations}) == len(made.relations)
    assert all(h != t for h, t, _ in made.relations)
    name = [tuple(span) for *span, _ in labels["names"]]
    for i, stance in labels["portrayals"]:
        assert (name[i], STANCES.index(stance)) in made.portrayals
    for i, j, stance in labels["relations"]:
        assert (name[i], name[j], STANCES.index(stance)) in made.relations


@given(labelled(), st.integers(0, 9))
def test_training_sees_every_stance_and_few_neutral_ones(sentence, seed):
    text, labels = sentence
    whole = annotated.every(text, labels)
    made = annotated.fewer(whole, random.Random(seed))
    assert (made.text, made.entities) == (whole.text, whole.entities)
    for of, bound in (("portrayals", lambda n: 1 + n), ("relations", lambda n: 2 + 2 * n)):
        kept, known = getattr(made, of), getattr(whole, of)
        loud = [label for label in known if label[-1] != NEUTRAL]
        plain = [label for label in known if label[-1] == NEUTRAL]
        assert set(kept) <= set(known)
        assert len(set(kept)) == len(kept)
        assert [label for label in kept if label[-1] != NEUTRAL] == loud
        assert len(kept) - len(loud) == min(len(plain), bound(len(loud)))


def test_pairs_that_share_a_name_with_a_stance_come_first():
    spans = [(i, i + 1) for i in range(5)]
    pairs = [
        (h, t, AGAINST if (h, t) == (spans[1], spans[3]) else NEUTRAL) for h in spans for t in spans if h != t
    ]
    kept = annotated.fewer(Example("abcde", (), (), tuple(pairs)), random.Random(3)).relations
    assert kept[:2] == ((spans[1], spans[3], AGAINST), (spans[3], spans[1], NEUTRAL))
    assert all({h, t} & {spans[1], spans[3]} for h, t, _ in kept)


@pytest.fixture(scope="module")
def committed():
    return annotated.rows()


def test_the_committed_rows_are_well_formed(committed):
    assert len(committed) > 15_000
    assert [r["sha"] for r in committed] == sorted({r["sha"] for r in committed})
    for r in committed:
        assert list(r) == ["sha", "of", "at", "names", "portrayals", "relations"]
        assert re.fullmatch(r"[0-9a-f]{16}", r["sha"])
        assert re.fullmatch(r"stance|newswire/\d+|news/[\w-]{16}|damaged/\d{5}", r["of"])
        assert (r["at"] is None) == (r["of"] == "stance")
        assert r["at"] is None or 0 <= r["at"][0] < r["at"][1]


def test_the_committed_labels_are_about_names_of_the_row(committed):
    for r in committed:
        at = 0
        for start, end, kind in r["names"]:
            assert at <= start < end
            assert kind in TYPES
            at = end
        if r["of"].startswith(("news/", "damaged/")):
            assert at <= r["at"][1] - r["at"][0]
        count = len(r["names"])
        assert all(0 <= i < count and s in STANCES[:2] for i, s in r["portrayals"])
        assert all(0 <= i < count and 0 <= j < count and i != j for i, j, _ in r["relations"])
        assert {s for *_, s in r["relations"]} <= set(STANCES[:2])
        assert len({i for i, _ in r["portrayals"]}) == len(r["portrayals"])
        assert len({(i, j) for i, j, _ in r["relations"]}) == len(r["relations"])


def test_the_committed_file_holds_no_word_of_a_sentence(committed):
    with gzip.open(annotated.FILE, "rt", encoding="ascii") as content:
        words = re.findall(r"[^\W\d_]+", re.sub(r'"(sha|of)":"[^"]*"', "", content.read()))
    assert set(words) <= {"at", "null", "names", "portrayals", "relations", *TYPES, *STANCES}
    longest = max(len(json.dumps(r["of"])) for r in committed)
    assert longest <= len('"news/') + 16 + 1


def test_the_committed_labels_are_as_rare_as_stances_are(committed):
    held = sum(map(annotated.held_out, committed)) / len(committed)
    assert 0.11 < held < 0.14
    names = sum(len(r["names"]) for r in committed)
    pairs = sum(len(r["names"]) * (len(r["names"]) - 1) for r in committed)
    assert 0.1 < sum(len(r["portrayals"]) for r in committed) / names < 0.3
    assert 0.02 < sum(len(r["relations"]) for r in committed) / pairs < 0.1
    for of in ("portrayals", "relations"):
        against = sum(s == "against" for r in committed for *_, s in r[of])
        assert 0.5 < against / sum(len(r[of]) for r in committed) < 0.8


def test_no_committed_sentence_that_is_measured_on_overlaps_one_that_is_trained_on(committed):
    trained = defaultdict(list)
    for r in committed:
        if not annotated.held_out(r) and r["of"].startswith(("news/", "damaged/")):
            trained[r["of"]].append(r["at"])
    measured = [r for r in committed if annotated.unseen(r)]
    assert len(measured) > 2_000
    assert not [
        r["sha"] for r in measured for lo, hi in trained[r["of"]] if lo < r["at"][1] and r["at"][0] < hi
    ]
