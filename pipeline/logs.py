"""What the pipeline tells while it works: one event a line, with the run, unit and days that it is about.

What an event is about is noted once, in context variables, and stands in every line inside. They are named as
structlog names its own, so that Airflow's task logs, which structlog writes, carry them too. The command line
is silent unless `STANDPOINT_LOG` names a file for JSON lines.
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

PREFIX = "structlog_"
STANDARD_ERROR = "-"
FIRST = dict.fromkeys(("run", "unit", "stage"))
"""Fields that stand first in a line; lists, which may be long, stand last."""
ROOT = logging.getLogger("pipeline")
ROOT.addHandler(logging.NullHandler())  # else Python prints warnings that nobody asked for

log = logging.getLogger(__name__)


def note(**fields: object) -> None:
    """From here on, every line of this context has these fields."""
    for name, value in fields.items():
        _variable(name).set(value)


def noted() -> dict[str, Any]:
    """The fields of this context."""
    found = copy_context()
    return {v.name.removeprefix(PREFIX): found[v] for v in found if v.name.startswith(PREFIX)}


def within(**arguments: str) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Has a function's lines say what it was called with; what is noted in it ends with it.

    `arguments`: names of fields, and of the arguments that they are.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        signature = inspect.signature(function)

        @wraps(function)
        def inside(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()

            def call() -> Result:
                note(**{field: given.arguments[name] for field, name in arguments.items()})
                return function(*args, **kwargs)

            return copy_context().run(call)

        return inside

    return decorate


def event(to: logging.Logger, what: str, level: int = logging.INFO, **fields: object) -> None:
    """Log that something has happened, with fields of its own beside those of the context."""

    def tell() -> None:
        note(**fields)
        to.log(level, what, stacklevel=3)  # of whom it is told, not of here

    copy_context().run(tell)


@contextmanager
def written(destination: str) -> Iterator[None]:
    """JSON lines are appended to this file meanwhile (`-`: standard error; empty: none are written).

    Keys: `time`, `level`, `event`, then the fields. An error that ends the command is the last line.
    Raises OSError for a file that cannot be written to.
    """
    if not destination:
        yield
        return
    handler = (
        logging.StreamHandler(sys.stderr)
        if destination == STANDARD_ERROR
        else logging.FileHandler(destination, encoding="utf-8")
    )
    handler.setFormatter(_JsonLines())
    level = ROOT.level
    ROOT.addHandler(handler)
    ROOT.setLevel(logging.INFO)
    try:
        yield
    except BaseException as error:
        event(log, "stopped", logging.ERROR, error=" ".join(str(error).split()), kind=type(error).__name__)
        raise
    finally:
        ROOT.removeHandler(handler)
        ROOT.setLevel(level)
        handler.close()


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields = noted()
        names = [name for name in FIRST if name in fields]
        names += sorted(fields.keys() - FIRST.keys(), key=lambda name: (isinstance(fields[name], list), name))
        return json.dumps(line | {name: fields[name] for name in names}, ensure_ascii=False, default=str)


@cache
def _variable(name: str) -> ContextVar[object]:
    return ContextVar(f"{PREFIX}{name}")
