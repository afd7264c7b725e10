"""`standpoint status`: how a lake stands, on one screen, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline import terminal
from pipeline.findings import Finding, findings
from pipeline.sidebyside import visible
from pipeline.speeds import Rate
from pipeline.status import Status
from pipeline.trend import DAYS, Measure

BLOCKS = "▁▂▃▄▅▆▇█"
NO_DAY = "·"
DIGEST = 16
WIDE = 80
"""Columns of a terminal that days side by side need."""
SOME = 6
"""Kinds of rejects that are listed."""


def show(status: Status, form: str) -> None:
    """Print the status as `table`, a screen for people, or as `json`, one object."""
    found = findings(status)
    if form == "json":
        print(as_json(status, found))
    else:
        screen(status, found, terminal.out)


def as_json(status: Status, found: Sequence[Finding]) -> str:
    """The status and its findings as one JSON object; times in ISO 8601."""
    record = asdict(status) | {"findings": [one._asdict() for one in found]}
    for entry, rate in zip(record["rates"], status.rates, strict=True):
        entry["articles_per_second"] = rate.articles_per_second
        entry["tokens_per_second"] = rate.tokens_per_second
    return json.dumps(record, default=lambda value: value.isoformat(), ensure_ascii=False)


def screen(status: Status, found: Sequence[Finding], console: Console) -> None:
    """Draw the status: one part after the other, and what to do at the end."""
    parts: dict[str, Iterable[RenderableType]] = {
        "lake": [f"{visible(status.lake)}, {_size(status)}", f"as of {_time(status.at)} UTC"],
        "fresh": _fresh(status),
        "backlog": _backlog(status),
        "at work": _at_work(status),
        "rates": _rates(status.rates),
        "failures": _failures(status),
        "quality": _quality(status.quality, console.width),
        "model": [_model(status)],
    }
    grid = Table.grid(padding=(0, 2, 0, 0), expand=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, lines in parts.items():
        shown = [Text(line) if isinstance(line, str) else line for line in lines]
        grid.add_row(name, Group(*shown))
    grid.add_row("to do", Group(*(_finding(one) for one in found)) if found else Text("nothing", "green"))
    console.print(grid)


def _finding(found: Finding) -> Text:
    return Text(visible(found.what), "yellow").append(f"\n  → {found.next}", "default")


def _size(status: Status) -> str:
    size = status.size
    aside = [
        f"{_bytes(count)} {what}"
        for count, what in (
            (size.compacted_bytes, "compacted"),
            (size.superseded_bytes, "superseded"),
            (size.orphan_bytes, "orphaned"),
        )
        if count
    ]
    return ", ".join([f"{size.files:,} files, {_bytes(size.bytes)}", *aside])


def _fresh(status: Status) -> Iterable[str]:
    fresh, run = status.freshness, status.freshness.last_run
    if not fresh.days:
        yield "nothing is published yet"
    else:
        yield f"{fresh.days:,} days, {fresh.articles:,} articles, {fresh.first_day} to {fresh.last_day}"
    if fresh.newest_landed:
        yield f"newest article landed {_when(fresh.newest_landed, status.at)}"
    if run:
        took = _duration(run.ended_at - run.started_at)
        yield f"last run published {_when(run.ended_at, status.at)}, after {took}, by {visible(run.by)}"
        yield f"  {visible(run.run_id)}: {run.days:,} days, {run.articles:,} articles in them"


def _backlog(status: Status) -> Iterable[RenderableType]:
    backlog = status.backlog
    if not backlog.total.days:
        yield Text("nothing is due")
        return
    rows = [(why, w.days, w.articles) for why, w in backlog.reasons.items()]
    if len(rows) > 1:
        rows.append(("in all", backlog.total.days, backlog.total.articles))
    yield terminal.table(["why", "days", "articles to compute"], rows)
    if backlog.oldest_batch:
        since = _when(backlog.oldest_batch, status.at)
        yield Text(f"{backlog.batches:,} batches wait in the inbox, the oldest landed {since}")


def _at_work(status: Status) -> Iterable[str]:
    for claim in status.claims:
        held = f"{claim.holds[0]} and {len(claim.holds) - 1:,} more" if claim.holds[1:] else claim.holds[0]
        silent = (
            f", not heard from for {_duration(status.at - claim.heard)}" if claim.is_over(status.at) else ""
        )
        yield f"{held}: {visible(str(claim))}{silent}"
    if not status.claims:
        yield "no run"


def _rates(rates: Sequence[Rate]) -> Iterable[RenderableType]:
    if not rates:
        yield Text("no run has computed anything yet")
        return
    rows = [
        (
            r.stage,
            r.articles,
            _number(r.seconds),
            _number(r.articles_per_second),
            _number(r.tokens_per_second),
        )
        for r in rates
    ]
    yield terminal.table(["last runs", "articles", "seconds", "articles/s", "tokens/s"], rows)


def _failures(status: Status) -> Iterable[RenderableType]:
    found = status.failures
    units = [
        (len(found.failed), "failed"),
        (len(found.stuck), "left in the middle"),
        (found.working, "at work"),
    ]
    told = [f"{count:,} {what}" for count, what in units if count]
    yield Text(f"units: {', '.join(told)}" if told else "no unit failed")
    if found.rejects:
        listed = [f"{r.count:,} {r.reason} ({r.stage})" for r in found.rejects[:SOME]]
        more = sum(r.count for r in found.rejects[SOME:])
        listed += [f"{more:,} more"] if more else []
        yield Text(f"refused in the days published this week: {', '.join(listed)}")


def _quality(quality: Sequence[Measure], width: int) -> Iterable[RenderableType]:
    if not quality:
        yield Text("no day is published yet")
        return
    rows = [(m.meaning, m.shown(m.last), m.shown(m.before), _line(m.daily)) for m in quality]
    shown = terminal.table([f"last {DAYS} days", "", "before", "day by day"], rows)
    for at in (1, 2):
        shown.columns[at].justify = "right"
    if width < WIDE:
        del shown.columns[3]
    yield shown


def _model(status: Status) -> str:
    model = status.model
    named = f"{visible(model.name)}, digest {model.digest[:DIGEST]}"
    if model.days_with_another:
        return f"{named}; {model.days_with_another:,} days are published as another left them"
    return f"{named}; all days have it" if status.freshness.days else named


def _line(values: Sequence[float | None]) -> str:
    """The values as blocks from 0 to the greatest."""
    top = max(filter(None, values), default=1)
    return "".join(
        NO_DAY if value is None else BLOCKS[round(value / top * (len(BLOCKS) - 1))] for value in values
    )


def _when(time: datetime, now: datetime) -> str:
    return f"{_time(time)} ({_duration(now - time)} ago)"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _duration(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {name}"
    return f"{seconds} s"


def _bytes(count: int) -> str:
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} B"


def _number(value: float | None) -> Any:
    """Three significant digits of it, whole from 100 on."""
    if value is None:
        return None
    return round(value) if value >= 100 else float(f"{value:.3g}")
