"""Signatures: a function of one article, of its body alone, without case, punctuation and dates."""

import doctest

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition import A, B, article, sentence

from pipeline import schemas, signatures, validate
from pipeline.signatures import CHUNK, LONGEST, minhash, normalised, sign

LONG = " ".join(f"word{n}" for n in range(60))


def row(lines, outlet="gazette.example"):
    """The signature of an article with these lines: (text, kind)."""
    articles = schemas.from_rows("articles", [article(A, outlet=outlet)])
    parts = [sentence(A, n, text) | {"kind": kind} for n, (text, kind) in enumerate(lines, start=1)]
    return sign(articles, schemas.from_rows("sentences", parts)).to_pylist()[0]


def hashes(lines, outlet="gazette.example"):
    return [line["hash"] for line in row([(text, "body") for text in lines], outlet)["lines"]]


def test_the_examples_hold():
    assert doctest.testmod(signatures).attempted > 0
    assert doctest.testmod(signatures).failed == 0


def test_words_are_compared_without_case_punctuation_and_boilerplate():
    one = row([(LONG, "body"), ("Read more", "boilerplate")])
    two = row([(LONG.upper() + "!", "body")])
    assert [one[c] for c in ("words", "shingles", "minhash")] == [
        two[c] for c in ("words", "shingles", "minhash")
    ]
    assert one["shingles"] == 56
    assert row([(LONG + " more", "body")])["words"] != one["words"]


def test_a_short_text_has_no_minhash_and_one_without_words_no_digest():
    short = row([("The council met.", "body")])
    assert (short["shingles"], short["minhash"], short["words"] is None) == (0, [], False)
    assert row([("...", "body")])["words"] is None
    assert row([(LONG, "boilerplate")])["words"] is None


def test_dates_and_case_in_a_footer_do_not_matter_and_the_outlet_does():
    one = hashes(["Updated 11 May 2021, 9:05 AM"])
    assert one == hashes(["UPDATED  2 May 2022, 10:30 am"])
    assert one != hashes(["Updated 11 May 2021, 9:05 AM"], "courier.example")
    assert one != hashes(["Corrected 11 May 2021, 9:05 AM"])


@pytest.mark.parametrize(
    ("line", "counts"),
    [("___", 0), ("11", 0), ("Photo", 1), ("x" * LONGEST, 1), ("x" * (LONGEST + 1), 0)],
)
def test_which_lines_may_recur(line, counts):
    assert len(hashes([line])) == counts


def test_lines_need_an_outlet_and_are_whole_lines_with_their_numbers():
    assert row([("Visit our homepage.", "body")], outlet=None)["lines"] == []
    parts = [
        sentence(A, n, text) | {"line_no": line}
        for n, (line, text) in enumerate([(3, "One."), (3, "Two."), (5, "One. Two.")], start=1)
    ]
    articles = schemas.from_rows("articles", [article(A, outlet="gazette.example")])
    found = sign(articles, schemas.from_rows("sentences", parts)).to_pylist()[0]["lines"]
    assert [line["line_no"] for line in found] == [3, 5]
    assert found[0]["hash"] == found[1]["hash"]


def test_other_articles_make_no_difference():
    articles = [article(A, outlet="gazette.example"), article(B)]
    parts = [sentence(A, 1, LONG), sentence(B, 1, LONG + " more words to come")]
    both = sign(schemas.from_rows("articles", articles), schemas.from_rows("sentences", parts))
    alone = sign(schemas.from_rows("articles", articles[:1]), schemas.from_rows("sentences", parts[:1]))
    assert both.slice(0, 1).equals(alone)
    assert sign(schemas.ARTICLES.empty(), schemas.SENTENCES.empty()).equals(schemas.SIGNATURES.empty())


def test_a_signature_does_not_depend_on_how_it_is_cut():
    numbers = np.random.default_rng(3).integers(0, 2**32, 3 * CHUNK + 5, np.uint32)
    assert (minhash(numbers) == minhash(numbers[::-1])).all()
    assert len(minhash(numbers)) == schemas.MINHASHES


def test_half_a_signature_breaks_a_rule():
    signed = row([(LONG, "body")])
    articles = schemas.from_rows("articles", [article(A)])
    for values, broken in ((signed["minhash"], []), (signed["minhash"][:9], ["minhash_whole"])):
        table = schemas.from_rows("signatures", [signed | {"minhash": values}])
        report = validate.check({"signatures": table}, {"articles": articles}, "unit", "clean")
        assert [violation.rule for violation in report.violations] == broken


@given(st.text())
def test_words_are_the_same_whether_a_line_is_pure_ascii_or_not(text):
    assert [*signatures._words(text), "é"] == signatures._words(f"{text} é")


@given(st.text())
def test_any_text_can_be_signed(text):
    text = "".join(c for c in text if not 0xD800 <= ord(c) <= 0xDFFF)
    found = row([(text, "body"), (LONG, "body")])
    assert pa.Table.from_pylist([found], schema=schemas.SIGNATURES.schema).num_rows == 1
    assert normalised(normalised(text)) == normalised(text) or not text.isascii()
