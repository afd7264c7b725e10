"""Drift: what a day measures, against the 28 days before it, by statistics that outliers do not move.

A measure is a count or a rate of counts. Expected is the median of the days before (of the same weekday,
where the measure has a week's rhythm). Tolerated is four times what chance and the days' usual spread
explain (the median absolute deviation), and in any case a difference too small to matter. Days and subjects
with too few rows to tell are left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import pyarrow as pa

from pipeline import database, schemas
from pipeline.database import Connection

DAYS = 28
LEAST_DAYS = 7  # days before, without which nothing is expected
LEAST_WEEKDAYS = 3
WIDTH = 4  # standard deviations: of a thousand measures in order, fewer than one is reported
NORMAL = 1.4826  # the standard deviation of a normal distribution, in median absolute deviations

Counts = Mapping[date, tuple[float, float]]
"""By day, how many there are and out of how many (1 where it is a plain count)."""


@dataclass(frozen=True)
class Measure:
    """What is measured: SQL for (subject, day, hits, base), and what is too little to be told or to matter.

    `least`: base, or expected count of a plain count, below which a day says nothing; `share`, `points`: the
    difference that does not matter, relative and absolute.
    """

    what: str
    sql: str
    least: int
    share: float = 0.0
    points: float = 0.0
    kind: str = "share"
    """`count`: a plain one, with the rhythm of a week; `rate`: how often per item; `share`: of how many."""

    @property
    def counted(self) -> bool:
        """Whether it is a plain count."""
        return self.kind == "count"


VOLUME = """
SELECT 'all outlets' AS subject, day, coalesce(articles, 0) AS hits, 1 AS base
FROM days LEFT JOIN quality USING (day)
UNION ALL
SELECT outlet, day, count(articles.article_id), 1
FROM days CROSS JOIN (SELECT DISTINCT outlet FROM articles SEMI JOIN days USING (day))
LEFT JOIN articles USING (day, outlet)
GROUP BY outlet, day"""
REJECTS = """
SELECT 'all sources' AS subject, day, sum(refused) AS hits, count(*) AS base
FROM (
    SELECT day, 0 AS refused FROM articles SEMI JOIN days USING (day)
    UNION ALL
    SELECT day, 1 FROM rejects SEMI JOIN days USING (day) WHERE stage IN ('ingest', 'clean')
)
GROUP BY day"""
LANGUAGES = """
WITH found AS (
    SELECT day, language FROM articles SEMI JOIN days USING (day)
    UNION ALL
    SELECT day, split_part(detail, ',', 1) FROM rejects SEMI JOIN days USING (day) WHERE reason = 'language'
)
SELECT languages.language AS subject, day,
    count(*) FILTER (found.language = languages.language) AS hits, count(*) AS base
FROM found CROSS JOIN (SELECT DISTINCT language FROM found) AS languages
GROUP BY languages.language, day"""
ENTITIES = """
WITH named AS (
    SELECT day, article_id, count(entity_id) AS entities FROM mentions SEMI JOIN days USING (day) GROUP BY ALL
)
SELECT outlet AS subject, day, sum(coalesce(entities, 0)) AS hits, sum(sentences) AS base
FROM articles SEMI JOIN days USING (day) LEFT JOIN named USING (day, article_id)
GROUP BY outlet, day"""
STANCES = """
WITH judged AS (
    SELECT outlet, day, stance FROM stances SEMI JOIN days USING (day) JOIN articles USING (day, article_id)
)
SELECT outlet || ', ' || side AS subject, day, count(*) FILTER (stance = side) AS hits, count(*) AS base
FROM judged CROSS JOIN (VALUES ('favor'), ('against')) AS sides(side)
GROUP BY outlet, side, day
UNION ALL
SELECT 'all outlets, unsure', day, unsure_share * judgements, judgements
FROM quality SEMI JOIN days USING (day)
WHERE judgements > 0"""
MEASURES: Mapping[str, Measure] = {
    "volume": Measure("articles", VOLUME, 20, share=0.3, kind="count"),
    "rejects": Measure("share of articles refused", REJECTS, 20, points=0.05),
    "languages": Measure("share of articles in the language", LANGUAGES, 20, points=0.05),
    "entities": Measure("entities per sentence", ENTITIES, 50, share=0.2, kind="rate"),
    "stances": Measure("share of judgements", STANCES, 50, points=0.05),
}


def measure(connection: Connection, day: date, what: Measure) -> dict[str, Counts]:
    """What is measured of each subject on this day and on the published ones of the 28 days before."""
    first = day - timedelta(DAYS)
    days = f"SELECT DISTINCT day FROM runs WHERE day BETWEEN DATE '{first}' AND DATE '{day}'"  # noqa: S608 - dates
    sql = f"WITH days AS ({days}), measured AS ({what.sql}) FROM measured"
    rows = database.query(connection, sql).fetchall()
    found: dict[str, dict[date, tuple[float, float]]] = defaultdict(dict)
    for subject, when, hits, base in rows:
        found[subject][when] = (float(hits), float(base))
    return dict(found)


def deviations(measured: Mapping[str, Counts], day: date, what: Measure) -> pa.Table:
    """Table `drift`: how far each subject that can be told of is from what was to be expected on the day."""
    rows = []
    for subject, counts in sorted(measured.items()):
        if row := _deviation(counts, day, what):
            rows.append({"subject": subject, **row})
    return schemas.from_rows("drift", rows)


def findings(table: pa.Table, day: date, what: Measure) -> list[str]:
    """A line for each subject that is further off than is tolerated, the furthest first."""
    far = [row for row in table.to_pylist() if abs(row["deviation"]) > 1]
    far.sort(key=lambda row: (-abs(row["deviation"]), row["subject"]))
    return [
        f"{what.what}, {row['subject']}: {row['measured']:.3g} on {day}, where {row['expected']:.3g} "
        f"(give or take {row['tolerance']:.2g}) were to be expected from the {DAYS} days before"
        for row in far
    ]


def _deviation(counts: Counts, day: date, what: Measure) -> dict[str, float] | None:
    hits, base = counts.get(day, (0.0, 0.0))
    before = {d: h / b for d, (h, b) in counts.items() if d < day and (what.counted or b >= what.least)}
    if len(before) < LEAST_DAYS or (not what.counted and base < what.least):
        return None
    rhythm = 7 if what.counted else 1
    phases: dict[int, list[float]] = defaultdict(list)
    for d, value in before.items():
        phases[(day - d).days % rhythm].append(value)
    alike = phases[0] if len(phases[0]) >= LEAST_WEEKDAYS else list(before.values())
    expected = median(alike)
    if what.counted and expected < what.least:
        return None
    spread = NORMAL * median(abs(v - median(values)) for values in phases.values() for v in values)
    base = base or 1.0
    # Counts vary by their square root, shares less; one more, since none before does not mean never.
    variance = expected * (1 - expected) if what.kind == "share" else expected
    chance = math.sqrt((variance + 1 / base) / base)
    tolerance = max(WIDTH * math.hypot(spread, chance), what.share * expected, what.points)
    return {
        "measured": hits / base,
        "expected": expected,
        "tolerance": tolerance,
        "deviation": (hits / base - expected) / tolerance,
    }
