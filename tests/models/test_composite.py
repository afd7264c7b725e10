"""Runs, annotations and `doctor` with a user's models, in every combination with the shipped one."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_foreign as foreign
from fake_models import KeywordJudge, KeywordTagger
from lakes import article, batch, day_batch

import models
from models import Said
from models.composite import Composite
from models.foreign_tagger import Vectored
from pipeline import doctor, plan, runner
from pipeline.annotate import annotate
from pipeline.errors import UsageError
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context

LINES = ["Mayor Ada Smith praised Poland on Monday.", "Norway blamed NATO, and Cem Kaya thanked Bob Ray."]
COMBINATIONS = {"both": ("tagger", "judge"), "tagger": ("tagger",), "judge": ("judge",)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """By name of combination: the TOML file that chooses these parts."""
    folder = tmp_path_factory.mktemp("own")
    foreign.write(folder / "tagger", foreign.BIO, positions=128)
    foreign.write(folder / "judge", foreign.SENTIMENT, head="SequenceClassification", positions=128)
    lines = {"tagger": foreign.tagger_lines(foreign.BIO), "judge": foreign.judge_lines()}
    return {
        name: foreign.toml(folder, **{part: lines[part] for part in parts}, name=f"{name}.toml")
        for name, parts in COMBINATIONS.items()
    }


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_whole_run(files, tmp_path, name):
    lake = Lake(str(tmp_path / "lake"))
    lake.land(batch(d20220105=day_batch([article("one", lines=LINES), article("two", lines=LINES[::-1])])))
    context = Context(Settings(model=str(files[name])))
    assert runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context) == []
    assert list(plan.due(lake, context)) == []
    (manifest,) = lake.manifests().values()
    tables = {table: lake.table(manifest, table) for table in ("sentences", "mentions", "stances", "runs")}
    texts = {(r["article_id"], r["sentence_no"]): r["text"] for r in tables["sentences"].to_pylist()}
    mentions = tables["mentions"].to_pylist()
    assert mentions
    for row in mentions:
        assert texts[row["article_id"], row["sentence_no"]][row["start"] : row["end"]] == row["text"]
    stances = tables["stances"].to_pylist()
    assert {row["holder_mention_no"] is None for row in stances} == {True, False}
    assert all(row["favor"] + row["against"] + row["neutral"] == pytest.approx(1) for row in stances)
    asked = {r["stage"]: r["model"] for r in tables["runs"].to_pylist()}
    assert asked["tag"] == asked["judge"] == context.model_digest != Context(Settings()).model_digest


@pytest.mark.parametrize("name", COMBINATIONS)
def test_annotate(files, name):
    context = Context(Settings(model=str(files[name])))
    text = LINES[1]
    record = {"id": 1, "text": text, "targets": [[0, 6], [14, 18]], "pairs": [[[0, 6], [14, 18]]]}
    (one,) = annotate([record], context.tagger, context.judge)
    (other,) = list(annotate([{"text": LINES[0]}, record], context.tagger, context.judge))[1:]
    assert one == other
    assert all(text[m["start"] : m["end"]] == m["text"] for m in one["mentions"])
    assert [(t["start"], t["end"]) for t in one["targets"]] == [(0, 6), (14, 18)]
    (pair,) = one["pairs"]
    assert sum(pair[stance] for stance in ("favor", "against", "neutral")) == pytest.approx(1)


def test_the_shipped_judge_reads_what_another_tagger_found(files):
    context, shipped = Context(Settings(model=str(files["tagger"]))), Context(Settings())
    tags = context.tagger.tag(LINES, [[(6, 15)], []])
    spans = [
        [(s, e) for no, s, e in zip(tags.text_no, tags.start, tags.end, strict=True) if no == text]
        for text in range(len(LINES))
    ]
    own = shipped.tagger.tag(LINES, spans)
    asked = [not kind for kind in own.type]
    assert np.array_equal(tags.vectors, own.vectors[asked])
    assert tags.start.tolist() == own.start[asked].tolist()


@pytest.mark.parametrize(("thresholds", "stated"), [(None, {}), ({"portrayal": {}}, {"portrayal": {}})])
def test_thresholds_are_the_judges(thresholds, stated):
    judge = KeywordJudge()
    if thresholds:
        judge.thresholds = thresholds
    assert Composite(KeywordTagger(), judge, "x").thresholds == stated


def test_who_says_what_is_told_by_the_tagger_else_by_the_model_that_gives_the_vectors():
    class Listener(KeywordTagger):
        def __init__(self, said):
            self.said = said

        def tag(self, texts, spans=None):
            return replace(super().tag(texts, spans), said=self.said)

    none = np.zeros(0, np.int32)
    mine, theirs = (Said(none, none, none, [], none.astype(np.float32)) for _ in range(2))
    assert Vectored(Listener(None), Listener(theirs)).tag(LINES).said is theirs
    assert Vectored(Listener(mine), Listener(theirs)).tag(LINES).said is mine
    assert Vectored(Listener(None), Listener(None)).tag(LINES).said is None


def test_doctor_tells_which_models_are_used(files):
    check = next(c for c in doctor.examine(Settings(model=str(files["judge"]))) if c.what == "model")
    assert check.ok
    assert f"{files['judge']}: tagger shipped, judge judge, digest " in check.detail
    assert "float32 here" in check.detail
    assert f"computes in {models.number_format()}" in check.detail
    shipped = next(c for c in doctor.examine(Settings()) if c.what == "model")
    assert shipped.detail.startswith("shipped, digest ")
    assert models.number_format(files["both"]) == "float32"


def test_a_wrong_file_is_the_users_error(tmp_path):
    path = foreign.toml(tmp_path, tagger='model = "./none"\nlabels = { PER = "PERSON" }')
    with pytest.raises(UsageError, match=r"model: .*model\.toml, \[tagger\]: model '\./none' is no folder"):
        _ = Context(Settings(model=str(path))).model_digest
    check = next(c for c in doctor.examine(Settings(model=str(path))) if c.what == "model")
    assert not check.ok
