"""What the command line shows: progress with rates and time left, tables, and one-line errors."""

from __future__ import annotations

import codecs
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderableType
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
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

WIDE = 180  # of tables in a file or pipe, where there is no terminal to fit

# What a terminal obeys instead of showing it: control characters but line ends and tabs, and what turns the
# direction of writing round. Titles come from anywhere, and could redraw the screen or hide what they are.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def inert(text: str) -> str:
    r"""The text with what a terminal would obey as code points.

    >>> inert("a\x1b[2Jb")
    'a⟨1b⟩[2Jb'
    """
    return _OBEYED.sub(lambda found: f"⟨{ord(found[0]):02x}⟩", text)


class Inert(io.RawIOBase):
    """Bytes of UTF-8 text on their way to a terminal on standard output."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Show them."""
        sys.stdout.write(inert(self._decoder.decode(bytes(data))))
        return len(data)


class _Terminal(Console):
    """A console that shows nothing raw and leaves it to the command line what a closed pipe means."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(inert(segment.text), segment.style)

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
def working(units: int, articles: int, tokens: int) -> Iterator[Callable[[int, int], None]]:
    """As `progress`, of units: yields a function of the articles and tokens of a unit that is done.

    The bar and the time left go by tokens, since articles differ in length.
    """
    done = TextColumn("{task.fields[articles]:,}/{task.fields[of]:,} articles, {task.fields[rate]}")
    with _bar(done) as bar:
        task = bar.add_task("", total=tokens + units, articles=0, of=articles, rate="–/s")
        counts = {"units": 0, "articles": 0}

        def advance(more: int, weight: int) -> None:
            counts["units"] += 1
            counts["articles"] += more
            seconds = bar.tasks[0].elapsed or 1
            bar.update(
                task,
                advance=weight + 1,
                articles=counts["articles"],
                rate=f"{counts['articles'] / seconds:,.1f}/s",
                description=f"unit {counts['units']:,}/{units:,}",
            )

        bar.update(task, description=f"unit 0/{units:,}")
        yield advance


@contextmanager
def reading() -> Iterator[Callable[[int, int, str], None]]:
    """As `progress`, in bytes: yields a function of bytes read, bytes in all, and what is being read."""
    with _bar(DownloadColumn(binary_units=True), TransferSpeedColumn()) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total, source: bar.update(
            task, completed=done, total=total, description=escape(Path(source).name[-40:])
        )


def _bar(*amounts: ProgressColumn) -> Progress:
    columns: list[str | ProgressColumn] = [SpinnerColumn(), "{task.description}", BarColumn(bar_width=30)]
    columns += [*amounts, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    return Progress(*columns, console=err, disable=not err.is_terminal)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table for the terminal: numbers to the right, nulls dimmed, nothing cut off."""
    listed = [list(row) for row in rows]
    shown = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, name in enumerate(columns):
        numbers = any(isinstance(row[index], int | float) for row in listed)
        shown.add_column(escape(inert(name)), justify="right" if numbers else "left", overflow="fold")
    for row in listed:
        shown.add_row(*(_cell(value) for value in row))
    return shown


def duration(seconds: float) -> str:
    """About how long that is, no finer than an estimate can be."""
    if seconds < 45:
        return "less than a minute"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min"
    hours, rest = divmod(5 * round(seconds / 300), 60)
    if hours < 24:
        return f"about {hours} h {rest} min" if rest else f"about {hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"about {days} d {hours} h" if hours else f"about {days} d"


def note(message: str) -> None:
    """A line on standard error, so that standard output stays data."""
    err.print(message, markup=False, soft_wrap=True)


def fail(message: str) -> None:
    """The one line of an error."""
    sys.stderr.write(f"standpoint: {inert(' '.join(message.split()))}\n")


def _cell(value: object) -> Text:
    if value is None:
        return Text("–", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.3f}".rstrip("0").rstrip("."))
    if isinstance(value, bool):
        return Text(str(value).lower())
    return Text(f"{value:,}" if isinstance(value, int) else inert(str(value)))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f}/s" if task.speed else "–/s", style="dim")
