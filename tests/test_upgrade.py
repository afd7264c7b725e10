"""What a changed model, alias file or setting makes due, what is computed again for it, and what is not."""

from pathlib import Path

import pytest
from fake_models import KeywordJudge, KeywordTagger, NewJudge, NewTagger
from lakes import article, batch, day_batch

from pipeline import clean, plan, stages
from pipeline.settings import Settings
from pipeline.stages import Context, recipe, stale
from tests.test_runner import ask, digests, make_current

ALIAS = "norland,Norland,LOC,Kingdom of Norland,,"
BEFORE = Context(Settings(), KeywordTagger(), KeywordJudge())


def later() -> Context:
    return Context(Settings(), CountingTagger(), NewJudge())


class CountingTagger(NewTagger):
    """Remembers how many texts it was asked about."""

    texts = 0

    def tag(self, texts, spans=None):
        self.texts += len(texts)
        return super().tag(texts, spans)


@pytest.fixture
def cleaned(monkeypatch) -> list[str]:
    """The articles that cleaning is asked about."""
    asked: list[str] = []
    original = clean.repair_all

    def repair_all(articles):
        lines = list(articles)
        asked.extend(title for title, *_ in lines)
        return original(lines)

    monkeypatch.setattr(clean, "repair_all", repair_all)
    return asked


def changed(context: Context) -> tuple[str, ...]:
    return stale(recipe(BEFORE), recipe(context))


def test_a_new_model_concerns_tag_and_all_that_reads_mentions():
    assert changed(later()) == ("tag", "link", "judge")


def aliased(tmp_path: Path, *lines: str) -> Context:
    file, shipped = tmp_path / "aliases.csv", Path(stages.__file__).with_name("aliases.csv")
    file.write_text("\n".join([shipped.read_text("utf-8").splitlines()[0], *lines, ""]))
    return Context(Settings(aliases=str(file)), KeywordTagger(), KeywordJudge())


def test_a_changed_alias_file_concerns_link_and_judge(tmp_path):
    assert changed(aliased(tmp_path, ALIAS)) == ("link", "judge")


def test_an_alias_file_that_says_nothing_new_concerns_nothing(tmp_path):
    assert changed(aliased(tmp_path)) == ()


@pytest.mark.parametrize(
    ("settings", "concerned"),
    [
        ({}, ()),
        ({"threads": 3, "landing": "elsewhere"}, ()),
        ({"duplicate_days": 3}, ()),  # settled at publishing
        ({"precision": 0.8}, ("judge",)),
        ({"languages": ("de", "en")}, ("clean", "tag", "link", "judge")),
    ],
)
def test_which_stages_a_setting_concerns(settings, concerned):
    assert changed(Context(Settings(**settings), KeywordTagger(), KeywordJudge())) == concerned


def test_a_day_that_was_never_built_lacks_every_stage():
    assert stale({}, recipe(BEFORE)) == ("clean", "tag", "link", "judge")


def test_a_new_model_does_not_clean_again(built, cleaned):
    model = later()
    assert {due.reasons for due in plan.due(built, model)} == {("model (judge)", "model (tag)")}
    assert make_current(built, model) == []
    assert cleaned == []
    assert model.tagger.texts == 3 * 3
    assert ask(built, "SELECT count(*) FROM mentions WHERE type = 'DATE'") == [(0,)]
    assert ask(built, "SELECT DISTINCT stance FROM stances ORDER BY ALL") == [("against",), ("neutral",)]


def test_an_upgraded_lake_is_the_lake_that_the_new_model_would_have_built(built, lake):
    built.land(batch(d20220105=day_batch([article("late"), article("two", lines=["They were wrong."])])))
    assert make_current(built, later()) == []
    lake.land(
        batch(
            d20220105=day_batch(
                [article("one"), article("late"), article("two", lines=["They were wrong."])],
                ["broken"],
                duplicates=1,
            ),
            d20220106=day_batch([article("three", "2022-01-06")]),
        )
    )
    assert make_current(lake, later()) == []
    assert digests(built) == digests(lake)


def test_late_and_corrected_articles_are_cleaned_though_the_model_changed(built, cleaned):
    built.land(batch(d20220105=day_batch([article("late"), article("two", lines=["They were wrong."])])))
    assert make_current(built, later()) == []
    assert sorted(cleaned) == [article(name)["title"] for name in ("late", "two")]


def test_what_clean_refused_stays_refused_with_its_reason(lake, cleaned):
    lines = ["Der Gemeinderat hat am Mittwoch über die neue Brücke beraten und die Pläne abgelehnt."] * 2
    german = article("eins", lines=lines, title="Der Rat lehnt ab")
    lake.land(batch(d20220105=day_batch([german, article("two")])))
    assert make_current(lake, BEFORE) == []
    cleaned.clear()
    refused = ask(lake, "SELECT stage, reason, detail FROM rejects")
    assert make_current(lake, later()) == []
    assert cleaned == []
    assert ask(lake, "SELECT stage, reason, detail FROM rejects") == refused != []
    counts = "SELECT DISTINCT rows_in, rows_out, rejected FROM runs WHERE stage = 'clean'"
    assert ask(lake, counts) == [(2, 1, 1)]


def test_what_publishing_settles_asks_no_stage_again(built, cleaned):
    tagger = CountingTagger()
    tagger.digest = KeywordTagger.digest
    other = Context(Settings(duplicate_days=3), tagger, KeywordJudge())
    found = plan.due(built, other)
    assert [(due.reasons, due.fresh) for due in found] == [(("config (publish)",), 0)] * 2
    before = digests(built)
    assert make_current(built, other) == []
    assert (cleaned, tagger.texts) == ([], 0)
    assert ask(built, "SELECT count(*) FROM mentions WHERE type = 'DATE'") != [(0,)]
    assert before.keys() == digests(built).keys()
    assert plan.due(built, other) == []


def test_articles_carried_over_are_asked_of_no_stage(built, cleaned):
    tagger = CountingTagger()
    tagger.digest = KeywordTagger.digest
    built.land(batch(d20220105=day_batch([], ["garbage"])))
    assert make_current(built, Context(Settings(), tagger, KeywordJudge())) == []
    assert (cleaned, tagger.texts) == ([], 0)


def test_every_run_of_tag_and_judge_names_its_model(built):
    assert make_current(built, later()) == []
    rows = ask(built, "SELECT stage, model, count(*) FROM runs GROUP BY ALL HAVING model <> '' ORDER BY ALL")
    models = ("keyword-tagger-1+keyword-judge-1", "keyword-tagger-2+keyword-judge-2")
    assert rows == [(stage, model, 2) for stage in ("judge", "tag") for model in models]
    others = ask(built, "SELECT DISTINCT stage FROM runs WHERE model = '' ORDER BY ALL")
    assert others == [("clean",), ("ingest",), ("link",), ("publish",)]
