"""`standpoint plan`: which days are due and why, in which units, and about how long it will take."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa

from pipeline import console, terminal
from pipeline.rates import Rates
from pipeline.units import Due, Unit

LINES = 40
"""Lines that a terminal shows unless asked for all."""
WORDS = {"code": "newer code", "model": "another model", "config": "other settings"}
ROWS = pa.schema(
    [
        ("day", pa.string()),
        ("why", pa.string()),
        ("articles", pa.int64()),
        ("to_compute", pa.int64()),
        ("tokens", pa.int64()),
        ("unit", pa.int64()),
        ("shards", pa.int64()),
    ]
)


class Planned(NamedTuple):
    """A day that is due, the number of its unit (of its first shard), and how many shards it has."""

    due: Due
    unit: int
    shards: int


def show(units: Sequence[Unit], rates: Rates, form: str, *, every: bool = False) -> None:
    """Print a plan: as `table` days in a row with the same reasons in a line, unless `every` day is asked
    for; as `csv` or `json` a row a day. The summary goes to standard error.
    """
    days = _planned(units)
    if form != "table":
        rows = [_row(day) for day in days]
        console.write(ROWS, iter(pa.Table.from_pylist(rows, ROWS).to_batches()), form)
    elif days:
        _table(days, every=every)
    for line in summary(units, rates):
        terminal.note(line)


def summary(units: Sequence[Unit], rates: Rates) -> list[str]:
    """How much is due, and about how long it takes."""
    days = len({due.day for unit in units for due in unit.days})
    if not days:
        return ["0 days are due: every table is current"]
    tokens = sum(unit.tokens for unit in units)
    time = terminal.duration(rates.seconds(len(units), tokens))
    due = "1 day is due" if days == 1 else f"{days:,} days are due"
    in_units = "1 unit" if len(units) == 1 else f"{len(units):,} units"
    speed = f"{1 / rates.per_token:,.0f} tokens a second and {rates.per_unit:.0f} s a unit"
    how = f"as the last {rates.units:,} units of this lake took" if rates.units else (
        "an assumption: no unit of this lake has been run with this model yet"
    )  # fmt: skip
    return [
        f"{due} in {in_units}, some {_rounded(tokens)} tokens: {time} for one process",
        f"({speed}, {how})",
    ]


def _rounded(count: int) -> str:
    return f"{count / 1e6:,.1f} million" if count >= 10**6 else f"{round(count, -2):,}"


def why(days: Sequence[Due]) -> str:
    """In plain words why days are due that are due for the same kinds of reasons; what landed is added up."""
    landed: Counter[str] = Counter()
    changed: dict[str, list[str]] = defaultdict(list)
    others: list[str] = []
    for due in days:
        for reason in due.reasons:
            if found := re.fullmatch(r"(\d+) (.+)", reason):
                landed[found[2]] += int(found[1])
    for reason in days[0].reasons:
        if found := re.fullmatch(r"(\w+) \((\w+)\)", reason):
            changed[found[1]].append(found[2])
        elif not reason[0].isdigit():
            others.append(reason)
    parts = [f"{WORDS[part]} ({', '.join(stages)})" for part, stages in changed.items()]
    return ", ".join([*others, *parts, *(f"{count:,} {what}" for what, count in landed.items())])


def _planned(units: Sequence[Unit]) -> list[Planned]:
    """The days in their order."""
    found: dict[str, Planned] = {}
    for number, unit in enumerate(units, 1):
        for due in unit.days:
            found.setdefault(due.day, Planned(due, number, unit.shard.parts if unit.shard else 1))
    return list(found.values())


def _row(day: Planned) -> dict[str, object]:
    due = day.due
    return {
        "day": due.day, "why": why([due]), "articles": due.articles, "to_compute": due.fresh,
        "tokens": due.tokens, "unit": day.unit, "shards": day.shards,
    }  # fmt: skip


def _table(days: Sequence[Planned], *, every: bool) -> None:
    lines = [[day] for day in days] if every else [list(group) for _, group in groupby(days, _kind)]
    shown = lines if every else lines[:LINES]
    heads = ["due", "days", "why", "articles", "to compute", "tokens", "units"]
    terminal.out.print(terminal.table(heads, [_line(group) for group in shown]))
    if hidden := sum(map(len, lines[len(shown) :])):
        terminal.note(f"… {hidden:,} more days; --all shows them, one a line")


def _kind(day: Planned) -> tuple[object, ...]:
    """Days with equal kinds are shown in one line; a day in shards has its own."""
    kinds = tuple(re.sub(r"^\d+ ", "", reason) for reason in day.due.reasons)
    return kinds, day.due.day if day.shards > 1 else ""


def _line(group: Sequence[Planned]) -> tuple[object, ...]:
    days = [day.due for day in group]
    first, last = group[0], group[-1]
    span = days[0].day if len(days) == 1 else f"{days[0].day} to {days[-1].day}"
    end = last.unit + last.shards - 1
    units = f"{first.unit}" if end == first.unit else f"{first.unit}–{end}"
    if first.shards > 1:
        units += f" ({first.shards} shards)"
    sums = (sum(getattr(due, name) for due in days) for name in ("articles", "fresh", "tokens"))
    return span, len(days), why(days), *sums, units
