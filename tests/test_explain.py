"""What `standpoint clean --explain` shows: both sides, what changed and why, on any terminal."""

import io
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from pipeline import explain, repair, sidebyside
from pipeline.clean import clean_lines
from pipeline.errors import UsageError, ValidationFailed
from pipeline.repair import Repair
from pipeline.restore import UNDAMAGED
from pipeline.settings import Settings
from pipeline.tracked import Finding
from tests.test_repair import ANYTHING

ARTICLE = {
    "id": "a1",
    "title": "Norlands plan isnt new",
    "lines": ["They dont say.", "Calm.", "Calm.", "A  pause.", "Calm &amp; quiet.", None],
}


def console(width=100, **more):
    return Console(file=io.StringIO(), width=width, highlight=False, **more)


def shown(*records, width=100, **more):
    screen = console(width, **more)
    explain.show((explain.Explained(str(r["id"]), *texts(r)) for r in records), screen)
    return screen.file.getvalue()


def texts(record):
    raw = (record["title"] or "", *(line or "" for line in record["lines"]))
    return raw, clean_lines(record["title"], record["lines"])


def doubt(text, article=UNDAMAGED):
    return [
        Finding(m.end() - 1, m.end() - 1, "'", 0.61, "or a plural") for m in re.finditer("Norlands", text)
    ]


@pytest.fixture
def doubtful(monkeypatch):
    monkeypatch.setattr(repair, "WORDS", (*repair.WORDS, Repair("possessive", doubt, "unlikely")))


@pytest.mark.usefixtures("doubtful")
def test_both_sides_the_changes_and_what_was_left():
    lines = [line.rstrip() for line in shown(ARTICLE).splitlines()]
    assert lines[0].startswith("a1 ──")
    sides = [re.split(" {2,}", line.strip()) for line in lines[1:8]]
    assert sides == [
        ["line", "raw", "clean"],
        ["title", "?Norlands? plan isn‸t new", "?Norlands? plan isn{+'+}t new"],
        ["1", "They don‸t say.", "They don{+'+}t say."],
        ["… 2 lines unchanged"],
        ["4", "A[-··-]pause.", "A pause."],
        ["5", "Calm [-&amp;-] quiet.", "Calm {+&+} quiet."],
        ["… 1 line unchanged"],
    ]
    rest = [re.split(" {2,}", line) for line in lines[8:]]
    (dont,) = (row for row in rest if "dont → don't" in row)
    assert (dont[0], dont[-1]) == ("apostrophe", "1")
    assert re.fullmatch(r"9\d(?:\.\d)? %", dont[2])
    assert dont[3].startswith("the word itself")
    assert ["whitespace", "1 place", "100 %", "more than one space, or one at the edge", "4"] in rest
    assert ["html", "&amp; → &", "100 %", "HTML left in the text", "5"] in rest
    left = rest[rest.index(["Left as it is"]) :]
    assert left[2] == ["possessive", "Norlands → Norland's", "61 %", "or a plural", "title"]
    assert "4 of 7 lines changed, the title included; apostrophe 2, html 1, whitespace 1" in shown(ARTICLE)
    assert any(row[0].startswith("1 article: 1 changed, 0 as they were ──") for row in left)
    assert left[-3:] == [
        ["html", "1", "0", "1"],
        ["possessive", "0", "1", "1"],
        ["whitespace", "1", "0", "1"],
    ]


def test_colours_where_there_are_some_and_signs_where_not():
    coloured = shown(ARTICLE, force_terminal=True, color_system="standard")
    assert "\x1b[1;4;32m'\x1b[0m" in coloured
    assert "{+" not in coloured
    plain = shown(ARTICLE, force_terminal=True, color_system="standard", no_color=True)
    assert "{+'+}" in plain
    assert "\x1b[3" not in plain
    assert "\x1b" not in shown(ARTICLE)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_fits_any_terminal(width):
    wide = {
        "id": "部长" * 60,
        "title": "外交部<br>发言人说" * 30,
        "lines": ["word " * 900 + "&amp; " * 40] * 2,
    }
    for line in shown(wide, ARTICLE, width=width).splitlines():
        assert cell_len(line) <= width


def test_of_a_long_line_only_what_stands_around_changes():
    screen = shown(
        {"id": 1, "title": "T", "lines": [f"{'far ' * 500}near &amp; {'far ' * 500}.", "a&amp;b"]}, width=240
    )
    assert len(screen.splitlines()) < 20
    assert "near [-&amp;-] far" in screen
    assert screen.count("…") == 2 + 2 + 1


def test_of_a_line_with_many_changes_the_first_are_shown_and_all_are_counted():
    text = "They dont say. " * 1000
    began = time.process_time()
    out = shown({"id": 1, "title": "A vote", "lines": [text]})
    assert time.process_time() - began < 20
    assert out.count("don{+'+}t") == sidebyside.MOST
    assert "and 901 more" in " ".join(out.split())  # the space at the end is one
    assert re.search(r"apostrophe 1,000\b", out)


def test_the_same_change_is_listed_once_with_its_lines():
    record = {"id": 1, "title": "T", "lines": ["AT&amp;T"] * 9}
    (row,) = [line.split() for line in shown(record).splitlines() if line.startswith("html  AT&amp;T")]
    assert row[-6:] == ["1,", "2,", "3", "and", "6", "more"]


def test_spaces_around_a_dash_are_no_part_of_the_mark():
    record = {"id": 1, "title": "T", "lines": ["Kyiv  the capital  said they dont."]}
    assert "Kyiv {+—+} the capital {+—+} said they don{+'+}t." in shown(record, width=140)


def test_an_article_without_damage_takes_one_line():
    assert shown({"id": 1, "title": "T", "lines": ["Calm."]}).splitlines()[0] == "1: nothing to change"


@given(st.lists(ANYTHING, max_size=3), ANYTHING)
def test_no_text_can_command_the_terminal(lines, name):
    for c in shown({"id": name, "title": "T", "lines": lines}, width=60):
        assert c.isprintable() or c == "\n"


def test_json_lines_as_clean_takes_them(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(f'{json.dumps(ARTICLE)}\nnonsense\n{{"id": 2, "title": 1, "lines": []}}\n')
    found = list(explain.articles(file, Settings()))
    assert [type(f).__name__ for f in found] == ["Explained", "Failed", "Failed"]
    assert found[0].raw == ("Norlands plan isnt new", *ARTICLE["lines"][:-1], "")
    screen = console()
    with pytest.raises(ValidationFailed, match="2 of 3 are no articles"):
        explain.show(found, screen)
    assert "line 2: not JSON" in screen.file.getvalue()
    assert "3 articles: 1 changed, 0 as they were, 2 not read" in screen.file.getvalue()


def test_any_source_that_ingest_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news").mkdir()
    (tmp_path / "news/a.txt").write_text(
        "A title\n20211229\n\nhttps://x.example/a\nThey dont say.\n\nCalm.\n"
    )
    (tmp_path / "news/b.csv").write_text("headline,body\nAnother,He didnt.\n")
    (tmp_path / "news/c.pdf").write_bytes(b"%PDF-")
    found = {type(f).__name__ + "/" + f[0]: f for f in explain.articles(tmp_path / "news", Settings())}
    assert [name.partition(":")[0] for name in sorted(found)] == [
        "Explained/news/a.txt", "Explained/news/b.csv#1", "Failed/news/c.pdf",
    ]  # fmt: skip
    assert found["Explained/news/a.txt"].raw == ("A title", "They dont say.", "Calm.")
    assert found["Explained/news/b.csv#1"].cleaned.lines[0].text == "He didn't."


def test_a_source_that_is_not_there_is_the_users_error(tmp_path):
    for name in ("nosuch.jsonl", "nosuch.txt"):
        with pytest.raises(UsageError, match=r"nosuch\.[a-z]+'"):
            list(explain.articles(tmp_path / name, Settings()))
