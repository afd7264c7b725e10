"""Inputs that mean harm, or come from a broken machine, through all stages: nothing lost, no crash."""

import contextlib
import csv
import gzip
import io
import re
import tarfile
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from fake_models import KeywordJudge, KeywordTagger

from pipeline import database, export, ingest, plan, runner
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context

EMPTY_FILES = 2_000
INJECTION = "'; DROP TABLE raw; -- Mayor Smith praises Poland"
FORMULA = '=cmd()|"/C calc"!A1 praises Mayor Smith'
QUOTED = "it's \"; DROP TABLE raw; --\n\x1b[2J\u202e.txt"  # a file's name
BODY = "Mayor Smith praised Poland and the council on Wednesday.\nThe council condemned Russia."
REASONS = {  # of the closed set, for each kind of input; text that can be read as such is an article
    "binary.txt": {"encoding"},
    "nulls.txt": {"encoding"},
    "line.txt": {"too_large"},
    "link.txt": {"unsafe_path"},
    "folder-link": {"unsafe_path"},
    "traversal.tar": {"unsafe_path"},
    "traversal.zip": {"unsafe_path"},
    "bomb.zip": {"too_large"},
    "bomb.txt.gz": {"too_large"},
    "nested.zip": {"unsupported", "too_large"},
    "year1.txt": {"date"},
    "year2050.txt": {"date"},
}


def article(title: str = "Mayor Smith praises Poland", day: str = "20220105", name: str = "a") -> str:
    return f"{title}\n{day}\nhttps://courier.example/{name}\n{BODY}\n"


def fill(folder: Path) -> None:
    """The hostile landing zone, and two articles with hostile titles."""
    folder.mkdir()
    (folder / "injection.txt").write_text(article(INJECTION, name="injection"))
    (folder / "formula.txt").write_text(article(FORMULA, name="formula"))
    (folder / QUOTED).write_text(article(name="quoted"))
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 64)
    (folder / "nulls.txt").write_bytes(b"\0" * 4096)
    (folder / "utf16.txt").write_text(article(name="utf16"), encoding="utf-16")
    with (folder / "line.txt").open("w") as file:
        file.write("Title\n20220105\n\n")
        file.writelines("A long line. " * 1000 for _ in range(25 * 2**20 // 13_000 + 1))
    (folder / "year1.txt").write_text(article(day="0001-01-01", name="year1"))
    (folder / "year2050.txt").write_text(article(day="20500101", name="year2050"))
    (folder.parent / "secret").mkdir()
    (folder.parent / "secret" / "secret.txt").write_text(article("The secret", name="secret"))
    (folder / "link.txt").symlink_to(folder.parent / "secret" / "secret.txt")
    (folder / "folder-link").symlink_to(folder.parent / "secret")
    fill_archives(folder)
    (folder / "empty").mkdir()
    for number in range(EMPTY_FILES):
        (folder / "empty" / f"{number}.txt").touch()


def fill_archives(folder: Path) -> None:
    with tarfile.open(folder / "traversal.tar", "w") as tar:
        for name in ("../../escaped.txt", "/absolute.txt"):
            data = article("Escaped", name="escaped").encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(folder / "traversal.zip", "w") as file:
        file.writestr("..\\escaped.txt", article("Escaped", name="escaped"))
    with zipfile.ZipFile(folder / "twice.zip", "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, about the repeated name
        for number in range(3):
            file.writestr("same.txt", article(name=f"twice{number}"))
    zeros = b"0" * 40 * 2**20
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.txt", zeros)
    with zipfile.ZipFile(folder / "nested.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner.zip", (folder / "bomb.zip").read_bytes())
    (folder / "bomb.txt.gz").write_bytes(gzip.compress(zeros))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[Lake, Path, ingest.Summary]:
    """The hostile landing zone, ingested and built with the keyword models."""
    folder = tmp_path_factory.mktemp("hostile")
    fill(folder / "landing")
    lake = Lake(str(folder / "lake"))
    summary = ingest.ingest(lake, [], str(folder / "landing"))
    build(lake)
    return lake, folder, summary


def build(lake: Lake) -> int:
    context = Context(Settings(), KeywordTagger(), KeywordJudge())
    days = plan.due(lake, context)
    assert runner.run(lake, list(plan.units(days, lake)), context) == []
    runner.finish(lake)
    return len(days)


def ask(lake: Lake, sql: str) -> list[tuple]:
    with database.connect(lake) as connection:
        return database.query(connection, sql).fetchall()


def test_every_input_is_an_article_a_reject_or_a_duplicate(hostile):
    lake, _, summary = hostile
    rejected = sum(summary.rejected.values())
    assert summary.rejected["empty"] == EMPTY_FILES
    assert ask(lake, "SELECT count(*) FROM rejects WHERE stage = 'ingest'") == [(rejected,)]
    assert ask(lake, "SELECT count(*) FROM raw") == [(summary.new,)]
    counted = (
        "SELECT sum(rows_in), sum(rows_out), sum(rejected), sum(duplicates) FROM runs WHERE stage = 'ingest'"
    )
    assert ask(lake, counted) == [
        (summary.new + rejected + summary.duplicates, summary.new, rejected, summary.duplicates)
    ]
    assert (
        ask(lake, "FROM runs WHERE rows_in <> rows_out + rejected + duplicates AND stage <> 'publish'") == []
    )


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_an_article_is_refused_with_its_reason(hostile, name):
    rows = ask(hostile[0], f"SELECT reason, detail FROM rejects WHERE starts_with(source_uri, '{name}')")
    assert rows
    assert {reason for reason, _ in rows} <= REASONS[name], rows
    assert all(detail for _, detail in rows)


def test_what_can_be_read_is_an_article(hostile):
    found = Counter(uri for (uri,) in ask(hostile[0], "SELECT source_uri FROM raw"))
    assert found == Counter(
        ["injection.txt", "formula.txt", "utf16.txt", QUOTED]
        + [f"twice.zip!/same.txt{again}" for again in ("", "#2", "#3")]
    )


def test_nothing_outside_was_read_or_written(hostile):
    lake, folder, _ = hostile
    assert {p.name for p in folder.iterdir()} == {"landing", "lake", "secret"}
    assert not list(folder.parent.glob("escaped*"))
    assert ask(lake, "FROM raw WHERE title IN ('The secret', 'Escaped')") == []


def test_an_injected_title_is_plain_text(hostile):
    found = ask(hostile[0], "SELECT raw.title FROM raw JOIN articles USING (day, article_id)")
    assert (INJECTION,) in found
    assert (FORMULA,) in found
    assert ask(hostile[0], "SELECT count(*) > 0 FROM evidence WHERE sentence LIKE '%DROP TABLE raw%'") == [
        (True,)
    ]


def test_csv_holds_what_is_there_and_the_documented_query_what_is_safe(hostile, tmp_path):
    lake = hostile[0]
    export.tables(lake, str(tmp_path), "csv", ["raw"])
    with contextlib.ExitStack() as files:
        found = [files.enter_context(p.open(newline="")) for p in tmp_path.rglob("*.csv")]
        titles = {row["title"] for file in found for row in csv.DictReader(file)}
    assert {INJECTION, FORMULA} <= titles
    page = Path(__file__).resolve().parent.parent / "docs" / "decisions" / "hostile.md"
    (safe,) = re.findall(r"`SELECT (regexp_replace.*) AS title`", page.read_text("utf-8"))
    for start in "=+@-\t\r":
        literal = f"{start}1 'x'".replace("'", "''")
        assert ask(lake, f"SELECT {safe} FROM (SELECT '{literal}' AS title)") == [(f"'{start}1 'x'",)]
    assert ask(lake, f"SELECT {safe} FROM (SELECT 'a=1' AS title)") == [("a=1",)]


def test_a_second_run_has_nothing_to_do(hostile):
    lake, folder, summary = hostile
    again = ingest.ingest(lake, [], str(folder / "landing"))
    assert (again.new, again.duplicates, again.rejected, again.unchanged) == (0, 0, {}, summary.sources)
    assert build(lake) == 0


@pytest.mark.slow
def test_a_second_lake_is_the_same(hostile, tmp_path):
    lake, folder, summary = hostile
    other = Lake(str(tmp_path / "lake"))
    assert ingest.ingest(other, [], str(folder / "landing")).rejected == summary.rejected
    build(other)
    for table in ("raw", "articles", "sentences", "mentions", "entities", "stances", "rejects"):
        files = [[m.tables[table]["sha256"] for m in one.manifests().values()] for one in (lake, other)]
        assert files[0] == files[1], table
