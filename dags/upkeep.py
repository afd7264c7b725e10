"""# Upkeep

Removes what is no longer needed and watches over what is published. Scheduled daily at 06:00 UTC, after the
night's run; each check is a task of its own, so that one alert does not hide another.

| task | is red when |
|---|---|
| `freshness` | the newest published day is more than `STANDPOINT_STALE_DAYS` (2) days ago; 0: never |
| `drift.watch`, one for each measure | the newest published day differs from the 28 days before it |
| `evaluate` | a score on `seeds/gold` has fallen against the last evaluation |

| measure | of what | does not matter |
|---|---|---|
| `volume` | articles of all outlets and of each, by the weekday | below 20, within 30 % |
| `rejects` | share of articles refused when they landed or were cleaned | 5 points |
| `languages` | share of each language, of what is kept and of what is refused for its language | 5 points |
| `entities` | entities per sentence of each outlet | 20 % |
| `stances` | shares of favor and against of each outlet, and of judgements that are unsure | 5 points |

Expected is the median of the 28 days. Tolerated are four standard deviations, of chance and of the usual
spread between days (from the median absolute deviation, so that a past outlier does not hide the next one).
With fewer than 7 days before, or too few articles, nothing is said. What Great Expectations found is among
the validation pages. `evaluate` is due once a week and at once for another model; it records the scores with
the model's digest in the lake, under `quality/gold/`.

A red task is the alert, with one line for each finding, through the notifier (docs/scheduling.md). It is not
tried again.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import CronTriggerTimetable, dag, task, task_group
from airflow.sdk.exceptions import AirflowSkipException
from notifier import LogNotifier
from units import DEFAULTS, MODEL_POOL

GOLD = Path(__file__).resolve().parent.parent / "seeds" / "gold"
MEASURES = ["volume", "rejects", "languages", "entities", "stances"]


@task(max_active_tis_per_dag=1)
def vacuum() -> None:
    """Removes superseded files, what runs left in staging, and old plans of backfills; compacts."""
    from pipeline import upkeep

    upkeep.vacuum(upkeep.now())


@task(max_active_tis_per_dag=1)
def rotate() -> None:
    """Removes validation pages that are older than 30 days, and rebuilds their index."""
    from pipeline import upkeep

    upkeep.rotate(upkeep.now())


@task
def freshness() -> None:
    """Raises an alert when the newest published day is too long ago."""
    from pipeline import upkeep

    upkeep.freshness(upkeep.now().date())


@task(map_index_template="{{ task.op_args[0] }}")
def watch(measure: str) -> None:
    """Compares the newest published day with the 28 days before it, by one measure."""
    from pipeline import upkeep

    upkeep.watch(measure, upkeep.now().date())


@task_group
def drift(measure: str) -> None:
    """A group and not the task itself is mapped: Airflow shows no documentation of a mapped task."""
    watch(measure)


@task(pool=MODEL_POOL, execution_timeout=timedelta(hours=2))
def evaluate() -> None:
    """Scores the model on the hand labels of `seeds/gold`, once a week and for another model."""
    from pipeline import upkeep

    if not upkeep.evaluate(GOLD, upkeep.now()):
        raise AirflowSkipException("not due: this model was evaluated within the week")


@dag(
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=12),
    on_failure_callback=LogNotifier("failed"),
    tags=["standpoint"],
    doc_md=__doc__,
)
def upkeep() -> None:
    """Removes what is no longer needed, and watches."""
    vacuum()
    rotate()
    freshness()
    drift.expand(measure=MEASURES)
    evaluate()


upkeep()
