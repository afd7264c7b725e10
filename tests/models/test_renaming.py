import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import TYPES, renaming
from models.data import Example

PERSON, ORG, DATE = (TYPES.index(kind) for kind in ("PERSON", "ORG", "DATE"))
TEXT = "Ada sued Acme; Ada won on Monday."
EXAMPLE = Example(
    TEXT,
    entities=(((0, 3), PERSON), ((9, 13), ORG), ((15, 18), PERSON), ((26, 32), DATE)),
    portrayals=(((9, 13), 1),),
    relations=(((0, 3), (9, 13), 1), ((9, 13), (15, 18), 2)),
    said=(((0, 13), 2), ((19, 22), 1)),
)


def words(example, spans):
    return [example.text[slice(*span)] for span in spans]


def test_every_label_moves_with_its_text():
    made = renaming.replaced(EXAMPLE, {(15, 18): "Bo Berg", (0, 3): "Bo Berg", (9, 13): "X"})
    assert made.text == "Bo Berg sued X; Bo Berg won on Monday."
    assert words(made, [s for s, _ in made.entities]) == ["Bo Berg", "X", "Bo Berg", "Monday"]
    assert words(made, [s for s, _ in made.portrayals]) == ["X"]
    assert [words(made, pair) for *pair, _ in made.relations] == [["Bo Berg", "X"], ["X", "Bo Berg"]]
    assert words(made, [s for s, _ in made.said]) == ["Bo Berg sued X", "won"]


def test_a_span_that_cuts_a_replaced_name_goes_to_its_edge():
    made = renaming.replaced(Example("Ada Lo ran", portrayals=(((0, 3), 0), ((4, 10), 1))), {(0, 6): "Bo"})
    assert words(made, [s for s, _ in made.portrayals]) == ["Bo", "Bo ran"]


def test_a_name_changes_throughout_its_text_into_one_of_its_type():
    names = renaming.pool([EXAMPLE, Example("Cem at Bors", entities=(((0, 3), PERSON), ((7, 11), ORG)))])
    assert names == {TYPES.index(k): [] for k in renaming.RENAMED} | {
        PERSON: ["Ada", "Cem"], ORG: ["Acme", "Bors"],
    }  # fmt: skip
    seen = {renaming.renamed(EXAMPLE, random.Random(seed), names, 1.0).text for seed in range(20)}
    assert seen == {
        f"{who} sued {what}; {who} won on Monday." for who in ("Ada", "Cem") for what in ("Acme", "Bors")
    }


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_what_has_no_named_names_stays(chance):
    bare = Example("ada met bob", portrayals=(((0, 3), 1),))
    assert renaming.renamed(bare, random.Random(1), {PERSON: ["Cem"]}, chance) is bare
    assert (renaming.renamed(EXAMPLE, random.Random(1), {PERSON: ["Cem"]}, chance) is EXAMPLE) == (not chance)


def test_two_names_of_a_text_do_not_become_one():
    two = Example("Ada met Bob", entities=(((0, 3), PERSON), ((8, 11), PERSON)))
    for seed in range(20):
        made = renaming.renamed(two, random.Random(seed), {PERSON: ["Cem", "Bob"]}, 1.0)
        one, other = words(made, [s for s, _ in made.entities])
        assert one != other


@settings(derandomize=True)
@given(
    st.text("ab ", min_size=1, max_size=30),
    st.lists(st.integers(0, 30), max_size=8, unique=True),
    st.integers(0, 9),
)
def test_what_is_not_replaced_stays_as_it_is(text, cuts, seed):
    rng = random.Random(seed)
    edges = sorted(c for c in cuts if c <= len(text))
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    others = [
        (a, b)
        for a, b in zip([0, *(e for _, e in spans)], [*(s for s, _ in spans), len(text)], strict=True)
        if a < b
    ]
    made = renaming.replaced(
        Example(text, entities=tuple((s, 0) for s in [*spans, *others])),
        {span: "x" * rng.randint(1, 5) for span in spans},
    )
    assert words(made, [s for s, _ in made.entities[len(spans) :]]) == [text[slice(*s)] for s in others]
    assert all(set(w) == {"x"} for w in words(made, [s for s, _ in made.entities[: len(spans)]]))
