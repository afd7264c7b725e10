from typing import get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CONFIG, write

from models import fast
from models.encoder import Encoder
from models.fast import Fast, packs
from models.infer import Model, compute_with

LENGTHS = [200, 130, 128, 17, 17, 17, 9, 3]
MULTIPLIES_BFLOAT16 = packs(torch.zeros(1, dtype=torch.bfloat16))


def encoder(dtype=torch.float32, **other):
    torch.manual_seed(3)
    made = Encoder(
        {**CONFIG["encoder"], "hidden_size": 96, "num_attention_heads": 3, "intermediate_size": 200, **other}
    )
    with torch.no_grad():
        made.case.weight.normal_(0, 0.5)
        for name, tensor in made.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, 0.15)
            elif name.endswith("bias"):
                tensor.normal_(0, 0.1)
    return made.eval().to(dtype)


def rows(lengths, seed=1):
    """Ids, case and mask of rows with so many pieces."""
    make = torch.Generator().manual_seed(seed)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(1, 200, mask.shape, generator=make) * mask
    return ids, torch.randint(0, 6, mask.shape, generator=make) * mask, mask


@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[::-1], [5], [1], [8, 4, 8, 4]])
def test_it_computes_what_the_encoder_does(lengths):
    plain, inputs = encoder(), rows(lengths)
    with torch.inference_mode():
        wanted = plain(*inputs)
    real = inputs[2] > 0
    found = Fast(plain)(*inputs)
    assert found.shape == wanted.shape
    assert torch.allclose(found[real], wanted[real], atol=2e-5)
    assert not found[~real].any()


@pytest.mark.parametrize("packed", [True, False])
def test_bfloat16_is_as_near_as_the_encoders(packed, monkeypatch):
    if not packed:
        monkeypatch.setattr(fast, "packs", lambda weight: False)
    exact, plain, inputs = encoder(), encoder(torch.bfloat16), rows(LENGTHS)
    real = inputs[2] > 0
    with torch.inference_mode():
        wanted, usual = exact(*inputs)[real], plain(*inputs)[real].float()
    found = Fast(plain)(*inputs)[real]
    assert found.dtype == torch.bfloat16
    assert (found.float() - wanted).abs().mean() < 1.3 * (usual - wanted).abs().mean()


def test_no_layers_are_the_embeddings_alone():
    plain, inputs = encoder(num_hidden_layers=0), rows([7, 5])
    with torch.inference_mode():
        wanted = plain(*inputs)
    assert torch.allclose(Fast(plain)(*inputs)[inputs[2] > 0], wanted[inputs[2] > 0], atol=1e-6)


def test_the_trained_encoder_stays_as_it_is():
    plain = encoder()
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    Fast(plain)(*rows([9, 4]))
    after = plain.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_another_activation_is_refused():
    with pytest.raises(ValueError, match="hidden_act is 'relu'"):
        Fast(encoder(hidden_act="relu"))


def test_float32_is_never_packed():
    assert not packs(torch.zeros(1))


@pytest.mark.skipif(not MULTIPLIES_BFLOAT16, reason="this machine does not compute in bfloat16")
@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data())
def test_no_bit_of_a_row_depends_on_its_company(wide, data):
    lengths = data.draw(st.lists(st.integers(3, 150), min_size=1, max_size=12))  # [CLS], a piece, [SEP]
    ids, case, mask = rows(lengths, seed=sum(lengths))
    together = wide(ids, case, mask)
    which = data.draw(st.permutations(range(len(lengths))))[: data.draw(st.integers(1, len(lengths)))]
    apart = wide(ids[which], case[which], mask[which])
    assert torch.equal(apart, together[which])


@pytest.fixture(scope="module")
def wide():
    """As wide as what is shipped: which kernels multiply depends on the sizes."""
    return Fast(encoder(torch.bfloat16, hidden_size=384, num_attention_heads=12, intermediate_size=1536))


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """The tiny model in bfloat16."""
    return Model.load(write(tmp_path_factory.mktemp("half")), dtype=torch.bfloat16, device="cpu")


def said(tags, text_no):
    """All that `tags` says of one text, to the bit."""
    which = np.flatnonzero(tags.text_no == text_no)
    columns = [column[which].tobytes() for column in (tags.start, tags.end, tags.score, tags.vectors)]
    told = np.flatnonzero(tags.said.text_no == text_no)
    columns += [column[told].tobytes() for column in (tags.said.start, tags.said.end, tags.said.score)]
    return columns, [tags.type[i] for i in which], [tags.said.role[i] for i in told]


@pytest.mark.skipif(not MULTIPLIES_BFLOAT16, reason="this machine does not compute in bfloat16")
@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data())
def test_no_bit_of_a_texts_mentions_depends_on_its_company(half, data):
    words = st.lists(st.sampled_from(["Ada", "met", "Bob,", "x.", "U.N.", "é"]), max_size=120).map(" ".join)
    texts = data.draw(st.lists(words, min_size=1, max_size=6))
    order = data.draw(st.permutations(range(len(texts))))
    together, turned = half.tag(texts), half.tag([texts[i] for i in order])
    for place, no in enumerate(order):
        known = said(together, no)
        assert said(turned, place) == known
        assert said(half.tag([texts[no]]), 0) == known


def test_the_encoder_and_its_fast_form_are_asked_alike():
    asked = get_type_hints(Encoder.forward)
    assert get_type_hints(Fast.__call__) == asked


@pytest.mark.parametrize(
    ("quota", "threads"), [("max 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("800000 100000", 2)]
)
def test_threads_keep_within_the_containers_quota(tmp_path, monkeypatch, quota, threads):
    set_to = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    (tmp_path / "cpu.max").write_text(quota + "\n")
    compute_with(0, tmp_path / "cpu.max")
    compute_with(3, tmp_path / "cpu.max")
    compute_with(0, tmp_path / "none")
    assert set_to == [threads, 3, 2]
