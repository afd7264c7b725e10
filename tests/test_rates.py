"""How long work takes, told from runs whose speed is known."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from fake_models import KeywordJudge, NewTagger

from pipeline import rates, schemas
from pipeline.rates import ASSUMED, UNTIMED, Rates
from pipeline.settings import Settings
from pipeline.stages import Context, recipe

START = datetime(2022, 3, 1, tzinfo=UTC)


def runs(context, sizes, *, beside: float = 6.0, speed: float = 2000.0, days: int = 2):
    """The `runs` of units of so many tokens, of two days each, at a known speed."""
    model, rows = recipe(context)["tag"]["model"], []
    for n, tokens in enumerate(sizes):
        seconds = beside + tokens / speed
        for day in range(days):
            for stage, share in (
                ("clean", 0.1),
                ("tag", 0.6),
                ("link", 0.1),
                ("judge", 0.1),
                ("publish", 0.1),
            ):
                row = {
                    "run_id": f"r{n}", "stage": stage, "started_at": START + timedelta(hours=n), "rows_in": 1,
                    "rows_out": 1, "rejected": 0, "duplicates": 0, "seconds": share * seconds / days,
                    "tokens": tokens // days if stage == "tag" else 0, "code": "1", "config": "",
                    "model": model if stage == "tag" else "", "fingerprint": "f" * 64, "verdict": "passed",
                }  # fmt: skip
                rows.append((START.date() + timedelta(day), row))
    tables = [schemas.stamp("runs", schemas.from_rows("runs", [row]), day, "a" * 16) for day, row in rows]
    return pa.concat_tables(tables)


def of(context, table, monkeypatch, lake) -> Rates:
    monkeypatch.setattr(
        type(lake), "rows", lambda self, name, manifests, columns: table.select(list(columns))
    )
    return rates.measured(lake, context)


def test_what_a_unit_costs_beside_its_tokens_is_told_apart(lake, context, monkeypatch):
    found = of(context, runs(context, [10_000, 100_000, 400_000]), monkeypatch, lake)
    assert found.units == 3
    assert found.per_unit == pytest.approx(6 * UNTIMED)
    assert found.per_token == pytest.approx(UNTIMED / 2000)
    assert found.seconds(2, 50_000) == pytest.approx((12 + 25) * UNTIMED)


def test_units_all_alike_still_tell_their_own_time(lake, context, monkeypatch):
    found = of(context, runs(context, [100_000, 110_000]), monkeypatch, lake)
    assert found.seconds(2, 210_000) == pytest.approx((12 + 105) * UNTIMED)
    assert found.per_unit == pytest.approx(ASSUMED.per_unit * UNTIMED)


def test_a_lake_without_runs_of_this_model_is_told(built, lake, context):
    assert rates.measured(lake, context) == ASSUMED
    assert rates.measured(built, context).units == 1
    assert rates.measured(built, Context(Settings(), NewTagger(), KeywordJudge())) == ASSUMED
