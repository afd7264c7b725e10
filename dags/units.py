"""What the DAGs share: how their tasks fail and are tried again, and the stages of a unit of work."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from airflow.sdk import (
    Asset,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    TriggerRule,
    WeightRule,
    get_current_context,
    task,
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
# Of the lake as a whole: an event for each day that is published, with the day as its partition key. One for
# each table and day would be ten times as many, and a day's tables change together.
BY_DAY = Asset("standpoint://lake/days")

# What the grid shows of a mapped task: the unit's first day, and once the task has ended all of its days.
DAYS = "{{ days or task.op_args[0][:10] }}"

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
    # Later stages first: what is begun is published before more is staged.
    "weight_rule": WeightRule.UPSTREAM,
    "on_success_callback": LogNotifier("succeeded"),
    "on_retry_callback": LogNotifier("retrying"),
    "on_failure_callback": LogNotifier("failed"),
}


@task(max_active_tis_per_dag=1, execution_timeout=timedelta(hours=6))
def ingest() -> None:
    """Takes what is new in the landing zone into the lake; one at a time, whatever runs beside."""
    from pipeline import orchestration

    orchestration.ingest()


@task(map_index_template=DAYS)
def clean(unit: str) -> None:
    """Repairs text, tells languages, splits sentences: raw → articles, sentences, repairs, signatures."""
    _stage(unit, "clean")


@task(pool=MODEL_POOL, execution_timeout=timedelta(hours=6), map_index_template=DAYS)
def tag(unit: str) -> None:
    """Finds named entities in one pass of the model: sentences → mentions, vectors."""
    _stage(unit, "tag")


@task(map_index_template=DAYS)
def link(unit: str) -> None:
    """Resolves mentions to canonical entities: mentions → mentions with entity_id."""
    _stage(unit, "link")


@task(pool=MODEL_POOL, execution_timeout=timedelta(hours=6), map_index_template=DAYS)
def judge(unit: str) -> None:
    """Judges who is for or against whom from the vectors of `tag`: mentions, vectors → stances."""
    _stage(unit, "judge")


@task(max_active_tis_per_dag=1, inlets=[LANDING], outlets=[*PUBLISHED, BY_DAY], map_index_template=DAYS)
def publish(unit: str) -> list[str]:
    """Validates the unit's days whole and commits them; returns their snapshot ids. One at a time."""
    from pipeline import orchestration

    days = name_days(unit)
    snapshots = orchestration.publish(unit, run_id())
    if not snapshots:
        raise AirflowSkipException(
            f"unit {unit}: its days are left to other runs, or other shards of them are not ready yet"
        )
    get_current_context()["outlet_events"][BY_DAY].add_partitions(days)
    return snapshots


@task(max_active_tis_per_dag=1, trigger_rule=TriggerRule.ALL_DONE)
def summary() -> None:
    """Removes what is superseded, compacts, rebuilds `standpoint.duckdb` and the validation pages' index.

    Runs whatever happened before, since other units may have been published; fails when a task failed, since
    the run's state is that of its last task. A dry run leaves the lake as it is.
    """
    from pipeline import orchestration

    context = get_current_context()
    if not context["params"].get("dry_run"):
        orchestration.finish(run_id())
    run, this = context["dag_run"], context["ti"]
    states = this.get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])[run.run_id]
    if failed := sorted(name for name, state in states.items() if state == "failed"):
        raise AirflowFailException(f"failed: {', '.join(failed)}; what they were to publish is as it was")


def stages(unit: str) -> list[Any]:
    """The stages of one unit of work, one after the other, in the task group that is open."""
    chain = [clean(unit), tag(unit), link(unit), judge(unit), publish(unit)]
    for before, after in pairwise(chain):
        before >> after
    return chain


def run_id(*, cleared: bool = True) -> str:
    """The run as the table `runs` knows it: Airflow's own id and, if wanted, how often it was cleared."""
    run = get_current_context()["dag_run"]
    number = f".{run.clear_number}" if cleared and run.clear_number else ""
    return f"{run.dag_id}.{run.run_id}{number}"


def name_days(unit: str) -> list[str]:
    """The days of a unit; the grid shows them once the task has ended."""
    from pipeline import orchestration

    days = orchestration.days(unit)
    more = f" to {days[-1]}, {len(days)} days" if len(days) > 1 else ""
    get_current_context()["days"] = days[0] + more  # type: ignore[typeddict-unknown-key]
    return days


def _stage(unit: str, name: str) -> None:
    from pipeline import orchestration

    name_days(unit)
    if not orchestration.stage(unit, name, run_id()):
        raise AirflowSkipException(f"unit {unit}: its days are left to other runs")
