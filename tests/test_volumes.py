"""Bounds on volumes: what follows from what a row is can never be broken by an input."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition import partition, sentence

from pipeline import schemas
from pipeline.volumes import bounds


def raw(rows: int) -> pa.Table:
    return pa.table({"article_id": [f"{i:016x}" for i in range(rows)]})


def rejects(rows: int) -> pa.Table:
    return pa.table({"reject_id": [f"{i:016x}" for i in range(rows)]})


@pytest.mark.parametrize(
    ("landed", "refused", "low"), [(0, 0, 0), (1, 0, 1), (5, 0, 1), (5, 5, 0), (5, 1, 0)]
)
def test_articles_vanish_only_into_rejects(landed: int, refused: int, low: int) -> None:
    tables = {"articles": schemas.ARTICLES.empty(), "rejects": rejects(refused)}
    (bound,) = bounds(tables, {"raw": raw(landed)}, "clean")["articles"]
    assert (bound.low, bound.high, bound.severity) == (low, landed, "critical")


@pytest.mark.parametrize(("landed", "warned"), [(19, False), (20, True), (200, True)])
def test_nearly_all_rejected_is_a_warning(landed: int, warned: bool) -> None:
    tables = {"articles": schemas.ARTICLES.empty(), "rejects": rejects(landed)}
    found = bounds(tables, {"raw": raw(landed)}, "clean").get("rejects", ())
    assert [(b.high, b.severity) for b in found] == ([(landed * 9 // 10, "warning")] if warned else [])


def test_rejects_of_other_stages_are_not_compared_with_articles() -> None:
    tables = {"articles": schemas.ARTICLES.empty(), "rejects": rejects(50)}
    assert bounds(tables, {"raw": raw(50)}, "publish") == {}


def test_bounds_of_a_sound_partition() -> None:
    tables = partition()
    found = {name: [(b.low, b.high) for b in bs] for name, bs in bounds(tables, {}, "publish").items()}
    assert found == {
        "sentences": [(2, None)],
        "mentions": [(0, sum(map(len, tables["sentences"]["text"].to_pylist())))],
        "stances": [(0, 4**2 + 1**2)],
    }


def test_vectors_are_one_a_mention_and_entities_at_most() -> None:
    tables = {"mentions": partition()["mentions"], "vectors": schemas.VECTORS.empty(),
              "entities": schemas.ENTITIES.empty()}  # fmt: skip
    found = bounds(tables, {}, "tag")
    assert [(b.low, b.high) for b in (*found["vectors"], *found["entities"])] == [(5, 5), (0, 5)]


@pytest.mark.parametrize(("count", "warnings"), [(499, []), (500, ["silence"])])
def test_hundreds_of_sentences_without_an_entity_are_a_warning(count: int, warnings: list[str]) -> None:
    sentences = schemas.from_rows("sentences", [sentence("a" * 16, i, "Rain.") for i in range(count)])
    found = bounds({"mentions": schemas.MENTIONS.empty()}, {"sentences": sentences}, "tag")["mentions"]
    assert [b.name for b in found if b.severity == "warning"] == warnings


def test_only_tables_of_the_stage_are_bounded() -> None:
    tables = partition()
    assert set(bounds({"stances": tables["stances"]}, tables, "judge")) == {"stances"}


@given(st.lists(st.integers(0, 6), max_size=6))
def test_all_the_judgements_that_an_article_allows_are_sane(mentions: list[int]) -> None:
    table = pa.table({"article_id": pa.array([f"{i}" for i, n in enumerate(mentions) for _ in range(n)])})
    table = table.cast(pa.schema([("article_id", pa.string())]))
    possible = sum(n + n * (n - 1) for n in mentions)
    (bound,) = bounds({"stances": schemas.STANCES_TABLE.empty()}, {"mentions": table}, "judge")["stances"]
    assert bound.high == possible
