"""`runs` against what really happened: whatever lands, in whatever order, every column says what was done."""

import time
from collections import Counter
from dataclasses import replace
from datetime import date, datetime

import pytest
from fake_models import KeywordJudge, KeywordTagger
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lakes import article, batch, day_batch

from pipeline import accounts, database, plan, runner
from pipeline.errors import ValidationFailed
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import STAGES, Context
from pipeline.staging import Staged, Staging

GERMAN = [
    "Der Gemeinderat hat am Mittwoch über die neue Brücke beraten und die Pläne abgelehnt.",
    "Die Bürgermeisterin sagte, sie bedaure die Entscheidung, werde sie aber achten.",
]
SAME = ["The harbour board met on Wednesday and praised Poland for its help with the new bridge there. " * 4]
DAYS = ("2022-01-05", "2022-01-06", "2022-01-07")
WHOLE = "SELECT * EXCLUDE (snapshot, started_at), epoch(started_at) FROM runs"


class Counting(KeywordTagger):
    """Remembers how many word pieces it saw."""

    def __init__(self) -> None:
        self.tokens = 0

    def tag(self, texts, spans=None):
        found = super().tag(texts, spans)
        self.tokens += int(found.tokens.sum())
        return found


class Wrong(KeywordJudge):
    """Fails for texts that name Madrid."""

    def judge(self, questions):
        if any("Madrid" in text for text in questions.texts):
            raise ValidationFailed("Madrid is not judged")
        return super().judge(questions)


def about(judge: KeywordJudge | None = None) -> Context:
    return Context(Settings(duplicate_days=2), Counting(), judge or KeywordJudge())


def ask(lake, sql: str) -> list[tuple]:
    database.refresh(lake)
    with database.connect(lake) as connection:
        return database.query(connection, sql).fetchall()


def make_current(lake, context, **bounds) -> list[str]:
    return runner.run(lake, list(plan.units(plan.due(lake, context), lake, **bounds)), context)


def last_builds(lake) -> dict[date, dict[str, dict]]:
    """The rows of the run that published each day, by stage."""
    found: dict[date, dict[str, dict]] = {}
    for day, manifest in lake.manifests().items():
        rows = lake.table(manifest, "runs").to_pylist()
        found[day] = {row["stage"]: row for row in rows if row["run_id"] == manifest.run_id}
    return found


def check_rows(lake) -> None:
    """What the last build of each day says, against its tables and what it was given."""
    for day, stages in last_builds(lake).items():
        manifest = lake.manifest(day)
        rows = {name: entry["rows"] for name, entry in manifest.tables.items()}
        assert [*STAGES_OF_A_BUILD] == [s for s in stages if s != "settle"]
        assert all(r["rows_in"] == r["rows_out"] + r["rejected"] + r["duplicates"] for r in stages.values())
        assert stages["link"]["rows_in"] == stages["tag"]["rows_out"]
        assert stages["publish"]["rows_out"] == sum(n for name, n in rows.items() if name != "runs")
        # A day that was settled and then built anew in one run was settled as the build before.
        assert {stages[s]["fingerprint"] for s in STAGES_OF_A_BUILD} == {manifest.fingerprint}
        if stages["clean"]["rows_in"] == rows["raw"]:  # nothing was carried over
            refused = Counter(lake.table(manifest, "rejects")["stage"].to_pylist())
            for stage in STAGES:
                assert stages[stage.name]["rows_out"] == rows[stage.counts]
                assert stages[stage.name]["rejected"] == refused[stage.name]


STAGES_OF_A_BUILD = ("clean", "judge", "link", "publish", "tag")  # as the table sorts them

A_DAY = st.lists(st.sampled_from(["english", "german", "same", "refused"]), max_size=3)


def landing(days: list[list[str]], version: int):
    parts = {}
    for day, kinds in zip(DAYS, days, strict=True):
        lines = {"english": [f"Mayor Smith praised Poland {version} times."], "german": GERMAN, "same": SAME}
        rows = [
            article(
                f"{kind}{day}{n}",
                day,
                lines[kind],
                **({"title": "Der Rat lehnt ab"} if kind == "german" else {}),
            )
            for n, kind in enumerate(kinds)
            if kind != "refused"
        ]
        refused = [f"{day}{n}.{version}" for n, kind in enumerate(kinds) if kind == "refused"]
        parts[f"d{day.replace('-', '')}"] = day_batch(rows, refused, duplicates=version)
    return batch(**parts)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(A_DAY, min_size=3, max_size=3),
    st.lists(A_DAY, min_size=3, max_size=3),
    st.booleans(),
)
@example(
    [["same", "english", "german"], ["german", "english", "refused"], ["same", "refused", "german"]],
    [["refused", "english", "refused"], ["german", "refused"], ["english", "german"]],
    True,
)
def test_whatever_lands_every_count_is_what_was_done(tmp_path_factory, first, second, apart):
    lake = Lake(str(tmp_path_factory.mktemp("lake") / "lake"))
    context = about()
    for version, days in enumerate((first, second)):
        lake.land(landing(days, version))
        assert make_current(lake, context, apart=apart) == []
        check_rows(lake)
    (tokens,) = ask(lake, "SELECT coalesce(sum(tokens), 0) FROM runs")[0]
    assert tokens == context.tagger.tokens
    sums = "sum(rows_out)::INT, sum(rejected)::INT, sum(duplicates)::INT"
    ingested = ask(lake, f"SELECT {sums} FROM runs WHERE stage = 'ingest'")
    kinds = [kind for days in (first, second) for day in days for kind in day]
    assert ingested == [(len(kinds) - kinds.count("refused"), kinds.count("refused"), 3)]


def test_the_seconds_of_a_run_are_its_time(landed):
    started = time.perf_counter()
    make_current(landed, about())
    wall = time.perf_counter() - started
    spent = sum(row["seconds"] for stages in last_builds(landed).values() for row in stages.values())
    assert 0.7 * wall < spent <= wall


def test_a_unit_without_articles_takes_time_too(lake):
    lake.land(batch(d20220105=day_batch([], ["bad"]), d20220106=day_batch([], ["worse"])))
    make_current(lake, about())
    seconds = ask(lake, "SELECT DISTINCT round(seconds, 6) FROM runs WHERE stage = 'tag'")
    assert len(seconds) == 1
    assert seconds[0][0] > 0


def test_the_rest_of_a_unit_that_is_taken_apart_is_of_the_same_run(lake):
    lake.land(
        batch(
            d20220105=day_batch([article("one")]),
            d20220106=day_batch([article("two", "2022-01-06", ["Madrid praised Poland."])]),
            d20220107=day_batch([article("three", "2022-01-07")]),
        )
    )
    (failure,) = make_current(lake, about(Wrong()))
    assert "Madrid" in failure
    assert [str(day) for day in lake.manifests()] == ["2022-01-05", "2022-01-07"]
    assert len({m.run_id for m in lake.manifests().values()}) == 1
    check_rows(lake)
    # Of what failed nothing is published, and the marker says which day it was.
    (marked,) = [e.path for e in lake.store.list("staging") if e.path.endswith("/failed.json")]
    assert marked.startswith("staging/2022-01-06-")
    make_current(lake, about())
    check_rows(lake)


def test_a_day_that_is_settled_anew_says_by_whom(lake):
    context = about()
    lake.land(batch(d20220106=day_batch([article("later", "2022-01-06", SAME)])))
    make_current(lake, context)
    before = ask(
        lake,
        f"{WHOLE} WHERE stage <> 'ingest' ORDER BY stage",
    )
    lake.land(batch(d20220105=day_batch([article("earlier", "2022-01-05", SAME)])))
    make_current(lake, context)
    assert ask(lake, "SELECT count(near_duplicate_of) FROM articles WHERE day = '2022-01-06'") == [(1,)]
    now = ask(
        lake,
        f"{WHOLE} WHERE stage NOT IN ('ingest', 'settle') AND day = '2022-01-06' ORDER BY stage",
    )
    assert now == before
    settled = ask(lake, "SELECT run_id, rows_in, rows_out, seconds > 0 FROM runs WHERE stage = 'settle'")
    (rows,) = ask(
        lake,
        "SELECT (SELECT count(*) FROM articles WHERE day = '2022-01-06') "
        "+ (SELECT count(*) FROM sentences WHERE day = '2022-01-06') "
        "+ (SELECT count(*) FROM entities WHERE day = '2022-01-06')",
    )
    assert settled == [(lake.manifest(date(2022, 1, 5)).run_id, *rows, *rows, True)]


def test_a_run_that_settles_a_day_twice_has_one_row(lake):
    """Two units before the day, one after the other: each changes whom its article is a duplicate of."""
    context = about()
    lake.land(batch(d20220107=day_batch([article("last", "2022-01-07", SAME)])))
    make_current(lake, context)
    lake.land(batch(d20220105=day_batch([article("first", "2022-01-05", SAME)]),
                    d20220106=day_batch([article("second", "2022-01-06", SAME)])))  # fmt: skip
    units = list(plan.units(plan.due(lake, context), lake, apart=True))
    assert runner.run(lake, units[::-1], context) == []
    rows = ask(
        lake,
        "SELECT day::VARCHAR, stage, count(*)::INT FROM runs WHERE stage = 'settle' GROUP BY ALL ORDER BY 1",
    )
    assert rows == [("2022-01-06", "settle", 1), ("2022-01-07", "settle", 1)]


def test_an_ingest_says_when_it_began(landed):
    make_current(landed, about())
    (row,) = ask(landed, "SELECT DISTINCT run_id, epoch(started_at) FROM runs WHERE stage = 'ingest'")
    (seconds,) = ask(landed, "SELECT sum(seconds) FROM runs WHERE stage = 'ingest'")[0]
    landed_at = datetime.strptime(row[0][:15] + "+0000", "%Y%m%dT%H%M%S%z").timestamp()
    assert seconds == pytest.approx(0.2)
    assert row[1] + seconds == pytest.approx(landed_at, abs=1)


def test_rows_that_belong_to_no_article_of_the_unit_are_told(landed):
    context = about()
    (unit,) = plan.units(plan.due(landed, context), landed)
    staging = Staging(landed, "one")
    staging.begin(unit)
    for stage in STAGES:
        runner.run_stage(landed, "one", stage.name, context, "run")
    accounts.check(Staged(landed, "one"))
    inputs = staging.inputs()
    inputs[min(inputs)] = replace(inputs[min(inputs)], fresh=())
    staging.take_up(inputs)
    with pytest.raises(
        ValidationFailed, match="stage clean: 3 rows out and 0 rejected were counted, 1 and 0"
    ):
        accounts.check(Staged(landed, "one"))


def test_shares_are_by_rows_and_add_up(built):
    tables = {day: {"articles": built.table(m, "articles")} for day, m in built.manifests().items()}
    assert list(accounts.shares(6.0, tables).values()) == pytest.approx([4.0, 2.0])
    empty = {day: {"articles": t["articles"].slice(0, 0)} for day, t in tables.items()}
    assert list(accounts.shares(6.0, empty).values()) == [3.0, 3.0]
