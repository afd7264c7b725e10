"""How fast the stages are, as the last runs measured it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa

from pipeline.schemas import STAGE_NAMES

RUNS = 5
"""So many of the last runs are pooled: one of few articles alone says little."""
COLUMNS = ("day", "run_id", "stage", "started_at", "rows_in", "seconds", "tokens")


@dataclass(frozen=True)
class Rate:
    """What a stage did in the last runs: articles, wall-clock seconds, and word pieces seen by the model.

    The rates are None where no time was measured, that of tokens also where the model is not asked.
    """

    stage: str
    articles: int
    seconds: float
    tokens: int

    @property
    def articles_per_second(self) -> float | None:
        """Articles in a second."""
        return self.articles / self.seconds if self.seconds else None

    @property
    def tokens_per_second(self) -> float | None:
        """Word pieces in a second."""
        return self.tokens / self.seconds if self.seconds and self.tokens else None


def speeds(runs: pa.Table, last: int = RUNS) -> list[Rate]:
    """The rate of each stage over the last runs (of `ingest`: over the last batches), in the order of stages.

    `runs`: columns `COLUMNS` of that table. Articles are those that the run computed, of `ingest` the items
    found in the sources; runs that computed none are left out.
    """
    rows = runs.select(COLUMNS).to_pylist()
    computed = {(r["day"], r["run_id"]): r["rows_in"] for r in rows if r["stage"] in ("ingest", "clean")}
    started: dict[bool, dict[str, object]] = {True: {}, False: {}}
    for row in sorted(rows, key=lambda r: r["started_at"]):
        if computed.get((row["day"], row["run_id"])):
            started[row["stage"] == "ingest"][row["run_id"]] = row["started_at"]
    wanted = {run for runs in started.values() for run in list(runs)[-last:]}
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0])
    for row in rows:
        articles = computed.get((row["day"], row["run_id"]), 0)
        if row["run_id"] in wanted and articles:
            for at, value in enumerate((articles, row["seconds"], row["tokens"])):
                sums[row["stage"]][at] += value
    return [
        Rate(stage, int(sums[stage][0]), sums[stage][1], int(sums[stage][2]))
        for stage in STAGE_NAMES
        if stage in sums
    ]
