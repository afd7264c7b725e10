"""# Backfill

Makes a range of days current in bulk: history that has just landed, days that failed, a new model. Triggered
by hand, with these parameters:

| parameter | is | default |
|---|---|---|
| `from`, `to` | the first and the last day, both included; empty: no bound | empty |
| `reprocess` | which days of the range are built, see below | `changed` |
| `units_in_parallel` | how many units of work are under way at once, 1 to 16 | 2 |
| `order` | `oldest` or `newest` days first | `oldest` |
| `dry_run` | logs what would be built and why (the log of `plan`), and ends | false |

| `reprocess` | builds |
|---|---|
| `none` | days that were never built |
| `failed` | days whose last try failed validation, within the last day (nightly runs try them again) |
| `changed` | every dirty day: an article, the code, the configuration or the model has changed |
| `all` | every day, even if it is current: nothing is carried over, and the same tables should come out |

What has landed is taken in first, by a dry run too, so that the plan is whole. Days are packed into units of
work; each unit is one mapped task group, shown by its days. `begin` lets a unit start when fewer than
`units_in_parallel` of those before it are under way; the model stages wait for their pool beside that, after
the nightly runs, which go on meanwhile.

Repeat it, or clear what has failed, whenever you like: days that are current by then, or that this run has
built, are left out. A day that another run has made current meanwhile drops out of its unit. Each published
day is an event of the asset `standpoint://lake/days`, with the day as its partition key.

Needs what `nightly` needs. For a few days Airflow's own `airflow backfill create --dag-id nightly` does too.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, PartitionedAtRuntime, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowRescheduleException
from notifier import LogNotifier
from units import DAYS, DEFAULTS, ingest, name_days, run_id, stages, summary

PARAMS = {
    "from": Param(
        None, type=["null", "string"], format="date", title="From", description="First day; empty: no bound."
    ),
    "to": Param(
        None, type=["null", "string"], format="date", title="To", description="Last day; empty: no bound."
    ),
    "reprocess": Param(
        "changed",
        type="string",
        enum=["none", "failed", "changed", "all"],
        title="Reprocess",
        description="Which days: never built, whose last try failed, all that are dirty, or every one.",
    ),
    "units_in_parallel": Param(
        2,
        type="integer",
        minimum=1,
        maximum=16,
        title="Units in parallel",
        description="How many units of work are under way at once.",
    ),
    "order": Param(
        "oldest",
        type="string",
        enum=["oldest", "newest"],
        title="Order",
        description="Which come first.",
    ),
    "dry_run": Param(
        False, type="boolean", title="Dry run", description="Log what would be built and why; build nothing."
    ),
}
STAGES = ["unit.clean", "unit.tag", "unit.link", "unit.judge", "unit.publish"]
PAUSE = timedelta(seconds=30)
LOOK = 5  # seconds


@task
def plan() -> list[str]:
    """Packs the days that are asked for into units of work and logs why; returns their ids in their order."""
    from pipeline import backfill

    request = backfill.Request.of(get_current_context()["params"])
    return backfill.plan(run_id(), run_id(cleared=False), request)


@task(max_active_tis_per_dagrun=1, execution_timeout=timedelta(hours=6), map_index_template=DAYS)
def begin(unit: str) -> None:
    """Stages a unit in its turn: when fewer than `units_in_parallel` of those before it are under way."""
    from pipeline import backfill

    context = get_current_context()
    run, this = context["dag_run"], context["ti"]
    last, parallel = STAGES[-1], context["params"]["units_in_parallel"]

    def ahead() -> int:
        states = this.get_task_states(dag_id=run.dag_id, task_ids=[last], run_ids=[run.run_id])
        return backfill.ahead(states[run.run_id], last, this.map_index or 0, parallel)

    while left := ahead():
        busy = this.get_ti_count(dag_id=run.dag_id, task_ids=STAGES, run_ids=[run.run_id], states=["running"])
        # Who is next waits here, as long as others work; else this slot may be the one that they need.
        if left > 1 or not busy:
            raise AirflowRescheduleException(datetime.now(UTC) + PAUSE)
        time.sleep(LOOK)
    backfill.begin(unit)
    name_days(unit)


@task_group
def unit(unit: str) -> None:
    """One unit of work: its turn, then stage by stage."""
    begin(unit) >> stages(unit)[0]


@dag(
    schedule=PartitionedAtRuntime(),
    max_active_runs=4,
    params=PARAMS,
    default_args=DEFAULTS,
    on_failure_callback=LogNotifier("failed"),
    tags=["standpoint"],
    doc_md=__doc__,
)
def backfill() -> None:
    """Makes a range of days current in bulk."""
    planned = plan()
    ingest() >> planned
    unit.expand(unit=planned) >> summary()


backfill()
