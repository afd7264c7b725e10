"""Units through all stages into the lake: what is published, carried over, quarantined, refused."""

import pyarrow.compute as pc
import pytest
from fake_models import KeywordJudge, KeywordTagger
from lakes import article, batch, day_batch, digests
from rivals import make_current as make_all_current
from rivals import race, rivals, silence, until

from pipeline import database, plan, publish, runner, schemas, stages
from pipeline.errors import UsageError, ValidationFailed
from pipeline.lake import Lake
from pipeline.locks import Claims, claimed
from pipeline.outcome import Outcome
from pipeline.plan import Unit
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.staging import Staging


def make_current(lake, context) -> list[str]:
    failures = runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context)
    runner.finish(lake)
    return failures


def ask(lake, sql: str) -> list[tuple]:
    with database.connect(lake) as connection:
        return database.query(connection, sql).fetchall()


class CountingTagger(KeywordTagger):
    """Remembers how many texts it was asked about."""

    texts = 0

    def tag(self, texts, spans=None):
        self.texts += len(texts)
        return super().tag(texts, spans)


def test_everything_is_published_and_accounted_for(built, context):
    assert ask(built, "SELECT count(*), count(DISTINCT day) FROM articles") == [(3, 2)]
    assert ask(built, "SELECT count(*) > 0 FROM stances WHERE stance <> 'neutral'") == [(True,)]
    assert ask(built, "SELECT source_uri, reason FROM rejects") == [("broken", "empty")]
    stages_run = ask(built, "SELECT DISTINCT stage FROM runs WHERE day = '2022-01-05' ORDER BY ALL")
    assert stages_run == [("clean",), ("ingest",), ("judge",), ("link",), ("publish",), ("tag",)]
    balance = "SELECT count(*) FROM runs WHERE rows_in <> rows_out + rejected + duplicates"
    assert ask(built, balance) == [(0,)]
    ingested = "SELECT rows_in, rows_out, rejected, duplicates FROM runs WHERE stage = 'ingest' ORDER BY ALL"
    assert ask(built, ingested) == [(1, 1, 0, 0), (4, 2, 1, 1)]
    assert ask(built, "SELECT sum(tokens) > 0 FROM runs WHERE stage = 'tag'") == [(True,)]
    assert list(built.store.list("staging")) == []
    assert list(built.store.list("inbox")) == []


def test_every_judgement_leads_back_to_its_raw_line(built, context):
    rows = ask(
        built,
        """
        SELECT s.text, r.lines[s.line_no], r.title, s.line_no, s.raw_offsets
        FROM stances JOIN sentences s USING (day, article_id, sentence_no) JOIN raw r USING (day, article_id)
        """,
    )
    assert rows
    for text, line, title, line_no, offsets in rows:
        raw = line if line_no else title
        for part in offsets:
            if part["repair"] is None:
                assert text[part["start"] : part["end"]] == raw[part["raw_start"] : part["raw_end"]]


def test_a_second_run_has_nothing_to_do(built, context):
    before = {m.day: m.json() for m in built.manifests().values()}
    make_current(built, context)
    assert {m.day: m.json() for m in built.manifests().values()} == before


def test_who_is_quoted_holds_what_the_next_sentence_says(lake, context):
    """By rule: the tagger for tests finds no attributions."""
    line = "“It is over,” Jane Roe said. “We condemn Russia.” The council met."
    lake.land(batch(d20220105=day_batch([article("one", lines=[line])])))
    assert make_current(lake, context) == []
    asked = "SELECT holder_text, stance, attributed, sentence, holder_sentence FROM evidence"
    assert ask(lake, f"{asked} WHERE target_text = 'Russia' ORDER BY stance_no") == [
        (None, "against", True, "“We condemn Russia.”", None),
        ("Jane Roe", "neutral", True, "“We condemn Russia.”", "“It is over,” Jane Roe said."),
    ]
    assert ask(lake, "SELECT holder, target, against FROM who_on_whom WHERE target = 'Russia'") == []


def test_the_same_inputs_give_the_same_bytes(built, context, lake):
    lake.land(batch(d20220106=day_batch([article("three", "2022-01-06")])))
    lake.land(batch(d20220105=day_batch([article("two")], ["broken"])))
    make_current(lake, context)
    lake.land(batch(d20220105=day_batch([article("one")])))
    make_current(lake, context)
    assert digests(lake) == digests(built)


def test_a_late_article_does_not_pay_for_the_day(built):
    tagger = CountingTagger()
    context = Context(Settings(), tagger, KeywordJudge())
    built.land(batch(d20220105=day_batch([article("late")])))
    make_current(built, context)
    assert tagger.texts == 3
    assert ask(built, "SELECT count(*) FROM articles WHERE day = '2022-01-05'") == [(3,)]
    assert ask(built, "SELECT count(DISTINCT snapshot) FROM articles WHERE day = '2022-01-05'") == [(1,)]


def test_a_corrected_article_replaces_the_old_one(built, context):
    built.land(batch(d20220105=day_batch([article("one", lines=["Nobody praised the council."])])))
    make_current(built, context)
    texts = ask(built, "SELECT text FROM sentences WHERE kind = 'body' AND day = '2022-01-05'")
    assert ("Nobody praised the council.",) in texts
    assert ask(built, "SELECT count(*) FROM articles") == [(3,)]


def test_a_moved_article_leaves_no_ghost(built, context):
    moved = article("one", "2022-01-06")
    built.land(batch(d20220105=day_batch(moved=[moved["article_id"]]), d20220106=day_batch([moved])))
    make_current(built, context)
    days = f"SELECT day::VARCHAR FROM articles WHERE article_id = '{moved['article_id']}'"
    assert ask(built, days) == [("2022-01-06",)]
    for table in ("raw", "sentences", "mentions", "stances"):
        where = f"SELECT count(*) FROM {table} WHERE day = '2022-01-05'"
        assert ask(built, f"{where} AND article_id = '{moved['article_id']}'") == [(0,)]


def test_an_unwanted_language_is_a_reject(lake, context):
    german = [
        "Der Gemeinderat hat am Mittwoch über die neue Brücke beraten und die Pläne abgelehnt.",
        "Die Bürgermeisterin sagte, sie bedaure die Entscheidung, werde sie aber achten.",
    ]
    lake.land(
        batch(d20220105=day_batch([article("eins", lines=german, title="Der Rat lehnt ab"), article("two")]))
    )
    make_current(lake, context)
    assert ask(lake, "SELECT stage, reason FROM rejects") == [("clean", "language")]
    assert ask(lake, "SELECT rows_in, rows_out, rejected FROM runs WHERE stage = 'clean'") == [(2, 1, 1)]
    lake.land(batch(d20220105=day_batch([article("late")])))
    make_current(lake, context)
    assert ask(lake, "SELECT stage, reason FROM rejects") == [("clean", "language")]
    assert ask(lake, "SELECT count(*) FROM raw") == [(3,)]


class WrongJudge(KeywordJudge):
    """Probabilities that do not sum to 1, for every third question."""

    def judge(self, questions):
        answers = super().judge(questions)
        answers[::3] *= 1.5
        return answers


def broken_stage(monkeypatch, name: str, change) -> None:
    """Replace one stage's function by one that changes its outcome."""
    stage = next(s for s in stages.STAGES if s.name == name)

    def run(tables, context) -> Outcome:
        return change(stage.run(tables, context))

    from dataclasses import replace

    changed = tuple(replace(s, run=run) if s is stage else s for s in stages.STAGES)
    for module in (stages, runner, publish):
        monkeypatch.setattr(module, "STAGES", changed)


def test_rows_that_break_a_rule_are_quarantined_with_its_name(landed, context, monkeypatch):
    def shift(outcome: Outcome) -> Outcome:
        mentions = outcome.kept["mentions"]
        wrong = pc.if_else(pc.equal(mentions["mention_no"], 0), "not in the text", mentions["text"])
        index = mentions.column_names.index("text")
        changed = mentions.set_column(index, mentions.schema.field("text"), wrong)
        return Outcome({**outcome.kept, "mentions": changed}, outcome.rows_in, tokens=outcome.tokens)

    broken_stage(monkeypatch, "tag", shift)
    assert make_current(landed, context) == []
    rows = ask(
        landed, "SELECT DISTINCT stage, reason, split_part(detail, ':', 1) FROM rejects WHERE stage = 'tag'"
    )
    assert rows == [("tag", "rule", "mentions.offsets_give_text")]
    assert ask(landed, "SELECT count(*) FROM mentions WHERE mention_no = 0") == [(0,)]
    counts = ask(
        landed, "SELECT sum(rejected), bool_and(rows_in = rows_out + rejected) FROM runs WHERE stage = 'tag'"
    )
    assert counts == [(3, True)]
    assert ("quarantined",) in ask(landed, "SELECT verdict FROM runs WHERE stage = 'tag'")


def test_a_broken_table_stops_the_day_and_leaves_what_was_published(built, context, monkeypatch):
    before = {m.day: m.json() for m in built.manifests().values()}
    built.land(batch(d20220105=day_batch([article("late")])))

    def twice(outcome: Outcome) -> Outcome:
        import pyarrow as pa

        kept = {name: pa.concat_tables([t, t]) for name, t in outcome.kept.items()}
        return Outcome(kept, 2 * outcome.rows_in, tokens=outcome.tokens)

    broken_stage(monkeypatch, "judge", twice)
    (failure,) = make_current(built, context)
    assert "stances.key" in failure
    assert {m.day: m.json() for m in built.manifests().values()} == before
    assert len(plan.due(built, context)) == 1


def test_vanished_rows_stop_the_day(landed, context, monkeypatch):
    def lose(outcome: Outcome) -> Outcome:
        kept = {name: t.slice(1) for name, t in outcome.kept.items()}
        return Outcome(kept, outcome.rows_in)

    broken_stage(monkeypatch, "clean", lose)
    failures = make_current(landed, context)
    assert len(failures) == 2
    assert all("rows in" in failure for failure in failures)
    assert landed.manifests() == {}


def test_only_the_days_at_fault_stay_as_they_were(landed, context, monkeypatch):
    def lose(outcome: Outcome) -> Outcome:
        names = outcome.kept["articles"]["title"].to_pylist()
        if any("Three" in name for name in names):
            return Outcome(outcome.kept, outcome.rows_in + 1)
        return outcome

    broken_stage(monkeypatch, "clean", lose)
    (failure,) = make_current(landed, context)
    assert "2022-01-06" in failure
    assert [m.day for m in landed.manifests().values()] == ["2022-01-05"]


def test_a_day_published_by_another_run_meanwhile_is_left_alone(landed, context):
    units = list(plan.units(plan.due(landed, context), landed))
    make_current(landed, context)
    Staging(landed, units[0].id).begin(units[0])
    with pytest.raises(ValidationFailed, match="another run has published it"):
        runner.run_stage(landed, units[0].id, "clean", context, "run")


def days_alike(uri: str) -> Lake:
    """A lake with four days in its inbox, the same story on each: days that change each other."""
    lake = Lake(uri)
    days = [f"2022-01-0{n}" for n in range(3, 7)]
    lines = ["The council met in Warsaw.", "Mayor Smith praised Poland and condemned the new bridge."]
    parts = {f"d{day.replace('-', '')}": day_batch([article(day, day, lines)]) for day in days}
    lake.land(batch(**parts))
    return lake


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["disk", "object store"])
def test_two_runs_at_once_give_the_tables_of_one(kind, request, tmp_path, context):
    uri = str(tmp_path / "two")
    if kind == "object store":
        uri = request.getfixturevalue("object_store").replace("/root", "/two-runs")
    two, alone = days_alike(uri), days_alike(str(tmp_path / "alone"))
    race(make_all_current, (uri,), (uri,))
    make_current(alone, context)
    assert digests(two) == digests(alone)
    assert plan.due(two, context) == []
    assert [list(two.store.list(folder)) for folder in ("staging", "inbox", "intent")] == [[], [], []]
    assert claimed(two.store) == []


@pytest.mark.slow
def test_what_a_killed_run_was_at_work_on_is_taken_over(tmp_path, context):
    lake, alone = days_alike(str(tmp_path / "lake")), days_alike(str(tmp_path / "alone"))
    with rivals(make_all_current, (lake.store.uri,)) as (killed,):
        until(lambda: any(entry.path.endswith("/run.json") for entry in lake.store.list("staging")))
        killed.kill()
        killed.join()
    assert claimed(lake.store)
    again = Lake(lake.store.uri)
    make_current(again, context)
    make_current(alone, context)
    assert digests(again) == digests(alone)
    assert claimed(again.store) == []


def test_a_run_that_was_taken_over_is_fenced_off_at_its_commit(landed, context, monkeypatch):
    """It stands still before its commit, longer than its lease; what then waits is made current at last."""
    make, other, said = publish.runs, Claims(landed.store, "other"), []

    def stand_still(*given):
        monkeypatch.setattr(publish, "runs", make)
        (claim,) = claimed(landed.store)
        silence(Claims(landed.store, claim.owner))
        assert other.take([claim.holds]) == {}
        return make(*given)

    def say(line: str) -> None:
        said.append(line.split(" (")[0])
        assert landed.manifests() == {}
        other.release()

    monkeypatch.setattr(publish, "runs", stand_still)
    told = []
    units = list(plan.units(plan.due(landed, context), landed))
    assert runner.run(landed, units, context, told.append, say) == []
    assert said == ["2022-01-05 and 1 more: waiting for run other"]
    assert sum(unit.fresh for unit in told) == sum(unit.fresh for unit in units)
    assert plan.due(landed, context) == []


def test_days_that_others_hold_come_last_as_they_are_then(landed, context):
    other, said = Claims(landed.store, "other"), []
    units = list(plan.units(plan.due(landed, context), landed))
    assert other.take([["2022-01-05"]]) == {}

    def say(line: str) -> None:
        said.append(line.split(" (")[0])
        assert [m.day for m in landed.manifests().values()] == ["2022-01-06"]
        landed.land(batch(d20220105=day_batch([article("late")])))
        other.release()

    assert runner.run(landed, units, context, say=say) == []
    assert said == ["2022-01-05: waiting for run other"]
    assert [m.articles for m in landed.manifests().values()] == [3, 1]
    assert plan.due(landed, context) == []


def test_stages_need_the_one_before(landed, context):
    units = list(plan.units(plan.due(landed, context), landed))
    Staging(landed, units[0].id).begin(units[0])
    with pytest.raises(UsageError, match="run clean first"):
        runner.run_stage(landed, units[0].id, "tag", context, "run")
    with pytest.raises(UsageError, match="allowed are clean, tag, link, judge"):
        runner.run_stage(landed, units[0].id, "polish", context, "run")
    with pytest.raises(UsageError, match="not in staging"):
        runner.run_stage(landed, "2022-01-05-none", "clean", context, "run")


def test_a_stage_that_is_repeated_stages_the_same(landed, context):
    units = list(plan.units(plan.due(landed, context), landed))
    Staging(landed, units[0].id).begin(units[0])
    first = runner.run_stage(landed, units[0].id, "clean", context, "run")
    again = runner.run_stage(landed, units[0].id, "clean", context, "run")
    assert (first.rows_out, first.rejected) == (again.rows_out, again.rejected)


def test_published_files_have_the_declared_schema(built, context):
    import pyarrow.parquet as pq

    for manifest in built.manifests().values():
        for name, entry in manifest.tables.items():
            with built.store.open(entry["file"]) as file:
                found = pq.read_schema(file)
            declared = schemas.TABLES[name].published_schema
            assert found.equals(declared)
            assert found.metadata == declared.metadata
            assert [field.metadata for field in found] == [field.metadata for field in declared]


def crowd(lake) -> None:
    """One day with six articles, of which two are alike, beside an ordinary one."""
    rows = [
        article(
            f"n{n}", lines=[f"Mayor Number{n % 5} Smith praised Poland.", "The council met in Moscow. " * 9]
        )
        for n in range(6)
    ]
    lake.land(batch(d20220105=day_batch(rows, ["broken"]), d20220106=day_batch([article("x", "2022-01-06")])))


def in_shards(lake, context) -> list[Unit]:
    found = list(plan.units(plan.due(lake, context), lake, 250))
    assert [unit.shard.parts for unit in found if unit.shard] == [2, 2]
    return found


def test_a_day_in_shards_is_built_as_one_in_one_piece(tmp_path, context):
    """The same bytes, and the same counts in `runs`; also when only some articles of the day are new."""
    whole, cut = Lake(str(tmp_path / "whole")), Lake(str(tmp_path / "cut"))
    late = [article(f"l{n}", lines=["The council met in Paris. " * 25]) for n in range(2)]
    for step in (crowd, lambda lake: lake.land(batch(d20220105=day_batch(late)))):
        for lake in (whole, cut):
            step(lake)
        assert runner.run(cut, in_shards(cut, context), context) == []
        assert make_current(whole, context) == []
        runner.finish(cut)
        assert digests(cut) == digests(whole)
        counts = "SELECT day, stage, rows_in, rows_out, rejected, tokens, verdict FROM runs ORDER BY ALL"
        assert ask(cut, counts) == ask(whole, counts)
        assert plan.due(cut, context) == []
        assert list(cut.store.list("staging")) == []


def test_a_run_that_is_cut_off_goes_on_at_the_next_shard(lake, context):
    crowd(lake)
    units = [unit for unit in in_shards(lake, context) if unit.shard]

    class Stopping(CountingTagger):
        def tag(self, texts, spans=None):
            if self.texts:
                raise KeyboardInterrupt
            return super().tag(texts, spans)

    stopping, counting = Stopping(), CountingTagger()
    with pytest.raises(KeyboardInterrupt):
        runner.run(lake, units, Context(Settings(), stopping, KeywordJudge()))
    assert lake.manifests() == {}
    again = Context(Settings(), counting, KeywordJudge())
    assert [unit.id for unit in in_shards(lake, again) if unit.shard] == [unit.id for unit in units]
    assert runner.run(lake, units, again) == []
    manifest = lake.manifest(units[0].days[0].date)
    prose = lake.table(manifest, "sentences").filter(pc.field("kind") != "boilerplate")
    assert (stopping.texts + counting.texts, stopping.texts > 0) == (prose.num_rows, True)
    assert list(lake.store.list("staging")) == []


def test_a_run_that_is_cut_off_while_it_publishes_shards_is_taken_up_by_the_first(lake, context, monkeypatch):
    crowd(lake)
    units = [unit for unit in in_shards(lake, context) if unit.shard]

    def killed(self, *given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            runner.run(lake, units, context)
    done = []
    assert runner.run(lake, units, context, done.append) == []
    assert done == units
    assert [m.articles for m in lake.manifests().values()] == [6]
    assert list(lake.store.list("staging")) == []


def test_a_shard_that_fails_stops_its_day_and_no_other(lake, context, monkeypatch):
    crowd(lake)
    calls = []

    def lose(outcome: Outcome) -> Outcome:
        calls.append(outcome.rows_in)
        return Outcome(outcome.kept, outcome.rows_in + 1) if len(calls) == 1 else outcome

    broken_stage(monkeypatch, "clean", lose)
    units, done = in_shards(lake, context), []
    (failure,) = runner.run(lake, units, context, done.append)
    assert "-1of2, stage clean" in failure
    assert len(calls) == 2
    assert done == units
    assert [m.day for m in lake.manifests().values()] == ["2022-01-06"]
    left = [entry.path.split("/")[-1] for entry in lake.store.list("staging")]
    assert left == ["failed.json", "unit.json"]  # why it failed, and nothing of what it did
