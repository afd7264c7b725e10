"""Upkeep of a lake: what is removed, and what is watched.

    quality/gold/<time>.json    scores of the model on the hand labels, with its digest

What is found wrong is a ValidationFailed with a line for each finding: the task fails, which is the alert.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipeline import backfill, database, datadocs, drift, gold, orchestration, runner, validate
from pipeline.errors import UsageError, ValidationFailed
from pipeline.evaluation import Score, scores
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.validate import Violation

EVALUATIONS = "quality/gold"
EVERY = timedelta(days=6, hours=12)  # a weekly task that comes a little early counts
FALL = 0.03  # of precision, recall or F1; what two standard deviations explain is no fall either
LEAST = 20  # labels, of which a score says something

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on hand labels; of one kind are those on the same labels at the same precision."""

    at: str
    model: str
    labels: str
    precision: float
    scores: Mapping[str, Score]

    @property
    def kind(self) -> tuple[str, float]:
        """What it can be compared within."""
        return self.labels, self.precision

    @staticmethod
    def parse(data: bytes) -> Evaluation:
        """The inverse of `json`."""
        record = json.loads(data)
        found = {name: Score(**score) for name, score in record["scores"].items()}
        return Evaluation(**record | {"scores": found})

    def json(self) -> bytes:
        """The evaluation as JSON."""
        return json.dumps(asdict(self), indent=1).encode()


def vacuum(now: datetime) -> None:
    """Remove what is superseded or was left behind, and is past its time of grace."""
    lake = Lake(Settings.load().lake)
    runner.finish(lake)
    log.info("removed %d units that were planned and never begun", backfill.forget(lake, now))


def rotate(now: datetime) -> None:
    """Remove validation pages past their time."""
    removed = datadocs.rotate(Lake(Settings.load().lake).store, now)
    log.info("removed the validation pages of %d units, %d days old or older", removed, datadocs.KEEP.days)


def evaluate(folder: Path, now: datetime) -> bool:
    """Score the model on the hand labels of a folder and record it; false when that is not due.

    It is due once a week, and at once for another model. Raises ValidationFailed where a score has fallen
    against the last evaluation of the same kind.
    """
    settings = Settings.load()
    lake, context = Lake(settings.lake), orchestration.context(settings)
    kind = gold.digest(folder), settings.precision
    before = [e for e in evaluations(lake) if e.kind == kind]
    last = before[-1] if before else None
    if last and last.model == context.model_digest and now - datetime.fromisoformat(last.at) < EVERY:
        log.info("model %s was evaluated at %s", last.model, last.at)
        return False
    found = Evaluation(now.isoformat(), context.model_digest, *kind, scores(gold.articles(folder), context))
    lake.store.write(f"{EVALUATIONS}/{now:%Y%m%dT%H%M%S}.json", found.json())
    for name, score in found.scores.items():
        log.info("%s: precision %.3f, recall %.3f, F1 %.3f", name, score.precision, score.recall, score.f1)
    if last:
        alert(falls(last, found))
    return True


def evaluations(lake: Lake) -> list[Evaluation]:
    """Every evaluation that is recorded, the oldest first."""
    return [Evaluation.parse(lake.store.read(entry.path)) for entry in lake.store.list(EVALUATIONS)]


def falls(before: Evaluation, after: Evaluation) -> list[str]:
    """A line for each score that has fallen by more than FALL and than chance explains."""
    found = []
    for name, new in after.scores.items():
        old = before.scores.get(name)
        if old is None or old.wanted < LEAST:
            continue
        for measure, of in (("precision", new.found), ("recall", new.wanted), ("f1", new.found + new.wanted)):
            was, now = getattr(old, measure), getattr(new, measure)
            chance = 2 * math.sqrt(was * (1 - was) / max(of, 1))
            if was - now > max(FALL, chance):
                found.append(
                    f"{name}: {measure} fell from {was:.3f} ({before.at[:10]}, model {before.model[:12]}) to "
                    f"{now:.3f} (model {after.model[:12]})"
                )
    return found


def freshness(today: date) -> None:
    """Raises ValidationFailed when the newest published day is more than `stale_days` ago."""
    settings = Settings.load()
    newest = max(Lake(settings.lake).manifests(), default=None)
    log.info("the newest published day is %s", newest or "none")
    if not settings.stale_days or (newest and (today - newest).days <= settings.stale_days):
        return
    there = (
        f"the newest published day is {newest}, {(today - newest).days} days ago"
        if newest
        else "no day is published"
    )
    alert([f"lake {settings.lake}: {there}; allowed are {settings.stale_days} (STANDPOINT_STALE_DAYS)"])


def watch(name: str, today: date) -> None:
    """Compare the newest published day before today with the 28 days before it, by one of `drift.MEASURES`.

    Great Expectations judges the table of deviations; its page is among the validation pages. Raises
    ValidationFailed where something is further off than is tolerated.
    """
    if name not in drift.MEASURES:
        raise UsageError(f"measure {name!r} is none of {', '.join(drift.MEASURES)}")
    lake, what = Lake(Settings.load().lake), drift.MEASURES[name]
    day = max((d for d in lake.manifests() if d < today), default=None)
    if day is None:
        log.info("%s: nothing is published yet", name)
        return
    database.refresh(lake)
    with database.connect(lake) as connection:
        table = drift.deviations(drift.measure(connection, day, what), day, what)
    log.info("%s on %s: %d subjects with enough days and rows to tell", name, day, table.num_rows)
    found = drift.findings(table, day, what)
    report = validate.check({"drift": table}, {}, f"drift-{day}", name)
    # Each line is a violation of its own: nothing is quarantined here, the day as a whole has drifted.
    broken = tuple(Violation("drift", name, line) for line in found)
    datadocs.record(lake.store, validate.Report(report.unit, name, broken, report.results))
    alert(found)


def alert(found: Sequence[str]) -> None:
    """Raises ValidationFailed with these findings, if any; each is a line of the log too."""
    for line in found:
        log.error("%s", line)
    if found:
        raise ValidationFailed("; ".join(found))


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)
