"""What the command line shows: tables, progress, one-line errors."""

import io
import re

import pytest
from rich.console import Console

from pipeline import terminal


def drawn(table, width: int = 60) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_numbers_stand_right_and_nulls_are_dashes():
    table = terminal.table(
        ["name", "count", "share"], [("a", 1200, 0.5), ("b", None, 0.12345), ("c", 7, 1.0)]
    )
    assert drawn(table) == [
        "name  count  share",
        "a     1,200    0.5",
        "b         –  0.123",
        "c         7      1",
    ]


def test_booleans_are_words_and_markup_is_text():
    assert drawn(terminal.table(["ok", "text"], [(True, "[bold]x[/bold]")]))[1] == "true  [bold]x[/bold]"


def test_nothing_is_cut_off():
    (_, *lines) = drawn(terminal.table(["text"], [("word " * 40,)]), 30)
    assert " ".join(lines).split() == ["word"] * 40


def test_an_error_is_one_line(capsys):
    terminal.fail("lake 'x':\n  there is none;\tmake one")
    assert capsys.readouterr().err == "standpoint: lake 'x': there is none; make one\n"


def test_a_note_is_not_broken_and_no_markup(capsys):
    terminal.note(f"[red]{'x' * 300}")
    assert capsys.readouterr().err == f"[red]{'x' * 300}\n"


def test_progress_is_silent_where_there_is_no_terminal(capsys):
    with terminal.progress("articles", 3) as advance:
        advance(2)
    with terminal.reading() as report:
        report(1, 2, "file.txt")
    assert capsys.readouterr() == ("", "")


def test_progress_shows_what_how_much_and_how_fast(monkeypatch):
    screen = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(terminal, "err", screen)
    with terminal.progress("articles", 3) as advance:
        advance(2)
        advance(1)
    with terminal.reading() as report:
        report(2**20, 2**21, "folder/[a].txt")
    shown = screen.file.getvalue()
    assert "articles" in shown
    assert "3/3" in shown
    assert "1.0/2.0 MiB" in shown
    assert "[a].txt" in shown


def test_a_closed_pipe_is_left_to_the_command_line():
    class Closed(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    console = type(terminal.out)(file=Closed())
    with pytest.raises(BrokenPipeError):
        console.print("x")


def test_work_is_counted_in_units_and_articles_and_timed_by_tokens(monkeypatch):
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    monkeypatch.setattr(terminal, "err", console)
    with terminal.working(3, 50, 1000) as advance:
        advance(10, 900)
    shown = console.file.getvalue()
    assert "unit 1/3" in shown
    assert "10/50 articles" in shown
    assert "/s" in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "less than a minute"),
        (100, "about 2 min"),
        (3540, "about 59 min"),
        (3580, "about 1 h"),
        (11_300, "about 3 h 10 min"),
        (86_390, "about 1 d"),
        (100_000, "about 1 d 4 h"),
    ],
)
def test_how_long_is_told_no_finer_than_an_estimate_can_be(seconds, words):
    assert terminal.duration(seconds) == words


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m\r\u202egnp.exe\u2066 \x00\x7f"
SHOWN = "⟨1b⟩[2J⟨1b⟩]0;owned⟨07⟩ ⟨9b⟩31m⟨0d⟩⟨202e⟩gnp.exe⟨2066⟩ ⟨00⟩⟨7f⟩"


def test_what_a_terminal_would_obey_is_shown_instead(capsys):
    assert terminal.inert(HOSTILE) == SHOWN
    assert terminal.inert("a\tb\nc é\u00a0\u200d 😀") == "a\tb\nc é\u00a0\u200d 😀"
    terminal.fail(f"source '{HOSTILE}'")
    terminal.note(HOSTILE)
    console = type(terminal.out)(file=io.StringIO(), force_terminal=True, width=200)
    console.print(terminal.table([HOSTILE], [(HOSTILE,), ([HOSTILE],)]))
    console.print(HOSTILE, markup=False)
    shown = capsys.readouterr().err + console.file.getvalue()
    assert shown.count(SHOWN.split("\r")[0][:9]) >= 4
    assert not set(re.sub(r"\x1b\[[\d;]*m", "", shown)) & set("\x1b\x07\x9b\r\u202e\u2066\x00\x7f")


def test_bytes_for_a_terminal_are_shown_in_whatever_pieces_they_come(capsys):
    sink = terminal.Inert()
    for byte in f"é {HOSTILE}".encode():
        sink.write(bytes([byte]))
    assert capsys.readouterr().out == f"é {SHOWN}"
