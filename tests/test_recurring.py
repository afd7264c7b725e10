"""Lines that recur in an outlet's articles are marked, and news is not."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from partition import MENTIONS, A, article, mention, partition, sentence

from pipeline import recurring, schemas
from pipeline.signatures import sign

FOOTER = "Visit our homepage for more stories."


def ids(count):
    return [f"{n:016x}" for n in range(count)]


def signatures(holding, others=0, outlet="gazette.example", footer=FOOTER):
    """Signatures of so many articles with the footer as their line 2, and of others without it."""
    names = ids(holding + others)
    articles = [article(a, outlet=outlet, published=datetime(2022, 1, 1, tzinfo=UTC)) for a in names]
    parts = [sentence(a, 1, "News " + "more " * n) for n, a in enumerate(names)]
    parts += [sentence(a, 2, footer) for a in names[:holding]]
    return sign(schemas.from_rows("articles", articles), schemas.from_rows("sentences", parts))


def found(table, near=None):
    return recurring.lines(table, near or {}).to_pylist()


@pytest.mark.parametrize(
    ("holding", "others", "recurs"), [(3, 0, False), (4, 0, True), (4, 76, True), (4, 77, False)]
)
def test_a_line_recurs_in_at_least_four_articles_and_five_of_a_hundred(holding, others, recurs):
    expected = [{"article_id": a, "line_no": 2} for a in ids(holding)] if recurs else []
    assert found(signatures(holding, others)) == expected


def test_near_duplicates_count_once_among_those_with_the_line_and_all_others():
    names = ids(80)
    assert found(signatures(5), {names[4]: names[0], names[3]: names[0]}) == []
    assert len(found(signatures(5), {names[4]: names[0]})) == 5
    few = signatures(4, 77)
    assert found(few) == []
    assert len(found(few, {names[79]: names[78]})) == 4


def test_each_outlet_by_itself():
    here, there = signatures(3), signatures(3, outlet="courier.example")
    other = there.set_column(0, "article_id", pa.array([f"{n:016x}" for n in range(100, 103)]))
    assert found(pa.concat_tables([here, other.cast(here.schema)])) == []
    assert found(signatures(9, outlet=None)) == []


def test_a_line_twice_in_an_article_counts_once():
    articles = [article(a, outlet="gazette.example") for a in ids(3)]
    parts = [sentence(a, n, FOOTER) for a in ids(3) for n in (1, 2)]
    assert found(sign(schemas.from_rows("articles", articles), schemas.from_rows("sentences", parts))) == []


def test_no_articles():
    assert found(schemas.SIGNATURES.empty()) == []


def lines(*pairs):
    schema = pa.schema([("article_id", pa.string()), ("line_no", pa.int32())])
    return pa.Table.from_pylist([{"article_id": a, "line_no": n} for a, n in pairs], schema=schema)


def test_body_text_is_marked_and_the_mark_taken_back():
    parts = [sentence(A, n, "Text.") | {"line_no": min(n, 2)} for n in range(4)]
    parts[3]["kind"] = "boilerplate"
    table = schemas.from_rows("sentences", parts)
    marked = recurring.mark(table, lines((A, 2), (A, 0)))
    assert marked["kind"].to_pylist() == ["title", "body", "recurring", "boilerplate"]
    assert marked.schema == table.schema
    assert recurring.mark(marked, lines()).equals(table)
    assert recurring.mark(marked, lines((A, 1)))["kind"].to_pylist() == [
        "title",
        "recurring",
        "body",
        "boilerplate",
    ]


def test_mentions_in_lines_that_recur_are_left_out():
    sentences = partition()["sentences"]
    mentions = schemas.from_rows("mentions", [mention(*m) for m in MENTIONS])
    assert recurring.without(mentions, sentences).equals(mentions)
    aside = recurring.mark(sentences, lines((A, 1)))
    assert [
        m["mention_no"] for m in recurring.without(mentions, aside).to_pylist() if m["article_id"] == A
    ] == [2, 3]
