"""Broken rows leave with their unit, each unit as one reject: in = out + rejected."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition import A, B, changed, partition

from pipeline import schemas
from pipeline.errors import ValidationFailed
from pipeline.outcome import Outcome, rejects_table
from pipeline.quarantine import split
from pipeline.validate import Violation, check

SOURCES = {A: "papers/a.txt", B: "b.jsonl#2"}


def outcome(*names: str, **replaced: pa.Table) -> Outcome:
    kept = {name: partition()[name] for name in names} | replaced
    return Outcome(kept, kept[names[0]].num_rows)


def broken(name: str, rule: str, rows: list[dict[str, Any]]) -> Violation:
    key = schemas.TABLES[name].key
    types = [schemas.TABLES[name].schema.field(k) for k in key]
    return Violation(name, rule, "Why.", pa.Table.from_pylist(rows, schema=pa.schema(types)))


def test_without_violations_all_is_kept() -> None:
    kept, rejects = split(outcome("mentions"), [], "mentions", "tag", SOURCES)
    assert kept["mentions"].equals(partition()["mentions"])
    assert rejects == []


def test_an_article_leaves_with_its_sentences_as_one_reject() -> None:
    table = changed(partition(), "sentences", 1, {"text": " "})
    given_ = outcome("articles", "sentences", sentences=table)
    report = check(given_.kept, {}, "unit", "clean")
    kept, rejects = split(given_, report.violations, "articles", "clean", SOURCES)
    assert kept["articles"]["article_id"].to_pylist() == [B]
    assert set(kept["sentences"]["article_id"].to_pylist()) == {B}
    (row,) = rejects
    assert (row["stage"], row["article_id"], row["reason"]) == ("clean", A, "rule")
    assert row["source_uri"] == "papers/a.txt"
    assert row["detail"].startswith("sentences.not_blank: A sentence has text")
    assert "sentences.offsets_cover" in row["detail"]
    assert row["detail"].endswith(f"(article_id {A}, sentence_no 1)")
    assert json.loads(row["raw"])["text"] == " "
    assert check({"rejects": rejects_table(rejects)}, {}, "unit", "clean").violations == ()


def test_a_mention_leaves_with_its_vector() -> None:
    rows = [{"article_id": m["article_id"], "mention_no": m["mention_no"], "vector": [0.5]}
            for m in partition()["mentions"].to_pylist()]  # fmt: skip
    given_ = outcome("mentions", vectors=schemas.from_rows("vectors", rows))
    violation = broken("mentions", "span", [{"article_id": A, "mention_no": 2}])
    kept, rejects = split(given_, [violation], "mentions", "tag", SOURCES)
    for table in kept.values():
        assert (A, 2) not in set(
            zip(*(table[c].to_pylist() for c in ("article_id", "mention_no")), strict=True)
        )
        assert table.num_rows == 4
    assert json.loads(rejects[0]["raw"])["text"] == "Eastmark"


def test_a_row_without_its_article_id_leaves_too() -> None:
    table = changed(partition(), "articles", 0, {"article_id": None})
    given_ = outcome("articles", articles=table)
    report = check(given_.kept, {}, "unit", "clean")
    kept, rejects = split(given_, report.violations, "articles", "clean", SOURCES)
    assert kept["articles"].num_rows == 1
    assert [(r["article_id"], r["source_uri"]) for r in rejects] == [(None, "")]


@pytest.mark.parametrize(
    "violation",
    [
        Violation("stances", "key", "the key is unique."),
        broken("entities", "name_not_null", [{"entity_id": "norland"}]),
        broken("stances", "two_parties", [{"article_id": B, "stance_no": 9}]),
    ],
    ids=["a table-level rule", "a row of no unit", "a row of a unit that is not there"],
)
def test_what_no_unit_can_carry_away_stops_the_stage(violation: Violation) -> None:
    with pytest.raises(
        ValidationFailed, match=rf"stage judge: {violation.table}\.{violation.rule}: .*nothing was"
    ):
        split(outcome("stances"), [violation], "stances", "judge", SOURCES)


@given(st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)))
def test_in_is_out_plus_rejected(first: set[int], second: set[int]) -> None:
    rows = partition()["mentions"].select(["article_id", "mention_no"])
    violations = [
        Violation("mentions", rule, "Why.", rows.take(pa.array(sorted(numbers), pa.int64())))
        for rule, numbers in (("span", first), ("score_range", second))
        if numbers
    ]
    kept, rejects = split(outcome("mentions"), violations, "mentions", "tag", SOURCES)
    assert len(rejects) == len(first | second)
    assert kept["mentions"].num_rows + rejects_table(rejects).num_rows == rows.num_rows
