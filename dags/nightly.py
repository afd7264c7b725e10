"""# Nightly

Takes what is new in the landing zone into the lake and makes the days that it touches current.

| run | makes current |
|---|---|
| scheduled, 00:00 UTC | every dirty day up to the one that has just ended: late and corrected articles too |
| backfill | its own day |
| triggered with a partition key (`2022-02-14`) | that day |
| triggered without one, `airflow dags test` | every dirty day |

A day is dirty when an article, the code, the configuration or the model behind it has changed. Dirty
days are packed into units of work of up to 1,000,000 tokens; each unit is one mapped task group. A day that
is too large is several units (shards), and the last of them to be ready publishes it. Runs may overlap and
may be repeated, the command line's too: a day that another run is at work on, or has made current
meanwhile, is left to it; a run with nothing to do is green. Only ids and digests pass between tasks; what
they work on lies in the lake.

Needs the pool `standpoint_model` and the variables of `standpoint` in the environment of the workers
(`STANDPOINT_LAKE`, `STANDPOINT_LANDING`, …; docs/scheduling.md).
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronPartitionTimetable, dag, get_current_context, task, task_group
from notifier import LogNotifier
from units import DEFAULTS, ingest, run_id, stages, summary


@task
def plan() -> list[str]:
    """Packs the dirty days that this run is for into units of work; returns their ids."""
    from pipeline import orchestration

    run = get_current_context()["dag_run"]
    return orchestration.plan(run_id(), run.partition_key, up_to=run.run_type == "scheduled")


@task_group
def unit(unit: str) -> None:
    """One unit of work, stage by stage."""
    stages(unit)


@dag(
    # At 00:00, not later: the hour would become part of the partition's date, and a backfill's last day
    # would be left out.
    schedule=CronPartitionTimetable(
        "0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d", run_immediately=True
    ),
    catchup=False,
    max_active_runs=8,
    # Ahead of a backfill that waits for the same pool.
    default_args=DEFAULTS | {"priority_weight": 10},
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


nightly()
