"""Days settled in the light of the days before: in whatever order they are built, the lake says the same."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from fake_models import KeywordJudge, KeywordTagger
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import article, batch, day_batch

from pipeline import database, export, neighbours, plan, publish, runner, schemas
from pipeline.errors import ValidationFailed
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.settings import Settings
from pipeline.stages import STAGES, Context, recipe

REACH = 2
FIRST = date(2022, 1, 3)
CONTEXT = Context(Settings(duplicate_days=REACH), KeywordTagger(), KeywordJudge())
FOOTER = "Mayor Footer praised Poland for more stories."
WRITTEN = ("articles", "sentences", "signatures", "mentions", "entities")
NAMES = ("Ada", "Bo", "Cy", "Di", "Ed", "Flo", "Gus", "Hal")
TEXTS = [
    " ".join(f"The {word} council of ward {n} met and {word} members left early." for n in "abcdefgh")
    for word in ("red", "green", "blue", "brown", "white", "black")
]


@cache
def computed(name: str, day: date, version: int) -> Mapping[str, pa.Table]:
    """What the stages make of an article; versions 0 and 1 have the text of article name + version, 2 and 3
    that of article 0, and 0 and 2 have the footer.
    """
    text = TEXTS[(int(name) + version) % len(TEXTS) if version < 2 else 0]
    lines = [
        f"{NAMES[int(name)]} of desk {'AB'[version % 2]} writes.",
        text,
        *([FOOTER] if version % 2 == 0 else []),
    ]
    tables = {"raw": schemas.from_rows("raw", [article(name, day.isoformat(), lines)])}
    for stage in STAGES[:3]:
        tables |= stage.run({t: tables[t] for t in stage.reads}, CONTEXT).kept
    return tables


def tables_of(day: date, articles: Mapping[str, tuple[date, int]]) -> dict[str, pa.Table]:
    """A day's tables, not settled yet."""
    found = [computed(name, day, version) for name, (where, version) in articles.items() if where == day]
    names = ("articles", "sentences", "signatures", "mentions")
    return {n: schemas.conform(n, pa.concat_tables([schemas.TABLES[n].empty(), *(f[n] for f in found)]))
            for n in names}  # fmt: skip


def publish_days(lake: Lake, days: set[date], articles: Mapping[str, tuple[date, int]]) -> set[date]:
    """Build days of a lake at once, without what is beside the point here; returns the days settled anew."""
    built = {day: tables_of(day, articles) for day in sorted(days)}
    around = neighbours.around(lake, built, CONTEXT)
    settled, changed = around.settle()
    manifests = []
    for day, tables in built.items():
        digest = str(sorted((n, v) for n, (d, v) in articles.items() if d == day)).encode().hex()
        snapshot = digest.ljust(64, "0")[-16:]
        made = tables | settled[day]
        entries = {name: lake.write_table(name, day, snapshot, made[name]) for name in WRITTEN}
        about = json.dumps(recipe(CONTEXT))
        count = made["articles"].num_rows
        manifests.append(Manifest(day.isoformat(), snapshot, digest, about, "", count, "run", "", entries))
    follow = [publish.settled_anew(lake, around.manifests[day], t) for day, t in changed.items()]
    around.check()
    lake.commit([*manifests, *follow])
    return set(changed)


def content(lake: Lake) -> dict[date, dict[str, str]]:
    """Digests of every table of every day that has articles."""
    return {
        day: {name: entry["sha256"] for name, entry in m.tables.items()}
        for day, m in lake.manifests().items()
        if m.articles
    }


def day(n: int) -> date:
    return FIRST + timedelta(n)


def near(lake: Lake, n: int) -> dict[str, str | None]:
    table = lake.table(lake.manifest(day(n)), "articles")
    names = {article(str(i))["article_id"]: str(i) for i in range(20)}
    pairs = zip(*(table[c].to_pylist() for c in ("article_id", "near_duplicate_of")), strict=True)
    return {names[a]: b and names[b] for a, b in pairs}


def recurring(lake: Lake, n: int) -> int:
    return lake.table(lake.manifest(day(n)), "sentences")["kind"].to_pylist().count("recurring")


def entities(lake: Lake, n: int) -> dict[str, int]:
    table = lake.table(lake.manifest(day(n)), "entities")
    return dict(zip(table["name"].to_pylist(), table["mentions"].to_pylist(), strict=True))


HISTORY = st.lists(
    st.tuples(st.sampled_from("0123456"), st.integers(0, 4), st.sampled_from((0, 1, 2, 3))), max_size=6
)


@settings(max_examples=15)
@given(st.tuples(*[st.integers(0, 4)] * 7), st.permutations(range(5)), HISTORY)
def test_any_order_and_history_leave_what_building_all_at_once_does(where, order, history):
    """Days in any order, then articles that come late, corrected or to another day, against one build."""
    with TemporaryDirectory() as folder:
        lake, once = Lake(f"{folder}/lake"), Lake(f"{folder}/once")
        articles = {str(name): (day(n), 0) for name, n in enumerate(where)}
        for n in order:
            publish_days(lake, {day(n)}, articles)
        for name, n, version in history:
            changed = {articles[name][0], day(n)}
            articles[name] = (day(n), version)
            publish_days(lake, changed, articles)
        publish_days(once, {day(n) for n in range(5)}, articles)
        assert content(lake) == content(once)


@pytest.fixture
def days(lake):
    """Three days in a row, one article each, of the same text; the one before them has none yet."""
    articles = {str(n): (day(n), 3) for n in (1, 2, 3)}
    publish_days(lake, {day(n) for n in (1, 2, 3)}, articles)
    assert [near(lake, n) for n in (1, 2, 3)] == [{"1": None}, {"2": "1"}, {"3": "1"}]
    return articles


def test_a_late_article_before_them_takes_over_within_reach(lake, days):
    changed = publish_days(lake, {day(0)}, days | {"0": (day(0), 3)})
    assert changed == {day(1), day(2)}
    assert [near(lake, n) for n in (1, 2, 3)] == [{"1": "0"}, {"2": "0"}, {"3": "1"}]


def test_a_corrected_article_takes_its_marks_back(lake, days):
    before = content(lake)
    assert publish_days(lake, {day(1)}, days | {"1": (day(1), 1)}) == {day(2), day(3)}
    assert [near(lake, n) for n in (1, 2, 3)] == [{"1": None}, {"2": None}, {"3": "2"}]
    publish_days(lake, {day(1)}, days)
    assert content(lake) == before


def test_a_moved_article_takes_its_marks_with_it(lake, days):
    changed = publish_days(lake, {day(1), day(5)}, days | {"1": (day(5), 3)})
    assert changed == {day(2), day(3)}
    assert [near(lake, n) for n in (2, 3, 5)] == [{"2": None}, {"3": "2"}, {"1": "3"}]


def test_a_day_built_again_with_the_same_signatures_leaves_later_days_alone(lake, days, monkeypatch):
    before, read = lake.manifests(), []
    monkeypatch.setattr(lake, "table", lambda m, name: read.append(m and m.day) or Lake.table(lake, m, name))
    assert publish_days(lake, {day(1)}, days) == set()
    assert set(read) <= {day(n).isoformat() for n in (-1, 0, 1)}
    assert {d: lake.manifests()[d] for d in (day(2), day(3))} == {d: before[d] for d in (day(2), day(3))}


def test_a_changed_day_that_changes_no_mark_rewrites_nothing(lake, days):
    assert publish_days(lake, {day(0)}, days | {"4": (day(0), 1)}) == set()


def test_only_files_that_hold_marks_change_and_the_old_ones_stay_for_readers(lake, days):
    before = lake.manifest(day(2))
    publish_days(lake, {day(0)}, days | {"0": (day(0), 3)})
    after = lake.manifest(day(2))
    changed = {name for name in WRITTEN if after.tables[name] != before.tables[name]}
    assert changed == {"articles"}
    assert list(after.superseded) == [before.tables["articles"]["file"]]
    assert lake.store.exists(before.tables["articles"]["file"])
    assert replace(after, tables=before.tables, superseded={}) == before


@pytest.fixture
def footed(lake):
    """Five articles of unlike texts, which have the footer: two, two and one on three days in a row."""
    articles = {str(n): (day(n // 2), 0) for n in range(5)}
    for n in (0, 1):
        publish_days(lake, {day(n)}, articles)
    assert [recurring(lake, n) for n in (0, 1)] == [0, 2]
    assert publish_days(lake, {day(2)}, articles) == set()
    return articles


def test_a_line_that_recurs_is_marked_and_counts_for_no_entity(lake, footed):
    assert [recurring(lake, n) for n in (0, 1, 2)] == [0, 2, 1]
    assert entities(lake, 0)["Mayor Footer"] == 2
    assert "Mayor Footer" not in entities(lake, 1)
    mentions = lake.table(lake.manifest(day(1)), "mentions")["text"].to_pylist()
    assert mentions.count("Mayor Footer") == 2


def test_the_mark_goes_when_too_few_articles_hold_the_line(lake, footed):
    before = content(lake)
    assert publish_days(lake, {day(0)}, footed | {"0": (day(0), 1)}) == {day(1)}
    assert [recurring(lake, n) for n in (0, 1, 2)] == [0, 0, 1]
    assert entities(lake, 1)["Mayor Footer"] == 2
    assert publish_days(lake, {day(0)}, footed) == {day(1)}
    assert content(lake) == before


def test_reprints_do_not_make_a_line_recur(lake):
    publish_days(lake, {day(0)}, {str(n): (day(0), 2) for n in range(5)})
    assert recurring(lake, 0) == 0


def test_a_carried_over_mark_is_settled_anew(lake, footed):
    """As `publish.assemble` hands on sentences that were published as recurring."""
    published = {name: lake.table(lake.manifest(day(1)), name) for name in WRITTEN}
    marks = neighbours.marks(published["signatures"], published["articles"]["article_id"].to_pylist())
    assert "recurring" not in marks.on(published, CONTEXT)["sentences"]["kind"].to_pylist()


def test_another_run_that_publishes_a_neighbour_meanwhile_is_noticed(lake, days):
    around = neighbours.around(lake, {day(4): tables_of(day(4), days)}, CONTEXT)
    around.settle()
    around.check()
    publish_days(lake, {day(1)}, days | {"1": (day(1), 1)})
    with pytest.raises(ValidationFailed, match=r"day 2022-01-05: another run .* run again"):
        around.check()
    fresh = neighbours.around(lake, {day(6): tables_of(day(6), days)}, CONTEXT)
    publish_days(lake, {day(5)}, days | {"5": (day(5), 0)})
    with pytest.raises(ValidationFailed, match="day 2022-01-08: another run"):
        fresh.check()


def test_days_that_were_built_by_other_rules_are_left_to_their_own_build(lake, days):
    old = lake.manifest(day(1))
    about = recipe(CONTEXT)
    about["clean"]["code"] = "0"
    lake.commit([replace(old, recipe=json.dumps(about))])
    publish_days(lake, {day(2)}, days)
    assert near(lake, 2) == {"2": None}
    assert publish_days(lake, {day(1)}, days) == {day(2)}
    assert near(lake, 2) == {"2": "1"}


def test_a_lake_from_before_there_were_signatures_opens_and_is_read(lake, days, tmp_path):
    manifest = lake.manifest(day(1))
    tables = {name: entry for name, entry in manifest.tables.items() if name != "signatures"}
    rest = {t.name: lake.write_table(t.name, day(1), manifest.snapshot, t.empty())
            for t in schemas.PUBLISHED if t.name not in manifest.tables}  # fmt: skip
    lake.commit([replace(manifest, recipe="{}", tables=tables | rest)])
    for n in (2, 3):
        lake.store.delete(f"manifest/{day(n).isoformat()}.json")
    lake.store.delete("data/signatures/none.parquet")
    lake.store.write("lake.json", b'{"format": 1, "grain": "day"}')
    again = Lake(lake.store.uri)
    assert again.store.exists("data/signatures/none.parquet")
    database.refresh(again)
    with database.connect(again) as connection:
        assert database.query(connection, "SELECT count(*) FROM signatures").fetchall() == [(0,)]
        assert database.query(connection, "SELECT count(*) FROM articles").fetchall() == [(1,)]
    assert export.tables(again, str(tmp_path / "out"), "parquet", ["signatures", "articles"]) == 1
    assert publish_days(again, {day(1)}, days) == set()


def test_a_commit_that_settles_later_days_is_completed_after_a_crash(lake, days, monkeypatch):
    write, written = lake.store.write, []

    def until_killed(path, data):
        if path.startswith("manifest/") and written:
            raise KeyboardInterrupt
        written.extend([path] if path.startswith("manifest/") else [])
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(lake.store, "write", until_killed)
        with pytest.raises(KeyboardInterrupt):
            publish_days(lake, {day(0)}, days | {"0": (day(0), 3)})
    assert near(lake, 2) == {"2": "1"}
    again = Lake(lake.store.uri)
    assert [near(again, n) for n in (1, 2, 3)] == [{"1": "0"}, {"2": "0"}, {"3": "1"}]


def test_the_runner_settles_validates_and_commits_later_days(lake):
    """The whole way of a late article, through every stage and validation; a day before is in reach."""
    context = Context(Settings(duplicate_days=1), KeywordTagger(), KeywordJudge())
    lines = [TEXTS[0]]

    def build(**batches):
        lake.land(batch(**batches))
        assert runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context) == []

    names = {article(name)["article_id"]: name for name in ("late", "first", "second")}
    first, second = article("first", "2022-01-06", lines), article("second", "2022-01-07", lines)
    build(d20220106=day_batch([first]), d20220107=day_batch([second]))
    before = lake.manifests()
    build(d20220105=day_batch([article("late", "2022-01-05", lines)]))
    after = lake.manifests()
    found = {}
    for when, manifest in after.items():
        (target,) = lake.table(manifest, "articles")["near_duplicate_of"].to_pylist()
        found[when.day] = target and names[target]
        if when in before:
            assert manifest.fingerprint == before[when].fingerprint
            assert manifest.inputs == before[when].inputs
    assert found == {5: None, 6: "late", 7: "first"}
    assert plan.due(lake, context) == []
    assert any(e.path.endswith("neighbours.passed.html") for e in lake.store.list("_docs"))


def test_without_days_before_only_the_day_itself_counts(lake):
    context = Context(Settings(duplicate_days=0), KeywordTagger(), KeywordJudge())
    articles = {"0": (day(0), 3), "1": (day(1), 3), "2": (day(1), 3)}
    built = {day(n): tables_of(day(n), articles) for n in (0, 1)}
    settled, changed = neighbours.around(lake, built, context).settle()
    counts = {d: t["articles"]["near_duplicate_of"].null_count for d, t in settled.items()}
    assert (counts, changed) == ({day(0): 1, day(1): 1}, {})
    assert recipe(context)["publish"] != recipe(CONTEXT)["publish"]


def test_the_runner_settles_anew_a_day_whose_neighbour_was_published_meanwhile(landed, context, monkeypatch):
    first, second = (list(plan.units([due], landed)) for due in plan.due(landed, context))
    make = publish.runs

    def meanwhile(*given):
        monkeypatch.setattr(publish, "runs", make)
        assert runner.run(landed, second, context) == []
        return make(*given)

    monkeypatch.setattr(publish, "runs", meanwhile)
    assert runner.run(landed, first, context) == []
    assert list(landed.manifests()) == [date(2022, 1, 5), date(2022, 1, 6)]
    assert plan.due(landed, context) == []
    late, early = (landed.manifest(date(2022, 1, n)).published_at for n in (5, 6))
    assert early < late
