"""What the status of a lake asks for: one line a finding, with what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from pipeline.failures import Failures
from pipeline.status import Status
from pipeline.trend import Measure

WAITED = timedelta(days=2)
"""Longer than a nightly run leaves anything in the inbox."""
LISTED = 3
"""Days or failures named; the rest is a number."""
MOVED = 0.05
"""A share that differs by so much from the four weeks before is told; other measures: half or double."""


class Finding(NamedTuple):
    """What was found, and what to do next."""

    what: str
    next: str


def findings(status: Status) -> list[Finding]:
    """What is to be done, the most pressing first; none where all is well."""
    return [
        *_broken(status),
        *_failed(status.failures),
        *_due(status),
        *_moved(status.quality),
        *_left(status),
    ]


def _broken(status: Status) -> Iterator[Finding]:
    if missing := status.size.missing:
        yield Finding(
            f"files of {_days(missing)} are missing, so that SQL over the lake fails",
            "put them back from a backup of the lake",
        )


def _failed(failures: Failures) -> Iterator[Finding]:
    for failure in failures.failed[:LISTED]:
        days = [date.fromisoformat(day) for day in failure.days]
        yield Finding(
            f"{_days(days)} failed at {failure.at:%Y-%m-%d %H:%M}: {failure.error}",
            "mend what it names, then `standpoint run`",
        )
    if (more := len(failures.failed) - LISTED) > 0:
        yield Finding(f"{more:,} more units failed", "`standpoint status --format json` lists them")
    if failures.stuck:
        count = _count(len(failures.stuck), "unit was", "units were")
        yield Finding(
            f"{count} left in the middle, the last at {max(failures.stuck.values()):%Y-%m-%d %H:%M}",
            "nothing: what was due is due, and a run a day later removes what they left",
        )


def _due(status: Status) -> Iterator[Finding]:
    backlog, last = status.backlog, status.freshness.last_day
    if not status.freshness.days and not backlog.total.days:
        yield Finding("nothing has landed yet", "`standpoint ingest FOLDER`, then `standpoint run`")
    if backlog.total.days:
        due = _count(backlog.total.days, "day is due", "days are due")
        since = backlog.oldest_batch
        if since and status.at - since > WAITED:
            yield Finding(
                f"{due}, and articles have waited since {since:%Y-%m-%d %H:%M}",
                "see that the DAG `nightly` is on, or `standpoint run`",
            )
        else:
            yield Finding(
                due, "`standpoint run`, or leave it to the nightly run; `standpoint plan` lists them"
            )
    if last and (other := status.model.days_with_another):
        left = _count(
            other,
            "day is published as another model left it",
            "days are published as another model left them",
        )
        yield Finding(left, "`standpoint run`, then `standpoint diff previous latest` shows what it changed")


def _moved(quality: Sequence[Measure]) -> Iterator[Finding]:
    for one in quality:
        if one.last is None or one.before is None:
            continue
        if one.is_share:
            told = abs(one.last - one.before) >= MOVED
        else:
            told = not 0.5 * one.before < one.last < 2 * one.before and one.last != one.before
        if told:
            yield Finding(
                f"{one.meaning}: {one.shown(one.last)}, was {one.shown(one.before)} in the four weeks before",
                'look at `standpoint sql "FROM quality ORDER BY day DESC LIMIT 56"`',
            )


def _left(status: Status) -> Iterator[Finding]:
    if status.size.orphan_files:
        count = _count(status.size.orphan_files, "data file is", "data files are")
        yield Finding(
            f"{count} named by no manifest", "nothing: a run removes them a day after they were written"
        )


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _days(days: Sequence[date]) -> str:
    more = f" and {len(days) - LISTED:,} more days" if len(days) > LISTED else ""
    return f"{', '.join(map(str, days[:LISTED]))}{more}"
