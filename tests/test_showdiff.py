"""What `standpoint diff` shows: the summary, the sentences with their mentions marked, on any terminal."""

import io
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from pipeline import showdiff
from pipeline.builds import pair
from pipeline.diff import CHANGES, compare, gathered
from tests.test_diff import CASES, tables
from tests.test_repair import ANYTHING

DAY = date(2022, 1, 5)


def console(width=100, **more):
    return Console(file=io.StringIO(), width=width, highlight=False, **more)


def listed(before, after, width=100, limit=10, **more):
    screen = console(width, **more)
    showdiff.listing(gathered([(DAY, compare(tables(before), tables(after)))], limit), screen)
    return screen.file.getvalue()


def case(name):
    found = next(case for case in CASES if case["name"] == name)
    return found["before"], found["after"]


def test_a_flip_is_shown_with_both_labels_all_probabilities_and_its_sentence():
    lines = [line.rstrip() for line in listed(*case("a stance flips")).splitlines()]
    assert lines[1] == "In the sentences: <holder> on [target]"
    assert lines[3].startswith("stance flipped: 1 (against → neutral 1) ──")
    assert lines[4:7] == [
        " 0.66  against → neutral  Norland on Eastmark  2022-01-05 0000000000000061",
        "       favor 0.02 → 0.10 · against 0.96 → 0.30 · neutral 0.02 → 0.60",
        "       <Norland> accused [Eastmark].",
    ]


def test_what_only_one_run_has_is_a_dash_in_the_other():
    shown = listed(*case("a mention with other bounds is another, and takes its stance along"))
    assert " 0.95  – → favor  the text itself on Norland" in shown
    assert "favor – → 0.95 · against – → 0.03 · neutral – → 0.02" in shown
    assert " 0.90  ORG → –  Norland Council  2022" in shown
    assert "score 0.90 → –" in shown
    assert "They praised the [Norland Council]." in shown


def test_an_entity_has_no_probability():
    shown = listed(*case("another entity in the same place"))
    assert "       georgia-country → georgia-state  Georgia  2022" in shown


def test_nothing_that_differs_is_nothing_listed():
    assert listed(*case("nothing differs")) == ""


def test_the_list_is_limited_and_says_so():
    before = [{"text": f"[N{n}|LOC n] left."} for n in range(5)]
    after = [{"text": f"[N{n}|ORG n] left."} for n in range(5)]
    shown = listed(before, after, limit=3)
    assert shown.count("LOC → ORG") == 3
    assert "type changed: 5 ──" in shown
    assert "… 2 more of this kind" in shown
    assert "more of this kind" not in listed(before, after, limit=5)


def test_colours_where_there_are_some_and_signs_where_not():
    coloured = listed(*case("a stance flips"), force_terminal=True, color_system="standard")
    assert "\x1b[1;36mNorland\x1b[0m accused \x1b[1;4;33mEastmark\x1b[0m." in coloured
    plain = listed(*case("a stance flips"), force_terminal=True, color_system="standard", no_color=True)
    assert "<Norland> accused [Eastmark]." in plain


def test_of_a_long_sentence_only_what_stands_around_its_mentions():
    far = "far " * 300
    before = [{"text": f"{far}[Norland|LOC n] {far}accused [Eastmark|LOC e] {far}",
               "stances": [[0, 1, "against", [0, 1, 0]]]}]  # fmt: skip
    after = [{"text": before[0]["text"], "stances": [[0, 1, "neutral", [0, 0, 1]]]}]
    shown = " ".join(listed(before, after).split())
    assert shown.count("…") == 3
    assert "far <Norland> far" in shown
    assert "accused [Eastmark] far" in shown
    assert len(shown) < 800


def test_mentions_that_overlap_are_marked_one_after_the_other():
    row = dict.fromkeys(CHANGES.names) | {"sentence": "The Norland Council met.", "holder_start": 4,
           "holder_end": 19, "target_start": 4, "target_end": 11}  # fmt: skip
    assert showdiff._sentence(row, showdiff.SIGNS).plain == "The [Norland]< Council> met."


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_fits_any_terminal(width):
    before = [{"text": "[外交部发言人说|ORG x] " * 20, "stances": [[0, 1, "favor", [1, 0, 0]]]}]
    after = [{"text": "[外交部发言人说|LOC y] " * 20, "stances": [[0, 1, "against", [0, 1, 0]]]}]
    for line in listed(before, after, width=width).splitlines():
        assert cell_len(line) <= width


@given(ANYTHING, st.sampled_from(["[N|LOC n]", "[N|ORG n]"]))
def test_no_text_can_command_the_terminal(text, name):
    text = re.sub(r"[\[\]|]", "", text).encode(errors="ignore").decode()  # as a table can hold it
    for c in listed([{"text": f"{text} {name}"}], [{"text": f"{text} [N|DATE ]"}], width=60):
        assert c.isprintable() or c == "\n"


def summed(pairing, **more):
    screen = console(**more)
    showdiff.summary(pairing, gathered(pairing.compared(), 0), screen)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def test_the_summary_names_runs_days_reasons_and_counts(upgraded):
    found = pair("previous", "latest", upgraded)
    lines = summed(found)
    old, new = (next(iter(side.values())).run_id for side in (found.before, found.after))
    assert lines[:3] == [f"before  {old}", f"after   {new}", "days    2 days, 2022-01-05 to 2022-01-06"]
    assert lines[4:6] == ["Why labels may differ", lines[5]]
    assert [line.split()[:2] for line in lines[5:8]] == [
        ["stage", "what"],
        ["tag", "model"],
        ["judge", "model"],
    ]
    rows = {re.split(" {2,}", line)[0]: re.split(" {2,}", line)[1:] for line in lines[11:19]}
    assert rows["stance flipped"] == ["12", "24", "judgements in both", "50.00 %"]
    assert rows["mention removed"] == ["3", "15", "mentions before", "20.00 %"]
    assert lines[-1].startswith(
        "9 sentences are in both runs; not compared: 0 that only the first has, 0 that"
    )


def test_where_nothing_differs_the_summary_says_so(built):
    lines = summed(pair("latest", "latest", built))
    assert "Nothing: code, configuration and model of every stage are the same." in lines


def test_long_digests_are_cut_to_where_they_differ():
    one, two = "a" * 64, "b" * 64
    assert showdiff._apart(one, two) == ["a" * 16 + "…", "b" * 16 + "…"]
    apart = showdiff._apart(f"{one}+{one}", f"{one}+{two}")
    assert apart == [f"…{'a' * 7}+{'a' * 16}…", f"…{'a' * 7}+{'b' * 16}…"]
    assert showdiff._apart("", "2") == ["–", "2"]
    assert showdiff._apart("1", "2") == ["1", "2"]
