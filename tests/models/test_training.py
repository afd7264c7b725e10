import random
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load
from tiny import CONFIG, tokenizer

from models import batches, data, loop, train, weights
from models.heads import TAGS, Network, gaps
from models.losses import TASKS, Losses, mean_units
from models.scores import (
    calibration_chance,
    calibration_error,
    counts,
    interval,
    label_f1,
    macro_f1,
    micro_f1,
)
from models.words import pieces

SETTINGS = tomllib.loads((Path(train.__file__).parent / "train.toml").read_text())
NAMED = data.Example("ada met bob", entities=(((0, 3), 0), ((8, 11), 0)))
SPOKEN = data.Example("ada said no", said=(((0, 3), 0), ((4, 8), 1), ((4, 11), 2)))
STANCE = data.Example("ada met bob", portrayals=(((0, 3), 1),), relations=(((0, 3), (8, 11), 2),))


def items(*examples):
    return list(zip(examples, pieces(tokenizer(), [e.text for e in examples]), strict=True))


def test_a_batch_holds_what_is_known_of_its_texts():
    batch = batches.collate(items(NAMED, STANCE), window=200)
    assert batch.ids.shape == (2, 11)
    assert batch.words == [(0, 1), (0, 4), (0, 7)]
    assert batch.tags.tolist() == np.eye(TAGS)[[1, 0, 1]].tolist()
    assert batch.mentions == [(1, 1, 4), (1, 7, 10)]
    assert batch.characters == [(0, 3), (8, 11)]
    assert batch.portrayals == [(0, 1, 0)]
    assert batch.relations == [(0, 1, 2, 0)]


def test_what_is_frozen_is_told_by_how_names_begin(monkeypatch):
    made = {name: x for name, x in Network(CONFIG).encoder.state_dict().items() if name != "case.weight"}
    monkeypatch.setattr(train, "base", lambda: (CONFIG["encoder"], made, tokenizer()))
    settings = {**SETTINGS, "model": {key: CONFIG[key] for key in SETTINGS["model"]}}

    def learned(kind):
        chosen = train.varied(settings, settings[kind]) if kind else settings
        network, _, _ = train.fresh(chosen)
        return {name for name, parameter in network.named_parameters() if parameter.requires_grad}

    everything = {name for name, _ in Network(CONFIG).named_parameters()}
    words = "encoder.bert.embeddings.word_embeddings.weight"
    assert learned("second") == everything
    assert learned("") == everything - {words}
    assert (
        learned("heads") == {name for name in everything if not name.startswith("encoder.")} > {"tags.weight"}
    )


def test_a_batch_tells_chosen_questions_from_every_question_of_a_text():
    batch = batches.collate(items(STANCE, replace(STANCE, every=True)), window=200)
    assert batch.portrayals == [(0, 1, 0), (2, 1, 1)]
    assert batch.relations == [(0, 1, 2, 0), (2, 3, 2, 1)]


def test_labels_beyond_the_window_are_left_out_of_training():
    batch = batches.collate(items(NAMED, STANCE), window=6)
    assert batch.tags.tolist() == np.eye(TAGS)[[1, 0]].tolist()
    assert batch.mentions == [(1, 1, 4)]
    assert batch.portrayals == [(0, 1, 0)]
    assert batch.relations == []


def test_an_entity_of_two_words_begins_once():
    example = data.Example("new york", entities=(((0, 8), 2),))
    assert batches.tags(pieces(tokenizer(), [example.text])[0], example.entities).tolist() == [5, 6]


TOLD = data.Example("Zoë met Bob", tagged=(((0, 3), ((1, 0.75), (3, 0.25))), ((8, 11), ((0, 0.5), (1, 0.5)))))


def test_a_batch_holds_what_another_model_says_of_each_word():
    batch = batches.collate(items(TOLD, NAMED), window=200)
    assert batch.tags.shape == (6, TAGS)
    assert batch.tags[:3, :4].tolist() == [[0, 0.75, 0, 0.25], [1, 0, 0, 0], [0.5, 0.5, 0, 0]]
    assert batch.tags[3:].argmax(1).tolist() == [1, 0, 1]
    assert batch.tags.sum(1).tolist() == [1] * 6


def test_what_is_said_of_a_word_that_damage_cut_in_two_or_took_away():
    cut = data.Example("ada-bob met", tagged=(((0, 7), ((0, 0.25), (1, 0.75))),))
    assert batches.collate(items(cut), window=200).tags[:4, :3].tolist() == [
        [0.25, 0.75, 0], [0.25, 0, 0.75], [0.25, 0, 0.75], [1, 0, 0],
    ]  # fmt: skip
    assert data.ascii_only(TOLD).tagged == (((0, 2), TOLD.tagged[0][1]), ((7, 10), TOLD.tagged[1][1]))
    joined = data.Example(
        "ada‘s", tagged=(((0, 3), ((1, 1.0),)), ((3, 4), ((2, 1.0),)), ((4, 5), ((2, 1.0),)))
    )
    assert batches.collate(items(data.ascii_only(joined)), window=200).tags.argmax(1).tolist() == [1]
    gone = data.Example("„ met", tagged=(((0, 1), ((1, 1.0),)),))
    assert data.ascii_only(gone).tagged == ()


def test_an_epoch_shows_every_text_once_within_the_budget():
    texts = [data.Example("a" * n, portrayals=(((0, n), 0),)) for n in range(1, 99)]
    settings = {**SETTINGS, "renamed": 0.0, "damage": dict.fromkeys(SETTINGS["damage"], 0.0)}
    settings["train"] = {**SETTINGS["train"], "budget": 128}
    made = list(batches.batches(texts, tokenizer(), random.Random(1), settings))
    assert sorted(int(n) - 2 for batch in made for n in batch.mask.sum(1)) == list(range(1, 99))
    assert all(batch.ids.numel() <= 128 or len(batch.ids) == 1 for batch in made)


def test_training_fits_a_handful_of_texts():
    torch.manual_seed(1)
    network, losses = Network(CONFIG, attention="eager"), Losses(SETTINGS["loss"])
    batch = batches.collate(items(NAMED, STANCE, SPOKEN), window=200)
    optimizer = loop.optimizer(network, {"encoder_rate": 3e-3, "head_rate": 3e-3, "decay": 0.0})
    for group in optimizer.param_groups:
        group["lr"] = group["top"]
    seen = []
    for _ in range(60):
        loss = torch.stack([one for one, _ in losses(network, batch).values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.5 * seen[0]
    assert tuple(losses(network, batch)) == TASKS


def test_a_batch_holds_who_says_what():
    batch = batches.collate(items(NAMED, SPOKEN), window=200)
    assert batch.voiced == [(1, 1), (1, 4), (1, 8)]
    assert batch.roles == [[1, 0, 0], [0, 1, 1], [0, 0, 2]]
    assert batches.collate(items(SPOKEN), window=6).roles == [[1, 0, 0], [0, 1, 1]]


def test_a_task_without_labels_has_no_loss():
    network, losses = Network(CONFIG, attention="eager"), Losses(SETTINGS["loss"])
    bare = data.Example("ada met bob")
    assert losses(network, batches.collate(items(bare), window=200)) == {}
    assert tuple(losses(network, batches.collate(items(SPOKEN), window=200))) == ("said",)


def test_units_weigh_the_same_whichever_batch_they_came_in():
    made = [batches.collate(items(NAMED, STANCE), 200), batches.collate(items(NAMED, NAMED, SPOKEN), 200)]
    assert mean_units(made) == {"entities": 4.5, "said": 1.5, "portrayals": 0.5, "relations": 0.5}
    network, losses = Network(CONFIG, attention="eager").eval(), Losses(SETTINGS["loss"])
    losses.mean = mean_units(made)
    for batch in made:
        loss, mean = losses(network, batch)["entities"]
        assert loss.item() == pytest.approx(mean * len(batch.words) / 4.5, rel=1e-5)


def test_tensors_of_format_2_answer_both_kinds_of_question_alike():
    torch.manual_seed(4)
    network = Network(CONFIG).eval()
    old = {
        name.replace("portrayal.answer.out", "portrayal.out.2")
        .replace("relation.answer.out", "relation.out.3")
        .replace("relation.hidden", "relation.out.0"): tensor[:3] if ".answer.out" in name else tensor
        for name, tensor in network.state_dict().items()
        if ".kind." not in name
    }
    assert {n for n in old if "relation.out" in n or "portrayal.out" in n} == {
        f"{n}.{part}"
        for n in ("portrayal.out.2", "relation.out.0", "relation.out.3")
        for part in ("weight", "bias")
    }
    network.load_state_dict(train.earlier(old), strict=False)
    vectors, gap = torch.randn(5, network.width), torch.zeros(5, dtype=torch.long)
    for ask in (network.portray, lambda v, every: network.relate(v, v.flip(0), gap, every)):
        one, other = (
            ask(vectors, torch.zeros(5, dtype=torch.long)),
            ask(vectors, torch.ones(5, dtype=torch.long)),
        )
        assert torch.allclose(one, other, atol=1e-6)


def test_every_trained_parameter_is_optimized_once():
    network = Network(CONFIG)
    network.get_parameter("encoder.bert.embeddings.word_embeddings.weight").requires_grad_(False)
    held = [
        id(p) for group in loop.optimizer(network, SETTINGS["train"]).param_groups for p in group["params"]
    ]
    assert sorted(held) == sorted(id(p) for p in network.parameters() if p.requires_grad)


def test_biases_norms_and_embeddings_do_not_decay():
    network = Network(CONFIG)
    decays = {
        id(p): group["weight_decay"] > 0
        for group in loop.optimizer(network, SETTINGS["train"]).param_groups
        for p in group["params"]
    }
    for module in network.modules():
        for name, p in module.named_parameters(recurse=False):
            assert decays[id(p)] == (isinstance(module, torch.nn.Linear) and name == "weight")


def test_an_exported_model_is_whole_and_in_bfloat16(tmp_path):
    train.export(
        Network(CONFIG).state_dict(),
        tokenizer(),
        {k: v for k, v in CONFIG.items() if k != "calibration"},
        tmp_path,
    )
    config, tensors, _ = weights.verified(tmp_path)
    assert config["calibration"] == weights.UNCALIBRATED
    assert config["int8"] is False
    assert {tensor.dtype for tensor in load(tensors).values()} == {torch.bfloat16}
    assert load(tensors)["tags.weight"].shape == (TAGS, 24)


@pytest.mark.parametrize(
    ("holder", "target", "expected"),
    [
        ((0, 3), (4, 6), 7),
        ((4, 6), (0, 3), 0),
        ((0, 3), (20, 25), 9),
        ((900, 901), (0, 1), 6),
        ((0, 9), (3, 5), 7),
    ],
)
def test_order_and_distance_of_two_mentions(holder, target, expected):
    assert gaps(torch.tensor([holder]), torch.tensor([target])).item() == expected


def test_span_f1_counts_exact_spans_and_types():
    gold = [[(0, 3, "LOC"), (5, 8, "ORG")], []]
    found = [[(0, 3, "LOC"), (5, 9, "ORG")], [(0, 1, "LOC")]]
    assert counts(gold, found).tolist() == [[1, 2, 2], [0, 1, 0]]
    assert micro_f1(counts(gold, found)) == pytest.approx(2 / 5)
    assert micro_f1(counts(gold, found, "ORG")) == 0
    assert micro_f1(counts([[]], [[]])) == 0


def test_label_f1_is_per_class_and_macro_its_mean():
    gold, found = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    assert label_f1(gold, found).tolist() == pytest.approx([2 / 3, 2 / 3, 1])
    assert macro_f1(gold, found) == pytest.approx(7 / 9)


def test_calibration_error_is_the_gap_of_confidence_and_accuracy():
    assert calibration_error(np.full(10, 0.75), np.arange(10) < 5) == pytest.approx(0.25)
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


def test_exact_probabilities_have_a_calibration_error_too_the_larger_the_fewer_there_are():
    assert calibration_chance(np.ones(50)) == 0
    # of 100 answers at 0.5 the mean distance of a binomial from its mean is sqrt(2 * 25 / pi) answers
    assert calibration_chance(np.full(100, 0.5)) == pytest.approx(np.sqrt(50 / np.pi) / 100, rel=0.1)
    sure = np.linspace(0.4, 1, 400)
    assert calibration_chance(sure) > 2 * calibration_chance(np.repeat(sure, 9)) > 0


def test_the_interval_of_a_constant_is_that_constant():
    assert interval(5, lambda pick: float(len(pick))) == (5.0, 5.0)
    low, high = interval(50, lambda pick: float(pick.mean()))
    assert 15 < low < 24.5 < high < 34
