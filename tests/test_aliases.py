"""The alias file: the shipped one is sound, a user's extends it, and mistakes are told in one line."""

from __future__ import annotations

import csv

import pytest

from pipeline.aliases import SHIPPED, Aliases
from pipeline.errors import UsageError
from pipeline.names import fold
from pipeline.schemas import ENTITY_TYPES

HEAD = "entity_id,name,type,aliases,government,context\n"
ALIASES = Aliases.load()


@pytest.fixture
def load(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "mine.csv"
        path.write_bytes(text.encode(encoding))
        return Aliases.load(path)

    return write


def test_shipped_file():
    assert len(ALIASES.entities) > 1000
    for entity_id, entity in ALIASES.entities.items():
        assert entity.type in ENTITY_TYPES
        assert entity.entity_id == entity_id
        assert not entity.government or entity.government in ALIASES.entities
    assert set(ALIASES.alone.values()) <= set(ALIASES.entities)
    assert {i for ids in ALIASES.shared.values() for i in ids} <= set(ALIASES.entities)
    assert not set(ALIASES.alone) & set(ALIASES.shared)


def test_every_line_can_be_reached():
    named = {*ALIASES.alone.values(), *(i for ids in ALIASES.shared.values() for i in ids)}
    assert named == set(ALIASES.entities)


def test_forms_that_several_lines_list_say_so():
    """In the shipped file a shared form is marked with a question mark in each line: no accident."""
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    owners: dict[str, set[str]] = {}
    for row in rows:
        cut = [form.strip() for form in row["aliases"].split(";")]
        open_ = {fold(form.rstrip("?")) for form in cut if form.endswith("?")}
        for form in [row["name"], *cut]:
            if form and fold(form.rstrip("?")) not in open_:
                owners.setdefault(fold(form), set()).add(row["entity_id"])
    assert not {form: ids for form, ids in owners.items() if len(ids) > 1}


@pytest.mark.parametrize(
    ("form", "entity"),
    [
        ("U.S.", "united-states"),
        ("Kiev", "kyiv"),
        ("Zelenskiy", "volodymyr-zelenskyy"),
        ("North Atlantic Treaty Organisation", "nato"),
        ("Bucharest Nine", "bucharest-nine"),
        ("Vatican", "vatican-city"),
        ("Kosovo", "kosovo"),
        ("Taiwanese", "taiwan"),
        ("Crimea", "crimea"),
        ("Orbn", "viktor-orban"),
    ],
)
def test_alone(form, entity):
    assert ALIASES.alone[fold(form)] == entity


@pytest.mark.parametrize(
    "form", ["Bush", "Clinton", "Georgia", "Congo", "Korea", "Congress", "Johnson", "Brown"]
)
def test_not_alone(form):
    assert fold(form) not in ALIASES.alone


def test_no_users_file_changes_nothing():
    assert Aliases.load("") == Aliases.load(None) == ALIASES


def test_a_new_entity(load):
    mine = load(HEAD + "jane-roe,Jane Roe,PERSON,Roe; J. Roe,,\n")
    assert mine.alone["roe"] == mine.alone["j roe"] == mine.alone["jane roe"] == "jane-roe"
    assert mine.digest != ALIASES.digest


def test_a_form_for_a_shipped_entity(load):
    mine = load("entity_id,name,type,aliases\nboris-johnson,,,The Blond One\n")
    assert mine.alone["blond one"] == "boris-johnson"
    assert mine.alone["boris johnson"] == "boris-johnson"
    assert mine.entities["boris-johnson"].name == "Boris Johnson"


def test_a_form_of_the_user_belongs_to_the_user(load):
    mine = load(HEAD + "indian-national-congress,,,Congress,,\n")
    assert mine.alone["congress"] == "indian-national-congress"


def test_a_question_mark_takes_a_name_back(load):
    assert load(HEAD + "donald-trump,,,Trump?,,\n").shared["trump"] == ("donald-trump",)


def test_what_spreadsheets_write(load):
    text = 'entity_id;name;type;aliases;government;context\njane-roe;Jane Roe;PERSON;"Roe; J. Roe";;\n'
    assert load(text, "utf-8-sig").alone["roe"] == "jane-roe"
    assert (
        load(HEAD.replace(",", "\t") + "jane-roe\tJane Roe\tPERSON\tRoe\t\t\r\n").alone["roe"] == "jane-roe"
    )


def test_blank_lines_and_remarks(load):
    assert load(HEAD + "\n# mine\n,,,,,\njane-roe,Jane Roe,PERSON,,,\n").alone["jane roe"] == "jane-roe"


def test_the_digest_follows_the_content(load):
    one = load(HEAD + "jane-roe,Jane Roe,PERSON,Roe,,\n").digest
    assert load(HEAD + "# a remark\njane-roe,Jane Roe,PERSON,Roe,,\n").digest == one
    assert load(HEAD + "jane-roe,Jane Roe,PERSON,Roe?,,\n").digest != one
    assert load(HEAD + "jane-roe,Jane Roe,ORG,Roe,,\n").digest != one


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,type\n", "line 1 must name the columns entity_id"),
        ("entity_id,name,type\n", "line 1 names the columns entity_id,name,type; allowed are"),
        ("entity_id,name,type,aliases,colour\n", "colour; allowed are"),
        (HEAD + "Jane Roe,Jane Roe,PERSON,,,\n", "line 2: entity_id 'Jane Roe' is not lower-case"),
        (HEAD + "jane-roe,Jane Roe,HUMAN,,,\n", "line 2: type 'HUMAN' is not one of PERSON, ORG"),
        (HEAD + "jane-roe,,PERSON,,,\n", "line 2: name '' is not given"),
        (HEAD + "a,A,ORG,,,\na,A,ORG,,,\n", "line 3: entity_id 'a' is not new (line 2 has it)"),
        (HEAD + "a,A,ORG,?,,\n", "line 2: the form '?' has no letter"),
        (HEAD + "a,A,LOC,,nowhere,\n", "government 'nowhere' of a is no entity_id"),
        (HEAD + "a,A,LOC,B,,,C\n", "line 2: more cells than columns"),
        ('entity_id,name,type,aliases\na,"A,ORG,\n', "line 2"),
    ],
)
def test_mistakes_are_told(load, text, told):
    with pytest.raises(UsageError) as error:
        load(text)
    assert told in str(error.value)
    assert "mine.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_not_utf8(load):
    with pytest.raises(UsageError, match="not UTF-8"):
        load(HEAD + "a,Ä,ORG,,,\n", "latin-1")


def test_no_such_file(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        Aliases.load(tmp_path / "none.csv")
