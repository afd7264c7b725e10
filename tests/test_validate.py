"""What the suites catch, and what they let pass; the cases are in cases/validate.json."""

from __future__ import annotations

import json
import pickle
import re
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from partition import A, changed, partition

from pipeline import schemas
from pipeline.validate import check, page

CASES = json.loads((Path(__file__).parent / "cases" / "validate.json").read_text("utf-8"))
UNIT = "2021-12-29-0011aabb"


def cases(group: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(c, id=c["why"]) for c in CASES[group]])


def test_a_partition_that_keeps_every_rule_passes() -> None:
    report = check(partition(), {}, UNIT, "publish")
    assert (report.verdict, report.violations, report.unit, report.stage) == ("passed", (), UNIT, "publish")
    assert all(result["statistics"]["evaluated_expectations"] > 10 for result in report.results.values())


def numbered(number: int, value: Any) -> Any:
    """The value, an article's id as that of the copy of this number."""
    is_id = isinstance(value, str) and re.fullmatch("0{14}[0-9a-f]{2}", value)
    return f"{number:014x}{value[14:]}" if is_id else value


def copy(number: int, case: dict[str, Any]) -> dict[str, pa.Table]:
    """A copy of the partition under article ids of its own, with the change of the case."""
    tables = partition()
    tables[case["table"]] = changed(tables, case["table"], case["row"], case["set"])
    renamed = {
        name: [{k: numbered(number, v) for k, v in row.items()} for row in table.to_pylist()]
        for name, table in tables.items()
    }
    return {name: schemas.from_rows(name, rows) for name, rows in renamed.items()}


@pytest.fixture(scope="module")
def found() -> dict[str, list[tuple[str, list[dict[str, Any]]]]]:
    """What one validation of all cases together found: rules and keys, by the case's `why`."""
    every = [*CASES["row"], *CASES["legal"]]
    copies = [copy(number, case) for number, case in enumerate(every, 1)]
    tables = {name: pa.concat_tables(c[name] for c in copies) for name in copies[0]}
    report = check(tables, {}, UNIT, "judge")
    assert report.failures == ()
    by_case: dict[str, list[tuple[str, list[dict[str, Any]]]]] = {}
    for number, case in enumerate(every, 1):
        by_case[case["why"]] = [
            (v.rule, rows)
            for v in report.violations
            if v.table == case["table"] and v.rows is not None
            if (rows := [r for r in v.rows.to_pylist() if r["article_id"].startswith(f"{number:014x}")])
        ]
    return by_case


@cases("row")
def test_a_broken_row_is_named_by_its_key(case: dict[str, Any], found: Any) -> None:
    assert sorted(rule for rule, _ in found[case["why"]]) == case["rules"]
    key = schemas.TABLES[case["table"]].key
    row = partition()[case["table"]].select(key).to_pylist()[case["row"]]
    row |= {k: v for k, v in case["set"].items() if k in key}
    for _, rows in found[case["why"]]:
        assert [{k: v[14:] if k == "article_id" else v for k, v in r.items()} for r in rows] == [
            row | {"article_id": row["article_id"][14:]}
        ]


@cases("legal")
def test_unusual_rows_pass(case: dict[str, Any], found: Any) -> None:
    assert found[case["why"]] == []


@cases("table")
def test_a_repeated_key_fails_the_table(case: dict[str, Any]) -> None:
    tables, name = partition(), case["table"]
    report = check({name: changed(tables, name, case["row"], case["set"])}, tables, UNIT, "judge")
    assert [f"{v.table}.{v.rule}" for v in report.failures] == case["rules"]
    assert report.verdict == "failed"
    assert "2 rows are not" in str(report.failures[0])


def test_a_repeated_key_with_a_null_in_it_fails_the_table() -> None:
    tables = partition()
    at = tables["mentions"].column_names.index("mention_no")
    none = pa.nulls(tables["mentions"].num_rows, pa.int32())
    tables["mentions"] = tables["mentions"].set_column(at, "mention_no", none)
    report = check({"mentions": tables["mentions"]}, tables, UNIT, "tag")
    assert [v.rule for v in report.violations] == ["key", "mention_no_not_null"]
    assert report.verdict == "failed"


def test_a_key_that_is_all_null_is_a_row_of_its_own() -> None:
    tables = partition()
    at = tables["articles"].column_names.index("article_id")
    none = pa.nulls(tables["articles"].num_rows, pa.string())
    tables["articles"] = tables["articles"].set_column(at, "article_id", none)
    report = check({"articles": tables["articles"]}, {}, UNIT, "clean")
    assert "article_id_not_null" in [v.rule for v in report.violations]
    assert report.failures == ()


def test_every_row_level_rule_is_broken_by_some_case() -> None:
    broken = {(c["table"], rule) for c in CASES["row"] for rule in c["rules"]}
    for table in (
        schemas.ARTICLES,
        schemas.SENTENCES,
        schemas.REPAIRS,
        schemas.MENTIONS,
        schemas.STANCES_TABLE,
    ):
        for rule in table.rules:
            assert (table.name, rule.name) in broken


def test_empty_tables_are_legal() -> None:
    report = check({t.name: t.empty() for t in schemas.PUBLISHED}, {}, UNIT, "publish")
    assert report.violations == ()


def test_a_missing_and_a_surplus_column_fail_the_table() -> None:
    tables = partition()
    tables["mentions"] = tables["mentions"].rename_columns({"score": "scores"})
    failures = check(tables, {}, UNIT, "publish").failures
    assert [f"{v.table}.{v.rule}" for v in failures] == ["mentions.columns"]
    assert "score" in failures[0].meaning
    assert "scores" in failures[0].meaning


def test_a_table_that_is_referred_to_must_be_given() -> None:
    with pytest.raises(ValueError, match="stances refers to mentions"):
        check({"stances": partition()["stances"]}, {"sentences": partition()["sentences"]}, UNIT, "judge")
    with pytest.raises(ValueError, match="mentions refers to sentences"):
        check({"mentions": schemas.MENTIONS.empty()}, {}, UNIT, "tag")


def test_an_insane_volume_fails_the_table() -> None:
    tables = partition()
    few = tables["sentences"].filter(pc.equal(tables["sentences"]["sentence_no"], 0)).slice(1)
    report = check({"articles": tables["articles"], "sentences": few}, {}, UNIT, "clean")
    assert [f"{v.table}.{v.rule}" for v in report.failures] == ["sentences.volume"]
    assert "every article has a title" in str(report.failures[0])


def test_a_suspicious_volume_warns_and_stops_nothing() -> None:
    raw = pa.table({"article_id": [str(i) for i in range(20)]})
    rows = [
        {"reject_id": f"{i:016x}", "stage": "clean", "article_id": None, "source_uri": f"{i}.txt",
         "reason": "no_text", "detail": "", "raw": None} for i in range(19)
    ]  # fmt: skip
    tables = partition()
    tables = {
        "articles": tables["articles"].slice(1),
        "sentences": tables["sentences"].slice(4),
        "rejects": schemas.from_rows("rejects", rows),
    }
    report = check(tables, {"raw": raw}, UNIT, "clean")
    assert report.verdict == "passed"
    failed = [r for r in report.results["rejects"]["results"] if not r["success"]]
    assert [r["expectation_config"]["meta"]["rule"] for r in failed] == ["rejected_share"]


def test_stamped_days_are_checked_each_within_itself() -> None:
    days = [date(2021, 12, 28), date(2021, 12, 29)]
    two = {
        name: pa.concat_tables(schemas.stamp(name, table, day, "ab" * 8) for day in days)
        for name, table in partition().items()
    }
    assert check(two, {}, UNIT, "publish").violations == ()
    orphaned = {**two, "sentences": two["sentences"].filter(pc.equal(two["sentences"]["day"], days[0]))}
    (broken, *_) = (v for v in check(orphaned, {}, UNIT, "publish").violations if v.table == "mentions")
    assert broken.rows is not None
    assert broken.rows["day"].unique().to_pylist() == [days[1]]


def test_a_snapshot_of_the_wrong_form_is_broken() -> None:
    stamped = schemas.stamp("articles", partition()["articles"], date(2021, 12, 29), "latest")
    report = check({"articles": stamped}, {}, UNIT, "publish")
    assert [v.rule for v in report.violations] == ["snapshot_pattern"]


def test_all_broken_rows_are_named_and_only_a_sample_recorded() -> None:
    ids = [f"{i:016x}" for i in range(1000)]
    one = partition()["articles"].slice(0, 1).to_pylist()[0]
    scores = [2.0 if i % 2 else 0.5 for i in range(1000)]
    table = schemas.from_rows(
        "articles", [one | {"article_id": i, "language_score": s} for i, s in zip(ids, scores, strict=True)]
    )
    report = check({"articles": table}, {}, UNIT, "publish")
    (violation,) = report.violations
    assert violation.rows is not None
    assert violation.rows["article_id"].to_pylist() == ids[1::2]
    assert len(json.dumps(report.results)) < 60_000


def test_a_report_travels_between_processes() -> None:
    report = check({"articles": partition()["articles"]}, {}, UNIT, "clean")
    assert pickle.loads(pickle.dumps(report)) == report


def test_the_page_names_what_is_broken_and_needs_no_network() -> None:
    tables = partition()
    table = changed(tables, "mentions", 0, {"text": "<script>alert(1)</script>", "type": "<b>"})
    text = page(check({"mentions": table}, tables, UNIT, "tag"))
    assert "offsets_give_text" in text
    assert "quarantined" in text
    assert "<b>" not in text
    for outside in ("<script", "<link", "src=", "http:", "https:", "@import", "url("):
        assert outside not in text


@pytest.mark.bench
def test_two_hundred_thousand_mentions_take_a_few_seconds() -> None:
    rows = 200_000
    numbers = pa.array(np.arange(rows), pa.int32())
    one = partition()["mentions"].slice(0, 1)
    mentions = pa.concat_tables([one] * rows).combine_chunks()
    mentions = mentions.set_column(mentions.column_names.index("mention_no"), "mention_no", numbers)
    sentences = partition()["sentences"].filter(pc.equal(partition()["sentences"]["article_id"], A))
    started = time.process_time()
    report = check(
        {"mentions": schemas.conform("mentions", mentions)}, {"sentences": sentences}, UNIT, "link"
    )
    assert time.process_time() - started < 10
    assert [v.rule for v in report.violations] == ["volume"]  # more mentions than characters
