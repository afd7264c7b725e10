"""Plain files: what is in them is what is in the lake, and nothing is written over a lake."""

import base64
import csv
import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import export, schemas
from pipeline.errors import UsageError

TABLES = [t.name for t in schemas.PUBLISHED]


def read_csv(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_table_of_every_day_is_a_file(built, tmp_path):
    rows = export.tables(built, str(tmp_path / "out"), "parquet")
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*"))
    days = ("2022-01-05", "2022-01-06")
    assert files == sorted(f"{t}/{d}.parquet" for t in TABLES for d in days)
    tables = {t: pq.read_table(tmp_path / "out" / t) for t in TABLES}
    assert sum(t.num_rows for t in tables.values()) == rows
    for name, table in tables.items():
        assert table.schema.equals(schemas.TABLES[name].published_schema)
    assert tables["articles"].num_rows == 3


def test_some_tables_of_some_days(built, tmp_path):
    export.tables(built, str(tmp_path / "out"), "csv", ["articles"], date(2022, 1, 6), date(2022, 1, 6))
    (path,) = (tmp_path / "out").rglob("*.csv")
    assert (path.name, [row["day"] for row in read_csv(path)]) == ("2022-01-06.csv", ["2022-01-06"])


def test_csv_holds_nested_columns_and_bytes(built, tmp_path):
    export.tables(built, str(tmp_path), "csv")
    raw = [r for p in sorted((tmp_path / "raw").rglob("*.csv")) for r in read_csv(p)]
    inside = {
        a["article_id"]: a for m in built.manifests().values() for a in built.table(m, "raw").to_pylist()
    }
    assert {r["article_id"]: json.loads(r["lines"]) for r in raw} == {
        key: a["lines"] for key, a in inside.items()
    }
    articles = [r for p in (tmp_path / "articles").rglob("*.csv") for r in read_csv(p)]
    assert all(isinstance(json.loads(row["repairs"]), dict) for row in articles)
    (refused,) = [r for p in (tmp_path / "rejects").rglob("*.csv") for r in read_csv(p)]
    assert base64.b64decode(refused["raw"]) == b""


def test_a_query_is_one_file(built, tmp_path):
    query = "SELECT day, sum(rows_in) AS n, map {'a': [1, 2]} AS m FROM runs GROUP BY day ORDER BY day"
    assert export.query(built, query, str(tmp_path), "csv") == 2
    rows = read_csv(tmp_path / "query.csv")
    assert [row["day"] for row in rows] == ["2022-01-05", "2022-01-06"]
    assert all(int(row["n"]) > 0 and json.loads(row["m"]) == {"a": [1, 2]} for row in rows)
    assert export.query(built, "SELECT 1 AS x WHERE false", str(tmp_path), "parquet") == 0
    assert pq.read_table(tmp_path / "query.parquet").column_names == ["x"]


def test_mistakes_are_told(built, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="'nosuch' is none of raw, "):
        export.tables(built, str(tmp_path / "out"), "csv", ["nosuch"])
    with pytest.raises(UsageError, match="is a lake"):
        export.tables(built, built.store.uri, "csv")
    for folder in ("data", "data/articles", "sub"):
        with pytest.raises(UsageError, match="lies in the lake"):
            export.tables(built, f"{built.store.uri}/{folder}", "csv")
        with pytest.raises(UsageError, match="lies in the lake"):
            export.query(built, "SELECT 1", f"{built.store.uri}/{folder}", "csv")
    assert export.query(built, "SELECT 1", f"{built.store.uri}-tables", "csv") == 1
    with pytest.raises(UsageError, match="is a file"):
        export.tables(built, str(tmp_path / "file"), "csv")
    with pytest.raises(UsageError, match="cast it to text"):
        export.query(built, "SELECT INTERVAL 3 DAY AS i", str(tmp_path), "parquet")
    with pytest.raises(UsageError, match="refused"):
        export.query(built, "DROP VIEW raw", str(tmp_path), "csv")
    assert not (tmp_path / "query.parquet").exists()


PLAIN = [
    (Decimal("122"), 122),
    (Decimal("1.5"), 1.5),
    (Decimal("0.10"), 0.1),
    (Decimal("123456789012345678.12345"), "123456789012345678.12345"),
    (b"\xff", "/w=="),
    (date(2022, 1, 5), "2022-01-05"),
    (float("nan"), None),
    (True, True),
    ({1: [(b"a", None)]}, {"1": [["YQ==", None]]}),
    (complex(1), "(1+0j)"),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN, ids=lambda value: str(value)[:20])
def test_plain_values(value, expected):
    assert export.plain(value) == expected


def test_flat_keeps_what_csv_knows():
    table = pa.table(
        {"a": [1], "b": ["x"], "c": [Decimal("1.50")], "d": [{"k": b"a"}], "e": pa.array([[1], None][:1])}
    )
    flat = export.flat(table)
    assert flat.to_pylist() == [{"a": 1, "b": "x", "c": "1.50", "d": '{"k": "YQ=="}', "e": "[1]"}]
