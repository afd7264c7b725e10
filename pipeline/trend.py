"""How the quality of the tables goes: the view `quality`, the last four weeks against the four before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pipeline import database
from pipeline.lake import Lake
from pipeline.manifest import Manifest

DAYS = 28
MEASURES = {
    "articles": "articles a day",
    "near_duplicates": "share of near-duplicates",
    "reject_rate": "share refused",
    "repairs_per_1000": "repairs per 1,000 characters",
    "unsure_share": "share of unsure judgements",
    "favor_share": "share in favor",
    "against_share": "share against",
}
"""Measures in the order in which they are shown, and what they are called."""
POOLED = """
WITH counted AS (
    SELECT *, day > $newest::DATE - {days} AS recent,
        -- What was refused when it landed or was cleaned, told from its share.
        CASE WHEN articles = 0 THEN rejects ELSE articles * reject_rate / (1 - reject_rate) END AS refused
    FROM quality
)
SELECT recent, avg(articles), sum(near_duplicates) / nullif(sum(articles), 0),
    sum(refused) / nullif(sum(articles + refused), 0),
    sum(repairs_per_1000 * articles) / nullif(sum(articles) FILTER (repairs_per_1000 IS NOT NULL), 0),
    sum(unsure_share * judgements) / nullif(sum(judgements), 0),
    sum(favor_share * judgements) / nullif(sum(judgements), 0),
    sum(against_share * judgements) / nullif(sum(judgements), 0)
FROM counted GROUP BY recent
"""
DAILY = """
SELECT day, articles, near_duplicates / nullif(articles, 0), reject_rate, repairs_per_1000, unsure_share,
    favor_share, against_share
FROM quality WHERE day > $newest::DATE - {days}
"""


@dataclass(frozen=True)
class Measure:
    """A measure: pooled over the last 28 days and the 28 before, and day by day (None: nothing that day)."""

    name: str
    meaning: str
    last: float | None
    before: float | None
    daily: tuple[float | None, ...]

    @property
    def is_share(self) -> bool:
        """Whether it is a share from 0 to 1."""
        return "share" in self.meaning

    def shown(self, value: float | None) -> str:
        """A value of it for people."""
        if value is None:
            return "–"
        return f"{100 * value:.1f} %" if self.is_share else f"{value:,.1f}"


def trend(lake: Lake, manifests: Mapping[date, Manifest]) -> list[Measure]:
    """The measures of the 28 days up to the newest of these with articles; none where there is none.

    All files of these days must be there.
    """
    newest = max((day for day, m in manifests.items() if m.articles), default=None)
    if newest is None:
        return []
    near = [m for day, m in manifests.items() if newest - timedelta(2 * DAYS) < day <= newest]
    with database.over(lake, near) as connection:
        pooled = {row[0]: row[1:] for row in _ask(connection, POOLED, newest)}
        daily = {row[0]: row[1:] for row in _ask(connection, DAILY, newest)}
    days = [newest - timedelta(n) for n in reversed(range(DAYS))]
    return [
        Measure(
            name,
            meaning,
            pooled[True][at] if True in pooled else None,
            pooled[False][at] if False in pooled else None,
            tuple(daily[day][at] if day in daily else None for day in days),
        )
        for at, (name, meaning) in enumerate(MEASURES.items())
    ]


def _ask(connection: database.Connection, sql: str, newest: date) -> list[tuple[Any, ...]]:
    return connection.execute(sql.format(days=DAYS), {"newest": newest}).fetchall()
