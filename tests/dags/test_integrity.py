"""Every DAG: imports, documentation, defaults, and what parsing costs."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
DAGS = Path(__file__).resolve().parents[2] / "dags"
FILES = sorted(path for path in DAGS.glob("*.py") if path.name != "notifier.py")
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

    pooled = {t.task_id: t.pool for t in bag.dags["nightly"].tasks if t.pool != "default_pool"}
    assert set(pooled) == {f"unit.{stage.name}" for stage in STAGES if stage.asks_model}
    assert set(pooled.values()) == set(POOLS)


def test_the_stages_are_those_of_the_pipeline_in_their_order(bag):
    from pipeline.stages import STAGES

    dag = bag.dags["nightly"]
    names = [f"unit.{stage.name}" for stage in STAGES] + ["unit.publish", "summary"]
    assert dag.get_task("ingest").downstream_task_ids == {"plan"}
    for before, after in zip(["plan", *names], names, strict=False):
        assert after in dag.get_task(before).downstream_task_ids


def test_there_is_an_asset_for_each_published_table(bag):
    from pipeline.schemas import PUBLISHED

    outlets = bag.dags["nightly"].get_task("unit.publish").outlets
    assert [o.uri for o in outlets] == [f"standpoint://lake/{table.name}" for table in PUBLISHED]


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
