"""What the command line shows: progress with rates and time left, tables, and one-line errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

WIDE = 180  # of tables in a file or pipe, where there is no terminal to fit


class _Terminal(Console):
    """A console that leaves it to the command line what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


out = _Terminal(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = _Terminal(stderr=True, highlight=False)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error with rate and time left; silent when that is not a terminal.

    Yields a function to call with the number of items done since the last call.
    """
    with _bar(MofNCompleteColumn(), _Rate()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


@contextmanager
def reading() -> Iterator[Callable[[int, int, str], None]]:
    """As `progress`, in bytes: yields a function of bytes read, bytes in all, and what is being read."""
    with _bar(DownloadColumn(binary_units=True), TransferSpeedColumn()) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total, source: bar.update(
            task, completed=done, total=total, description=escape(Path(source).name[-40:])
        )


def _bar(amount: ProgressColumn, rate: ProgressColumn) -> Progress:
    columns: list[str | ProgressColumn] = [SpinnerColumn(), "{task.description}", BarColumn(bar_width=30)]
    columns += [amount, rate, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    return Progress(*columns, console=err, disable=not err.is_terminal)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table for the terminal: numbers to the right, nulls dimmed, nothing cut off."""
    listed = [list(row) for row in rows]
    shown = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, name in enumerate(columns):
        numbers = any(isinstance(row[index], int | float) for row in listed)
        shown.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in listed:
        shown.add_row(*(_cell(value) for value in row))
    return shown


def note(message: str) -> None:
    """A line on standard error, so that standard output stays data."""
    err.print(message, markup=False, soft_wrap=True)


def fail(message: str) -> None:
    """The one line of an error."""
    sys.stderr.write(f"standpoint: {' '.join(message.split())}\n")


def _cell(value: object) -> Text:
    if value is None:
        return Text("–", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.3f}".rstrip("0").rstrip("."))
    if isinstance(value, bool):
        return Text(str(value).lower())
    return Text(f"{value:,}" if isinstance(value, int) else str(value))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f}/s" if task.speed else "–/s", style="dim")
