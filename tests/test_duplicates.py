"""Near-duplicates point to the earliest of their cluster, whatever the order of the rows."""

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pipeline import schemas
from pipeline.duplicates import mark

WORDS = [f"word{n}" for n in range(400)]


def text(seed, size=200):
    return random.Random(seed).choices(WORDS, k=size)


def tables(articles):
    """`articles` and `sentences` of (id, hour, list of words, kind)."""
    start = datetime(2022, 1, 1, tzinfo=UTC)
    rows = [
        {"article_id": f"{i:016x}", "title": "T", "published": start + timedelta(hours=hour),
         "date_source": "header",
         "language": "en", "language_score": 1.0, "sentences": 1, "characters": 1, "text_sha256": "0" * 64,
         "repairs": [], "order_suspect": False}
        for i, hour, _, _ in articles
    ]  # fmt: skip
    lines = [
        {"article_id": f"{i:016x}", "sentence_no": n + 1, "line_no": n + 1, "kind": kind,
         "text": " ".join(words[at : at + 20]), "raw_offsets": []}
        for i, _, words, kind in articles
        for n, at in enumerate(range(0, len(words), 20))
    ]  # fmt: skip
    return schemas.from_rows("articles", rows), schemas.from_rows("sentences", lines)


def marked(articles):
    table = mark(*tables(articles))
    assert table.schema == schemas.ARTICLES.schema
    pairs = zip(table["article_id"].to_pylist(), table["near_duplicate_of"].to_pylist(), strict=True)
    return {int(a, 16): int(b, 16) for a, b in pairs if b is not None}


def test_the_earliest_of_a_cluster_is_what_the_others_point_to():
    one, other = text(1), text(2)
    edited = [w if n % 50 else "changed" for n, w in enumerate(one)]
    found = marked([(1, 5, one, "body"), (2, 3, edited, "body"), (3, 9, one, "body"), (4, 1, other, "body")])
    assert found == {1: 2, 3: 2}


def test_same_hour_the_smaller_id():
    assert marked([(7, 0, text(1), "body"), (5, 0, text(1), "body")]) == {7: 5}


def test_a_shortened_reprint_is_one_and_a_brief_out_of_a_long_text_is_none():
    assert marked([(1, 0, text(1), "body"), (2, 1, text(1)[:140], "body")]) == {2: 1}
    assert marked([(1, 0, text(1), "body"), (2, 1, text(1)[:60], "body")]) == {}


def test_the_same_short_text_counts_and_a_similar_short_text_does_not():
    assert marked([(1, 0, ["Breaking", "news"], "body"), (2, 1, ["BREAKING", "news!"], "body")]) == {2: 1}
    assert marked([(1, 0, ["Breaking", "news"], "body"), (2, 1, ["Breaking", "old"], "body")]) == {}


def test_boilerplate_and_articles_without_text_are_not_compared():
    assert marked([(1, 0, text(1), "boilerplate"), (2, 1, text(1), "boilerplate")]) == {}


def test_the_order_of_rows_makes_no_difference():
    articles = [(n, n * 7 % 5, text(n % 6) + text(100 + n, 10), "body") for n in range(24)]
    expected = marked(articles)
    assert len(expected) == 18
    for seed in range(3):
        random.Random(seed).shuffle(articles)
        table, sentences = tables(articles)
        order = pa.array(random.Random(seed).sample(range(24), 24))
        again = mark(table.take(order), sentences)
        pairs = zip(again["article_id"].to_pylist(), again["near_duplicate_of"].to_pylist(), strict=True)
        assert {int(a, 16): int(b, 16) for a, b in pairs if b} == expected
        assert marked(articles) == expected


def test_an_empty_partition():
    assert marked([]) == {}
