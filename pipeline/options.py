"""What the commands share: their options, how these are read, and how a command ends."""

from __future__ import annotations

import os
import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from pipeline import terminal
from pipeline.errors import EnvironmentProblem, StandpointError, UsageError

LAKE = "Folder or s3:// URI of the lake. [env: STANDPOINT_LAKE; default: ./lake]"
LANDING = "Folder or s3:// URI of the raw articles. [env: STANDPOINT_LANDING; default: ./landing]"
LakeOption = Annotated[str | None, typer.Option("--lake", metavar="URI", help=LAKE, show_default=False)]
LandingOption = Annotated[
    str | None, typer.Option("--landing", metavar="URI", help=LANDING, show_default=False)
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day, YYYY-MM-DD.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, YYYY-MM-DD.")]
InputArgument = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="JSON lines; standard input if none.")
]


class Order(StrEnum):
    """Which days `run` and `plan` begin with."""

    oldest = "oldest"
    newest = "newest"


OrderOption = Annotated[Order, typer.Option("--order", help="Which days come first.")]


class Format(StrEnum):
    """How `sql` prints."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class TextFormat(StrEnum):
    """How `diff` and `plan` print."""

    table = "table"
    csv = "csv"
    json = "json"


class ScreenFormat(StrEnum):
    """How `status` prints."""

    table = "table"
    json = "json"


class FileFormat(StrEnum):
    """What `export` writes."""

    parquet = "parquet"
    csv = "csv"


class Commands(TyperGroup):
    """The commands; a user's mistake is one line on standard error and an exit code, never a traceback."""

    def main(self, *args: Any, **extra: Any) -> None:
        """Run a command line and exit with its code."""
        arguments = extra.get("args") or sys.argv[1:]
        for given in arguments:
            shown = given.encode(errors="backslashreplace").decode()
            if shown != given:
                _end(f"argument '{shown}' is not UTF-8: rename what it names", UsageError.exit_code)
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except TyperException as error:
            context = getattr(error, "ctx", None)
            place = context.command_path if context else self.name
            hint = f"`{place} --help` says what is allowed"
            if any(given.startswith("--") and "\n" in given for given in arguments):
                hint = "put `--` and a space before SQL that begins with a comment"
            _end(f"{error.format_message().rstrip('.')}; {hint}", 2)
        sys.exit(code)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen."""
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except StandpointError as error:
            _end(str(error), error.exit_code)
        except KeyboardInterrupt:
            _end("stopped", 130)
        except BrokenPipeError:  # `standpoint sql … | head`: what reads us has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:  # a disk that is full, a folder that may not be read, a bucket out of reach
            _end(f"{error}; check that it is there and may be used", EnvironmentProblem.exit_code)


def day(option: str, text: str | None) -> date | None:
    """The day that an option names, if any. Raises UsageError for what is none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option}: {text!r} is not a day such as 2021-12-29") from error


def span(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    """The days from `--from` to `--to`, inclusive. Raises UsageError where the first comes after the last."""
    start, end = day("--from", first), day("--to", last)
    if start and end and start > end:
        raise UsageError(f"--from {start} comes after --to {end}: name the earlier day first")
    return start, end


def pairs(option: str, text: str | None) -> dict[str, str] | None:
    """The names that an option maps. Raises UsageError for what is no such list."""
    if text is None:
        return None
    parts = [part.partition("=") for part in text.split(",")]
    if not all(key.strip() and value.strip() for key, _, value in parts):
        raise UsageError(f"{option}: {text!r} is not a list such as title=headline,text=body")
    return {key.strip(): value.strip() for key, _, value in parts}


def _end(message: str, code: int) -> None:
    terminal.fail(message)
    sys.exit(code)
