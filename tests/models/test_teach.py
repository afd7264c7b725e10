"""A teacher: its encoder, what it says of texts, and learning from that."""

import copy
import io
import json
import random
import tomllib
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save
from tiny import CONFIG, tokenizer, write
from tiny_data import lines
from tiny_data import write as write_data

from models import STANCES, annotated, batches, data, judged, loop, teach, teacher, train
from models.asked import answers
from models.heads import Network
from models.infer import Model
from models.losses import Losses
from models.words import pieces

LARGER = {
    **CONFIG,
    "encoder": {
        "model_type": teacher.KIND,
        "pieces": tokenizer().get_vocab_size(),
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 256,
        "relative_attention_num_buckets": 32,
        "vocab_size": 300,
    },
}
ASKED = data.Example("ada met bob", portrayals=(((0, 3), 1), ((8, 11), 0)))


@pytest.fixture
def larger():
    """A tiny teacher with random weights."""
    torch.manual_seed(3)
    network = Network(LARGER)
    with torch.no_grad():
        network.encoder.piece.copy_(torch.randperm(300)[: len(network.encoder.piece)])
        for tensor in network.parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, 0.3)
    network.float()
    return Model(network, tokenizer(), LARGER, "teacher")


def test_a_larger_encoder_reads_a_text_the_same_in_any_company(larger):
    alone = larger.tag(["ada met bob"], [[(0, 3)]])
    beside = larger.tag(
        ["ada met bob", "the lake party, who is in the other row, is a longer text"], [[(0, 3)], []]
    )
    at = [next(i for i, k in enumerate(t.type) if not k and t.text_no[i] == 0) for t in (alone, beside)]
    assert np.allclose(alone.vectors[at[0]], beside.vectors[at[1]], atol=2e-3)
    assert np.abs(alone.vectors[at[0]]).max() > 0.01


def test_pieces_are_told_by_name(tmp_path, monkeypatch):
    words = ["<s>", "<pad>", "</s>", *sorted(set(tokenizer().get_vocab()) - {"[CLS]", "[SEP]", "[PAD]"})]
    torch.manual_seed(1)
    made = teacher.MPNet({**LARGER["encoder"], "vocab_size": len(words)})
    tensors = save({name: x for name, x in made.bert.state_dict().items() if "position_ids" not in name})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/model.safetensors", tensors)
        archive.writestr("a/config.json", json.dumps({**LARGER["encoder"], "vocab_size": len(words)}))
        archive.writestr("a/vocab.txt", "\n".join(words) + "\n")
    whole = packed.getvalue()
    parts = [whole[len(whole) * n // 5 : len(whole) * (n + 1) // 5] for n in range(5)]
    monkeypatch.setattr(teacher, "_part", lambda number: parts[number - 1])
    with pytest.raises(ValueError, match="is not the published"):
        teacher.base(tokenizer())
    monkeypatch.setattr(teacher, "BASE_SHA256", teacher.weights.sha256(tensors))
    config, state = teacher.base(tokenizer())
    cut = tokenizer()
    for name in ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "a", "##b"):
        word = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>"}.get(name, name)
        assert words[state["piece"][cut.token_to_id(name)]] == word
    settings = {**train_settings(), "larger": True}
    monkeypatch.setattr(train, "base", lambda: ({}, {}, tokenizer()))
    network, _, config = train.fresh(settings)
    assert config["base_sha256"] == teacher.BASE_SHA256
    for name, tensor in made.bert.state_dict().items():
        assert torch.equal(network.encoder.bert.state_dict()[name], tensor)


def test_a_teacher_is_written_and_read_with_its_pieces(larger, tmp_path):
    with torch.no_grad():
        larger.network.encoder.piece[0] = 299  # no fraction of eight bits
    train.export(larger.network.state_dict(), tokenizer(), LARGER, tmp_path)
    found = Model.load(tmp_path).network.encoder.piece
    assert torch.equal(found, larger.network.encoder.piece)


def train_settings():
    settings = tomllib.loads(train.CONFIG.read_text())
    return {**settings, "model": {key: CONFIG[key] for key in settings["model"]}}


def test_a_run_of_another_name_has_its_own_settings_and_else_the_first_ones():
    settings = tomllib.loads(train.CONFIG.read_text())
    for name in train.KINDS:
        found = train.varied(settings, settings[name])
        assert found["train"] == settings["train"] | settings[name]["train"]
        assert found["damage"] == settings["damage"]
    found = train.varied(settings, settings["second"])
    assert found["loss"]["entities"] == settings["loss"]["entities"]
    assert found["loss"]["portrayals"] == settings["second"]["loss"]["portrayals"]


def test_what_is_said_takes_the_place_of_labels(larger, tmp_path):
    (told,) = teach.answered([larger], [ASKED], 1.0)
    assert [span for span, _ in told.portrayals] == [(0, 3), (8, 11)]
    chances = np.array([told for _, told in told.portrayals])
    assert np.allclose(chances.sum(1), 1, atol=1e-3)
    assert np.ptp(chances) > 0.01
    (mixed,) = teach.answered([larger], [ASKED], 0.7)
    labels = np.eye(len(STANCES))[[1, 0]]
    assert np.allclose([told for _, told in mixed.portrayals], 0.7 * chances + 0.3 * labels, atol=1e-3)


def test_what_is_said_of_pairs_takes_the_place_of_labels(larger):
    pairs = replace(ASKED, portrayals=(), relations=(((0, 3), (8, 11), 2), ((8, 11), (0, 3), 0)))
    (told,) = teach.answered([larger], [pairs], 1.0)
    assert not told.portrayals
    assert [both for *both, _ in told.relations] == [[(0, 3), (8, 11)], [(8, 11), (0, 3)]]
    chances = np.array([told for *_, told in told.relations])
    assert np.allclose(chances.sum(1), 1, atol=1e-3)
    (mixed,) = teach.answered([larger], [pairs], 0.7)
    labels = np.eye(len(STANCES))[[2, 0]]
    assert np.allclose([told for *_, told in mixed.relations], 0.7 * chances + 0.3 * labels, atol=1e-3)


def test_of_two_teachers_the_mean_is_told(larger):
    other = Model(copy.deepcopy(larger.network), larger.tokenizer, LARGER, "other")
    with torch.no_grad():
        for tensor in other.network.parameters():
            tensor.mul_(-0.7)
    pairs = replace(ASKED, relations=(((0, 3), (8, 11), 2),))

    def told(*teachers):
        (one,) = teach.answered(teachers, [pairs], 0.7)
        return np.array([told for *_, told in (*one.portrayals, *one.relations)])

    assert np.abs(told(larger) - told(other)).max() > 0.05
    assert np.allclose(told(larger, other), (told(larger) + told(other)) / 2, atol=1e-3)


def test_targets_and_pairs_asked_at_once_have_the_answers_that_they_have_apart(larger):
    both = replace(ASKED, relations=(((0, 3), (8, 11), 2),))
    at_once = answers(larger, [both, ASKED])
    about, between = (answers(larger, [both, ASKED], head) for head in ("portrayal", "relation"))
    assert at_once.text_no.tolist() == [0, 0, 0, 1, 1]
    assert at_once.gold.tolist() == [1, 0, 2, 1, 0]
    there = np.concatenate([about.logits[:2], between.logits, about.logits[2:]])
    assert np.allclose(at_once.logits, there, atol=1e-5)


def test_what_is_told_of_a_set_that_is_not_read_is_learned_all_the_same(larger, tmp_path, monkeypatch):
    rows = write_data(tmp_path)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    out = data.held_out(tmp_path)
    labelled = data.relations(tmp_path / "stance/directed/train.jsonl", reverse=True, but=out)
    told = teach.answered([larger], labelled[:5], 1.0)
    settings = {**train_settings(), "sets": ["newsmtsc"]}
    assert batches.examples(tmp_path, random.Random(1), settings, told)[:5] == told


def test_two_texts_joined_are_told_apart_whether_labels_or_chances():
    one = data.Example("ada sued bob.", relations=(((0, 3), (9, 12), (0.1, 0.8, 0.1)),))
    other = data.Example("cem met dee.", relations=(((0, 3), (8, 11), (0.1, 0.1, 0.8)),))
    crossed = data.joined(one, other, " ").relations[2:]
    assert crossed == (((14, 17), (9, 12), 2),)


def test_a_sentence_of_two_sets_keeps_the_questions_of_both(larger, tmp_path, monkeypatch):
    rows = write_data(tmp_path)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    portrayed = data.portrayals(tmp_path / "stance/newsmtsc/train.jsonl", data.held_out(tmp_path))[0]
    spans = portrayed.portrayals[0][0], (0, 1)
    both = replace(portrayed, portrayals=(), relations=((*spans, (0.5, 0.25, 0.25)),))
    told = [both, *teach.answered([larger], [portrayed], 1.0)]
    texts = batches.examples(
        tmp_path, random.Random(1), {**train_settings(), "sets": ["newsmtsc", "directed"]}, told
    )
    assert [text for text in texts if text.text == portrayed.text] == told


def test_a_sentence_of_news_keeps_what_is_said_of_every_name_beside_the_rest(tmp_path, monkeypatch):
    rows = write_data(tmp_path)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    chosen = replace(ASKED, tagged=(((0, 3), ((1, 1.0),)),))
    told = [chosen, replace(ASKED, every=True)]
    texts = batches.examples(tmp_path, random.Random(1), {**train_settings(), "sets": []}, told)
    assert texts == told


def test_an_epoch_holds_a_text_as_the_teacher_sees_it_and_not_as_it_was_labelled(
    larger, tmp_path, monkeypatch
):
    rows = write_data(tmp_path)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    labelled = data.portrayals(tmp_path / "stance/newsmtsc/train.jsonl", data.held_out(tmp_path))
    told = teach.answered([larger], labelled[:5], 0.7)
    settings = {**train_settings(), "sets": ["newsmtsc"]}
    texts = batches.examples(tmp_path, random.Random(1), settings, told)
    assert [text for text in texts if text in told] == told
    assert len(texts) == len(labelled)
    assert {text.text for text in texts} == {text.text for text in labelled}


def test_a_teacher_of_names_tells_the_tags_of_words_as_it_tags_them(larger):
    texts = ["ada met bob", "the lake party sued ada of acme", "", "ada " * 150]
    cut = pieces(tokenizer(), texts)
    found = teach.tagged(larger, [data.Example(text) for text in texts], 1.0)
    assert [one.text for one in found] == texts
    assert [one.tagged is None for one in found] == [False, False, True, True]
    tags = larger.tag(texts[:2])
    begun = [
        [span[0] for span, told in one.tagged if max(told, key=lambda t: t[1])[0] % 2] for one in found[:2]
    ]
    for no, one in enumerate(found[:2]):
        words = {tuple(word) for word in cut[no].words().tolist()}
        assert {span for span, _ in one.tagged} <= words
        assert all(sum(chance for _, chance in told) == pytest.approx(1, abs=1e-3) for _, told in one.tagged)
        assert set(begun[no]) <= {int(s) for s, n in zip(tags.start, tags.text_no, strict=True) if n == no}
    assert any(begun)


def test_names_are_read_from_the_tags_of_words():
    def tag(kind, inside=0):
        return (0, 0.25), (1 + 2 * kind + inside, 0.75)

    text = "Ada Alm, of New York, met Bo Ada"
    told = (
        ((0, 3), tag(0)), ((4, 7), tag(0, 1)), ((12, 15), tag(2)), ((16, 20), tag(2, 1)),
        ((22, 25), ((0, 1.0),)), ((26, 28), tag(0)), ((29, 32), tag(0)),
    )  # fmt: skip
    found = judged.names(data.Example(text, tagged=told))
    assert [(text[slice(*span)], kind) for span, kind in found] == [
        ("Ada Alm", 0), ("New York", 2), ("Bo", 0), ("Ada", 0)
    ]  # fmt: skip
    apart = data.Example("Ada of Alm", tagged=(((0, 3), tag(0)), ((7, 10), tag(0, 1))))
    assert [span for span, _ in judged.names(apart)] == [(0, 3), (7, 10)]
    assert judged.names(data.Example("ada")) == []


def test_every_name_and_pair_is_judged_and_few_plain_texts(larger, monkeypatch):
    date, ada, bob = ((0, 6), ((11, 1.0),)), ((7, 10), ((1, 1.0),)), ((15, 18), ((1, 1.0),))
    told = [data.Example(f"monday ada met bob {n}", tagged=(date, ada, bob)) for n in range(50)]
    monkeypatch.setattr(judged, "_PLAIN", 0.0)
    found = judged.judged(larger, larger, told)
    assert 0 < len(found) < 25  # all answers are plain: some texts, one name of each
    assert all(one.every and (len(one.portrayals), len(one.relations)) == (1, 2) for one in found)
    monkeypatch.setattr(judged, "_PLAIN", 1.1)
    found = judged.judged(larger, larger, told)
    assert [[span for span, _ in one.portrayals] for one in found] == [[(7, 10), (15, 18)]] * 50
    both = [((7, 10), (15, 18)), ((15, 18), (7, 10))]
    assert [[(holder, target) for holder, target, _ in one.relations] for one in found] == [both] * 50
    asked = replace(found[0], portrayals=(), relations=tuple((*pair, 2) for pair in both))
    assert teach.answered([larger], [asked], 1.0)[0].relations == found[0].relations
    chances = [told for one in found for *_, told in (*one.portrayals, *one.relations)]
    assert all(sum(told) == pytest.approx(1, abs=1e-3) for told in chances)


def test_the_student_says_which_texts_and_the_reader_what_is_learned(larger, tmp_path, monkeypatch):
    ada, bob = ((0, 3), ((1, 1.0),)), ((8, 11), ((1, 1.0),))
    told = [data.Example(f"ada met bob {word}", tagged=(ada, bob)) for word in ("", "party", "lake", "row")]
    student = Model.load(write(tmp_path))
    asked = [judged._asked(one) for one in told]
    sure = [
        min(chances[2] for *_, chances in (*one.portrayals, *one.relations))
        for one in teach.answered([student], asked, 1.0)
    ]
    monkeypatch.setattr(judged, "_PLAIN", sorted(sure)[2])  # two are plain
    monkeypatch.setattr(judged, "_KEPT", 0.0)
    found = judged.judged(larger, student, told)
    assert [one.text for one in found] == [
        one.text for one, least in zip(told, sure, strict=True) if least < sorted(sure)[2]
    ]
    by_reader = {one.text: set(one.relations) for one in teach.answered([larger], asked, 1.0)}
    assert all(set(one.relations) <= by_reader[one.text] for one in found)


def test_a_text_without_names_is_asked_nothing(larger):
    assert judged.judged(larger, larger, [data.Example("nobody met"), data.Example("")]) == []


def test_what_is_left_out_of_a_text_are_plain_answers(larger, monkeypatch):
    words = [((4 * n, 4 * n + 3), ((1, 1.0),)) for n in range(12)]
    text = " ".join(["ada", "bob", "cem", "dee", "eve", "fay", "gil", "hal", "ian", "jon", "kay", "leo"])
    everything = judged._asked(data.Example(text, tagged=tuple(words)))
    (told,) = teach.answered([larger], [everything], 1.0)
    neutral = sorted(told[2] for *_, told in told.relations)
    monkeypatch.setattr(judged, "_PLAIN", neutral[-100])  # a hundred of 132 pairs are plain
    (found,) = judged.judged(larger, larger, [data.Example(text, tagged=tuple(words))])
    loud = {pair for pair in told.relations if pair[2][2] < neutral[-100]}
    assert len(loud) == 32
    assert loud <= set(found.relations) < set(told.relations)
    assert len(found.relations) == 32 + 2 + 2 * 32


def test_what_is_said_of_words_mixes_with_their_labels(larger):
    named = data.Example("ada met bob", entities=(((0, 3), 0), ((8, 11), 0)))
    (pure,), (mixed,), (known,) = (teach.tagged(larger, [named], trust) for trust in (1.0, 0.7, 0.0))
    assert {one.entities for one in (pure, mixed, known)} == {None}
    assert known.tagged == (((0, 3), ((1, 1.0),)), ((8, 11), ((1, 1.0),)))
    began = [dict(dict(one.tagged)[0, 3]).get(1, 0) for one in (pure, mixed)]
    assert began[1] == pytest.approx(0.7 * began[0] + 0.3, abs=0.02)


def test_learning_from_sure_chances_is_learning_from_labels():
    torch.manual_seed(1)
    network, losses = Network(CONFIG, attention="eager").eval(), Losses(train_settings()["loss"])
    spans = (0, 3), (8, 11)

    def loss(part, first, second):
        about = tuple(zip(spans, (first, second), strict=True))
        between = ((*spans, first), (*spans[::-1], second))
        told = {"portrayals": about, "relations": between}
        asked = data.Example(ASKED.text, **{part: told[part]})
        items = list(zip([asked], pieces(tokenizer(), [asked.text]), strict=True))
        return float(losses(network, batches.collate(items, 200))[part][0].detach())

    for part in ("portrayals", "relations"):
        labels = loss(part, 1, 0)
        assert labels == pytest.approx(loss(part, (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
        assert labels != pytest.approx(loss(part, (0.2, 0.5, 0.3), (0.9, 0.1, 0.0)))


NEWS = ["Ada Alm spoke with the reporters at noon.", "Then Bo Berg left the old harbour in a hurry!"]


def with_news(folder):
    """A file of sentences that nobody labelled, a short one, and some that are labelled or held out."""
    known = [text for _, text in annotated.texts(folder)]
    known += [row["sentence"] for row in data.rows(folder / "stance/newsmtsc/dev_rw.jsonl")]
    path = folder / "news.txt"
    path.write_text("".join(f"{text}\n" for text in (*NEWS, "Short one.", NEWS[0], *known)), "utf-8")
    return path


def test_sentences_of_news_are_new_and_drawn_by_chance(tmp_path, monkeypatch):
    rows = write_data(tmp_path)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    path = with_news(tmp_path)
    assert sorted(teach.sentences(path, tmp_path, {"news": 10**6, "longest": 400})) == sorted(NEWS)
    assert teach.sentences(path, tmp_path, {"news": 10**6, "longest": 42}) == NEWS[:1]
    drawn = [teach.sentences(path, tmp_path, {"news": 1, "longest": 400}, seed) for seed in range(9)]
    assert {tuple(texts) for texts in drawn} == {(text,) for text in NEWS}


def test_what_was_written_is_read_and_trained_on(tmp_path, monkeypatch):
    rows = write_data(tmp_path)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    news = with_news(tmp_path)
    folder = write(tmp_path / "model")
    monkeypatch.setattr(
        Model, "load", classmethod(lambda cls, path=None, load=Model.load: load(path or folder))
    )
    out = tmp_path / "taught.jsonl"
    arguments = ["teach", "--data", str(tmp_path), "--news", str(news)]
    arguments += ["--teacher", str(folder), "--out", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    teach.main()
    told = teach.read(out)
    assert told
    assert all(one.tagged is None for one in told)
    monkeypatch.setattr("sys.argv", [*arguments, "--namer", str(folder)])
    teach.main()
    assert not any(one.every for one in teach.read(out))
    monkeypatch.setattr("sys.argv", [*arguments, "--namer", str(folder), "--reader", str(folder)])
    teach.main()
    named = [one for one in teach.read(out) if one.tagged is not None]
    assert any(one.tagged for one in named)
    assert any(one.every for one in teach.read(out))
    monkeypatch.setattr(teach, "CONFIG", tmp_path / "train.toml")
    text = train.CONFIG.read_text()
    assert "\nevery = " in text
    teach.CONFIG.write_text(text.replace("\nevery = ", "\nevery = 0\nonce = "))
    monkeypatch.setattr("sys.argv", [*arguments, "--reader", str(folder)])
    with pytest.raises(SystemExit):
        teach.main()
    none = [*arguments[:-1], str(tmp_path / "none.jsonl"), "--namer", str(folder), "--reader", str(folder)]
    monkeypatch.setattr("sys.argv", none)
    teach.main()
    none = teach.read(tmp_path / "none.jsonl")
    assert none == [one for one in teach.read(out) if not one.every]
    wire = data.newswire(tmp_path / "ner/worldwide/train.jsonl", but=data.held_out(tmp_path))
    assert {one.text for one in wire} < {one.text for one in named}
    assert [one for one in teach.read(out) if (one.portrayals or one.relations) and not one.every] == [
        replace(one, tagged=next((other.tagged for other in named if other.text == one.text), None))
        for one in told
    ]
    chances = [k for one in told for *_, k in (*one.portrayals, *one.relations)]
    assert all(isinstance(k, tuple) and sum(k) == pytest.approx(1, abs=1e-3) for k in chances)
    assert any(one.relations for one in told)
    chosen = [one if one.every else replace(one, relations=()) for one in teach.read(out)]
    chosen = [one for one in chosen if one.portrayals or one.relations or one.tagged is not None]
    assert teach.read(out, pairs=False) == chosen
    assert any(one.relations for one in chosen)
    made = {name: x for name, x in Network(CONFIG).encoder.state_dict().items() if name != "case.weight"}
    monkeypatch.setattr(train, "base", lambda: (CONFIG["encoder"], made, tokenizer()))
    settings = train_settings()
    settings["train"] |= {"epochs": 0.02, "save_minutes": 60}
    loop.run(
        train.Joint, (settings, tmp_path, tmp_path / "out", None, out), settings["train"], tmp_path / "run"
    )
    assert Model.load(tmp_path / "out").digest
    other = train.Joint(settings, tmp_path, tmp_path / "out")
    assert other.identity != train.Joint(settings, tmp_path, tmp_path / "out", None, out).identity
