import random
import tomllib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tiny import CONFIG, tokenizer
from tiny_data import lines, write

from models import annotated, batches, data, pretrain, train
from models.encoder import Encoder
from models.words import Pieces

WORDS = 1100  # numbers of the tiny vocabulary, some of which may stand in for hidden words
SETTINGS = tomllib.loads(train.CONFIG.read_text())
MODEL = {
    key: CONFIG[key] for key in ("portrayal", "relation", "said", "heads", "dropout", "window", "overlap")
}


def text(lengths):
    """Pieces of words with so many pieces each."""
    word = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    place = np.arange(len(word), dtype=np.int32)
    return Pieces(place.astype(np.int64) + 200, place, place + 1, word, place.astype(np.int64) % 6)


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A tiny encoder in the place of the published one; its settings."""
    torch.manual_seed(1)
    config = {**CONFIG["encoder"], "vocab_size": WORDS}
    made = {name: x for name, x in Encoder(config).state_dict().items() if name != "case.weight"}
    monkeypatch.setattr(train, "base", lambda: (config, made, tokenizer()))
    monkeypatch.setattr(pretrain, "_VOCABULARY", WORDS)
    return {**SETTINGS, "model": MODEL}


def filling(settings, folder):
    write(folder)
    return pretrain.Filling(settings, folder, folder / "out" / "news.safetensors")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(0, 99))
def test_whole_words_are_hidden(lengths, seed):
    found = text(lengths)
    seen, asked = pretrain.hidden(found, np.random.default_rng(seed), 0.3)
    for no in range(len(lengths)):
        assert len(set(asked[found.word == no])) == 1
    assert (seen[~asked] == found.ids[~asked]).all()


def test_shares_of_words_hidden_swapped_and_left():
    found = text([1, 2, 3] * 10_000)
    seen, asked = pretrain.hidden(found, np.random.default_rng(1), 0.2)
    assert np.mean(asked) == pytest.approx(0.2, abs=0.01)
    of = seen[asked]
    assert np.mean(of == 103) == pytest.approx(0.8, abs=0.01)
    assert np.mean(of == found.ids[asked]) == pytest.approx(0.1, abs=0.01)


@given(st.lists(st.integers(1, 100), max_size=30))
def test_long_texts_are_cut_between_words(lengths):
    found = text(lengths)
    parts = list(pretrain._cut([found]))
    assert np.concatenate([np.zeros(0, int), *(one.ids for one in parts)]).tolist() == found.ids.tolist()
    counted = [int(n) for one in parts for n in np.bincount(one.word)]
    assert counted == lengths
    assert all(0 < len(one) <= 126 and one.word[0] == 0 for one in parts)


def test_an_epoch_asks_for_words_that_stood_there_and_comes_the_same_again(base, tmp_path):
    made = filling(base, tmp_path)
    one, again, other = made.epoch(0), made.epoch(0), made.epoch(1)
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.words, b.words) for a, b in zip(one, again, strict=True)
    )
    assert [b.ids.tolist() for b in one] != [b.ids.tolist() for b in other]
    for batch in one:
        assert batch.ids.numel() <= base["pretrain"]["budget"] or len(batch.ids) == 1
        assert len(batch.places) == len(batch.words) > 0
        assert batch.mask[batch.places[:, 0], batch.places[:, 1]].all()


def test_the_loss_falls_and_the_exported_encoder_starts_a_model(base, tmp_path):
    made = filling(base, tmp_path)
    batch = made.epoch(0)[0]
    tuned = torch.optim.AdamW([p for p in made.network.parameters() if p.requires_grad], lr=1e-2)
    seen = []
    for _ in range(120):
        ((loss, mean),) = made.loss(batch).values()
        tuned.zero_grad()
        loss.backward()
        tuned.step()
        seen.append(mean)
    assert seen[-1] < 0.8 * seen[0]
    made.export(made.network.state_dict())
    assert all(name.startswith("encoder.") for name in load_file(made.out))
    network, _, _ = train.fresh(base, made.out)
    for name, tensor in made.network.encoder.state_dict().items():
        assert torch.equal(network.encoder.state_dict()[name], tensor)
    plain, _, _ = train.fresh(base)
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(plain.encoder.state_dict()[name], network.encoder.state_dict()[name])
    assert not network.get_parameter("encoder.bert.embeddings.word_embeddings.weight").requires_grad


def test_dev_sentences_and_scraps_are_no_paragraphs(tmp_path):
    write(tmp_path)
    found = pretrain.paragraphs(tmp_path)
    assert len(set(found)) == len(found) > 40
    assert all(len(one.split()) >= 8 for one in found)
    out = data.held_out(tmp_path)
    assert not {data.key(one) for one in found} & out


def test_an_epoch_of_all_heads_reads_no_dev_sentence(base, tmp_path, monkeypatch):
    rows = write(tmp_path)
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    texts = batches.examples(tmp_path, random.Random(1), base)
    assert not {data.key(one.text) for one in texts} & data.held_out(tmp_path)
    for part in ("entities", "said"):
        assert any(getattr(one, part) for one in texts)
    assert any(one.portrayals for one in texts)
    assert any(one.relations for one in texts)
