"""Near-duplicates point to the earliest of their cluster, whatever the order of the rows."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from partition import article, sentence

from pipeline import schemas
from pipeline.duplicates import earliest
from pipeline.schemas import MINHASHES
from pipeline.signatures import sign

WORDS = [f"word{n}" for n in range(400)]


def text(seed, size=200):
    return random.Random(seed).choices(WORDS, k=size)


def signed(articles):
    """`signatures` of (id, hour, list of words, kind)."""
    start = datetime(2022, 1, 1, tzinfo=UTC)
    rows = [article(f"{i:016x}", published=start + timedelta(hours=hour)) for i, hour, _, _ in articles]
    lines = [
        sentence(f"{i:016x}", n + 1, " ".join(words[at : at + 20])) | {"kind": kind}
        for i, _, words, kind in articles
        for n, at in enumerate(range(0, len(words), 20))
    ]
    return sign(schemas.from_rows("articles", rows), schemas.from_rows("sentences", lines))


def marked(articles):
    return {int(a, 16): int(b, 16) for a, b in earliest(signed(articles)).items()}


def test_the_earliest_of_a_cluster_is_what_the_others_point_to():
    one, other = text(1), text(2)
    edited = [w if n % 50 else "changed" for n, w in enumerate(one)]
    found = marked([(1, 5, one, "body"), (2, 3, edited, "body"), (3, 9, one, "body"), (4, 1, other, "body")])
    assert found == {1: 2, 3: 2}


def test_same_hour_the_smaller_id():
    assert marked([(7, 0, text(1), "body"), (5, 0, text(1), "body")]) == {7: 5}


def test_a_shortened_reprint_is_one_and_a_brief_out_of_a_long_text_is_none():
    assert marked([(1, 0, text(1), "body"), (2, 1, text(1)[:150], "body")]) == {2: 1}
    assert marked([(1, 0, text(1), "body"), (2, 1, text(1)[:60], "body")]) == {}


def test_a_copy_in_which_one_word_in_a_hundred_is_dropped_is_one():
    assert marked([(1, 0, text(1), "body"), (2, 1, text(1)[:50] + text(1)[51:150] + text(1)[151:], "body")])


def test_fifty_reprints_are_one_cluster_that_points_to_the_first():
    """Agency copy, each with a lead and a footer of the outlet's own."""
    agency = text(1, 400)
    reprints = [(n, 50 - n, text(100 + n, 20) + agency + text(200 + n, 25), "body") for n in range(50)]
    assert marked([*reprints, (99, 0, text(7, 400), "body")]) == dict.fromkeys(range(49), 49)


def test_a_chain_is_one_cluster_though_its_ends_differ():
    drift = [text(1)[10 * n :] + text(2)[: 10 * n] for n in range(9)]
    assert marked([(1, 0, drift[0], "body"), (2, 1, drift[8], "body")]) == {}
    assert marked([(n, n, words, "body") for n, words in enumerate(drift)]) == dict.fromkeys(range(1, 9), 0)


def test_the_same_short_text_counts_and_a_similar_short_text_does_not():
    assert marked([(1, 0, ["Breaking", "news"], "body"), (2, 1, ["BREAKING", "news!"], "body")]) == {2: 1}
    assert marked([(1, 0, ["Breaking", "news"], "body"), (2, 1, ["Breaking", "old"], "body")]) == {}


def test_boilerplate_and_articles_without_text_are_not_compared():
    assert marked([(1, 0, text(1), "boilerplate"), (2, 1, text(1), "boilerplate")]) == {}
    assert marked([(1, 0, ["..."], "body"), (2, 1, ["--"], "body")]) == {}


def test_the_order_of_rows_makes_no_difference():
    articles = [(n, n * 7 % 5, text(n % 6) + text(100 + n, 10), "body") for n in range(24)]
    expected = marked(articles)
    assert len(expected) == 18
    table = signed(articles)
    for seed in range(3):
        order = pa.array(random.Random(seed).sample(range(24), 24))
        again = earliest(table.take(order))
        assert {int(a, 16): int(b, 16) for a, b in again.items()} == expected


@pytest.mark.parametrize("count", [0, 1])
def test_few_articles(count):
    assert marked([(n, 0, text(1), "body") for n in range(count)]) == {}


@pytest.mark.parametrize(("jaccard", "least"), [(0.9, 0.99), (0.43, 0.9)])
def test_pairs_that_should_be_compared_agree_in_a_band(jaccard, least):
    """At the Jaccard index that a contained text has at least, and at a clear copy's."""
    from pipeline.duplicates import ROWS
    from pipeline.signatures import minhash

    rng, together = np.random.default_rng(5), 0
    for _ in range(200):
        shared = int(2 * 300 * jaccard / (1 + jaccard))
        numbers = rng.integers(0, 2**32, 600 - shared, np.uint32)
        pair = minhash(numbers[:300]), minhash(numbers[300 - shared :])
        equal = (pair[0] == pair[1]).reshape(MINHASHES // ROWS, ROWS)
        together += bool(equal.all(axis=1).any())
        assert abs(equal.mean() - jaccard) < 0.2
    assert together / 200 >= least
