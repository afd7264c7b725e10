"""Raw articles to articles and sentences: nothing lost, all traceable, bad ones rejected with a reason."""

import gc
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import repair, schemas
from pipeline.clean import clean, clean_lines, clean_record, sentences_of
from pipeline.errors import UsageError
from pipeline.repair import Repair
from pipeline.restore import UNDAMAGED
from pipeline.settings import Settings
from pipeline.tracked import Finding
from tests.test_repair import ANYTHING, RESTORING

LANDED = datetime(2022, 1, 5, tzinfo=UTC)
ENGLISH = "The ministers met in Vienna on Monday to discuss the crisis. Nobody expects them to agree."


def raw(*articles):
    rows = [
        {"article_id": f"{n:016x}", "source_uri": f"{n}.txt", "raw_sha256": "0" * 64,
         "title": "Ministers meet",
         "date_raw": "20211229", "url_raw": f"https://www.example.com:443/a{n}?utm_source=x",
         "lines": [ENGLISH], "landed_at": LANDED} | article
        for n, article in enumerate(articles)
    ]  # fmt: skip
    return schemas.from_rows("raw", rows)


def outcome(*articles, **settings):
    table = raw(*articles)
    found = clean(table, Settings(**settings))
    assert found.rows_in == table.num_rows == found.kept["articles"].num_rows + found.rejected.num_rows
    return found


def test_an_article_and_its_sentences():
    found = outcome({"lines": [ENGLISH, "SEE ALSO: More on gas", " ", "He left. Share this article"]})
    article = found.kept["articles"].to_pylist()[0]
    assert article["url"] == "https://www.example.com/a0"
    assert article["outlet"] == "example.com"
    assert article["published"] == datetime(2021, 12, 29, tzinfo=UTC)
    assert article["date_source"] == "header"
    assert article["language"] == "en"
    assert article["near_duplicate_of"] is None
    assert dict(article["repairs"]) == {"whitespace": 1}
    rows = found.kept["sentences"].to_pylist()
    assert [(r["sentence_no"], r["line_no"], r["kind"]) for r in rows] == [
        (0, 0, "title"), (1, 1, "body"), (2, 1, "body"),
        (3, 2, "boilerplate"), (4, 4, "body"), (5, 4, "boilerplate"),
    ]  # fmt: skip
    assert article["sentences"] == len(rows)
    assert article["characters"] == sum(len(r["text"]) for r in rows)


@pytest.mark.parametrize(
    ("article", "reason"),
    [
        ({"lines": []}, "no_text"),
        ({"lines": ["", "\u00a0", "Advertisement"]}, "no_text"),
        ({"title": "\u200b"}, "no_title"),
        ({"date_raw": "99999999", "url_raw": None}, "date"),
        (
            {"lines": ["Die Minister treffen sich am Montag in Wien, um über die Krise zu beraten."] * 3},
            "language",
        ),
    ],
)
def test_what_cannot_be_kept_is_rejected_with_its_reason(article, reason):
    found = outcome(article, {})
    assert found.rejected["reason"].to_pylist() == [reason]
    assert found.rejected["article_id"].to_pylist() == ["0" * 16]
    assert set(found.kept["sentences"]["article_id"].to_pylist()) == {f"{1:016x}"}


def test_other_languages_can_be_wanted():
    german = {"lines": ["Die Minister treffen sich am Montag in Wien, um über die Krise zu beraten."]}
    assert outcome(german, languages=("de", "en")).kept["articles"]["language"].to_pylist() == ["de"]


def test_a_language_that_is_uncertain_is_kept():
    assert outcome({"lines": ["Ja."]}).rejected.num_rows == 0


def test_no_article_at_all():
    assert outcome().kept["sentences"].schema == schemas.SENTENCES.schema


def test_the_lead_of_an_article_is_told_by_its_line():
    """Where the order is suspect only a certain lead is; boilerplate is no paragraph."""
    lead = "VIENNA (AP) The ministers Carl Berg and Anna Lee met in Vienna on Monday, officials said."
    other = "But Mr. Berg doesnt say why Russias answer came so late, and nobody knows what it says."
    found = outcome(
        {"lines": ["Advertisement", lead, other]},
        {"lines": [other, "Advertisement", lead]},
        {"lines": [other, other]},
    )
    articles = found.kept["articles"]
    assert articles["order_suspect"].to_pylist() == [True, True, True]
    assert articles["lead_line"].to_pylist() == [2, 3, None]
    assert outcome({"lines": ["Advertisement", ENGLISH]}).kept["articles"]["lead_line"].to_pylist() == [2]


@given(st.lists(ANYTHING, max_size=4), st.one_of(st.none(), ANYTHING))
def test_any_lines_are_cleaned_traceably(lines, title):
    record = clean_record({"id": 1, "title": title, "lines": lines})
    assert json.dumps(record, ensure_ascii=False).encode()
    assert len(record["lines"]) == len(lines)
    assert all(line is None or line == line.strip() != "" for line in record["lines"])
    assert (record["title"] is None) == (title is None)
    again = clean_record(record)
    assert {r["kind"] for r in again["repairs"]} <= RESTORING
    if not again["repairs"]:
        assert (again["title"], again["lines"]) == (record["title"], record["lines"])
    cleaned = clean_lines(title, lines)
    for sentence in sentences_of(cleaned):
        source = title if sentence.line_no == 0 else lines[sentence.line_no - 1]
        at = 0
        for r in sentence.ranges:
            assert r.start == at
            assert r.repair is not None or sentence.text[r.start : r.end] == source[r.raw_start : r.raw_end]
            at = r.end
        assert at == len(sentence.text) > 0
    assert [line or "" for line in record["lines"]] == [line.text for line in cleaned.lines]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=4))
def test_any_article_is_kept_or_rejected(lines):
    found = outcome({"lines": lines})
    for row in found.kept["sentences"].to_pylist():
        source = "Ministers meet" if row["line_no"] == 0 else lines[row["line_no"] - 1]
        for r in row["raw_offsets"]:
            same = row["text"][r["start"] : r["end"]] == source[r["raw_start"] : r["raw_end"]]
            assert same or r["repair"] is not None


def test_a_record_says_what_was_repaired():
    record = clean_record(
        {"id": "a", "title": "Russias plan", "lines": ["They dont say.", None, "Advertisement", "Russia"]}
    )
    assert record["title"] == "Russia's plan"
    assert record["lines"] == ["They don't say.", None, "Advertisement", "Russia"]
    (repaired,) = (r for r in record["repairs"] if r["line"] == 1)
    confidence, evidence = repaired.pop("confidence"), repaired.pop("evidence")
    assert repaired == {
        "line": 1, "kind": "apostrophe", "start": 5, "end": 9, "before": "dont", "after": "don't",
    }  # fmt: skip
    assert 0.9 < confidence < 1
    assert evidence.startswith("the word itself")
    assert record["suspicions"] == []
    assert {r["line"] for r in record["repairs"]} == {0, 1}


def test_repairs_and_suspicions_have_a_row_each_but_white_space(monkeypatch):
    def shout(text, article=UNDAMAGED):
        return [Finding(text.index("?"), text.index("?") + 1, "!", 0.2)] if "?" in text else []

    monkeypatch.setattr(repair, "WORDS", (*repair.WORDS, Repair("shout", shout, "so loud")))
    articles = [{"title": "Why?", "lines": ["AT&amp;T\u200b  dont say. They dont.", ENGLISH, "&lt;"]}, {}]
    found = outcome(*articles).kept
    rows = found["repairs"].to_pylist()
    told = [(r["repair_no"], r["line_no"], r["kind"], r["before"], r["after"], r["applied"]) for r in rows]
    assert told == [
        (0, 1, "html", "AT&amp;T", "AT&T", True),
        (1, 1, "apostrophe", "dont", "don't", True),
        (2, 1, "apostrophe", "dont", "don't", True),
        (3, 3, "html", "&lt;", "<", True),
        (4, 0, "shout", "Why?", "Why!", False),
    ]
    assert [round(r["confidence"], 1) for r in rows] == [1.0, 1.0, 1.0, 1.0, 0.2]
    assert rows[-1]["evidence"] == "so loud"
    assert rows[1]["evidence"].startswith("the word itself")
    lines = [articles[0]["title"], *articles[0]["lines"]]
    assert all(lines[r["line_no"]][r["raw_start"] : r["raw_end"]] == r["before"] for r in rows)
    counted = dict(found["articles"]["repairs"].to_pylist()[0])
    assert counted == {"apostrophe": 2, "control": 1, "html": 2, "whitespace": 1}
    assert outcome({}).kept["repairs"].schema == schemas.REPAIRS.schema


@pytest.mark.parametrize(
    "record",
    [{"title": 1, "lines": []}, {"title": "a"}, {"title": "a", "lines": "b"}, {"title": "a", "lines": [1]}],
)
def test_a_malformed_record_is_the_users_error(record):
    with pytest.raises(UsageError, match="article 'x'"):
        clean_record({"id": "x", **record})


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_again_afterwards_and_there_is_none(collects):
    outcome({"lines": [ENGLISH]})  # what is loaded once may leave some
    gc.collect()
    gc.disable()
    try:
        outcome({"lines": [ENGLISH, "Its a test  of Russias will.", "<p>Caf\xc3\xa9 &amp; bar"]}, {})
        assert gc.collect() == 0
        if collects:
            gc.enable()
        outcome({"lines": [ENGLISH]})
        assert gc.isenabled() is collects
    finally:
        gc.enable()


def test_a_line_that_is_missing_is_empty():
    with_it, without = (outcome({"lines": lines}) for lines in ([ENGLISH, None], [ENGLISH]))
    assert with_it.kept["sentences"] == without.kept["sentences"]


def test_same_input_same_output():
    articles = [{"lines": [ENGLISH, "Its a test  of Russias will.", "Russia"]}, {}]
    one, other = outcome(*articles), outcome(*articles)
    assert one.kept["sentences"].equals(other.kept["sentences"])
    assert one.kept["articles"].equals(other.kept["articles"])


def test_a_line_of_a_million_characters():
    begun = time.process_time()
    found = outcome({"lines": ["word " * 200_000]})
    assert found.kept["sentences"].num_rows == 2
    assert time.process_time() - begun < 30
