"""What is measured of a day, and when that is far from the days before it."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from pipeline.database import analyst_views
from pipeline.drift import MEASURES, Measure, deviations, findings, measure

DAY = date(2022, 3, 1)
RATE = Measure("share of x", "", 20, points=0.05)
COUNT = Measure("articles", "", 20, share=0.3, kind="count")
CASES = json.loads((Path(__file__).parent / "cases" / "drift.json").read_text("utf-8"))


def dated(values: list, base: list | None = None) -> dict[date, tuple[float, float]]:
    """The last value is that of DAY, the others are those of the days before it; None: not published."""
    first = DAY - timedelta(len(values) - 1)
    bases = base or [1] * len(values)
    return {first + timedelta(i): (v, bases[i]) for i, v in enumerate(values) if v is not None}


@pytest.mark.parametrize("case", [pytest.param(c, id=c["why"]) for c in CASES])
def test_cases(case):
    what = {"rate": RATE, "count": COUNT}[case["measure"]]
    values = [v for part in case["before"] for v in part["values"] * part.get("times", 1)]
    bases = [
        b
        for part in case["before"]
        for b in [part.get("base", 1)] * len(part["values"]) * part.get("times", 1)
    ]
    counts = dated([*values, case["today"]], [*bases, case.get("base", 1)])
    table = deviations({"x": counts}, DAY, what)
    if case["found"] is None:
        assert table.num_rows == 0
    else:
        (row,) = table.to_pylist()
        assert (row["deviation"] > 1) - (row["deviation"] < -1) == {"high": 1, "low": -1, "": 0}[
            case["found"]
        ], row
        assert len(findings(table, DAY, what)) == bool(case["found"])


def test_a_vanished_outlet_is_found_though_it_has_no_row_of_the_day():
    counts = dated([40] * 28 + [None])
    assert DAY not in counts
    (row,) = deviations({"x": counts}, DAY, COUNT).to_pylist()
    assert (row["measured"], row["expected"]) == (0, 40)
    assert row["deviation"] < -1


def test_steady_news_raises_no_alert_in_years():
    """Poisson counts with a weekly rhythm, and binomial shares: 2 subjects on 1,000 days."""
    chance = random.Random(7)
    volume = [sum(chance.random() < 0.1 for _ in range(400 if n % 7 < 5 else 220)) for n in range(1028)]
    share = [(sum(chance.random() < 0.08 for _ in range(40)), 40) for _ in range(1028)]
    found = []
    for day in range(28, 1028):
        window = dated(volume[day - 28 : day + 1])
        found += findings(deviations({"volume": window}, DAY, COUNT), DAY, COUNT)
        hits, bases = zip(*share[day - 28 : day + 1], strict=True)
        found += findings(deviations({"share": dated(list(hits), list(bases))}, DAY, RATE), DAY, RATE)
    assert len(found) <= 2, found


def test_the_furthest_comes_first_and_a_line_says_all():
    measured = {"calm": dated([40] * 29), "far": dated([40] * 28 + [100]), "farther": dated([40] * 28 + [0])}
    lines = findings(deviations(measured | {"far": dated([40] * 28 + [200])}, DAY, COUNT), DAY, COUNT)
    assert len(lines) == 2
    assert lines[0] == (
        "articles, far: 200 on 2022-03-01, where 40 (give or take 26) were to be expected "
        "from the 28 days before"
    )
    assert deviations({}, DAY, COUNT).num_rows == 0


@pytest.fixture
def lake() -> duckdb.DuckDBPyConnection:
    """29 days of two outlets, in the columns that are measured; the last day is another in every respect."""
    connection = duckdb.connect()
    articles, mentions, stances, rejects, runs = [], [], [], [], []
    for back in range(28, -1, -1):
        day, last = DAY - timedelta(back), back == 0
        runs.append((day,))
        for outlet, count in (("a.example", 30), ("b.example", 0 if last else 25)):
            for number in range(count):
                name = f"{outlet}{day}{number}"
                language = "de" if last and number < 10 else "en"
                articles.append((day, name, outlet, language, 10, 1000, None, {}))
                mentions += [(day, name, None if n == 0 else "x") for n in range(4 if last else 13)]
                stance = "against" if last or number % 5 == 0 else "neutral"
                stances += [(day, name, 0, stance, 0.1, 0.8, 0.1)] * 4
        rejects += [(day, "clean", "rule", "")] * (12 if last else 1)
        rejects += [(day, "clean", "language", "fr, probability 0.99; wanted: en")]
        rejects += [(day, "judge", "rule", "")] * 50
    columns = {
        "articles": ("day DATE, article_id VARCHAR, outlet VARCHAR, language VARCHAR, sentences INT, "
                     "characters INT, near_duplicate_of VARCHAR, repairs MAP(VARCHAR, INT)", articles),
        "mentions": ("day DATE, article_id VARCHAR, entity_id VARCHAR", mentions),
        "stances": ("day DATE, article_id VARCHAR, sentence_no INT, stance VARCHAR, "
                    "favor FLOAT, against FLOAT, neutral FLOAT", stances),
        "rejects": ("day DATE, stage VARCHAR, reason VARCHAR, detail VARCHAR", rejects),
        "sentences": ("day DATE, article_id VARCHAR, sentence_no INT, kind VARCHAR", []),
        "runs": ("day DATE", runs),
    }  # fmt: skip
    for name, (declared, rows) in columns.items():
        connection.execute(f"CREATE TABLE {name} ({declared})")
        if rows:
            connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.execute(f"CREATE VIEW quality AS {analyst_views()['quality']}")
    return connection


def test_what_is_measured_of_a_lake(lake):
    yesterday = DAY - timedelta(1)
    found = {name: measure(lake, DAY, what) for name, what in MEASURES.items()}
    assert {len(counts) for counts in found["volume"].values()} == {29}
    assert found["volume"]["all outlets"][yesterday] == (55, 1)
    assert found["volume"]["b.example"][DAY] == (0, 1)
    assert found["rejects"]["all sources"][yesterday] == (2, 57)
    assert found["rejects"]["all sources"][DAY] == (13, 43)
    assert found["languages"]["fr"][DAY] == (1, 31)
    assert found["languages"]["de"] == {
        d: (10 if d == DAY else 0, 31 if d == DAY else 56) for d in found["languages"]["de"]
    }
    assert found["entities"]["a.example"][yesterday] == (360, 300)
    assert found["stances"]["a.example, against"][yesterday] == (24, 120)
    assert found["stances"]["all outlets, unsure"][DAY] == (0, 120)
    assert min(found["volume"]["all outlets"]) == DAY - timedelta(28)


def test_each_measure_finds_its_own(lake):
    found = {}
    for name, what in MEASURES.items():
        table = deviations(measure(lake, DAY, what), DAY, what)
        found[name] = {row["subject"] for row in table.to_pylist() if abs(row["deviation"]) > 1}
    assert found == {
        "volume": {"b.example"},
        "rejects": {"all sources"},
        "languages": {"de", "en"},
        "entities": {"a.example"},
        "stances": {"a.example, against"},
    }
    calm = DAY - timedelta(1)
    for what in MEASURES.values():
        assert findings(deviations(measure(lake, calm, what), calm, what), calm, what) == []
