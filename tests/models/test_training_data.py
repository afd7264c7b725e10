import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import STANCES, TYPES, data

CHANCES = dict.fromkeys(("ascii", "quotes", "stop", "lower", "upper", "title"), 0.0)
PERSON, LOC, ORG, DATE = (TYPES.index(kind) for kind in ("PERSON", "LOC", "ORG", "DATE"))


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["Ada", "’", "s", "plan", "."], "Ada’s plan."),
        (["Ada", "'s", "(", "old", ")", "plan"], "Ada's (old) plan"),
        (['"', "No", ",", '"', "he", "said"], '"No," he said'),
        (["did", "n't", "pay", "$", "5"], "didn't pay $5"),
        (["states", "’", "rights"], "states’ rights"),
        ([], ""),
    ],
)
def test_tokens_become_text_again(tokens, text):
    made, spans = data.detokenized(tokens)
    assert made == text
    assert [made[start:end] for start, end in spans] == tokens


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O O", []),
        ("B-Person I-Person", [(0, 2, PERSON)]),
        ("B-Person B-Person", [(0, 1, PERSON), (1, 2, PERSON)]),
        ("O I-Location", [(1, 2, LOC)]),
        ("B-Person I-Location", [(0, 1, PERSON), (1, 2, LOC)]),
    ],
)
def test_tags_become_spans(tags, found):
    made = data.entities([(0, 1), (1, 2)], tags.split())
    assert [(start, end, kind) for (start, end), kind in made] == found


def test_sentences_end_at_full_stops_but_never_inside_an_entity():
    tokens = "He left . She , St . Mary , stayed . ” No .".split()
    tags = ["O"] * len(tokens)
    tags[5:8] = ["B-Person", "I-Person", "I-Person"]
    cut = [" ".join(tokens[lo:hi]) for lo, hi in data.sentences(tokens, tags)]
    assert cut == ["He left .", "She , St . Mary , stayed . ”", "No ."]


class Always(random.Random):
    def random(self):
        return 0.0


@pytest.mark.parametrize(
    ("words", "tags", "expected"),
    [
        ("the United States .", "O B-Location I-Location O", ["the", "U.S."]),
        ("US troops", "B-Location O", ["U.S.", "troops"]),
        ("give us", "O O", ["give", "us"]),
        ("on January 5", "O B-Date I-Date", ["on", "Jan.", "5"]),
        ("United Airlines", "B-Organization I-Organization", ["United", "Airlines"]),
    ],
)
def test_american_abbreviations(words, tags, expected):
    made, kinds = data.abbreviated(words.split(), tags.split(), Always())
    assert made == expected
    assert len(kinds) == len(made)


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_targets_of_a_sentence_come_together(tmp_path):
    rows = [{"sentence": "Ada and Bob", "target": [0, 3], "label": "favor"}]
    rows.append({"sentence": "Ada and Bob", "target": [8, 11], "label": "against"})
    rows.append({"sentence": "left out", "target": [0, 4], "label": "neutral"})
    (one,) = data.portrayals(lines(tmp_path / "x.jsonl", rows), frozenset([data.key("Left out!")]))
    assert one.portrayals == (((0, 3), STANCES.index("favor")), ((8, 11), STANCES.index("against")))


@pytest.mark.parametrize(("reverse", "count"), [(False, 2), (True, 3)])
def test_pairs_come_once_and_reversed_as_neutral(tmp_path, reverse, count):
    pair = {"sentence": "Ada hit Bob, C", "holder": [0, 3], "target": [8, 11], "label": "against"}
    other = {**pair, "target": [13, 14], "label": "neutral"}
    (one,) = data.relations(lines(tmp_path / "x.jsonl", [pair, pair, other]), reverse)
    assert len(one.relations) == count
    assert (((8, 11), (0, 3), STANCES.index("neutral")) in one.relations) == reverse


def test_newswire_keeps_every_sentence_that_is_not_held_out(tmp_path):
    words = "One came . Two left . Three stayed .".split()
    path = lines(tmp_path / "x.jsonl", [{"tokens": words, "tags": ["O"] * len(words)}] * 20)
    for seed in range(5):
        made = data.newswire(path, random.Random(seed), frozenset([data.key("Two left.")]))
        assert {one.text for one in made} == {"One came.", "Three stayed."}
        whole = data.newswire(path, random.Random(seed))
        assert data.key("".join(one.text for one in whole)) == data.key("".join(words)) * 20
    assert [one.text for one in data.newswire(path)] == ["One came. Two left. Three stayed."] * 20
    assert data.newswire(path, but=frozenset([data.key("Two left.")])) == []


def test_sentences_of_every_dev_set_are_held_out(tmp_path):
    for name in ("newsmtsc/dev_rw", "newsmtsc/dev_mt", "directed/dev"):
        lines(tmp_path / "stance" / f"{name}.jsonl", [{"sentence": f"In {name}"}])
    words = "A cat sat . A dog ran .".split()
    lines(tmp_path / "ner/worldwide/dev.jsonl", [{"tokens": words, "tags": ["O"] * len(words)}])
    assert {"acatsat", "adogran", "innewsmtscdev_rw", "indirecteddev"} <= data.held_out(tmp_path)


EXAMPLE = data.Example(
    "“Šime’s Café” praised Zoë.",
    entities=(((1, 5), PERSON), ((8, 12), ORG), ((22, 25), PERSON)),
    portrayals=(((22, 25), 0),),
    relations=(((1, 5), (22, 25), 0),),
)


@pytest.mark.parametrize(
    ("kind", "text", "names"),
    [
        ("ascii", "imes Caf praised Zo.", ["ime", "Caf", "Zo"]),
        ("quotes", "Šimes Café praised Zoë.", ["Šime", "Café", "Zoë"]),
        ("stop", "“Šime’s Café” praised Zoë", ["Šime", "Café", "Zoë"]),
        ("lower", "“šime’s café” praised zoë.", ["šime", "café", "zoë"]),
        ("upper", "“ŠIME’S CAFÉ” PRAISED ZOË.", ["ŠIME", "CAFÉ", "ZOË"]),
        ("title", "“Šime’s Café” Praised Zoë.", ["Šime", "Café", "Zoë"]),
    ],
)
def test_damage_moves_labels_with_their_text(kind, text, names):
    made = data.damaged(EXAMPLE, random.Random(1), {**CHANCES, kind: 1.0})
    assert made.text == text
    assert [text[start:end] for (start, end), _ in made.entities] == names
    assert text[slice(*made.portrayals[0][0])] == names[2]
    assert [text[slice(*span)] for span in made.relations[0][:2]] == [names[0], names[2]]


def test_a_label_whose_text_is_lost_goes_with_it():
    made = data.ascii_only(data.Example("中文 x", entities=(((0, 2), ORG), ((3, 4), LOC))))
    assert (made.text, made.entities) == (" x", (((1, 2), LOC),))


@settings(deadline=None)
@given(st.text(min_size=1), st.integers(0, 99))
def test_any_text_survives_any_damage(text, seed):
    example = data.Example(text, entities=(((0, len(text)), 0),))
    made = data.damaged(example, random.Random(seed), dict.fromkeys(CHANCES, 0.5))
    assert all(0 <= start < end <= len(made.text) for (start, end), _ in made.entities)


@pytest.mark.parametrize(
    ("between", "text"),
    [
        (" ", "Ada hit Bob. Cem met Dan."),
        ("; ", "Ada hit Bob; Cem met Dan."),
        (", and ", "Ada hit Bob, and Cem met Dan."),
    ],
)
def test_across_joined_texts_holders_are_neutral_toward_targets_of_stance(between, text):
    against, neutral = STANCES.index("against"), STANCES.index("neutral")
    first = data.Example("Ada hit Bob.", relations=(((0, 3), (8, 11), against),))
    second = data.Example("Cem met Dan.", relations=(((0, 3), (8, 11), neutral),))
    made = data.joined(first, second, between)
    assert made.text == text
    named = [(text[slice(*holder)], text[slice(*target)], label) for holder, target, label in made.relations]
    assert named == [("Ada", "Bob", against), ("Cem", "Dan", neutral), ("Cem", "Bob", neutral)]


def test_a_span_that_holds_the_lost_full_stop_goes_with_it():
    first = data.Example("Ada left the U.S.", relations=(((0, 3), (13, 17), 0),))
    assert data.joined(first, data.Example("So did Bob."), "; ").relations == ()
