import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import model, tokenizer

from models import ROLES, STANCES, TYPES, Said, calibrate, measures
from models.asked import Answers, answers, together
from models.data import Example
from models.words import pieces

PLAIN = [1.0, 0.0, 0.0, 0.0]
SOURCE, CUE, CONTENT = range(3)
PERSON, ORG = TYPES.index("PERSON"), TYPES.index("ORG")


def drawn(seed, size=1200, texts=200, skill=2.0):
    """Answers of a model that is right as often as it says."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, skill, (size, 3))
    chances = calibrate.chances(logits, PLAIN).cumsum(1)
    gold = (rng.random(size)[:, None] > chances[:, :2]).sum(1)
    return Answers(np.sort(rng.integers(0, texts, size)), gold, logits)


@settings(max_examples=40)
@given(st.integers(0, 999), st.sampled_from([0.5, 2.0, 4.0]))
def test_thresholds_reach_the_precision_they_state(seed, skill):
    found = drawn(seed, skill=skill)
    chances = measures.rounded(calibrate.chances(found.logits, PLAIN))
    stated = measures.thresholds(found, PLAIN)
    assert list(stated) == ["0.80", "0.90", "0.95"]
    for precision, bounds in stated.items():
        for k, bound in enumerate(bounds):
            if bound is not None:
                out = (chances.argmax(1) == k) & (chances[:, k] >= bound)
                assert out.sum() >= 20
                assert (found.gold[out] == k).mean() >= float(precision)
    for one, more in (("0.80", "0.90"), ("0.90", "0.95")):
        for low, high in zip(stated[one], stated[more], strict=True):
            assert high is None or (low is not None and low <= high)


def test_a_precision_out_of_reach_has_no_threshold():
    rng = np.random.default_rng(1)
    blind = Answers(np.arange(900), rng.integers(0, 3, 900), rng.normal(0, 1, (900, 3)))
    assert set(map(tuple, measures.thresholds(blind, PLAIN).values())) == {(None, None)}
    out = measures.published(blind, lambda logits, gold: PLAIN)
    assert {row["published"] for side in out.values() for row in side.values()} == {0}
    assert {row["precision"] for side in out.values() for row in side.values()} == {0.0}


def test_what_is_published_is_chosen_on_the_other_half():
    good, bad = drawn(1, skill=4.0), drawn(2, skill=4.0)
    rng = np.random.default_rng(3)
    mixed = together([good, Answers(bad.text_no, rng.permutation(bad.gold), bad.logits)])
    odd = np.where(np.arange(len(mixed.gold)) < len(good.gold), 0, 1)
    halves = Answers(odd, mixed.gold, mixed.logits)  # even: answers that are right; odd: that are not
    fits = []

    def refit(logits, gold):
        fits.append(gold)
        return PLAIN

    out = measures.published(halves, refit)
    assert [len(gold) for gold in fits] == [len(bad.gold), len(good.gold)]
    assert np.array_equal(fits[1], good.gold)
    bounds = measures.thresholds(good, PLAIN)
    chances = measures.rounded(calibrate.chances(bad.logits, PLAIN))
    for name, sides in out.items():
        for k, stance in enumerate(STANCES[:2]):
            bound = bounds[name][k]
            wanted = 0 if bound is None else int(((chances.argmax(1) == k) & (chances[:, k] >= bound)).sum())
            assert sides[stance]["published"] == wanted
            assert wanted == 0 or sides[stance]["precision"] < 0.5


def test_what_is_published_is_about_as_right_as_stated():
    out = measures.published(drawn(5, size=20_000, texts=4000), calibrate.likelihood)
    for name, sides in out.items():
        for row in sides.values():
            assert row["published"] > 300
            assert row["precision"] == pytest.approx(float(name), abs=0.04)
            assert row["precision"] * row["published"] <= row["recall"] * 20_000


def test_stances_are_scored_per_class_and_group():
    found = drawn(4)
    groups = ["north" if no < 150 else f"town {no}" for no in range(200)]
    made = measures.stances(found, PLAIN, calibrate.likelihood, groups)
    assert made["asked"] == 1200
    assert made["f1"] == pytest.approx(np.mean(list(made["each"].values())))
    assert list(made["each"]) == list(STANCES)
    assert made["interval"][0] < made["f1"] < made["interval"][1]
    assert made["accuracy"] == pytest.approx((found.logits.argmax(1) == found.gold).mean())
    assert made["error"] < 0.05
    assert {name: row["texts"] for name, row in made["groups"].items()} == {
        "north": len({int(no) for no in found.text_no if no < 150}),
        "other": len({int(no) for no in found.text_no if no >= 150}),
    }
    few = found.of(np.arange(200) < 150)
    assert made["groups"]["north"]["f1"] == measures.stances(few, PLAIN, calibrate.likelihood)["f1"]


def test_small_groups_are_measured_together():
    made = measures.by_group(["a"] * 5 + ["b"] * 2 + ["c"], lambda pick: float(len(pick)), least=3)
    assert {name: (row["f1"], row["texts"]) for name, row in made.items()} == {"a": (5, 5), "other": (3, 3)}
    assert made["a"]["interval"] == (5, 5)
    assert list(measures.by_group(["a"] * 3, lambda pick: 0.0, least=3)) == ["a"]


def test_a_group_is_measured_on_its_own_texts():
    seen = set()

    def measure(pick):
        seen.update(pick.tolist())
        return 0.0

    measures.by_group(["b", "a", "b", "a"], measure, least=3)
    assert seen == {0, 1, 2, 3}
    seen.clear()
    measures.by_group(["b", "a", "b", "b"], measure, least=3)
    assert seen == {0, 1, 2, 3}


def test_mentions_are_scored_by_span_and_type():
    known = [[(0, 3, "PERSON"), (5, 8, "FAC")], [(0, 4, "DATE")]] * 20
    found = [[(0, 3, "PERSON"), (5, 8, "LOC")], []] * 20
    made = measures.entities(known, found, ["one", "other"] * 20)
    assert made["precision"] == 0.5
    assert made["recall"] == pytest.approx(1 / 3)
    assert made["f1"] == pytest.approx(0.4)
    assert made["four"] == 1.0
    assert (made["each"]["PERSON"], made["each"]["FAC"], made["each"]["DATE"]) == (1, 0, 0)
    assert {name: row["f1"] for name, row in made["groups"].items()} == {"one": 0.5, "other": 0}


def test_gold_is_widened_to_whole_words():
    example = Example("Russias Bo left", (((0, 6), ORG), ((8, 10), PERSON)))
    (made,) = measures.widened(pieces(tokenizer(), [example.text]), [example])
    assert made == [(0, 7, "ORG"), (8, 10, "PERSON")]


TEXT = "ada said bob left on time"


def roles(known, found):
    """Scores of spans in TEXT, told by their words, of each role."""

    def span(words):
        return TEXT.index(words), TEXT.index(words) + len(words)

    example = Example(TEXT, said=tuple((span(words), role) for words, role in known))
    columns = [span(words) for words, _ in found]
    start, end = np.array(columns, dtype=np.int32).reshape(-1, 2).T
    no, names = np.zeros(len(found), dtype=np.int32), [ROLES[role] for _, role in found]
    told = Said(no, start, end, names, np.ones(len(found), dtype=np.float32))
    return measures.roles([example], told, pieces(tokenizer(), [TEXT]))


@pytest.mark.parametrize(
    ("known", "found", "words", "spans"),
    [
        (["bob left on time"], ["bob left on time"], 1, 1),
        (["bob left on time"], ["bob left"], 2 / 3, 1),
        (["bob left on time"], ["bob"], 2 / 5, 0),
        (["bob left on time"], [], 0, 0),
        ([], ["ada"], 0, 0),
        ([], [], 0, 0),
        (["ada said"], ["ada", "said"], 1, 2 / 3),
        (["ada", "said"], ["ada said"], 1, 2 / 3),
        (["ada", "bob"], ["bob", "time"], 1 / 2, 1 / 2),
        (["ada said bob", "bob"], ["bob", "ada said bob"], 1, 1),
        (["da said bo"], ["ada said bob"], 1, 1),
    ],
)
def test_roles_are_scored_by_words_and_by_spans_that_share_half(known, found, words, spans):
    made = roles([(text, CONTENT) for text in known], [(text, CONTENT) for text in found])
    assert made["content"] == pytest.approx({"words": words, "spans": spans})
    assert made["source"] == made["cue"] == {"words": 0, "spans": 0}


def test_each_role_is_scored_by_itself():
    made = roles([("ada", SOURCE), ("said", CUE)], [("ada", SOURCE), ("ada", CUE), ("said", CONTENT)])
    assert [made[role]["words"] for role in ROLES] == [1, 0, 0]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return model(tmp_path_factory.mktemp("asked"))


EXAMPLES = [
    Example("no question"),
    Example("ada met bob.", portrayals=(((8, 11), 1), ((0, 3), 2)), relations=(((8, 11), (0, 3), 0),)),
    Example("cem saw ada", portrayals=(((0, 3), 0),), relations=(((0, 3), (8, 11), 1), ((8, 11), (0, 3), 2))),
]


@pytest.mark.parametrize(
    ("head", "texts", "gold"), [("portrayal", [1, 1, 2], [1, 2, 0]), ("relation", [1, 2, 2], [0, 1, 2])]
)
def test_every_label_is_asked_about(tiny, head, texts, gold):
    made = answers(tiny, EXAMPLES, head)
    assert (made.text_no.tolist(), made.gold.tolist()) == (texts, gold)
    assert made.logits.shape == (3, 3)
    for no in (1, 2):
        alone = answers(tiny, [EXAMPLES[no]], head)
        assert np.allclose(alone.logits, made.logits[made.text_no == no], atol=2e-3)


def test_a_part_of_the_texts_and_several_sets(tiny):
    made = answers(tiny, EXAMPLES, "relation")
    part = made.of(np.array([True, False, True]))
    assert (part.text_no.tolist(), part.gold.tolist()) == ([2, 2], [1, 2])
    both = together([part, made])
    assert both.text_no.tolist() == [2, 2, 4, 5, 5]
    assert both.gold.tolist() == [1, 2, 0, 1, 2]
    assert both.logits.shape == (5, 3)
