"""# Nightly

Takes what is new in the landing zone into the lake and makes the days that it touches current.

| run | makes current |
|---|---|
| scheduled, 00:00 UTC | every dirty day up to the one that has just ended: late and corrected articles too |
| backfill | its own day |
| triggered with a partition key (`2022-02-14`) | that day |
| triggered without one, `airflow dags test` | every dirty day |

A day is dirty when an article, the code, the configuration or the model behind it has changed. Dirty
days are packed into units of work of up to 500,000 tokens; each unit is one mapped task group. A day that
is too large is several units (shards), and the last of them to be ready publishes it. Runs may overlap and
may be repeated, the command line's too: a day that another run is at work on, or has made current
meanwhile, is left to it; a run with nothing to do is green. Only ids and digests pass between tasks; what
they work on lies in the lake.

Needs the pool `standpoint_model` and the variables of `standpoint` in the environment of the workers
(`STANDPOINT_LAKE`, `STANDPOINT_LANDING`, …; docs/scheduling.md).
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from airflow.sdk import (
    Asset,
    CronPartitionTimetable,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    TriggerRule,
    dag,
    get_current_context,
    task,
    task_group,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from notifier import LogNotifier

MODEL_POOL = "standpoint_model"
TABLES = (
    "raw", "articles", "sentences", "repairs", "signatures",
    "mentions", "entities", "stances", "rejects", "runs",
)  # fmt: skip
LANDING = Asset("standpoint://landing")
PUBLISHED = [Asset(f"standpoint://lake/{table}") for table in TABLES]

# What the user must put right fails at once; an unreachable store or a lost worker is tried again.
RETRY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=["pipeline.errors.ValidationFailed", "pipeline.errors.UsageError"],
            action=RetryAction.FAIL,
            reason="trying again cannot help",
        )
    ]
)
DEFAULTS: dict[str, Any] = {
    "owner": "standpoint",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": RETRY,
    "execution_timeout": timedelta(hours=1),
    "on_success_callback": LogNotifier("succeeded"),
    "on_retry_callback": LogNotifier("retrying"),
    "on_failure_callback": LogNotifier("failed"),
}


@task(max_active_tis_per_dag=1, execution_timeout=timedelta(hours=6))
def ingest() -> None:
    """Takes what is new in the landing zone into the lake; one at a time, whatever runs beside."""
    from pipeline import orchestration

    orchestration.ingest()


@task
def plan() -> list[str]:
    """Packs the dirty days that this run is for into units of work; returns their ids."""
    from pipeline import orchestration

    run = get_current_context()["dag_run"]
    return orchestration.plan(_run_id(), run.partition_key, up_to=run.run_type == "scheduled")


@task
def clean(unit: str) -> None:
    """Repairs text, tells languages, splits sentences: raw → articles, sentences, repairs, signatures."""
    _stage(unit, "clean")


@task(pool=MODEL_POOL, execution_timeout=timedelta(hours=6))
def tag(unit: str) -> None:
    """Finds named entities in one pass of the model: sentences → mentions, vectors."""
    _stage(unit, "tag")


@task
def link(unit: str) -> None:
    """Resolves mentions to canonical entities: mentions → mentions with entity_id."""
    _stage(unit, "link")


@task(pool=MODEL_POOL, execution_timeout=timedelta(hours=6))
def judge(unit: str) -> None:
    """Judges who is for or against whom from the vectors of `tag`: mentions, vectors → stances."""
    _stage(unit, "judge")


@task(max_active_tis_per_dag=1, inlets=[LANDING], outlets=PUBLISHED)
def publish(unit: str) -> list[str]:
    """Validates the unit's days whole and commits them; returns their snapshot ids. One at a time."""
    from pipeline import orchestration

    snapshots = orchestration.publish(unit, _run_id())
    if not snapshots:
        raise AirflowSkipException(
            f"unit {unit}: its days are left to other runs, or other shards of them are not ready yet"
        )
    return snapshots


@task(max_active_tis_per_dag=1, trigger_rule=TriggerRule.ALL_DONE)
def summary() -> None:
    """Rebuilds `standpoint.duckdb` and the index of the validation pages, removes what is superseded.

    Runs whatever happened before, since other units may have been published; fails when a task failed, since
    the run's state is that of its last task.
    """
    from pipeline import orchestration

    orchestration.finish(_run_id())
    run, this = get_current_context()["dag_run"], get_current_context()["ti"]
    states = this.get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])[run.run_id]
    if failed := sorted(name for name, state in states.items() if state == "failed"):
        raise AirflowFailException(f"failed: {', '.join(failed)}; what they were to publish is as it was")


@task_group
def unit(unit: str) -> None:
    """One unit of work, stage by stage."""
    stages = [clean(unit), tag(unit), link(unit), judge(unit), publish(unit)]
    for before, after in pairwise(stages):
        before >> after


@dag(
    # At 00:00, not later: the hour would become part of the partition's date, and a backfill's last day
    # would be left out.
    schedule=CronPartitionTimetable(
        "0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d", run_immediately=True
    ),
    catchup=False,
    max_active_runs=8,
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=23),
    on_failure_callback=LogNotifier("failed"),
    tags=["standpoint"],
    doc_md=__doc__,
)
def nightly() -> None:
    """Makes the lake current every night."""
    planned = plan()
    ingest() >> planned
    unit.expand(unit=planned) >> summary()


def _stage(unit: str, name: str) -> None:
    from pipeline import orchestration

    if not orchestration.stage(unit, name, _run_id()):
        raise AirflowSkipException(f"unit {unit}: its days are left to other runs")


def _run_id() -> str:
    """The run as the table `runs` knows it: Airflow's own id, and how often the run was cleared."""
    run = get_current_context()["dag_run"]
    cleared = f".{run.clear_number}" if run.clear_number else ""
    return f"{run.dag_id}.{run.run_id}{cleared}"


nightly()
