"""The sample corpus is whole: sources, plan, built landing zone and hand labels agree with each other."""

import csv
import gzip
import io
import re
import tarfile
from datetime import date
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from pipeline.schemas import REASONS
from seeds import article, damage, gold, make

MAX_LANDING_BYTES = 1_500_000
SUPERSEDED = {"harbor-fire": "harbor-fire-corrected", "skerra-well": "skerra-well-corrected"}

FORMS = ("txt", "tar", "tar.gz", "tar.zst", "zip", "jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet")

SLUGS = article.slugs()
SOURCES = {slug: article.read(slug) for slug in SLUGS}
LABELS = list(gold.labels())
with make.PLAN.open(encoding="utf-8", newline="") as plan:
    PLAN = list(csv.DictReader(plan))


def test_there_is_enough() -> None:
    originals = [slug for slug in SLUGS if not slug.endswith(("-reprint", "-corrected"))]
    assert len(originals) >= 64
    assert len(LABELS) >= 26


@pytest.mark.parametrize("slug", SLUGS)
def test_source_is_well_formed(slug: str) -> None:
    source = SOURCES[slug]
    assert date.fromisoformat(source.date).isoformat() == source.date
    assert 5 <= len(source.paragraphs) <= 15
    assert all(line == line.strip() and line for line in (source.title, *source.paragraphs))
    assert "  " not in "".join(source.paragraphs)
    host = urlsplit(source.url).hostname or "example.com"
    assert re.fullmatch(r"([a-z]+\.)*example\.(com|org|net)", host)


def test_urls_are_unique_but_for_updates() -> None:
    kept = [source.url for slug, source in SOURCES.items() if slug not in SUPERSEDED and source.url]
    assert len(set(kept)) == len(kept)
    for old, new in SUPERSEDED.items():
        assert SOURCES[old].url == SOURCES[new].url
        assert SOURCES[old].paragraphs != SOURCES[new].paragraphs


def test_no_other_domain_is_named_in_the_landing_zone() -> None:
    for file, data in make.build().items():
        for host in re.findall(rb"https?://([^/\s\"?#]+)", data, re.I):
            assert re.fullmatch(rb"([a-z]+\.)*example\.(com|org|net)(:\d+)?", host.lower()), (file, host)


def test_plan_lands_every_source() -> None:
    assert {row["article"] for row in PLAN} == set(SLUGS)
    known = {*damage.TEXT, *damage.BYTES, *make.BREAKS}
    assert {name for row in PLAN for name in row["damage"].split()} == known
    singles = [row["file"] for row in PLAN if row["file"].endswith((".txt", ".rtf"))]
    assert len(set(singles)) == len(singles)


def test_every_accepted_form_is_there() -> None:
    files = {row["file"] for row in PLAN}
    for form in FORMS:
        assert any(file.partition(".")[2] == form for file in files), form


def test_landing_zone_is_what_make_builds() -> None:
    built = make.build()
    there = {
        path.relative_to(make.LANDING).as_posix(): path.read_bytes()
        for path in make.LANDING.rglob("*")
        if path.is_file()
    }
    assert set(there) == set(built)
    assert [file for file in built if there[file] != built[file]] == []
    assert sum(map(len, built.values())) < MAX_LANDING_BYTES


def test_usual_damage_is_the_seed_layout() -> None:
    title, day, url, *paragraphs = (
        (make.LANDING / "2022-02/canada-emergencies-act.txt").read_bytes().decode("ascii").splitlines()
    )
    source = SOURCES["canada-emergencies-act"]
    assert (title, day) == (source.title, source.date.replace("-", ""))
    assert url == source.url.replace(".com/", ".com:443/")
    assert len(paragraphs) == len(source.paragraphs)
    stripped = [line.encode("ascii", "ignore").decode() for line in source.paragraphs]
    assert paragraphs != stripped
    assert "Prime Minister Prime Minister Justin" in "".join(paragraphs)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("ascii", "Orbán’s aim — peace", "Orbns aim  peace"),
        ("mojibake", "Orbán’s “aim”", "OrbÃ¡nâ€™s â€œaimâ€\x9d"),
        ("entities", "Orbán’s P&O", "Orb&#225;n&#8217;s P&amp;O"),
        ("nbsp", "Mr. Orbán, 12 meetings", "Mr.\u00a0Orbán, 12\u00a0meetings"),
        ("soft_hyphens", "the government", "the gover\u00adnment"),
        ("doubled", "Defense Minister Reznikov", "Defense Minister Defense Minister Reznikov"),
    ],
)
def test_damage(name: str, before: str, after: str) -> None:
    text = article.Article("t", "2022-01-01", "https://www.example.com/a", (before,))
    assert damage.TEXT[name](text, Random(0)).paragraphs == (after,)


def test_ports() -> None:
    for url, landed in {
        "https://www.example.com/a": "https://www.example.com:443/a",
        "http://www.example.com/a": "http://www.example.com:80/a",
        "-": "-",
    }.items():
        assert damage.TEXT["port"](article.Article("t", "", url, ()), Random(0)).url == landed


def test_special_files_are_as_broken_as_the_readme_says() -> None:
    landing = make.build()
    assert landing["special/again/memorial.txt"] == landing["2021-12/memorial-ordered-shut.txt"]
    assert landing["special/broken/empty.txt"] == b""
    assert landing["special/broken/title_only.txt"].count(b"\n") == 1
    assert b"\0" in landing["special/broken/scrambled.txt"]
    with pytest.raises(EOFError):
        gzip.decompress(landing["special/broken/cut.jsonl.gz"])
    assert [line[-1:] == b"}" for line in landing["special/broken/one_bad_line.jsonl"].splitlines()] == [
        True, False, True,
    ]  # fmt: skip
    rows = list(csv.reader(io.StringIO(landing["special/broken/short_row.csv"].decode())))
    assert [len(row) for row in rows] == [5, 5, 2]


def test_archive_members_do_not_point_outside() -> None:
    with tarfile.open(fileobj=io.BytesIO(make.build()["archives/wire.tar.gz"])) as archive:
        assert archive.getnames()[0] == "articles/000_yamal-gas-reversed.txt"


def test_readme_names_files_that_are_there_and_reasons_of_the_set() -> None:
    readme = (article.HERE / "README.md").read_text(encoding="utf-8")
    landing = make.build()
    named = re.findall(r"`((?:20\d\d-\d\d|archives|special)/[\w./-]+\.\w+)`", readme)
    assert len(named) > 25
    assert [file for file in named if file not in landing] == []
    rejects = readme.partition("Rejects, with the reason:")[2].partition("## ")[0]
    reasons = re.findall(r"\| `(\w+)`[^|]*\|$", rejects, re.M)
    assert len(reasons) == 10
    assert set(reasons) <= set(REASONS)


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: labels["article"])
def test_labels(labels: gold.Labels) -> None:
    source = SOURCES[labels["article"]]
    assert labels["url"] == source.url != ""
    assert len(labels["sentences"]) >= 8
    text = "\n".join((source.title, *source.paragraphs))
    place = 0
    for sentence in labels["sentences"]:
        place = text.find(sentence["text"], place)
        assert place >= 0, f"not in the source, or out of order: {sentence['text']}"
        place += len(sentence["text"])
        end = 0
        for mention in sentence["mentions"]:
            assert sentence["text"][mention["start"] : mention["end"]] == mention["text"]
            assert mention["start"] >= end
            end = mention["end"]
            assert mention["type"] in gold.TYPES
            assert (mention["entity"] is None) == (mention["type"] in ("DATE", "MONEY")), mention
        pairs = [(stance["holder"], stance["target"]) for stance in sentence["stances"]]
        assert len(set(pairs)) == len(pairs)
        for holder, target in pairs:
            assert holder != target
            assert 0 <= target < len(sentence["mentions"])
            assert holder is None or 0 <= holder < len(sentence["mentions"])


def test_labels_hold_every_type_and_stance() -> None:
    sentences = [sentence for labels in LABELS for sentence in labels["sentences"]]
    assert {mention["type"] for sentence in sentences for mention in sentence["mentions"]} == set(gold.TYPES)
    stances = [stance for sentence in sentences for stance in sentence["stances"]]
    assert {stance["stance"] for stance in stances} == set(gold.STANCES)
    assert {stance["holder"] is None for stance in stances} == {True, False}
    assert sum(not sentence["stances"] for sentence in sentences) > 50


def test_markup(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "[Ann|PERSON ann] thanks [Bob|PERSON bob], and [Bob|PERSON bob] sighs.\n= ann favor bob#2\n"
    )
    (sentence,) = gold.sentences(path)
    assert sentence["text"] == "Ann thanks Bob, and Bob sighs."
    assert sentence["mentions"][1] == {
        "start": 11,
        "end": 14,
        "text": "Bob",
        "type": "PERSON",
        "entity": "bob",
    }
    assert sentence["stances"] == [{"holder": 0, "target": 2, "stance": "favor"}]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("[Ann|PERSONA ann] sings.", "type PERSONA"),
        ("[Ann sings.", "not a sentence"),
        ("= ann favor bob", "out of range"),
        ("[Ann|PERSON ann] sings.\n= ann favor bob", "no mention bob"),
        ("[Ann|PERSON ann] sings.\n= ann favor ann", "same mention"),
        ("[Ann|PERSON ann] sings.\n= text likes ann", "stance likes"),
        ("[Ann|PERSON ann] sings.\n= text favor ann#2", "no mention ann#2"),
        ("[Ann|PERSON ann] sings.\n= ann favor", "unpack"),
    ],
)
def test_wrong_markup_is_named(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(lines + "\n")
    with pytest.raises(ValueError, match=rf"a\.txt:\d+: .*{message}"):
        gold.sentences(path)
