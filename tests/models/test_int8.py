"""Products in eight bits: exact sums, bounded rounding, the same in any company, only where measured."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fast import LENGTHS, encoder, rows
from tiny import write
from torch.nn import functional

import models
from models import infer, int8, weights
from models.fast import Fast
from models.infer import Model

AVX2 = {"avx2": True}
pytestmark = pytest.mark.skipif(not int8.serves(), reason="this machine has no AVX2")


def numbers(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [1, 7, 384, 1536])
@pytest.mark.parametrize("count", [1, 3, 64])
def test_sums_of_whole_numbers_are_exact_also_where_all_are_largest(size, count):
    weight = numbers(1, 40, size).sign() * 2.0
    weight[:, -1] = 2.0
    x = torch.randint(-127, 128, (count, size), dtype=torch.int8)
    x[0] = 127
    whole = (weight * 63 / 2).round().to(torch.int64)
    wanted = (x.long() @ whole.T).double() * (2.0 / 63)
    assert torch.allclose(int8.packed(weight).times(x).double(), wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("gelu", [False, True])
@given(seed=st.integers(0, 1000), count=st.integers(1, 40), spread=st.floats(-3, 3))
@settings(deadline=None, max_examples=30, derandomize=True)
def test_a_result_is_off_by_no_more_than_rounding(gelu, seed, count, spread):
    weight, bias = numbers(seed, 30, 48), numbers(seed + 1, 30)
    x = numbers(seed + 2, count, 48) * 10.0**spread
    exact = functional.linear(x.double(), weight.double(), bias.double())
    half_step = x.abs().amax(1, keepdim=True).double() / 127 / 2
    half_scale = weight.abs().amax(1).double() / 63 / 2
    most = (
        half_step * weight.abs().double().sum(1)
        + (x.abs().double().sum(1, keepdim=True) + 48 * half_step) * half_scale
    )
    off = int8.dense(weight, bias, gelu)(x).double() - (functional.gelu(exact) if gelu else exact)
    slope = 1.13 if gelu else 1.0  # of GELU at its steepest
    assert (off.abs() <= slope * most + 1e-5 * (1 + exact.abs())).all()


def test_rows_of_zeros_and_no_rows():
    weight, bias = numbers(1, 5, 8), numbers(2, 5)
    weight[2] = 0
    product = int8.dense(weight, bias)
    assert torch.equal(product(torch.zeros(3, 8)), bias.expand(3, 5))
    assert product(torch.zeros(0, 8)).shape == (0, 5)
    assert (product(numbers(3, 4, 8))[:, 2] == bias[2]).all()


def test_the_encoder_is_as_near_as_eight_bits_allow():
    plain, inputs = encoder(), rows(LENGTHS)
    real = inputs[2] > 0
    wanted, found = Fast(plain)(*inputs)[real], Fast(plain, eight=True)(*inputs)[real]
    assert found.dtype == torch.float32
    off = (found - wanted).norm() / wanted.norm()
    assert 0 < off < 0.08  # it is 0.041; another scale or zero point gives about 1


@pytest.fixture(scope="module")
def wide():
    """As wide as what is shipped: which kernels multiply depends on the sizes."""
    made = encoder(hidden_size=384, num_attention_heads=12, intermediate_size=1536)
    return Fast(made, eight=True)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data())
def test_no_bit_of_a_row_depends_on_its_company(wide, data):
    lengths = data.draw(st.lists(st.integers(3, 150), min_size=1, max_size=12))
    ids, case, mask = rows(lengths, seed=sum(lengths))
    together = wide(ids, case, mask)
    which = data.draw(st.permutations(range(len(lengths))))[: data.draw(st.integers(1, len(lengths)))]
    assert torch.equal(wide(ids[which], case[which], mask[which]), together[which])


@pytest.mark.parametrize(
    ("known", "eight", "chosen"),
    [
        (AVX2 | {"avx512_bf16": True}, True, torch.bfloat16),
        (AVX2 | {"amx_bf16": True}, False, torch.bfloat16),
        (AVX2, True, torch.int8),
        (AVX2, False, torch.float32),
        ({}, True, torch.float32),
    ],
)
def test_the_processor_and_what_was_measured_choose(monkeypatch, known, eight, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert infer.precision(eight=eight) is chosen


def test_a_pytorch_without_the_product_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: AVX2)
    monkeypatch.setattr(torch.ops, "onednn", object())
    assert infer.precision(eight=True) is torch.float32


@pytest.mark.parametrize("measured", [True, False, None])
def test_a_model_computes_in_eight_bits_only_where_it_was_measured(tmp_path, monkeypatch, measured):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: AVX2)
    config, *files = weights.verified(write(tmp_path / "plain"))
    stated = {} if measured is None else {"int8": measured}
    weights.save(tmp_path / "model", config | stated, *files)
    texts = ["Ada met Bob, x. U.N. é 1995 in Oslo."] * 2
    found, exact, eight = (
        Model.load(tmp_path / "model", dtype).tag(texts, [[(0, 3)]] * 2).vectors
        for dtype in (None, torch.float32, torch.int8)
    )
    assert not np.array_equal(exact, eight)
    assert np.array_equal(found, eight if measured else exact)


def test_what_is_shipped_was_measured_and_answers_alike():
    assert weights.config()["int8"] is True
    texts = [
        "Maria Lopez accused the European Union of ignoring Kenya, but praised NATO.",
        "John Miller met Prime Minister Anna Schmidt in Warsaw on Tuesday.",
    ]
    exact, eight = (Model.load(dtype=dtype).tag(texts) for dtype in (torch.float32, torch.int8))
    for tags in (exact, eight):
        assert [texts[no][lo:hi] for no, lo, hi in zip(tags.text_no, tags.start, tags.end, strict=True)] == [
            "Maria Lopez", "European Union", "Kenya", "NATO",
            "John Miller", "Anna Schmidt", "Warsaw", "Tuesday",
        ]  # fmt: skip
    assert exact.type == eight.type
    assert np.abs(exact.score - eight.score).max() < 0.03
    assert isinstance(models.load(), Model)
