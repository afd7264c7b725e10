"""Which builds a run is, which days two runs share, and what is said where tables are gone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from fake_models import KeywordJudge, KeywordTagger, NewJudge, NewTagger
from lakes import article, batch, day_batch

from pipeline import builds, diff
from pipeline.builds import History, pair
from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context
from pipeline.tidy import tidy
from tests.test_runner import ask, make_current

FIRST, SECOND = date(2022, 1, 5), date(2022, 1, 6)
MODELS = ("keyword-tagger-1+keyword-judge-1", "keyword-tagger-2+keyword-judge-2")


def runs(lake: Lake) -> list[str]:
    return list(dict.fromkeys(build.run_id for build in History.of(lake).builds))


def counts(pairing: builds.Pairing) -> dict[str, int]:
    return dict(diff.gathered(pairing.compared(), None).counts)


def test_a_new_model_is_seen_in_its_labels_and_named(upgraded):
    old, new = runs(upgraded)
    pairing = pair(old, new, upgraded)
    assert list(pairing.before) == list(pairing.after) == [FIRST, SECOND]
    assert pairing.why() == [("tag", "model", *MODELS, 2), ("judge", "model", *MODELS, 2)]
    found = diff.gathered(pairing.compared(), None)
    assert set(found.flips) == {("favor", "against")}
    assert found.counts["stance flipped"] == found.flips["favor", "against"] > 0
    assert found.counts["mention removed"] == 3  # one date an article
    poland = [row for row in found.changes.to_pylist() if row["kind"] == "type changed"]
    assert {(row["target"], row["before"], row["after"]) for row in poland} == {("Poland", "LOC", "ORG")}
    assert found.sentences == (ask(upgraded, "SELECT count(*) FROM sentences")[0][0], 0, 0)


def test_the_words_for_runs(upgraded):
    old, new = runs(upgraded)
    wanted = pair(old, new, upgraded)
    for before, after in (
        ("previous", "latest"),
        ("previous", "current"),
        ("previous", new),
        (old, "latest"),
    ):
        found = pair(before, after, upgraded)
        assert (found.before, found.after) == (wanted.before, wanted.after)
    back = pair("latest", "previous", upgraded)
    assert (back.before, back.after) == (wanted.after, wanted.before)


def test_previous_is_what_a_run_replaced_day_by_day(upgraded):
    upgraded.land(batch(d20220106=day_batch([article("late", "2022-01-06")])))
    later = Context(Settings(), NewTagger(), NewJudge())
    assert make_current(upgraded, later) == []
    old, new, last = runs(upgraded)
    found = pair("previous", "latest", upgraded)
    assert {day: (b.run_id, found.after[day].run_id) for day, b in found.before.items()} == {
        SECOND: (new, last)
    }
    assert found.why() == []
    assert counts(found) == {}
    gathered = diff.gathered(found.compared(), None)
    assert gathered.sentences[1] == 0 < gathered.sentences[2]
    current = pair("previous", "current", upgraded)
    assert {b.run_id for b in current.after.values()} == {new, last}
    assert {b.run_id for b in current.before.values()} == {old, new}


def test_a_run_is_not_another_by_itself(upgraded):
    found = pair("latest", "latest", upgraded)
    assert (counts(found), found.why()) == ({}, [])


def test_days_are_bounded(upgraded):
    old, new = runs(upgraded)
    assert list(pair(old, new, upgraded, first=SECOND).before) == [SECOND]
    assert list(pair(old, new, upgraded, last=FIRST).after) == [FIRST]


def test_two_lakes(built, upgraded):
    found = pair("latest", "latest", built, upgraded)
    assert found.why() == [("tag", "model", *MODELS, 2), ("judge", "model", *MODELS, 2)]
    assert counts(found) == counts(pair("previous", "latest", upgraded))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("nosuch", "latest"),
            "run 'nosuch': no day .* allowed are latest, previous, current and the runs 2",
        ),
        (("previous", "previous"), "previous: it is what the other run replaced"),
    ],
)
def test_a_run_that_is_none_is_the_users_error(upgraded, names, said):
    with pytest.raises(UsageError, match=said):
        pair(*names, upgraded)


def test_an_ingest_is_no_run_to_compare(upgraded):
    name = ask(upgraded, "SELECT min(run_id) FROM runs WHERE stage = 'ingest'")[0][0]
    with pytest.raises(UsageError, match="no day of lake"):
        pair(name, "latest", upgraded)


def test_an_empty_lake_says_so(lake):
    with pytest.raises(UsageError, match=r"current and the runs \(none yet\)"):
        pair("latest", "latest", lake)


def test_runs_that_share_no_day_say_which_they_built(lake):
    model = Context(Settings(), KeywordTagger(), KeywordJudge())
    for name, day in (("one", "2022-01-05"), ("two", "2022-01-06")):
        lake.land(batch(**{f"d{day.replace('-', '')}": day_batch([article(name, day)])}))
        assert make_current(lake, model) == []
    with pytest.raises(UsageError, match=r"\(2022-01-05\) and .* \(2022-01-06\) have built no day in common"):
        pair(*runs(lake), lake)
    with pytest.raises(UsageError, match=r"previous \(no day\) and latest \(2022-01-06\)"):
        pair("previous", "latest", lake)


def test_what_is_gone_is_named_with_its_days_and_what_to_do(upgraded):
    old, new = runs(upgraded)
    assert tidy(upgraded, datetime.now(UTC)) == 0
    assert tidy(upgraded, datetime.now(UTC) + timedelta(days=2)) > 0
    said = rf"run {old}: .* for 2022-01-05, 2022-01-06 are gone, .* --from and --to, .* --other-lake$"
    with pytest.raises(EnvironmentProblem, match=said):
        pair(old, new, upgraded)
    assert counts(pair(new, "current", upgraded)) == {}


def test_what_goes_while_it_is_read_is_said_alike(upgraded):
    found = pair("previous", "latest", upgraded)
    tidy(upgraded, datetime.now(UTC) + timedelta(days=2))
    with pytest.raises(EnvironmentProblem, match="are gone"):
        counts(found)


def test_a_build_that_its_neighbours_settled_anew_is_found(built):
    """A near-duplicate that lands the day before changes the articles of a published day, not its build."""
    lines = [f"The council of the town met again on the question of bridge number {n}." for n in range(9)]
    model = Context(Settings(), KeywordTagger(), KeywordJudge())
    built.land(batch(d20220106=day_batch([article("copy", "2022-01-06", lines)])))
    assert make_current(built, model) == []
    (run,) = {build.run_id for build in History.of(built, SECOND, SECOND).run("latest").values()}
    built.land(batch(d20220105=day_batch([article("source", "2022-01-05", lines)])))
    assert make_current(built, model) == []
    marked = "SELECT count(*) FROM articles WHERE day = '2022-01-06' AND near_duplicate_of IS NOT NULL"
    assert ask(built, marked) == [(1,)]
    found = pair(run, "current", built)
    assert list(found.before) == [SECOND]
    assert counts(found) == {}
