"""Tagging: what goes to the tagger, and what becomes of its mentions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fake_models import WIDTH, KeywordTagger, Wavering
from hypothesis import given
from hypothesis import strategies as st

from models import Said, Tags
from pipeline import schemas
from pipeline.tag import numbered, tag


def sentences(*articles: list[tuple[str, str]]) -> pa.Table:
    """Articles given as sentences of (kind, text)."""
    rows = []
    for article_no, article in enumerate(articles):
        for no, (kind, text) in enumerate(article):
            offsets = [{"start": 0, "end": len(text), "raw_start": 0, "raw_end": len(text), "repair": None}]
            rows.append(
                {"article_id": f"{article_no:016x}", "sentence_no": no, "line_no": no, "kind": kind,
                 "text": text, "raw_offsets": offsets}
            )  # fmt: skip
    return schemas.from_rows("sentences", rows)


TWO = (
    [
        ("title", "Biden meets Putin"),
        ("boilerplate", "SEE ALSO: Moscow"),
        ("body", "On Monday, NATO agreed."),
    ],
    [("title", "Norsund"), ("body", "Nothing here is a name."), ("body", "Élodie Roe, of Norsund, left.")],
)


class Recorder(KeywordTagger):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def tag(self, texts, spans=None):
        self.calls.append(list(texts))
        return super().tag(texts, spans)


class Backwards(KeywordTagger):
    """Answers in another order than asked."""

    def tag(self, texts, spans=None):
        tags = super().tag(texts, spans)
        back = slice(None, None, -1)
        return Tags(tags.text_no[back], tags.start[back], tags.end[back], tags.type[back], tags.score[back],
                    tags.vectors[back], tags.tokens)  # fmt: skip


def test_mentions():
    mentions = tag(sentences(*TWO), KeywordTagger()).kept["mentions"]
    columns = ("article_id", "sentence_no", "mention_no", "start", "end", "text", "type", "entity_id")
    a, b = "0" * 16, f"{1:016x}"
    assert list(zip(*(mentions[c].to_pylist() for c in columns), strict=True)) == [
        (a, 0, 0, 0, 5, "Biden", "PERSON", None),
        (a, 0, 1, 12, 17, "Putin", "PERSON", None),
        (a, 2, 2, 3, 9, "Monday", "DATE", None),
        (a, 2, 3, 11, 15, "NATO", "ORG", None),
        (b, 0, 0, 0, 7, "Norsund", "PERSON", None),
        (b, 1, 1, 0, 7, "Nothing", "PERSON", None),
        (b, 2, 2, 7, 10, "Roe", "PERSON", None),
        (b, 2, 3, 15, 22, "Norsund", "PERSON", None),
    ]
    assert mentions["score"].to_pylist() == [pc.cast(0.9, pa.float32()).as_py()] * 8


def test_boilerplate_is_not_tagged_and_the_tagger_is_asked_once():
    tagger = Recorder()
    tag(sentences(*TWO), tagger)
    assert len(tagger.calls) == 1
    assert not any("SEE ALSO" in text for text in tagger.calls[0])
    assert len(tagger.calls[0]) == 5


def test_tokens_are_counted_by_article():
    assert tag(sentences(*TWO), KeywordTagger()).tokens == {"0" * 16: 7, f"{1:016x}": 11}


def test_vectors_belong_to_their_mentions():
    kept = tag(sentences(*TWO), KeywordTagger()).kept
    key = ["article_id", "mention_no"]
    assert kept["vectors"].select(key).to_pylist() == kept["mentions"].select(key).to_pylist()
    vectors = np.array(kept["vectors"]["vector"].to_pylist(), np.float16)
    assert vectors.shape == (8, WIDTH)
    words = kept["mentions"]["text"].to_pylist()
    norsund = [i for i, text in enumerate(words) if text == "Norsund"]
    assert (vectors[norsund[0]] == vectors[norsund[1]]).all()
    assert not (vectors[norsund[0]] == vectors[0]).all()


def test_the_order_of_rows_and_answers_does_not_matter():
    table = sentences(*TWO)
    one = tag(table, KeywordTagger())
    for other in (tag(table.take([5, 3, 1, 0, 2, 4]), KeywordTagger()), tag(table, Backwards())):
        assert all(one.kept[name].equals(other.kept[name]) for name in one.kept)
        assert one.tokens == other.tokens


WON = (
    [("title", "Georgia won"), ("body", "It rained in Georgia."), ("body", "Georgia left.")],
    [("title", "Georgia won"), ("boilerplate", "Georgia left."), ("body", "Georgia won again.")],
)


def test_mentions_of_one_name_in_an_article_have_one_type():
    table = sentences(*WON)
    mentions = tag(table, Wavering()).kept["mentions"].to_pylist()
    kinds = [(int(m["article_id"], 16), m["text"], m["type"], round(m["score"], 4)) for m in mentions]
    assert kinds == [
        (0, "Georgia", "LOC", 0.5), (0, "Georgia", "LOC", 0.9), (0, "Georgia", "LOC", 0.9),
        (1, "Georgia", "PERSON", 0.5), (1, "Georgia", "PERSON", 0.5),
    ]  # fmt: skip
    for order in ([5, 3, 1, 0, 2, 4], [0, 3, 1, 4, 2, 5]):
        assert tag(table.take(order), Wavering()).kept["mentions"].to_pylist() == mentions


class Listener(KeywordTagger):
    """Finds that the first word of each text is a source, and answers in another order than asked."""

    def tag(self, texts, spans=None):
        nos = np.arange(len(texts), dtype=np.int32)[::-1]
        ends = np.array([len(texts[no].split()[0]) for no in nos], np.int32)
        scores = np.full(len(texts), 0.123456, np.float32)
        said = Said(nos, np.zeros_like(nos), ends, ["source"] * len(texts), scores)
        return replace(super().tag(texts, spans), said=said)


def test_who_says_what_as_the_tagger_found_it():
    said = tag(sentences(*TWO), Listener()).kept["attributions"].to_pylist()
    words = ("Biden", "On", "Norsund", "Nothing", "Élodie")
    places = [(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert [(int(r["article_id"], 16), r["sentence_no"]) for r in said] == places
    assert [(r["start"], r["end"], r["role"]) for r in said] == [(0, len(word), "source") for word in words]
    assert {round(r["score"], 6) for r in said} == {0.1235}


def test_who_says_what_by_rule_where_the_tagger_does_not_look_for_it():
    table = sentences(
        [("title", "Norsund lied, Roe said"), ("boilerplate", "Roe said"), ("body", "It rained.")]
    )
    said = tag(table, KeywordTagger()).kept["attributions"].to_pylist()
    assert [(r["sentence_no"], r["start"], r["end"], r["role"]) for r in said] == [
        (0, 0, 12, "content"), (0, 14, 17, "source"), (0, 18, 22, "cue")
    ]  # fmt: skip
    assert {r["score"] for r in said} == {None}


def test_a_tagger_that_hears_nothing_is_not_helped():
    class Deaf(KeywordTagger):
        def tag(self, texts, spans=None):
            none = np.zeros(0, np.int32)
            return replace(
                super().tag(texts, spans), said=Said(none, none, none, [], none.astype(np.float32))
            )

    assert tag(sentences([("title", "Norsund lied, Roe said")]), Deaf()).kept["attributions"].num_rows == 0


def test_nothing_to_tag():
    nameless = sentences([("title", "nothing"), ("boilerplate", "SEE ALSO: Moscow")])
    for table in (schemas.SENTENCES.empty(), nameless):
        outcome = tag(table, KeywordTagger())
        assert outcome.rows_in == 0
        assert {name: kept.num_rows for name, kept in outcome.kept.items()} == dict.fromkeys(
            ("mentions", "vectors", "attributions"), 0
        )


def test_numbers_start_anew_in_each_article():
    assert numbered(pa.chunked_array([["a", "a"], ["a", "b", "c", "c"]])).to_pylist() == [0, 1, 2, 0, 0, 1]
    assert numbered(pa.chunked_array([], pa.string())).to_pylist() == []


_TEXTS = st.text("AB é.—\U0001f600x", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(st.lists(st.lists(_TEXTS, min_size=1, max_size=4), max_size=3))
def test_offsets_give_the_text(articles):
    table = sentences(*([("body" if no else "title", text) for no, text in enumerate(a)] for a in articles))
    outcome = tag(table, KeywordTagger())
    mentions = outcome.kept["mentions"].to_pylist()
    texts = {(row["article_id"], row["sentence_no"]): row["text"] for row in table.to_pylist()}
    for row in mentions:
        assert texts[row["article_id"], row["sentence_no"]][row["start"] : row["end"]] == row["text"] != ""
    keys = [(row["article_id"], row["mention_no"]) for row in mentions]
    assert len(set(keys)) == len(keys) == outcome.rows_in
    places = [(row["article_id"], row["sentence_no"], row["start"]) for row in mentions]
    assert places == sorted(places)
