"""How long work takes here, told from what the lake's own `runs` say of units that were done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake import Lake
from pipeline.stages import Context, recipe

DAYS = 300
"""So many days that were published last are looked at: some ten units of history, or a year of nights."""
UNTIMED = 1.12
"""A unit takes so many times what its stages' own clocks show: staging and files (docs/performance.md)."""
COLUMNS = ("day", "run_id", "stage", "started_at", "seconds", "tokens", "model")


@dataclass(frozen=True)
class Rates:
    """Seconds that a unit takes whatever it holds, and for each token of it.

    `units`: how many they were measured on, 0 where they are assumed.
    """

    per_unit: float
    per_token: float
    units: int = 0

    def seconds(self, units: int, tokens: int) -> float:
        """How long so many units with so many tokens in all take one process."""
        return units * self.per_unit + tokens * self.per_token


ASSUMED = Rates(per_unit=10, per_token=1 / 3000)
"""One core of a server with the shipped model (docs/performance.md)."""


def measured(lake: Lake, context: Context) -> Rates:
    """The rates of the units that were done last with the model of now; `ASSUMED` where there are none."""
    last = sorted(lake.manifests().values(), key=lambda m: m.published_at)[-DAYS:]
    runs = lake.rows("runs", last, COLUMNS)
    runs = runs.filter(pc.not_equal(runs["stage"], "ingest"))
    tokens, seconds = _units(runs, recipe(context)["tag"]["model"])
    if not tokens.sum():
        return ASSUMED
    # A straight line through the units; where all are alike, what one costs beside its tokens is assumed.
    spread = tokens.max() >= 2 * tokens.min()
    slope = np.cov(tokens, seconds)[0, 1] / tokens.var(ddof=1) if spread else 0.0
    beside = seconds.mean() - slope * tokens.mean() if spread else ASSUMED.per_unit
    beside = float(np.clip(beside, 0, seconds.mean() / 2))
    per_token = (seconds.sum() - len(seconds) * beside) / tokens.sum()
    return Rates(UNTIMED * beside, UNTIMED * float(per_token), len(tokens))


def _units(runs: pa.Table, model: str) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and seconds of each unit that this model has worked on, float64.

    The days of a unit were cleaned by one call, which began at one time.
    """
    builds = runs.group_by(["day", "run_id"]).aggregate([("seconds", "sum"), ("tokens", "sum")])
    began = runs.filter(pc.equal(runs["stage"], "clean")).select(["day", "run_id", "started_at"])
    asked = runs.filter(pc.and_(pc.equal(runs["stage"], "tag"), pc.equal(runs["model"], model)))
    keys = ["day", "run_id"]
    days = builds.join(began, keys, join_type="inner").join(asked.select(keys), keys, join_type="left semi")
    units = days.group_by(["run_id", "started_at"]).aggregate([("seconds_sum", "sum"), ("tokens_sum", "sum")])
    tokens, seconds = (np.asarray(units[f"{name}_sum_sum"], np.float64) for name in ("tokens", "seconds"))
    return tokens[tokens > 0], seconds[tokens > 0]
