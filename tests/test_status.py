"""How a lake stands: against what was put into it."""

import json
from datetime import UTC, date, datetime, timedelta

from fake_models import KeywordJudge, KeywordTagger, NewJudge, NewTagger
from lakes import LANDED, article, batch, day_batch

from pipeline import plan, runner, status
from pipeline.locks import Claims
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.store import Store


def test_an_empty_lake(lake, context):
    found = status.examine(lake, context)
    assert found.freshness == status.Freshness(0, 0, None, None, None, None)
    assert (found.rates, found.quality) == ((), ())
    assert found.backlog.total.days == 0
    assert found.model.digest == context.model_digest


def test_a_current_lake(built, context):
    now = datetime.now(UTC)
    found = status.examine(built, context, now)
    fresh = found.freshness
    assert (fresh.days, fresh.articles) == (2, 3)
    assert (fresh.first_day, fresh.last_day) == (date(2022, 1, 5), date(2022, 1, 6))
    assert fresh.newest_landed == LANDED
    assert fresh.last_run.by == "standpoint run"
    assert (fresh.last_run.days, fresh.last_run.articles) == (2, 3)
    assert timedelta() < fresh.last_run.ended_at - fresh.last_run.started_at < timedelta(minutes=10)
    assert found.model.days_with_another == 0
    assert found.quality[0].name == "articles"
    assert found.size.missing == ()
    assert found.size.files == len(list(built.store.list()))
    assert found.size.bytes == sum(entry.size for entry in built.store.list())


def test_what_waits_is_the_newest_that_landed(built, context):
    later = LANDED + timedelta(days=3)
    built.land(batch(d20220105=day_batch([article("late", landed_at=later)])))
    assert status.examine(built, context).freshness.newest_landed == later


def test_the_run_of_a_dag_is_told_by_its_name(landed, context):
    (unit,) = plan.units(plan.due(landed, context), landed)
    runner.Staging(landed, "one").begin(unit)
    with Claims(landed.store, run_id := "nightly.scheduled__2022") as claims:
        claims.take([[due.day for due in unit.days]])
        for stage in runner.STAGES:
            runner.run_stage(landed, "one", stage.name, context, run_id)
        runner.publish_unit(landed, "one", context, run_id, claims)
    assert status.examine(landed, context).freshness.last_run.by == "Airflow, nightly"


def test_days_of_another_model_and_what_they_left_behind(upgraded, built):
    new, old = (
        Context(Settings(), NewTagger(), NewJudge()),
        Context(Settings(), KeywordTagger(), KeywordJudge()),
    )
    assert status.examine(upgraded, new).model.days_with_another == 0
    found = status.examine(upgraded, old)
    assert found.model.days_with_another == 2
    replaced = {f for m in upgraded.manifests().values() for f in m.superseded}
    assert found.size.superseded_files == len(replaced) > 0
    assert found.size.superseded_bytes == sum(upgraded.store.entry(f).size for f in replaced)
    assert (found.size.orphan_files, found.size.orphan_bytes) == (0, 0)


def test_orphans_and_missing_files_are_seen(built, context):
    built.store.write("data/raw/day=2022-01-05/0123456789abcdef.parquet", b"12345")
    manifest = built.manifest(date(2022, 1, 6))
    built.store.delete(manifest.tables["runs"]["file"])
    found = status.examine(built, context)
    assert (found.size.orphan_files, found.size.orphan_bytes) == (1, 5)
    assert found.size.missing == (date(2022, 1, 6),)
    # The other day is told of all the same.
    assert found.freshness.days == 2
    assert found.rates[0].articles == 4


def test_on_an_object_store(object_store, context):
    from pipeline.lake import Lake

    lake = Lake(object_store.replace("/root", "/status"))
    lake.land(batch(d20220105=day_batch([article("one")])))
    runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context)
    found = status.examine(lake, context)
    assert (found.freshness.articles, found.backlog.total.days) == (1, 0)
    assert found.quality[0].last == 1
    assert found.size.files == len(list(Store(lake.store.uri).list()))


def test_a_recipe_of_before_there_was_a_stage_counts_as_another_model(built, context):
    manifest = built.manifest(date(2022, 1, 6))
    old = json.loads(manifest.recipe)
    del old["judge"]
    changed = status.Manifest(**{**vars(manifest), "recipe": json.dumps(old)})
    built.commit([changed])
    assert status.examine(built, context).model.days_with_another == 1
