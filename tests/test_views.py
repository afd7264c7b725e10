"""The analyst views over a few hand-made rows; the numbers expected were worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from partition import article, mention, sentence

from pipeline import schemas
from pipeline.database import analyst_views, comment_of
from pipeline.docs import view_columns

CASES = json.loads((Path(__file__).parent / "cases" / "views.json").read_text("utf-8"))
TEXT = "Norland met Eastmark."
DAYS = {a["id"]: a["day"] for a in CASES["articles"]}


def full(name: str | None) -> str | None:
    return name and f"00000000000000{name}"


def stance(number: int, row: dict[str, Any]) -> dict[str, Any]:
    favor, against, neutral = row.get("probabilities") or [
        0.8 if row["stance"] == name else 0.1 for name in schemas.STANCES
    ]
    holder = row.get("holder")
    return {
        "article_id": full(row["article"]), "sentence_no": 0, "stance_no": number,
        "holder_mention_no": holder and 1, "target_mention_no": 0, "holder_id": holder,
        "target_id": "norland", "stance": row["stance"], "favor": favor, "against": against,
        "neutral": neutral, "attributed": row.get("attributed", False),
    }  # fmt: skip


def rows() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Rows of the published tables, each with its day."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {t.name: [] for t in schemas.PUBLISHED}
    for a in CASES["articles"]:
        id_, day = full(a["id"]) or "", a["day"]
        more = {"near_duplicate_of": full(a.get("near_duplicate_of"))}
        more |= {k: a[k] for k in ("outlet", "characters", "repairs")}
        found["articles"].append((day, article(id_, **more)))
        found["sentences"].append((day, sentence(id_, 0, TEXT)))
        found["mentions"] += [
            (day, mention(id_, 0, 0, 0, "Norland")),
            (day, mention(id_, 0, 1, 12, "Eastmark")),
        ]
        found["raw"].append((day, {
            "article_id": id_, "source_uri": f"{a['id']}.txt", "raw_sha256": "0" * 64, "title": TEXT,
            "lines": [TEXT], "landed_at": datetime(2022, 3, 1, tzinfo=UTC),
        }))  # fmt: skip
    for day in sorted(set(DAYS.values())):
        for name in ("Norland", "Eastmark"):
            found["entities"].append((day, {"entity_id": name.lower(), "name": name, "type": "LOC",
                                            "aliases": [name], "mentions": 1}))  # fmt: skip
    for i, s in enumerate(CASES["stances"]):
        found["stances"].append((DAYS[s["article"]], stance(i, s)))
    for i, r in enumerate(CASES["rejects"]):
        found["rejects"].append((r["day"], {"reject_id": f"{i:016x}", "stage": r["stage"],
                                            "source_uri": "x", "reason": "rule", "detail": ""}))  # fmt: skip
    return found


def lake(rows: dict[str, list[tuple[str, dict[str, Any]]]]) -> duckdb.DuckDBPyConnection:
    """A connection with these rows as tables, and every view."""
    connection = duckdb.connect()
    for name, dated in rows.items():
        parts = [schemas.TABLES[name].published_schema.empty_table()]
        parts += [
            schemas.stamp(name, schemas.from_rows(name, [row]), date.fromisoformat(day), "ab" * 8)
            for day, row in dated
        ]
        connection.register(name, pa.concat_tables(parts))
    for name, sql in analyst_views().items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
    return connection


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with lake(rows()) as opened:
        yield opened


@pytest.mark.parametrize("view", CASES["expected"])
def test_numbers_are_those_worked_out_by_hand(connection: duckdb.DuckDBPyConnection, view: str) -> None:
    expected = [{k: v for k, v in row.items() if k != "why"} for row in CASES["expected"][view]]
    columns = ", ".join(expected[0])
    cursor = connection.execute(f"SELECT {columns} FROM {view} ORDER BY ALL")
    found = [dict(zip(expected[0], row, strict=True)) for row in cursor.fetchall()]
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        for column, value in wanted.items():
            seen = row[column].isoformat() if isinstance(row[column], date) else row[column]
            assert seen == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value), column


def test_evidence_has_every_judgement_once_with_its_sentence(connection: duckdb.DuckDBPyConnection) -> None:
    keys = "SELECT day, article_id, stance_no FROM {} ORDER BY ALL"
    assert (
        connection.execute(keys.format("evidence")).fetchall()
        == connection.execute(keys.format("stances")).fetchall()
    )
    query = "SELECT * FROM evidence WHERE article_id LIKE '%04' AND holder_id IS NOT NULL"
    (row,) = connection.execute(query).to_arrow_table().to_pylist()
    assert (row["holder"], row["stance"], row["target"]) == ("Eastmark", "against", "Norland")
    assert (row["holder_text"], row["target_text"], row["sentence"]) == ("Eastmark", "Norland", TEXT)
    assert (row["source_uri"], row["outlet"], row["day"]) == ("04.txt", "x.example", date(2022, 1, 2))


def test_evidence_shows_the_sentence_that_names_a_holder_of_another_one() -> None:
    more, id_, day = rows(), full("04") or "", "2022-01-02"
    more["sentences"].append((day, sentence(id_, 1, "“It lies.”")))
    more["mentions"].append((day, mention(id_, 1, 2, 1, "It") | {"entity_id": "norland"}))
    asked = stance(90, {"article": "04", "stance": "against", "holder": "eastmark", "attributed": True})
    more["stances"].append((day, asked | {"sentence_no": 1, "target_mention_no": 2}))
    query = (
        "SELECT holder_text, target_text, sentence, holder_sentence FROM evidence WHERE article_id LIKE '%04'"
    )
    with lake(more) as with_it:
        found = with_it.execute(f"{query} ORDER BY stance_no").fetchall()
        counted = with_it.execute("SELECT judgements, against FROM who_on_whom").fetchall()
    assert counted == [(2, 1)]  # not the one of another sentence
    assert found == [(None, "Norland", TEXT, None), ("Eastmark", "Norland", TEXT, None),
                     ("Eastmark", "It", "“It lies.”", TEXT)]  # fmt: skip


@pytest.mark.parametrize("view", analyst_views())
def test_lines_that_recur_in_their_outlet_are_left_out(
    connection: duckdb.DuckDBPyConnection, view: str
) -> None:
    more, id_, day = rows(), full("01") or "", "2022-01-01"
    more["sentences"].append((day, sentence(id_, 1, TEXT) | {"kind": "recurring"}))
    more["mentions"] += [
        (day, mention(id_, 1, 2, 0, "Norland")), (day, mention(id_, 1, 3, 12, "Eastmark"))
    ]  # fmt: skip
    for number, holder in enumerate((None, "eastmark"), start=90):
        asked = stance(number, {"article": "01", "stance": "against", "holder": holder})
        named = holder and 3
        more["stances"].append(
            (day, asked | {"sentence_no": 1, "target_mention_no": 2, "holder_mention_no": named})
        )
    query = f"SELECT * FROM {view} ORDER BY ALL"
    with lake(more) as with_them:
        assert with_them.execute(query).fetchall() == connection.execute(query).fetchall()


def test_views_over_empty_tables_are_empty() -> None:
    with lake({t.name: [] for t in schemas.PUBLISHED}) as empty:
        for view in analyst_views():
            assert empty.execute(f"SELECT * FROM {view}").fetchall() == []


@pytest.mark.parametrize("view", analyst_views())
def test_every_column_is_documented(connection: duckdb.DuckDBPyConnection, view: str) -> None:
    sql = analyst_views()[view]
    columns = [row[0] for row in connection.execute(f"DESCRIBE {view}").fetchall()]
    assert [name for name, _ in view_columns(sql)] == columns
    assert comment_of(sql).endswith(".")


@pytest.mark.parametrize("net", [-1, -0.5, 0, 0.25, 1])
@pytest.mark.parametrize("articles", [1, 2, 30, 1000])
def test_the_interval_is_wilsons(net: float, articles: int) -> None:
    z, p = 1.959964, (net + 1) / 2
    centre, scale = p + z**2 / (2 * articles), 1 + z**2 / articles
    half = z * (p * (1 - p) / articles + z**2 / (4 * articles**2)) ** 0.5
    expected = [2 * (centre + side * half) / scale - 1 for side in (-1, 1)]
    for view in ("stance_daily", "outlet_lean", "who_on_whom"):
        sql = analyst_views()[view]
        lines = [line for line in sql.splitlines() if " AS net_" in line]
        source = f"(SELECT {net}::DOUBLE AS net, {z} ^ 2 / {articles} AS shrink) AS {lines[0].strip()[1]}"
        select = " ".join(line.split(" -- ")[0] for line in lines).rstrip(",")
        found = duckdb.sql(f"SELECT {select} FROM {source}").fetchone()
        assert found == pytest.approx(expected, abs=1e-9)
