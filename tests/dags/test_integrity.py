"""Every DAG: imports, documentation, defaults, and what parsing costs."""

import copy
import json
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
DAGS = Path(__file__).resolve().parents[2] / "dags"
SHARED = ("notifier.py", "units.py")
FILES = sorted(path for path in DAGS.glob("*.py") if path.name not in SHARED)
HEAVY = ("torch", "transformers", "great_expectations", "pyarrow", "pandas", "duckdb", "models")


def test_every_file_gives_its_dag_without_errors(bag):
    assert bag.import_errors == {}
    assert sorted(bag.dags) == [path.stem for path in FILES]


def test_every_dag_and_task_is_documented(bag):
    for dag in bag.dags.values():
        assert dag.doc_md.startswith("# ")
        assert dag.tags
        for task in dag.tasks:
            assert task.doc_md, task.task_id
            assert task.doc_md.rstrip().endswith("."), task.task_id


def test_every_task_can_fail_well(bag):
    from airflow.sdk import BaseNotifier

    for dag in bag.dags.values():
        assert isinstance(dag.on_failure_callback, BaseNotifier)
        for task in dag.tasks:
            assert task.owner == "standpoint"
            assert task.retries >= 1
            assert task.retry_exponential_backoff
            assert timedelta(0) < task.execution_timeout <= timedelta(hours=6)
            callbacks = task.on_failure_callback
            assert callbacks
            assert all(isinstance(callback, BaseNotifier) for callback in callbacks)


def test_only_the_stages_that_ask_the_model_wait_for_its_pool(bag):
    from pipeline.airflow_api import POOLS
    from pipeline.stages import STAGES

    for name, dag in bag.dags.items():
        pooled = {t.task_id: t.pool for t in dag.tasks if t.pool != "default_pool"}
        stages = {f"unit.{stage.name}" for stage in STAGES if stage.asks_model}
        assert set(pooled) == ({"evaluate"} if name == "upkeep" else stages)
        assert set(pooled.values()) == set(POOLS)


def test_the_stages_are_those_of_the_pipeline_in_their_order(bag):
    from pipeline.stages import STAGES

    names = [f"unit.{stage.name}" for stage in STAGES] + ["unit.publish", "summary"]
    for name, first in (("nightly", ["plan"]), ("backfill", ["plan", "unit.begin"])):
        dag = bag.dags[name]
        assert dag.get_task("ingest").downstream_task_ids == {"plan"}
        for before, after in pairwise([*first, *names]):
            assert after in dag.get_task(before).downstream_task_ids


def test_nights_come_before_backfills_and_late_stages_before_early_ones(bag):
    from airflow.sdk import WeightRule

    nightly, backfill = (bag.dags[name].get_task("unit.clean") for name in ("nightly", "backfill"))
    assert nightly.priority_weight > backfill.priority_weight
    for task in (nightly, backfill):
        assert task.weight_rule == WeightRule.UPSTREAM


def test_the_parameters_of_a_backfill_are_those_that_it_reads(bag):
    from pipeline import backfill

    params = bag.dags["backfill"].params
    assert set(params) == set(backfill.PARAMS)
    assert tuple(params.get_param("reprocess").schema["enum"]) == backfill.REPROCESS
    assert tuple(params.get_param("order").schema["enum"]) == backfill.ORDERS
    assert backfill.Request.of(params.dump()) == backfill.Request()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "yesterday"), ("from", "2022-02-30"), ("to", 20220214), ("reprocess", "some"),
        ("units_in_parallel", 0), ("units_in_parallel", 17), ("units_in_parallel", 1.5), ("order", "random"),
        ("dry_run", "perhaps"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_before_anything_runs(bag, name, value):
    from airflow.sdk.exceptions import ParamValidationError

    params = copy.deepcopy(bag.dags["backfill"].params)
    with pytest.raises(ParamValidationError):
        params[name] = value


def test_upkeep_watches_every_measure(bag):
    import upkeep

    from pipeline import drift

    assert tuple(upkeep.MEASURES) == tuple(drift.MEASURES)
    assert upkeep.GOLD.is_dir()


def test_there_is_an_asset_for_each_published_table(bag):
    from pipeline.schemas import PUBLISHED

    names = [*(table.name for table in PUBLISHED), "days"]
    for dag in ("nightly", "backfill"):
        outlets = bag.dags[dag].get_task("unit.publish").outlets
        assert [o.uri for o in outlets] == [f"standpoint://lake/{name}" for name in names]


def test_the_partition_of_a_nightly_run_is_the_day_that_has_ended(bag):
    import pendulum
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = coerce_to_core_timetable(bag.dags["nightly"].timetable)
    start = pendulum.datetime(2022, 2, 15, tz="UTC")
    info = timetable.next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(earliest=start, latest=None, catchup=True)
    )
    assert (info.run_after, info.partition_key) == (start, "2022-02-14")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_parsing_imports_nothing_heavy(path):
    code = (
        "import json, runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2]); "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, DAGS, path], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(json.loads(done.stdout.splitlines()[-1]))


def test_the_reference_is_current(bag):
    from pipeline import dag_docs

    page = dag_docs.PAGE.read_text("utf-8")
    assert page == dag_docs.dags_markdown(), f"stale; run `{dag_docs.COMMAND}`"
    for dag in bag.dags.values():
        assert f"\n## {dag.doc_md.splitlines()[0].removeprefix('# ')}\n" in page
        for task in dag.tasks:
            pool = "" if task.pool == "default_pool" else f"`{task.pool}`"
            line = f"| `{task.task_id.split('.')[-1]}` | {' '.join(task.doc_md.split())} | {pool} |"
            assert line in page
