import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_data import polnear as write

from models import ROLES, polnear

SOURCE, CUE, CONTENT = range(3)
TEXT = "“No,” said Bo. “Never again!” He left.\nAda denies it. No one came."


def named(example):
    """The spans of an example in words."""
    return [(example.text[slice(*span)], ROLES[role]) for span, role in example.said]


def test_brat_is_read_with_fragments_and_without_what_is_no_span(tmp_path):
    spans = [("Content", "0 5;15 29"), ("Cue", "6 10"), ("Source", "11 13"), ("Event", "0 3")]
    write(tmp_path, "a", TEXT, spans)
    ((text, found),) = polnear.articles(tmp_path)
    assert text == TEXT
    assert [(text[slice(*span)], ROLES[role]) for span, role in found] == [
        ("“No,”", "content"),
        ("“Never again!”", "content"),
        ("said", "cue"),
        ("Bo", "source"),
    ]


def test_of_two_annotators_the_first_counts(tmp_path):
    write(tmp_path, "a", TEXT, [("Cue", "6 10")])
    (tmp_path / "attributions" / "a_zz.ann").write_text("T1\tCue 0 3\tNo\n")
    ((_, found),) = polnear.articles(tmp_path)
    assert found == [((6, 10), CUE)]


def test_an_article_that_nobody_annotated_is_named(tmp_path):
    write(tmp_path, "a", TEXT, [])
    (tmp_path / "attributions" / "a_ab.ann").unlink()
    with pytest.raises(FileNotFoundError, match=r"has nothing for a\.txt"):
        list(polnear.articles(tmp_path))


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("He left. She stayed.", ["He left. ", "She stayed."]),
        ("“Go!” he said. ‘No.’ (So it is.)", ["“Go!” he said. ", "‘No.’ ", "(So it is.)"]),
        ("It cost 3.50 dollars. or so", ["It cost 3.50 dollars. or so"]),
        ("Really? “Yes.” Fine", ["Really? ", "“Yes.” ", "Fine"]),
        ("", []),
    ],
)
def test_sentences_of_a_paragraph(text, cut):
    assert [text[lo:hi] for lo, hi in polnear.sentences(text, 0, len(text))] == cut


@given(st.text(st.sampled_from("Aa.!? “”\n"), max_size=30), st.data())
def test_sentences_cover_the_paragraph(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    cut = polnear.sentences(text, start, end)
    assert "".join(text[lo:hi] for lo, hi in cut) == text[start:end]
    assert all(lo < hi for lo, hi in cut)


def test_without_chance_every_sentence_is_an_example_and_what_is_said_ends_with_it(tmp_path):
    write(
        tmp_path, "a", TEXT, [("Content", "0 29"), ("Cue", "6 10"), ("Source", "11 13"), ("Source", "39 42")]
    )
    made = polnear.examples(tmp_path)
    assert [one.text for one in made] == [
        "“No,” said Bo. ",
        "“Never again!” ",
        "He left.",
        "Ada denies it. ",
        "No one came.",
    ]
    assert named(made[0]) == [("“No,” said Bo. ", "content"), ("said", "cue"), ("Bo", "source")]
    assert named(made[1]) == [("“Never again!”", "content")]
    assert named(made[3]) == [("Ada", "source")]
    assert [one.said for one in made[2::2]] == [(), ()]
    assert all(one.entities is None for one in made)


def test_in_training_runs_of_sentences_are_read_and_none_twice(tmp_path):
    write(tmp_path, "a", TEXT, [("Cue", "6 10")])
    paragraphs = TEXT.split("\n")
    runs = set()
    for seed in range(60):
        made = [one.text for one in polnear.examples(tmp_path, random.Random(seed))]
        assert "".join(made) == "".join(paragraphs)
        runs |= {text for text in made if text.count(".") + text.count("!") > 1}
    assert runs == {paragraphs[0], paragraphs[1], "“No,” said Bo. “Never again!” ", "“Never again!” He left."}


def test_a_share_of_the_paragraphs_is_read(tmp_path):
    write(tmp_path, "a", "\n".join(f"Paragraph {i}." for i in range(1000)), [])
    assert len(polnear.examples(tmp_path, random.Random(1), 0.35)) == pytest.approx(350, abs=50)
    assert len(polnear.examples(tmp_path, None, 0.35)) == 1000


@given(st.data())
def test_what_is_clipped_says_the_same_of_every_character(data):
    size = data.draw(st.integers(1, 30))
    span = st.tuples(st.integers(0, size - 1), st.integers(1, size)).filter(lambda s: s[0] < s[1])
    spans = data.draw(st.lists(st.tuples(span, st.sampled_from([SOURCE, CUE, CONTENT])), max_size=6))
    lo, hi = data.draw(span)
    made = polnear.clipped("x" * size, spans, lo, hi)
    assert made.text == "x" * (hi - lo)
    assert all(0 <= s < e <= hi - lo for (s, e), _ in made.said)
    assert [s for (s, _), _ in made.said] == sorted(s for (s, _), _ in made.said)

    def told(marks, at):
        return sorted(role for (s, e), role in marks if s <= at < e)

    assert all(told(made.said, at) == told(spans, at + lo) for at in range(hi - lo))
