"""The declarations hold together, and conforming, stamping and unstamping lose nothing."""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition import partition

from pipeline import rules, schemas, suites
from pipeline.outcome import reject
from pipeline.schemas import conform, from_rows, stamp, unstamp

DAY, SNAPSHOT = date(2021, 12, 29), "0123456789abcdef"
TABLES = pytest.mark.parametrize("table", schemas.TABLES.values(), ids=lambda t: t.name)


@TABLES
def test_declarations_hold_together(table: schemas.Table) -> None:
    names = [c.name for c in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    assert not any(table.column(k).nullable for k in table.key)
    assert table.row.endswith(".")
    flags = rules.meanings(table)
    assert not set(flags) & set(names)
    for reference in table.references:
        assert len(reference.columns) == len(reference.to)
        assert set(reference.columns) <= set(names)
        assert set(reference.to) <= {c.name for c in schemas.TABLES[reference.table].columns}
    for rule in table.rules:
        assert rule.parent is None or rule.parent in {r.table for r in table.references}


@TABLES
def test_columns_say_what_they_mean_and_allow(table: schemas.Table) -> None:
    for column in table.columns:
        assert column.meaning.endswith(".")
        # A NaN is caught by a range, so every fraction has one.
        assert column.limits or not pa.types.is_floating(column.type)
        assert not (column.allowed and column.pattern)


@TABLES
def test_arrow_schemas_carry_the_meanings(table: schemas.Table) -> None:
    assert table.schema.metadata == {b"comment": table.row.encode()}
    for column in table.columns:
        field = table.published_schema.field(column.name)
        assert field.metadata == {b"comment": column.meaning.encode()}
        assert (field.type, field.nullable) == (column.type, column.nullable)
    assert table.published_schema.names == ["day", "snapshot", *table.schema.names]
    assert conform(table.name, table.empty()).schema.metadata == table.schema.metadata


@TABLES
def test_every_rule_runs_and_holds_on_nothing(table: schemas.Table) -> None:
    flags = rules.broken(table, {t.name: t.empty() for t in schemas.TABLES.values()})
    assert set(flags) == {e["meta"]["rule"] for e in suites.row_level(table)}
    assert all(len(flag) == 0 for flag in flags.values())


@pytest.mark.parametrize(
    ("start", "end", "broken"), [(0, 4, ()), (5, 5, ("span",)), (5, 99, ("in_the_sentence",))]
)
def test_a_span_of_an_attribution_lies_in_its_sentence(start: int, end: int, broken: tuple[str, ...]) -> None:
    sentences = partition()["sentences"]
    where = {name: sentences[name][1].as_py() for name in ("article_id", "sentence_no")}
    row = {**where, "start": start, "end": end, "role": "cue", "score": None}
    tables = {"sentences": sentences, "attributions": from_rows("attributions", [row])}
    flags = rules.broken(schemas.ATTRIBUTIONS, tables)
    assert tuple(name for name, rows in flags.items() if rows.any()) == broken


def test_from_rows_fills_what_is_not_given_with_null_and_sorts() -> None:
    rows = [{"article_id": "b", "lines": ["x"]}, {"article_id": "a", "lines": []}]
    table = from_rows("raw", rows)
    assert table["article_id"].to_pylist() == ["a", "b"]
    assert table["url_raw"].null_count == 2
    assert table.schema == schemas.RAW.schema


def test_a_null_in_the_wrong_place_conforms_for_validation_to_find() -> None:
    tables = partition()
    nulls = pa.nulls(tables["mentions"].num_rows, pa.string())
    index = tables["mentions"].column_names.index("text")
    assert conform("mentions", tables["mentions"].set_column(index, "text", nulls))["text"].null_count == 5


def test_conform_names_what_is_missing_and_surplus() -> None:
    table = partition()["mentions"].rename_columns({"score": "scores"})
    with pytest.raises(ValueError, match="table mentions: columns score, scores are missing or not declared"):
        conform("mentions", table)


@pytest.mark.parametrize(("values", "type_"), [([2**40] * 5, pa.int64()), ([0.5] * 5, pa.float64()),
                                               (["x"] * 5, pa.string())])  # fmt: skip
def test_conform_refuses_a_lossy_cast(values: list[object], type_: pa.DataType) -> None:
    table = partition()["mentions"]
    index = table.column_names.index("start")
    with pytest.raises(ValueError, match=r"not in range|truncated|Failed to parse"):
        conform("mentions", table.set_column(index, "start", pa.array(values, type_)))


@pytest.mark.parametrize("name", ["articles", "sentences", "mentions", "stances"])
def test_stamping_is_undone_by_unstamping(name: str) -> None:
    table = partition()[name]
    stamped = stamp(name, table, DAY, SNAPSHOT)
    assert stamped.schema.equals(schemas.TABLES[name].published_schema, check_metadata=True)
    assert set(stamped["day"].to_pylist()) == {DAY}
    assert set(stamped["snapshot"].to_pylist()) == {SNAPSHOT}
    assert unstamp(name, stamped).equals(table)


@given(st.permutations(range(5)))
def test_order_of_rows_in_does_not_matter(order: list[int]) -> None:
    table = partition()["mentions"]
    assert conform("mentions", table.take(order)).equals(table)


def test_reasons_are_closed() -> None:
    for reason in schemas.REASONS:
        assert reject("clean", "a.txt", reason, "")["reason"] == reason
    with pytest.raises(ValueError, match="reason 'unlucky' is not one of"):
        reject("clean", "a.txt", "unlucky", "")
    assert schemas.REJECTS.column("reason").allowed == schemas.REASONS


def test_an_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        schemas.MENTIONS.column("scores")


def test_limits_in_words() -> None:
    def column(low: float | None, high: float | None) -> schemas.Column:
        return schemas.Column("x", pa.int32(), "X.", low=low, high=high)

    bounds = [(0, 1), (0, None), (None, 2.5), (None, None)]
    assert [column(*b).limits for b in bounds] == ["from 0 to 1", "at least 0", "at most 2.5", ""]


@given(text=st.text(max_size=20), start=st.integers(0, 20), length=st.integers(1, 20))
def test_sql_counts_characters_as_python_does(text: str, start: int, length: int) -> None:
    text = text.encode("utf-8", "ignore").decode()
    found = duckdb.execute("SELECT substring(?, ?, ?), length(?)", [text, start + 1, length, text]).fetchall()
    assert found == [(text[start : start + length], len(text))]
