from collections import Counter
from pathlib import Path

import pytest

from models import STANCES, agreement, annotated

FAVOR, AGAINST, NEUTRAL = range(3)


@pytest.fixture(scope="module")
def read():
    return list(agreement.read(agreement.READINGS))


def test_every_sentence_that_is_measured_on_with_an_entity_was_read_three_times(read):
    assert all(len(row["readings"]) == 3 for _, row in read)
    named = {r["sha"] for r in annotated.rows() if any(k in annotated.ENTITIES for *_, k in r["names"])}
    measured = {r["sha"] for r in annotated.rows() if annotated.unseen(r)}
    assert {labels["sha"] for labels, _ in read} == named & measured


def majority(readings, part):
    """What two of three readings say of a name or pair, where that is not neutral."""
    told = Counter((tuple(about), stance) for one in readings for *about, stance in one[part])
    return {about: stance for (about, stance), count in told.items() if count > 1}


def test_what_two_of_three_say_is_the_label(read):
    for part in ("portrayals", "relations"):
        differ = 0
        for labels, row in read:
            told = {tuple(row["first"][i] for i in about): stance for *about, stance in labels[part]}
            differ += majority(row["readings"], part) != told
        assert differ <= 1  # all three differed once, and the first was kept


def test_readings_are_about_names_of_the_row_and_name_each_question_once(read):
    for _, row in read:
        for one in row["readings"]:
            for part, size in (("portrayals", 1), ("relations", 2)):
                about = [tuple(places) for *places, _ in one[part]]
                assert len(set(about)) == len(about)
                assert all(len(set(places)) == size for places in about)
                assert all(row["first"][i] == i for places in about for i in places)
                assert {stance for *_, stance in one[part]} <= set(STANCES[:2])


def test_what_is_not_listed_is_neutral_and_alike_names_are_one():
    kinds = ["PERSON", "DATE", "ORG", "PERSON", "MISC"]
    labels = {"names": [[10 * i, 10 * i + 3, kind] for i, kind in enumerate(kinds)]}
    row = {"first": [0, 1, 2, 0, 4]}
    reading = {"portrayals": [[2, "against"]], "relations": [[0, 2, "favor"], [2, 4, "against"]]}
    assert agreement.portrayals(labels, row, reading) == [NEUTRAL, AGAINST, NEUTRAL]
    pairs = [FAVOR, NEUTRAL, NEUTRAL, AGAINST]  # of the person with both, then of the organisation
    assert agreement.relations(labels, row, reading) == pairs


def test_kappa_is_agreement_beyond_chance():
    assert agreement.kappa([(0, 0), (1, 1), (2, 2)]) == pytest.approx(1)
    assert agreement.kappa([(0, 0), (0, 1), (1, 0), (1, 1)]) == pytest.approx(0)


def test_the_command_prints_what_the_docs_say(capsys):
    agreement.main()
    printed = capsys.readouterr().out
    said = (Path(__file__).parents[2] / "docs/labelling.md").read_text("utf-8")
    assert said.count("```\n" + printed + "```") == 1
