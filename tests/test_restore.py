"""What a damaged article lost: cases as data, half of which must not change; the judgement of an article."""

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import models
from models.features import TOLD
from pipeline import repair
from pipeline.repair import WORDS
from pipeline.restore import (
    ALWAYS,
    ALWAYS_CUE,
    PROVEN,
    STILL,
    SUREST,
    SUSPECTED,
    UNDAMAGED,
    Article,
    lost_share,
)
from tests.test_repair import CASES as REPAIR_CASES
from tests.test_tracked import check

FILE = json.loads((Path(__file__).parent / "cases/restore.json").read_text("utf-8"))
ARTICLES = FILE["articles"]
"""What stands around the line of a case; `damaged` where the case names none."""
CASES = FILE["cases"]
CERTAIN = {one.kind: one.certain for one in WORDS}


PIECES = (
    "O|D|N|Rourke|Angelo|Souza|Golo|Diaye|Djamena|U.S.|agency|Moody|Arby|McDonald|Wendy|Macy|Kohl|Sotheby|Lord"
    "|Applebee|Alzheimer|Parkinson|& Poor|New Year|Valentine|Mother|Father|s|s plan|s Day|s Eve|s Prayer|'|re"
    "|t|word| |-|--"
)
CUED = st.lists(st.sampled_from(PIECES.split("|")), max_size=8).map("".join)


def repaired(case):
    """The repaired line of a case, and its article."""
    (*_, line), article = repair.repair([*ARTICLES[case.get("article", "damaged")], case["before"]])
    return line, article


def parameter(case):
    marks = [pytest.mark.xfail(reason=case["xfail"])] if "xfail" in case else []
    return pytest.param(case, marks=marks, id=f"{case.get('article', 'damaged')}-{case['before'][:40]}")


@given(CUED)
def test_a_line_holds_what_is_looked_for_first(line):
    assert not ALWAYS.search(line) or ALWAYS_CUE.search(line)
    for cues, still in STILL.values():
        assert not still.search(line) or any(cue in line for cue in cues)


@pytest.mark.parametrize(
    "name", ["Moody", "McDonald", "Sotheby", "Alzheimer", "agency", "ORourke", "& Poor", "U.S."]
)
def test_every_place_for_a_certain_apostrophe_has_its_cue(name):
    line = f"and {name}s plan"
    assert ALWAYS.search(line)
    assert ALWAYS_CUE.search(line)


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_cases(case):
    line, _ = repaired(case)
    assert line.text.text == case.get("after", case["before"])
    assert sorted({change.kind for change in line.changes}) == case.get("kinds", [])


def test_an_article_that_was_repaired_is_as_it_should_be():
    for case in CASES:
        lines, _ = repair.repair([*ARTICLES[case.get("article", "damaged")], case["before"]])
        repaired_once = [line.text.text for line in lines]
        again, _ = repair.repair(repaired_once)
        assert [line.text.text for line in again] == repaired_once
        assert not any(line.changes for line in again)


def test_there_are_300_cases_of_every_kind_and_a_third_must_not_change():
    cases = [*REPAIR_CASES, *CASES]
    assert len(cases) >= 300
    assert 3 * sum(case.get("after", case["before"]) == case["before"] for case in cases) >= len(cases)
    kinds = Counter(kind for case in cases for kind in case.get("kinds", []))
    assert set(kinds) == {one.kind for one in repair.CHARACTERS + WORDS}
    assert 10 * sum("xfail" in case for case in CASES) <= len(CASES)


def test_of_every_case_every_character_leads_back_and_what_is_suspected_is_left():
    """What the cases expect is no matter here: known failures are looked at, too."""
    suspected = 0
    for case in CASES:
        line, article = repaired(case)
        raw = case["before"]
        check(line.text, raw)
        assert article.damaged or line.suspicions == ()
        for change in (*line.changes, *line.suspicions):
            if change.kind in ("accent", "hyphen", "ellipsis", "joined"):
                assert change.before == raw[change.start : change.end]
            assert change.evidence
            assert change.applied == (change.confidence >= CERTAIN[change.kind])
        for one in line.suspicions:
            assert SUSPECTED <= one.confidence < CERTAIN[one.kind]
            assert one.after not in line.text.text.split()
            assert one.before != one.after
        suspected += len(line.suspicions)
    assert suspected > 20


def test_a_suspicion_carries_its_evidence_and_changes_nothing():
    line, _ = repaired({"before": "Workers rights were the theme of the march."})
    (suspicion,) = line.suspicions
    assert suspicion[:5] == ("apostrophe", 0, 7, "Workers", "Workers'")
    told = {*TOLD.values(), "“rights” follows", "“rights were” follows", "“workers rights”"}
    assert set(suspicion.evidence.split("; ")) <= told
    assert not suspicion.applied
    assert line.text.text == "Workers rights were the theme of the march."
    assert line.changes == ()


def log_likelihood(share, lost, kept):
    return sum(math.log(1 - p + share * p) for p in lost) + kept * math.log(1 - share)


@given(st.lists(st.floats(0, SUREST), max_size=30), st.integers(0, 60))
def test_the_share_is_the_likeliest_one(lost, kept):
    share, proof = lost_share(lost, kept)
    assert 0 <= share < 1
    assert proof == pytest.approx(log_likelihood(share, lost, kept) - log_likelihood(0, lost, 0), abs=1e-6)
    assert all(proof >= log_likelihood(n / 100, lost, kept) - log_likelihood(0, lost, 0) - 0.1
               for n in range(100))  # fmt: skip


@given(st.lists(st.floats(0, SUREST), min_size=1, max_size=30), st.integers(0, 30))
def test_what_is_kept_speaks_against_damage(lost, kept):
    share, proof = lost_share(lost, kept)
    more_kept, less_proven = lost_share(lost, kept + 1)
    assert more_kept <= share + 1e-9
    assert less_proven <= proof + 0.05  # thirty steps are not all the way
    assert lost_share([*lost, SUREST], kept)[1] >= proof - 0.05


def test_the_share_of_nothing():
    assert lost_share([], 0) == lost_share([], 9) == (0.0, 0.0)
    assert lost_share([0.0], 0)[1] == 0.0


LOST = "Russia didnt answer, and its envoys dont say why they wont meet."
KEPT = "Russia didn't answer, and its envoys don't say why they won't meet."


@pytest.mark.parametrize(
    ("lines", "damaged"),
    [
        ([LOST], True),
        ([KEPT], False),
        ([LOST, KEPT], True),
        ([LOST, *[KEPT] * 3], True),
        (["She doesnt know.", *[KEPT] * 10], False),
        ([LOST, "“No”"], False),
        ([LOST, "\u00e9"], False),
        (["Wait"], False),
        (["", " "], False),
        ([], False),
        (["Democrats said the ministers met. Workers and farmers were there."], False),
        (["The presidents plan, the ministers plan, Russias plan and Ukraines plan."], True),
    ],
)
def test_an_article_is_judged_as_a_whole(lines, damaged):
    article = Article.of(lines)
    assert article.damaged is damaged
    assert Article.of(lines[::-1]).damaged is damaged
    assert damaged or article is UNDAMAGED


def test_what_was_kept_lowers_the_share_and_what_is_weighed_with_it():
    whole, half = Article.of([LOST]), Article.of([LOST, KEPT])
    assert whole.share["'"] > 0.99
    assert 0.3 < half.share["'"] < 0.7
    assert half.share["—"] == 0.0
    assert whole.words["Russia"] == 1
    assert half.words["Russia"] == 2
    (*_, line), _ = repair.repair([KEPT, LOST])
    assert line.text.text == KEPT


def test_a_line_is_judged_alike_whether_or_not_the_article_was_judged_on_it():
    article = Article.of([LOST, KEPT])
    assert article.guessed[LOST] == replace(article, guessed={}).guesses(LOST) != []


SHARES = st.floats(0, 1 - 1e-6)


@given(SHARES, SHARES, st.floats(0, 1), st.floats(0, 1))
@example(0.0, 0.5, 1.0, 1.0)
def test_a_guess_weighs_more_the_more_was_lost(share, other, lost, part):
    less, more = sorted((share, other))
    guess = models.Guess(0, 4, 3, "'", part * lost, lost, ())
    few, many = (Article(True, {"'": of}).weighed(guess) for of in (less, more))
    assert 0 <= few <= many + 1e-9 <= guess.probability + 1e-6
    assert Article(True, {"—": 1.0}).weighed(guess) == 0.0
    assert Article(True, {"'": 1.0}).weighed(guess) == pytest.approx(guess.probability)


def test_one_word_that_is_none_is_proof_enough():
    assert Article.of(["He didnt say."]).damaged
    assert lost_share([SUREST], 0)[1] >= PROVEN > lost_share([SUREST], 1)[1]
