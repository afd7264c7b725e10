"""One defect, one function: cases as data, a third of which must not change; properties under any text."""

import doctest
import itertools
import json
from pathlib import Path

import pytest
from ftfy.badness import is_bad
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pipeline import boilerplate, characters, language, repair, restore, sentences, sidebyside, tracked
from pipeline.repair import CHARACTERS, WORDS, Change, Repair, Repaired
from pipeline.restore import UNDAMAGED, Article
from pipeline.tracked import Finding, Tracked
from tests.test_tracked import check

REPAIRS = CHARACTERS + WORDS
RESTORING = {one.kind for one in WORDS} - {"whitespace"}
"""Done in damaged articles. A line of a few words may be judged damaged only once its spaces are repaired."""
CASES = json.loads((Path(__file__).parent / "cases/repair.json").read_text("utf-8"))
PIECES = (
    "dont ", "Russias ", "Russia ", "its a ", "Its ", "  ", "the ", "the the ", "Prime Minister ", "&amp;",
    "&#39;", "&#173;", "<b>", "</p>", "Ã©", "â€™", "\xad", "\x00", "\ufeff", "\u200b", "\u00a0", "\ud800",
    "\ud83d", "\ude00",
    "\ufb01", "\uff2e", "\uff06", "\uff76\uff9e", "\u65e5", "\u2028", "\x1b[1m", "\x92",
    "a", ". ", "'", "&", "amp;", "#38;", "<", ">", "I", "m ",
    "Erdoan", "s ", "So Paulo", "K12 ", "201718", "[] ", "presidentand ", "manhe ", "ORourke", "wed ",
    "Jane Roe Jane Ann RoeTalks fail MORE ",
    "  the capital  is ", "workers rights ", "I never said so, he said ", "in 201718 ",
)  # fmt: skip
DAMAGE = st.sampled_from(PIECES)
ANYTHING = st.one_of(
    st.text(), st.lists(DAMAGE, max_size=12).map("".join), st.text(st.characters(codec=None))
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["before"][:40])
def test_cases(case):
    (*_, (text, changes, _)), _ = repair.repair([*case.get("article", []), case["before"]])
    assert text.text == case["after"]
    assert sorted({change.kind for change in changes}) == sorted(case["kinds"])
    check(text, case["before"])


def test_a_third_of_the_cases_must_not_change():
    unchanged = [case for case in CASES if case["before"] == case["after"]]
    assert 3 * len(unchanged) >= len(CASES) >= 50


@pytest.mark.parametrize(
    "module",
    [tracked, characters, repair, restore, sidebyside, sentences, boilerplate, language],
    ids=lambda m: m.__name__,
)
def test_examples_in_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_quotation_marks_and_dashes_are_no_sign_of_a_wrong_encoding():
    usual = [c for c in map(chr, range(0x80, 0x3000)) if not characters.TELLING.search(c)]
    assert {"’", "”", "—", "\xa0"} < set(usual)
    for size in range(1, 5):
        texts = map("".join, itertools.product([*usual, "a", "A", "1", " ", "."], repeat=size))
        assert not any(map(is_bad, texts))


@given(ANYTHING)
def test_in_a_sound_text_nothing_is_found(raw):
    if characters.sound(raw):
        assert not any(one.find(raw, UNDAMAGED) for one in CHARACTERS)


def test_every_defect_has_a_runnable_example():
    assert all(">>>" in r.find.__doc__ for r in REPAIRS)
    assert len({r.find for r in REPAIRS}) == len(REPAIRS) == 16


@given(ANYTHING)
@example("\xa0\u00c2\u00a1")
def test_any_text_is_repaired_traceably_and_only_once(raw):
    ((text, changes, _),), _ = repair.repair([raw])
    check(text, raw)
    assert {r.repair for r in text.ranges if r.repair} <= {c.kind for c in changes}
    ((again, more, _),), article = repair.repair([text.text])
    if not article.damaged:
        assert again.text == text.text
    assert {change.kind for change in more} <= RESTORING


LOST = ["The presidentand everyone around him dont know why.", "They dont, its  and Russia didnt say."]
DAMAGED = Article.of(LOST)
ARTICLES = st.sampled_from([UNDAMAGED, DAMAGED])


@pytest.mark.parametrize("one", REPAIRS, ids=lambda one: f"{one.kind}-{one.find.__name__}")
def test_every_repair_finds_something_in_what_the_properties_are_tested_on(one):
    assert min(DAMAGED.share["'"], DAMAGED.share["—"]) > 0.99
    texts = ("".join(pair) for pair in itertools.product(("", "Kyiv", *PIECES), repeat=2))
    assert any(f.confidence >= one.certain for text in texts for f in one.find(text, DAMAGED))


@given(st.lists(DAMAGE, max_size=12).map("".join))
def test_any_line_of_a_damaged_article_leads_back(raw):
    assume(raw.isascii())
    (*_, (text, changes, suspicions)), article = repair.repair([*LOST, raw])
    assume(article.damaged)  # "&#173;" is a character beyond ASCII
    check(text, raw)
    assert {r.repair for r in text.ranges if r.repair} <= {c.kind for c in changes}
    for change in (*changes, *suspicions):
        assert 0 <= change.start <= change.end <= len(raw)


UNSURE = ("&", "'", " ", "é", "fi", "-", "[…]", "São Paulo")


def unsure_of_some(one: Repair) -> Repair:
    """The repair with some of its findings unlikely, whenever it is asked."""

    def find(text: str, article: Article = UNDAMAGED) -> list[Finding]:
        found = one.find(text, article)
        return [f._replace(confidence=0.5) if f.replacement in UNSURE else f for f in found]

    return one._replace(find=find)


def leads_back(change: Change, raw: str) -> bool:
    """Whether a change whose raw characters nothing else has changed shows them as they are."""
    shown = raw[change.start : change.end]
    return shown.encode("utf-8", "backslashreplace").decode() == change.before


@given(ANYTHING, st.sampled_from(REPAIRS), ARTICLES)
def test_every_repair_by_itself_leads_back(raw, one, article):
    found = one.find(raw, article)
    for before, after in itertools.pairwise(found):
        assert before.end <= after.start
    for finding in found:
        assert raw[finding.start : finding.end] != finding.replacement
        assert 0 < finding.confidence <= 1
    line = repair.apply(Repaired(Tracked.of(raw)), [one._replace(reveals=False)], article)
    check(line.text, raw)
    certain = [f for f in found if f.confidence >= one.certain]
    assert line.text == Tracked.of(raw).edited(certain, one.kind)
    assert all(leads_back(change, raw) for change in line.changes + line.suspicions)
    assert (len(line.changes), len(line.suspicions)) == (len(certain), len(found) - len(certain))


@given(ANYTHING, st.lists(st.sampled_from(REPAIRS), max_size=6), ARTICLES)
def test_repairs_in_any_order_lead_back(raw, order, article):
    line = repair.apply(Repaired(Tracked.of(raw)), order, article)
    check(line.text, raw)
    for change in line.changes:
        assert 0 <= change.start <= change.end <= len(raw)
        others = [c for c in line.changes if c is not change]
        if all(c.end < change.start or c.start > change.end for c in others):
            assert leads_back(change, raw)
    changed = [(c.start, c.end) for c in line.changes]
    for r in line.text.ranges:
        if r.repair is not None:
            assert any(start <= r.raw_end and r.raw_start <= end for start, end in changed)


@given(ANYTHING, st.lists(st.sampled_from(REPAIRS), max_size=6), ARTICLES)
def test_suspicions_never_change_the_text_and_come_once(raw, order, article):
    never = [one._replace(certain=2.0) for one in order]
    line = repair.apply(Repaired(Tracked.of(raw)), never, article)
    assert line.text == Tracked.of(raw)
    assert line.changes == ()
    assert all(leads_back(s, raw) and not s.applied for s in line.suspicions)
    some = [unsure_of_some(one) for one in order]
    line = repair.apply(Repaired(Tracked.of(raw)), some, article)
    sure = [one._replace(find=lambda t, a, find=one.find, bar=one.certain:
                         [f for f in find(t, a) if f.confidence >= bar]) for one in some]  # fmt: skip
    assert repair.apply(Repaired(Tracked.of(raw)), sure, article).text == line.text
    check(line.text, raw)
    assert len(set(line.suspicions)) == len(line.suspicions)


@given(ANYTHING)
def test_a_repaired_text_can_be_stored_and_shown(raw):
    ((line, *_),), _ = repair.repair([raw])
    text = line.text
    assert text.encode("utf-8").decode("utf-8") == text == text.strip()
    assert "  " not in text
    assert all(c.isprintable() or c == " " or ord(c) > 0x2000 or c.isalnum() for c in text if c < "\x80")


def doubt(text: str, article: Article = UNDAMAGED) -> list[Finding]:
    """Findings that are not sure: a capital for every k, a full stop at the end."""
    found = [Finding(n, n + 1, "K", 0.9, "a capital") for n, c in enumerate(text) if c == "k"]
    return [*found, Finding(len(text), len(text), ".", 0.5)]


def test_what_is_not_certain_is_recorded_once_and_not_done(monkeypatch):
    unsure = Repair("doubt", doubt, "unlikely")
    monkeypatch.setattr(repair, "WORDS", (unsure, *WORDS))
    raw = "<b>kyiv</b>  Prime Minister Prime Minister said"
    ((text, changes, suspicions),), _ = repair.repair([raw])
    assert text.text == "kyiv Prime Minister said"
    assert [c.kind for c in changes] == ["html", "html", "whitespace", "doubled"]
    assert all(c.applied for c in changes)
    assert suspicions == (
        Change("doubt", 3, 7, "kyiv", "Kyiv", 0.9, "a capital", False),
        Change("doubt", len(raw) - 4, len(raw), "said", "said.", 0.5, "unlikely", False),
    )


def test_what_is_certain_in_the_end_is_no_suspicion(monkeypatch):
    def sure_when_short(text: str, article: Article = UNDAMAGED) -> list[Finding]:
        return [Finding(0, 1, "K", 0.9 if len(text) > 30 else 1.0)] if text[0] == "k" else []

    monkeypatch.setattr(repair, "WORDS", (Repair("doubt", sure_when_short, "unlikely"), *WORDS))
    ((text, changes, suspicions),), _ = repair.repair(["kyiv Prime Minister Prime Minister said"])
    assert text.text == "Kyiv Prime Minister said"
    assert [c.kind for c in changes] == ["doubled", "doubt"]
    assert suspicions == ()


def test_what_lies_too_deep_is_left_as_it_is():
    nested, rest = "&am&#112;;", "am&#112;;"
    assert repair.repair([nested])[0][0].text.text == "&"
    for _ in range(repair.PASSES):
        nested = nested + rest
    assert len(repair.repair([nested])[0][0].text.text) < len(nested)


@pytest.mark.parametrize(
    ("lines", "damaged"),
    [
        (["He didnt say. They dont know."], True),
        (["He didn't say. They don't know. It wasn't so."], False),
        (["He said nothing."], False),
        (["He didnt say “no”."], False),
        (["Kyiv  the capital  is calm."], False),
        (["Kyiv  the capital  is calm. Its army isnt."], True),
        ([], False),
    ],
)
def test_an_article_is_damaged_or_not_as_a_whole(lines, damaged):
    assert Article.of(lines).damaged is damaged


def test_nothing_is_restored_in_an_undamaged_article():
    text = "I'm not Russia dont  a Russias  the presidentand K12 in 201718 [] Erdoan, he said."
    restoring = [one for one in WORDS if one.kind not in ("whitespace", "doubled")]
    assert all(one.find(text, DAMAGED) for one in restoring)
    assert not any(one.find(text, UNDAMAGED) for one in restoring)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "A'",
        "<script>",
        "<!--",
        "&amp;",
        "amp;",
        " ",
        "\uff61",
        "\u00c3\u00a9",
        "\0",
        "dont ",
        "New York ",
        "the ",
        "! a  b",
        "Russias Erdoans ",
        "K12 201718 [] ",
    ],
)
def test_long_lines_take_no_more_than_linear_time(unit):
    import time

    def seconds(size: int) -> float:
        begun = time.process_time()
        repair.repair([f"&{unit * (size // len(unit))}x\ty", "Russia didnt. They dont."])
        return time.process_time() - begun

    # Four times the text: sixteen times the time where it is quadratic. The best of three, for busy machines.
    short, long = (min(seconds(size) for _ in range(3)) for size in (20_000, 80_000))
    assert long < 12 * max(short, 0.02)
