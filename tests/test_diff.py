"""What two builds say differently: every case of `cases/diff.json`, and what must hold of any two builds."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import diff, schemas
from pipeline.diff import CHANGES, KINDS, compare, gathered, why

CASES = json.loads((Path(__file__).parent / "cases/diff.json").read_text(encoding="utf-8"))
MARKED = re.compile(r"\[([^\]|]+)\|([A-Z]+) (\S*)\]")
DAY = date(2022, 1, 5)
SHOWN = ("kind", "holder", "target", "before", "after", "change")


def tables(sentences: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """The tables of a build; names are marked `[text|TYPE entity]`, and stances name them by their number."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    ids: dict[str, list[str | None]] = defaultdict(list)
    numbers: dict[str, int] = defaultdict(int)
    for given_sentence in sentences:
        article = f"{ord(given_sentence.get('article', 'a')):016x}"
        no = numbers[article]
        numbers[article] += 1
        text = MARKED.sub(r"\1", given_sentence["text"])
        offsets = {"start": 0, "end": len(text), "raw_start": 0, "raw_end": len(text), "repair": None}
        rows["sentences"].append(
            {"article_id": article, "sentence_no": no, "line_no": no, "kind": "body" if no else "title",
             "text": text, "raw_offsets": [offsets]}
        )  # fmt: skip
        removed = 0
        for match in MARKED.finditer(given_sentence["text"]):
            start = match.start() - removed
            removed += len(match.group()) - len(match[1])
            rows["mentions"].append(
                {"article_id": article, "sentence_no": no, "mention_no": len(ids[article]), "start": start,
                 "end": start + len(match[1]), "text": match[1], "type": match[2], "score": 0.9,
                 "entity_id": match[3] or None}
            )  # fmt: skip
            ids[article].append(match[3] or None)
        for holder, target, stance, odds, *attributed in given_sentence.get("stances", ()):
            rows["stances"].append(
                {"article_id": article, "sentence_no": no, "stance_no": len(rows["stances"]),
                 "holder_mention_no": holder, "target_mention_no": target,
                 "holder_id": None if holder is None else ids[article][holder],
                 "target_id": ids[article][target], "stance": stance,
                 **dict(zip(schemas.STANCES, odds, strict=True)), "attributed": any(attributed)}
            )  # fmt: skip
    return {name: schemas.from_rows(name, rows[name]) for name in diff.READS}


def told(changes: pa.Table) -> list[list[Any]]:
    return [[row[name] for name in SHOWN] for row in changes.to_pylist()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases(case):
    found = compare(tables(case["before"]), tables(case["after"]))
    assert told(gathered([(DAY, found)], None).changes) == case["changes"]
    assert found.counts.total() == len(case["changes"])
    if "sentences" in case:
        assert list(found.sentences) == case["sentences"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_other_way_round_everything_is_the_other_way_round(case):
    names = {"added": "removed", "removed": "added"}
    there = compare(tables(case["before"]), tables(case["after"]))
    back = compare(tables(case["after"]), tables(case["before"]))
    turned = {re.sub("added|removed", lambda m: names[m[0]], kind): n for kind, n in there.counts.items()}
    assert back.counts == turned
    assert back.flips == {(now, was): n for (was, now), n in there.flips.items()}


def test_a_change_leads_to_its_sentence_and_both_names():
    before = {"text": "In [May|DATE ] [Norland|LOC norland] accused [Eastmark|LOC eastmark].", "article": "b"}
    old = before | {"stances": [[1, 2, "against", [0.02, 0.96, 0.02]]]}
    new = before | {"stances": [[1, 2, "favor", [0.9, 0.06, 0.04]]]}
    (row,) = gathered([(DAY, compare(tables([old]), tables([new])))], None).changes.to_pylist()
    assert (row["day"], row["article_id"]) == (DAY, f"{ord('b'):016x}")
    assert row["sentence"] == "In May Norland accused Eastmark."
    for who, name in (("holder", "Norland"), ("target", "Eastmark")):
        assert row["sentence"][row[f"{who}_start"] : row[f"{who}_end"]] == row[who] == name
    values = [row[f"{stance}_{when}"] for stance in schemas.STANCES for when in ("before", "after")]
    assert values == [0.02, 0.9, 0.96, 0.06, 0.02, 0.04]
    assert row["score_before"] is row["score_after"] is None


def test_a_holder_in_another_sentence_has_a_name_but_no_place_in_this_one():
    case = next(case for case in CASES if case["name"].startswith("a holder in another"))
    (row,) = compare(tables(case["before"]), tables(case["after"])).changes.to_pylist()
    assert (row["holder"], row["holder_start"], row["holder_end"]) == ("Norland", None, None)
    assert (row["target_start"], row["target_end"]) == (0, 8)


def flip(name: str, sure: float) -> diff.Comparison:
    sentence = {"text": f"Splendid [{name}|LOC {name}]."}
    old = sentence | {"stances": [[None, 0, "neutral", [0.0, 0.0, 1.0]]]}
    new = sentence | {"stances": [[None, 0, "favor", [sure, 0.0, 1 - sure]]]}
    return compare(tables([old]), tables([new]))


def test_the_largest_come_first_whatever_their_day_and_all_are_counted():
    days = [(date(2022, 1, n + 1), flip(f"N{n}", sure)) for n, sure in enumerate((0.9, 0.8, 0.99, 0.85))]
    whole, some = gathered(days, None), gathered(days, 2)
    assert [row["target"] for row in whole.changes.to_pylist()] == ["N2", "N0", "N3", "N1"]
    assert some.changes.equals(whole.changes.slice(0, 2))
    assert some.counts == whole.counts == {"stance flipped": 4}
    assert some.of == whole.of
    assert some.of["stance flipped"] == 4
    assert some.flips == {("neutral", "favor"): 4}
    assert some.sentences == (4, 0, 0)
    none = gathered(days, 0)
    assert (none.changes.num_rows, none.counts) == (0, whole.counts)


def test_no_days_are_no_changes():
    found = gathered([], None)
    assert found.changes.equals(CHANGES.empty_table())
    assert found.counts.total() == 0


def test_of_how_many():
    old = [{"text": "[Norland|LOC n] accused [Eastmark|LOC e].", "stances": [[0, 1, "against", [0, 1, 0]]]},
           {"text": "[Norland|LOC n] left."}, {"text": "Gone with [Norland|LOC n]."}]  # fmt: skip
    new = [{"text": "[Norland|LOC n] accused Eastmark."}, {"text": "[Norland|LOC n] [left|MISC l]."}]
    found = compare(tables(old), tables(new))
    assert +found.of == {
        "type changed": 2,
        "entity changed": 2,
        "mention added": 3,
        "mention removed": 3,
        "stance removed": 1,
    }
    assert found.counts == {"mention added": 1, "mention removed": 1, "stance removed": 1}
    assert set(found.of) <= set(KINDS)


RECIPE = {
    "clean": {"code": "1", "config": "a", "model": ""},
    "tag": {"code": "1", "config": "b", "model": "m"},
}


def test_why_names_stage_part_both_values_and_days():
    other = RECIPE | {"tag": {"code": "2", "config": "b", "model": "n"}}
    assert why([(RECIPE, RECIPE)]) == {}
    assert why([(RECIPE, other), (RECIPE, other), (RECIPE, RECIPE)]) == {
        ("tag", "code", "1", "2"): 2,
        ("tag", "model", "m", "n"): 2,
    }
    grown = RECIPE | {"judge": {"code": "1", "config": "", "model": "m"}}
    assert why([(RECIPE, grown)]) == {("judge", "code", "", "1"): 1, ("judge", "model", "", "m"): 1}


def test_a_mention_without_a_sentence_is_refused():
    broken = tables([{"text": "[Norland|LOC norland] left."}])
    broken["sentences"] = broken["sentences"].slice(1)
    with pytest.raises(ValueError, match="article_id and sentence_no 0000000000000061 0"):
        compare(broken, broken)


NAMES = st.sampled_from(["[A|LOC a]", "[B|ORG b]", "[B|LOC c]", "A", "B"])
SENTENCES = st.lists(st.tuples(NAMES, st.sampled_from(["met", "left"]), NAMES), max_size=5)


@given(SENTENCES, SENTENCES)
def test_every_mention_is_in_both_or_in_one_or_in_a_sentence_of_one(before, after):
    builds = [tables([{"text": " ".join(words)} for words in build]) for build in (before, after)]
    found = compare(*builds)
    both, only_before, only_after = found.sentences
    assert (both + only_before, both + only_after) == tuple(b["sentences"].num_rows for b in builds)
    paired = found.of["type changed"]
    assert (
        found.of["mention added"] == paired + found.counts["mention added"] <= builds[1]["mentions"].num_rows
    )
    assert found.of["mention removed"] == paired + found.counts["mention removed"]
    assert compare(builds[0], builds[0]).counts.total() == 0


def big(size: int, seed: int) -> dict[str, pa.Table]:
    """A day of sentences with four mentions each, and a judgement of every neighbour."""
    random, rows = np.random.default_rng(seed), np.arange(size)
    article = pa.array([f"{n:016x}" for n in rows // 100])
    sentence = rows[rows % 4 == 0]
    text = [
        f"Sentence {n} of a rather long text about nothing in particular, and more words." for n in sentence
    ]
    kinds = np.where(random.random(size) < 0.05, "ORG", "LOC")
    sure = np.round(random.random(size), 4)
    place, stands = pa.array(rows % 100 // 4, pa.int32()), rows % 4 * 10
    sentences = {"article_id": article, "sentence_no": place}
    mentions = {
        **sentences,
        "mention_no": pa.array(rows % 100, pa.int32()),
        "start": pa.array(stands, pa.int32()),
        "end": pa.array(stands + 5, pa.int32()),
        "text": pa.repeat("Name", size),
        "type": kinds,
        "score": pa.array(sure, pa.float32()),
        "entity_id": kinds,
    }
    stances = {
        "article_id": article,
        "holder_mention_no": pa.array(rows % 100 // 4 * 4, pa.int32()),
        "target_mention_no": mentions["mention_no"],
        "stance": np.where(sure > 0.9, "favor", "neutral"),
        "favor": pa.array(sure, pa.float32()),
        "against": pa.array(np.zeros(len(rows)), pa.float32()),
        "neutral": pa.array(1 - sure, pa.float32()),
        "attributed": sure > 0.5,
    }
    titled = pa.table(sentences).take(pa.array(sentence)).append_column("text", [text])
    return {"sentences": titled, "mentions": pa.table(mentions), "stances": pa.table(stances)}


def test_a_hundred_thousand_mentions_take_seconds():
    before, after = big(100_000, 1), big(100_000, 2)
    started = time.perf_counter()
    found = gathered([(DAY, compare(before, after))], 10)
    assert time.perf_counter() - started < 20  # 1 s on two cores; the margin is for a busy machine
    assert found.of["stance flipped"] == found.of["type changed"] == 100_000
    assert 15_000 < found.counts["stance flipped"] < 21_000  # 2 · 0.9 · 0.1 of them
    assert found.changes.num_rows == 10 * len([kind for kind in KINDS if found.counts[kind]])
