"""The command line: what each command does, its exit codes, and that no mistake ends in a traceback."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fake_models import KeywordJudge, KeywordTagger
from lakes import article, batch, day_batch
from typer.testing import CliRunner

from pipeline import __main__, __version__
from pipeline.errors import ValidationFailed
from pipeline.lake import Lake
from pipeline.stages import Context

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = [
    "demo",
    "test",
    "ingest",
    "run",
    "plan",
    "status",
    "sql",
    "export",
    "diff",
    "clean",
    "annotate",
    "airflow",
    "doctor",
]
TEXT = "Mayor Smith praises Poland\n20220107\nhttps://gazette.example.com/four\nMayor Smith praised Poland.\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty working folder, no settings in the environment, and the small models."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("STANDPOINT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(__main__, "_context", lambda s: Context(s, KeywordTagger(), KeywordJudge()))


def call(*args: object, code: int = 0, given: str | bytes | None = None):
    """Run a command; whatever ends with another code than 0 says so in one line."""
    result = CliRunner().invoke(__main__.app, [str(a) for a in args], input=given)
    assert result.exit_code == code, (result.exception, result.output)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if code:
        assert re.fullmatch(r"standpoint: .+\n", result.stderr.splitlines(keepends=True)[-1])
    return result


def start(*args: object, **more) -> subprocess.Popen:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "pipeline", *map(str, args)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, **more)


def test_help_tells_every_command():
    shown = call("--help").output
    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", shown)
        assert "--help" in call(name, "-h").output
    assert call().output.strip() == shown.strip()
    assert call("--version").output == f"standpoint {__version__}\n"


@pytest.mark.parametrize("name", [n for n in COMMANDS if n not in ("test", "clean", "annotate")])
def test_every_command_on_a_lake_takes_lake_and_landing(name):
    shown = call(name, "--help").output
    assert "--lake" in shown
    assert "--landing" in shown


MISTAKES = [  # arguments, exit code, what is said
    (["nosuch"], 2, "No such command 'nosuch'"),
    (["sql", "--nosuch"], 2, "No such option: --nosuch"),
    (["sql", "--nosuch"], 2, "`standpoint sql --help` says"),
    (["sql", "-- the first\nSELECT 1"], 2, "put `--` and a space before SQL that begins with a comment"),
    (["sql", "SELECT 1", "--format", "xml"], 2, "'xml' is not one of"),
    (["sql", "SELECT 1", "SELECT 2"], 2, "unexpected extra argument"),
    (["export"], 2, "Missing argument 'FOLDER'"),
    (["airflow", "--port", "0"], 2, "greater than or equal to 1"),
    (["sql", "SELECT 1"], 3, "lake './lake': there is none; make one with `standpoint ingest`"),
    (["sql", "SELECT 1", "--lake", "file"], 2, "lake 'file' is a file"),
    (["ingest", "--lake", "file"], 2, "lake 'file' is a file"),
    (["sql", "SELECT 1", "--lake", ""], 2, "lake: '' names nothing"),
    (["sql", "SELECT 1", "--lake", "ftp://x/y"], 2, "store 'ftp://x/y': allowed are a folder"),
    (["sql", "SELECT 1", "--lake", "s3://"], 2, "store 's3://' names no bucket"),
    (["sql", "SELECT \udcff"], 2, "is not UTF-8"),
    (["ingest"], 3, "landing zone './landing': there is no such folder"),
    (["ingest", "nosuch.txt"], 2, "source 'nosuch.txt': there is no such file or folder"),
    (["ingest", "file", "--columns", "title"], 2, "--columns: 'title' is not a list such as"),
    (["ingest", "file", "--columns", "nosuch=a"], 2, "columns: 'nosuch' is not one of title"),
    (["run", "--from", "yesterday"], 2, "--from: 'yesterday' is not a day such as 2021-12-29"),
    (["plan", "--to", "2022-02-30"], 2, "--to: '2022-02-30' is not a day"),
    (["plan", "--from", "2022-02-02", "--to", "2022-02-01"], 2, "--from 2022-02-02 comes after --to"),
    (["status", "--lake", "nosuch"], 3, "lake 'nosuch': there is none"),
    (["status", "--format", "csv"], 2, "'csv' is not one of"),
    (["export", "out", "--query", "SELECT 1", "--tables", "raw", "--lake", "empty"], 2, "leave out --tables"),
    (["sql", "SELECT 1", "--lake", "empty"], 3, "nothing is published yet; run `standpoint run`"),
    (["diff", "latest"], 2, "Missing argument 'RUN'"),
    (["diff", "latest", "previous", "--limit", "-1"], 2, "greater than or equal to 0"),
    (["diff", "latest", "previous", "--format", "parquet"], 2, "'parquet' is not one of"),
    (["diff", "latest", "latest", "--lake", "empty"], 2, "run 'latest': no day of lake 'empty'"),
    (["diff", "a", "b", "--lake", "empty", "--other-lake", "nosuch"], 3, "lake 'nosuch': there is none"),
    (["diff", "a", "previous", "--lake", "empty", "--other-lake", "empty"], 2, "name that one by its id"),
    (["clean", "nosuch.jsonl"], 2, "input 'nosuch.jsonl' cannot be read (No such file or directory)"),
    (["demo", "--landing", "nosuch"], 3, "landing zone 'nosuch' is no folder"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "code", "said"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_one_line_with_its_code(args, code, said):
    Path("file").write_text("x")
    Lake("empty")
    result = call(*args, code=code)
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nosuch FROM raw", "Candidate bindings"),
        ("DROP VIEW raw", "DROP is refused, the lake is read-only"),
        ("", "the query is empty"),
    ],
)
def test_bad_sql_is_one_line(built, query, said):
    assert said in call("sql", query, "--lake", built.store.uri, code=2).stderr


def test_settings_come_from_the_environment(built, monkeypatch):
    monkeypatch.setenv("STANDPOINT_LAKE", built.store.uri)
    assert json.loads(call("sql", "SELECT count(*) AS n FROM raw", "--format", "json").output) == {"n": 3}
    assert "there is none" in call("sql", "SELECT 1", "--lake", "other", code=3).stderr
    monkeypatch.setenv("STANDPOINT_THREADS", "many")
    assert "threads: 'many' is not a whole number" in call("sql", "SELECT 1", code=2).stderr


def test_a_query_may_come_from_standard_input(built):
    result = call("sql", "--format", "csv", "--lake", built.store.uri, given="SELECT 41 + 1 AS n;\n")
    assert result.stdout == '"n"\n42\n'


@pytest.mark.slow
def test_from_articles_to_answers(built):
    lake = ["--lake", built.store.uri]
    Path("landing").mkdir()
    Path("landing/four.txt").write_text(TEXT)
    Path("landing/empty.txt").touch()
    shown = call("ingest", *lake).output
    assert re.search(r"new articles +1\b", shown)
    assert re.search(r"rejected: empty +1\b", shown)
    assert re.search(r"unchanged since they were read +2\b", call("ingest", *lake).output)
    planned = call("plan", "--to", "2022-12-31", *lake)
    assert re.search(r"2022-01-07 +1 +new +1 +1 +\d+ +1 *\n", planned.stdout)
    assert re.search(r"1 day is due in 1 unit, some \d+ tokens: less than a minute", planned.stderr)
    assert "as the last 1 units of this lake took" in planned.stderr
    assert "1 days were due, 1 articles computed" in call("run", "--to", "2022-12-31", *lake).stderr
    query = "SELECT target, stance, url FROM evidence WHERE day = '2022-01-07' AND target = 'Poland'"
    row = json.loads(call("sql", query, "--format", "json", *lake).stdout.splitlines()[0])
    assert row == {"target": "Poland", "stance": "favor", "url": "https://gazette.example.com/four"}
    assert "0 days are due" in call("plan", "--to", "2022-12-31", *lake).stderr


def test_a_plan_may_begin_with_the_newest_day_and_be_read_by_programs(lake):
    lake.land(
        batch(d20220105=day_batch([article("one")]), d20220106=day_batch([article("two", "2022-01-06")]))
    )
    given = ["plan", "--lake", lake.store.uri, "--format", "json"]
    rows = [json.loads(line) for line in call(*given, "--order", "newest").stdout.splitlines()]
    assert [(row["day"], row["why"], row["to_compute"], row["unit"]) for row in rows] == [
        ("2022-01-06", "new", 1, 1),
        ("2022-01-05", "new", 1, 1),
    ]
    oldest = [json.loads(line)["day"] for line in call(*given).stdout.splitlines()]
    assert oldest == ["2022-01-05", "2022-01-06"]


def test_a_day_that_fails_validation_ends_with_1(lake, monkeypatch):
    lake.land(batch(d20220105=day_batch([article("one")])))

    def fail(*_):
        raise ValidationFailed("unit 2022-01-05, stage tag: volumes")

    monkeypatch.setattr("pipeline.runner.run_stage", fail)
    result = call("run", "--lake", lake.store.uri, code=1)
    assert "unit 2022-01-05, stage tag: volumes" in result.stderr


def test_what_a_lake_asks_for_is_no_failure():
    Lake("empty")
    assert "nothing has landed yet" in call("status", "--lake", "empty").stdout
    record = json.loads(call("status", "--format", "json", "--lake", "empty").stdout)
    assert [found["what"] for found in record["findings"]] == ["nothing has landed yet"]


def test_events_go_to_the_file_that_is_named(monkeypatch):
    Path("landing").mkdir()
    Path("landing/four.txt").write_text(TEXT)
    monkeypatch.setenv("STANDPOINT_LOG", "events.jsonl")
    call("ingest", "--lake", "lake")
    events = [json.loads(line)["event"] for line in Path("events.jsonl").read_text().splitlines()]
    assert events == ["landed", "ingested"]
    monkeypatch.setenv("STANDPOINT_LOG", "nosuch/events.jsonl")
    assert "nosuch/events.jsonl" in call("ingest", "--lake", "lake", code=3).stderr


def test_a_query_that_is_no_text_is_one_line(built):
    result = call("sql", "--lake", built.store.uri, given=b"SELECT '\xff'", code=2)
    assert "standard input is no UTF-8 text" in result.stderr


def test_export(built):
    lake = ["--lake", built.store.uri]
    assert "3 rows written to out" in call("export", "out", "--tables", "articles", *lake).stderr
    assert pq.read_table("out/articles").num_rows == 3
    call("export", "out", "--query", "SELECT 1 AS x", "--format", "csv", *lake)
    assert Path("out/query.csv").read_text() == '"x"\n1\n'
    assert "'nosuch' is none of raw" in call("export", "out", "--tables", "nosuch", *lake, code=2).stderr
    assert "is a lake" in call("export", built.store.uri, *lake, code=2).stderr


def test_diff(upgraded, built):
    lake = ["--lake", upgraded.store.uri]
    shown = call("diff", "previous", "latest", *lake).stdout
    assert re.search(r"^tag +model +keyword-tagger-1\S+ +keyword-tagger-2\S+ +2$", shown, re.M)
    assert re.search(r"^stance flipped +12 +24 +judgements in both +50.00 %$", shown, re.M)
    assert "… 2 more of this kind" in shown
    rows = call("diff", "previous", "latest", "--format", "json", *lake)
    flips = [row for row in map(json.loads, rows.stdout.splitlines()) if row["kind"] == "stance flipped"]
    assert len(flips) == 12
    assert re.search(r"^stance flipped +12 ", rows.stderr, re.M)
    two = call("diff", "latest", "latest", "--lake", built.store.uri, "--other-lake", upgraded.store.uri,
               "--format", "csv", "--limit", 2, "--to", "2022-01-05")  # fmt: skip
    assert two.stdout.splitlines()[0].startswith('"day","article_id","kind","holder","target","before"')
    assert two.stdout.count("stance flipped") == 2
    said = call("diff", "nosuch", "latest", *lake, code=2).stderr
    assert said.startswith("standpoint: run 'nosuch': no day of lake")


def test_clean_answers_every_line():
    records = [b'{"id": 1, "title": "The the vote", "lines": ["A  b.", ""]}', b"nonsense", b'{"id": 3}']
    result = call("clean", given=b"\n".join(records), code=1)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [a["id"] for a in answers] == [1, None, 3]
    assert [("error" in a) for a in answers] == [False, True, True]
    assert answers[0]["lines"] == ["A b.", None]
    assert result.stderr.startswith("standpoint: 2 of 3 records not answered")


def test_clean_explains_what_it_does():
    Path("a.txt").write_text("A title\n20211229\n\nAT&amp;T  rose.\nCalm.\n")
    shown = call("clean", "--explain", "a.txt").stdout
    assert shown.startswith("a.txt ──")
    assert "AT[-&amp;-]T[-··-]rose." in shown
    assert "1 article: 1 changed, 0 as they were" in shown
    failed = call("clean", "--explain", given=b"nonsense", code=1)
    assert "line 1: not JSON" in failed.stdout


def test_annotate_answers_every_line():
    Path("texts.jsonl").write_text('{"id": 1, "text": "Biden praised NATO."}\n{"id": 2}\n[]\n')
    result = call("annotate", "texts.jsonl", code=1)
    first, *wrong = [json.loads(line) for line in result.stdout.splitlines()]
    assert [m["text"] for m in first["mentions"]] == ["Biden", "NATO"]
    assert [a["id"] for a in wrong] == [2, None]
    assert "2 of 3 records not answered" in result.stderr


def test_doctor_ends_with_3_where_something_is_missing(built):
    asked = ["doctor", "--lake", built.store.uri, "--landing", "nowhere"]
    result = CliRunner().invoke(__main__.app, asked)
    assert result.exit_code == 3
    assert "NO  landing: landing zone 'nowhere' is no folder" in result.stdout
    assert " ok  lake: " in result.stdout


def test_doctor_does_not_miss_a_landing_zone_that_nobody_named(built, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(__main__.app, ["doctor", "--lake", built.store.uri])
    assert result.exit_code == 0
    assert " ok  landing: ./landing: none" in result.stdout


def test_what_the_machine_refuses_is_one_line(built, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "lake/data")

    monkeypatch.setattr("pipeline.store.Store.write", full)
    assert (
        "No space left on device: 'lake/data'"
        in call("export", "out", "--lake", built.store.uri, code=3).stderr
    )


@pytest.mark.parametrize("starter", ["-m pipeline", "entry point"])
def test_exit_codes_whichever_way_it_is_started(starter):
    entry = "import sys; from pipeline.__main__ import main; sys.exit(main())"
    command = ["-m", "pipeline"] if starter == "-m pipeline" else ["-c", entry]
    for args, code in ((["--version"], 0), (["sql", "--nosuch"], 2), (["sql", "SELECT 1"], 3)):
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        result = subprocess.run(
            [sys.executable, *command, *args], capture_output=True, text=True, env=environ
        )
        assert result.returncode == code
        assert "Traceback" not in result.stderr
        assert len(result.stderr.splitlines()) == bool(code)


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_a_closed_pipe_is_no_error(built, form):
    query = "SELECT * EXCLUDE (lines) FROM raw, range(20000)"
    process = start("sql", query, "--format", form, "--lake", built.store.uri)
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() in (b"", b"the first 200 rows; --format csv, json or parquet prints all\n")
    assert process.wait(30) == 0


def test_ctrl_c_is_one_line(tmp_path):
    # The tests may run in the background, where Ctrl-C is ignored, and what they start would ignore it too.
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = start("clean", stdin=subprocess.PIPE, preexec_fn=heeded)
    process.stdin.write(b'{"id": 1, "title": "A vote", "lines": []}\n' * 2000)
    process.stdin.flush()
    process.stdout.read(1)  # it is at work
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, b"standpoint: stopped\n")


def test_the_shell_completes_options():
    shell = {"_STANDPOINT_COMPLETE": "complete_bash", "COMP_WORDS": "standpoint sql --for", "COMP_CWORD": "2"}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **shell}
    entry = "import sys; sys.argv[0] = 'standpoint'; from pipeline.__main__ import main; main()"
    result = subprocess.run([sys.executable, "-c", entry], capture_output=True, text=True, env=environ)
    assert result.stdout.split() == ["--format"]
    assert "--install-completion" in call("--help").output
