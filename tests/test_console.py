"""Query results on the terminal and in pipes, and the prompt."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import console, database
from pipeline.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def connection(built):
    with database.connect(built) as connection:
        yield connection


@pytest.fixture
def said(connection):
    """What `show` prints, as bytes."""

    def ask(sql: str, form: str) -> bytes:
        with pytest.MonkeyPatch.context() as patch:
            sink = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
            patch.setattr(sys, "stdout", sink)
            console.show(connection, sql, form)
            return sink.buffer.getvalue()

    return ask


KINDS = """SELECT sum(rows_in) AS total, 1.5::DECIMAL(4, 2) AS share, DATE '2022-01-05' AS day,
    'ab'::BLOB AS bytes, {'a': [1, 2]} AS nested, map {'x': 1} AS counts, NULL AS nothing,
    'nan'::FLOAT AS nan, TIMESTAMPTZ '2022-01-05 10:00:00+00' AS moment, 'é' AS text
    FROM runs WHERE stage = 'tag'"""


def test_json_has_the_values(said):
    row = json.loads(said(KINDS, "json"))
    assert isinstance(row.pop("total"), int)
    assert row == {
        "share": 1.5,
        "day": "2022-01-05",
        "bytes": "YWI=",
        "nested": {"a": [1, 2]},
        "counts": {"x": 1},
        "nothing": None,
        "nan": None,
        "moment": "2022-01-05T10:00:00+00:00",
        "text": "é",
    }


def test_csv_has_a_header_also_without_rows(said):
    assert said("SELECT 1 AS a, 'x' AS b WHERE false", "csv") == b'"a","b"\n'
    assert said("SELECT 1 AS a, 'x\"y' AS b, [1] AS c", "csv") == b'"a","b","c"\n1,"x""y","[1]"\n'
    assert said("SELECT range FROM range(5000)", "csv").count(b"\n") == 5001


def test_parquet_reads_back(said):
    table = pq.read_table(io.BytesIO(said("SELECT article_id, lines FROM raw", "parquet")))
    assert table.num_rows == 3
    assert pq.read_table(io.BytesIO(said("SELECT 1 AS a WHERE false", "parquet"))).column_names == ["a"]


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_escape_sequence_reaches_a_terminal(connection, monkeypatch, form):
    class Screen(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    screen = Screen(io.BytesIO(), "utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", screen)
    console.show(
        connection, """SELECT 'é' || chr(27) || '[2J' || chr(155) || chr(8238) AS "a\x1b[2J" """, form
    )
    shown = screen.buffer.getvalue().decode()
    assert "é" in shown
    assert not set(shown) & set("\x1b\x9b\u202e")


def test_json_without_rows_is_empty(said):
    assert said("SELECT 1 WHERE false", "json") == b""


UNWRITABLE = [
    ("SELECT INTERVAL 3 DAY AS i", "parquet", "cast it to text"),
    ("SELECT MAP {[1]: 2} AS m", "json", "cast it to text"),
    ("SELECT MAP {[1]: 2} AS m", "csv", "cast it to text"),
    ("SELECT 1 AS a, 2 AS a", "json", "one name"),
    ("SELECT 'infinity'::DATE AS d", "json", "cast it to text"),
    (
        "SELECT (CASE WHEN range < 9000 THEN '1' ELSE 'a' END)::INT FROM range(10000)",
        "csv",
        "Conversion Error",
    ),
    ("SELEC 1", "table", 'syntax error at or near "SELEC"$'),
    ("SELECT nosuch FROM raw", "json", "Referenced column"),
    ("INSERT INTO raw VALUES (1)", "table", "INSERT is refused, the lake is read-only"),
    ("COPY raw TO 'x.csv'", "table", "COPY is refused"),
    ("FROM read_csv('/etc/hosts')", "table", "read_csv is refused"),
    (" ; ", "table", "the query is empty"),
]


@pytest.mark.parametrize(("sql", "form", "said_"), UNWRITABLE, ids=lambda value: value[:24])
def test_mistakes_are_told(connection, sql, form, said_):
    with pytest.raises(UsageError, match=said_):
        console.show(connection, sql, form)


def test_a_table_shows_times_and_repeated_columns(connection, capsys, monkeypatch):
    lines = []
    monkeypatch.setattr(console.terminal.out, "print", lambda table: lines.append(table))
    console.show(connection, "SELECT 1 AS a, 2 AS a, landed_at, sum(3) AS s FROM raw GROUP BY ALL", "table")
    (table,) = lines
    assert [column.header for column in table.columns] == ["a", "a", "landed_at", "s"]
    assert [str(next(iter(c.cells))) for c in table.columns] == ["1", "2", "2022-03-01 00:00:00+00:00", "9"]


def test_a_long_table_is_cut_with_a_word(connection, capsys):
    console.show(connection, "FROM range(10000)", "table")
    assert "the first 200 rows" in capsys.readouterr().err


def test_the_prompt_reads_statements_and_goes_on_after_mistakes(connection, capsys, monkeypatch):
    typed = iter(["SELEC;", "SELECT", "41 + 1 AS answer;", ".quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    console.prompt(connection, "json")
    printed = capsys.readouterr()
    assert '{"answer": 42}' in printed.out
    assert "standpoint: sql: Parser Error" in printed.err
    assert next(typed, None) is None


def test_ctrl_c_gives_up_the_line_and_ctrl_d_the_prompt(connection, capsys, monkeypatch):
    typed = iter(["SELECT 1", KeyboardInterrupt(), "SELECT 7 AS n;", EOFError()])

    def read(_: str) -> str:
        line = next(typed)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", read)
    console.prompt(connection, "json")
    assert capsys.readouterr().out == '{"n": 7}\n'


def test_the_prompt_in_a_terminal(built):
    """The command itself in a pseudo-terminal: a statement, its table, and the end of the input."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pipeline", "sql", "--lake", built.store.uri]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT)
    os.close(theirs)
    os.write(ours, b"SELECT 40 + 2 AS answer;\n.quit\n")
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:  # the other side has closed
        pass
    os.close(ours)
    assert process.wait(30) == 0
    assert b"standpoint> " in seen
    assert b"answer" in seen
    assert b"42" in seen
