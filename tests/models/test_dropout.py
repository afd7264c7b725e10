import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models import dropout
from models.dropout import Dropout


def dropped(chance, shape=(500, 401), dtype=torch.float32, value=1.0):
    """What becomes of so many equal numbers."""
    torch.manual_seed(5)
    return Dropout(chance)(torch.full(shape, value, dtype=dtype))


@pytest.mark.parametrize("chance", [0.05, 0.1, 0.25, 0.5, 0.9])
def test_about_so_many_are_dropped_and_the_mean_stays(chance):
    found = dropped(chance)
    assert float((found == 0).float().mean()) == pytest.approx(chance, abs=0.004)
    assert float(found.mean()) == pytest.approx(1, abs=0.015)
    assert len(found.unique()) == 2


def test_a_chance_is_met_in_steps_of_a_256th():
    assert Dropout(0.25).dropped == 64
    kept = dropped(0.25)
    assert float(kept.max()) == pytest.approx(256 / 192)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_the_type_stays(dtype):
    assert dropped(0.1, dtype=dtype).dtype == dtype


@given(st.lists(st.integers(0, 9), max_size=4))
def test_any_shape_stays(shape):
    assert Dropout(0.5)(torch.ones(shape)).shape == torch.Size(shape)


def test_neighbours_are_dropped_independently():
    gone = (dropped(0.5) == 0).flatten().float()
    for apart in range(1, 17):
        both = (gone[apart:] * gone[:-apart]).mean()
        assert float(both) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("made", [Dropout(0.5).eval(), Dropout(0.0), Dropout(0.001)])
def test_without_training_or_chance_nothing_happens(made):
    x = torch.randn(9)
    assert made(x) is x


def test_the_seed_decides_and_every_call_draws_anew():
    made, x = Dropout(0.5), torch.ones(1000)
    torch.manual_seed(1)
    one, next_one = made(x), made(x)
    torch.manual_seed(1)
    assert torch.equal(made(x), one)
    assert not torch.equal(one, next_one)


def test_a_gradient_passes_where_a_number_stayed():
    x = torch.ones(1000, requires_grad=True)
    found = Dropout(0.25)(x)
    found.sum().backward()
    assert torch.equal(x.grad, found.detach())


def test_only_what_drops_something_is_replaced_however_deep_it_lies():
    inner = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3))
    network = nn.ModuleDict(
        {"one": nn.Dropout(0.0), "other": nn.Dropout(0.1), "more": nn.ModuleList([inner])}
    )
    before = network.state_dict()
    dropout.replace(network)
    assert isinstance(network["one"], nn.Dropout)
    assert (network["other"].dropped, network["more"][0][1].dropped) == (26, 77)
    assert network.state_dict().keys() == before.keys()
    network.eval()
    assert not any(m.training for m in network.modules())
