"""The pipeline, as one list of stages.

A stage is a pure function from one partition's Arrow tables to one partition's Arrow tables. The runner
(`pipeline.runner`) feeds it, validates what it returns and stages the result; Airflow and the command
line only decide when. Articles are independent of each other in every stage: that is what lets a unit of
work hold many days, and a late article not pay for a whole day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

import models
from pipeline import clean, judge, link, tag
from pipeline.aliases import Aliases
from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.outcome import Outcome
from pipeline.settings import Settings
from pipeline.thresholds import Thresholds

Tables = Mapping[str, pa.Table]
PUBLISH_VERSION = "2"
"""Of what publishing settles: near-duplicates, lines that recur, the table of entities."""


class Context:
    """What stages need beside their tables, each loaded when it is first asked for."""

    def __init__(
        self,
        settings: Settings,
        tagger: models.Tagger | None = None,
        judge: models.Judge | None = None,
    ) -> None:
        """`tagger` and `judge` replace the model that the settings name."""
        self.settings = settings
        self._tagger, self._judge = tagger, judge

    @cached_property
    def aliases(self) -> Aliases:
        """The shipped alias file with the user's after it."""
        return Aliases.load(Path(self.settings.aliases) if self.settings.aliases else None)

    @property
    def tagger(self) -> models.Tagger:
        """The model that finds mentions. Raises EnvironmentProblem when it cannot be loaded."""
        return self._tagger or self._model

    @property
    def judge(self) -> models.Judge:
        """The model that judges stances. Raises EnvironmentProblem when it cannot be loaded."""
        return self._judge or self._model

    @cached_property
    def thresholds(self) -> Thresholds:
        """How sure the judge must be for the precision asked for; UsageError where it does not state that."""
        return Thresholds.of(self.judge, self.settings.precision)

    @cached_property
    def model_digest(self) -> str:
        """Digest of the models, told without loading them."""
        if self._tagger and self._judge:
            return f"{self._tagger.digest}+{self._judge.digest}"
        with _model_problems():
            return models.digest(self._model_path)

    @property
    def model_description(self) -> str:
        """Which models the settings name, for people."""
        with _model_problems():
            return models.describe(self._model_path)

    @property
    def number_format(self) -> str:
        """What they compute in on this machine."""
        with _model_problems():
            return models.number_format(self._model_path)

    @cached_property
    def _model(self) -> models.Model:
        with _model_problems():
            return models.load(self._model_path, self.settings.threads)

    @property
    def _model_path(self) -> Path | None:
        return Path(self.settings.model) if self.settings.model else None


@contextmanager
def _model_problems() -> Iterator[None]:
    """Turns what the model root raises for a wrong, missing or altered file into the user's error."""
    try:
        yield
    except models.ConfigurationError as error:
        raise UsageError(f"model: {error}") from error
    except (FileNotFoundError, ValueError) as error:
        raise EnvironmentProblem(f"model: {error}") from error


@dataclass(frozen=True)
class Stage:
    """One stage: which tables it reads and writes, which one it counts, and what it depends on."""

    name: str
    version: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    run: Callable[[Tables, Context], Outcome]
    settings: tuple[str, ...] = ()
    depends: Callable[[Context], str] = lambda _: ""
    asks_model: bool = False

    @property
    def counts(self) -> str:
        """The table whose rows are the stage's rows in `runs`."""
        return self.writes[0]

    def config(self, context: Context) -> str:
        """Digest of the settings and files that the stage reads, the model aside."""
        files = "" if self.asks_model else self.depends(context)
        return hashlib.sha256(f"{context.settings.digest(self.settings)} {files}".encode()).hexdigest()[:16]

    def model(self, context: Context) -> str:
        """Digest of the model that the stage asks, or nothing."""
        return self.depends(context) if self.asks_model else ""


def _tag(tables: Tables, context: Context) -> Outcome:
    _ = context.thresholds  # a precision that the judge lacks is told before the long part
    return tag.tag(tables["sentences"], context.tagger)


STAGES = (
    Stage("clean", clean.VERSION, ("raw",), ("articles", "sentences", "repairs", "signatures"),
          lambda t, c: clean.clean(t["raw"], c.settings),
          settings=("languages",), depends=lambda _: models.restorer_digest()),
    Stage("tag", tag.VERSION, ("sentences",), ("mentions", "vectors", "attributions"),
          _tag,
          depends=lambda c: c.model_digest, asks_model=True),
    Stage("link", link.VERSION, ("sentences", "mentions"), ("mentions",),
          lambda t, c: link.link(t["sentences"], t["mentions"], c.aliases),
          depends=lambda c: c.aliases.digest),
    Stage("judge", judge.VERSION, ("sentences", "mentions", "vectors", "attributions"), ("stances",),
          lambda t, c: judge.judge(t["sentences"], t["mentions"], t["vectors"], t["attributions"], c.judge,
                                   c.thresholds),
          settings=("precision",), depends=lambda c: c.model_digest, asks_model=True),
)  # fmt: skip


def recipe(context: Context) -> dict[str, dict[str, str]]:
    """What each stage's output depends on beside its input: code, configuration and model."""
    found = {
        s.name: {"code": s.version, "config": s.config(context), "model": s.model(context)} for s in STAGES
    }
    settled = context.settings.digest(("duplicate_days",))
    return found | {"publish": {"code": PUBLISH_VERSION, "config": settled, "model": ""}}


def stale(built: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """The stages whose output may be another than it was: their recipe differs, or what they read may.

    What publishing settles is no stage's output: it is settled anew whenever a day is published.
    """
    found: list[str] = []
    touched: set[str] = set()
    for stage in STAGES:
        if built.get(stage.name) != now[stage.name] or touched & set(stage.reads):
            found.append(stage.name)
            touched |= set(stage.writes)
    return tuple(found)


def fingerprint(recipe: Mapping[str, Mapping[str, str]], inputs: str) -> str:
    """Fingerprint of a partition: digest of how it is built and of what it is built from."""
    return hashlib.sha256(json.dumps([recipe, inputs], sort_keys=True).encode()).hexdigest()
