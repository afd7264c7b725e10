import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.heads import Mention

HIDDEN, WIDTH, HEADS, REACH = 24, 10, 3, 32


@pytest.fixture(scope="module")
def mention():
    torch.manual_seed(2)
    made = Mention(HIDDEN, WIDTH, HEADS)
    with torch.no_grad():
        made.distance.weight.normal_(0, 1)
    return made.double()


def alone(head, states, mask, row, lo, hi):
    """The vector of one mention, step by step, from the real pieces of its row."""
    text = states[row, : int(mask[row].sum())]
    own = text[lo:hi].mean(0) if hi > lo else torch.zeros(HIDDEN, dtype=states.dtype)
    query, key, value = (
        x.unflatten(-1, (HEADS, -1)) for x in (head.query(own), head.key(text), head.value(text))
    )
    away = [max(-REACH, min(0, i - lo)) + min(REACH, max(0, i - hi + 1)) + REACH for i in range(len(text))]
    context = []
    for h in range(HEADS):
        scores = key[:, h] @ query[h] / (HIDDEN // HEADS) ** 0.5 + head.distance.weight[away, h]
        context.append(scores.softmax(0) @ value[:, h])
    return head.out(torch.cat([own, *context, text[0]]))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(data=st.data())
def test_each_mention_is_computed_as_if_alone(mention, data):
    lengths = data.draw(st.lists(st.integers(3, 60), min_size=1, max_size=5))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    states = torch.randn(*mask.shape, HIDDEN, dtype=torch.double, generator=torch.Generator().manual_seed(4))
    asked = []
    for _ in range(data.draw(st.integers(0, 9))):
        row = data.draw(st.integers(0, len(lengths) - 1))
        lo, hi = sorted(data.draw(st.tuples(*[st.integers(1, lengths[row] - 1)] * 2)))
        asked.append((row, lo, hi))
    table = torch.tensor(asked, dtype=torch.long).reshape(-1, 3)
    found = mention(states, mask, table[:, 0], table[:, 1:])
    assert found.shape == (len(asked), WIDTH)
    for vector, one in zip(found, asked, strict=True):
        assert torch.allclose(vector, alone(mention, states, mask, *one), atol=1e-9)


def test_every_weight_learns(mention):
    states = torch.randn(2, 9, HIDDEN, dtype=torch.double, requires_grad=True)
    mask = torch.ones(2, 9, dtype=torch.long)
    row, span = torch.tensor([1, 0, 1]), torch.tensor([[1, 3], [2, 3], [4, 8]])
    mention(states, mask, row, span).square().sum().backward()
    assert all(tensor.grad is not None and tensor.grad.any() for tensor in mention.parameters())
    assert states.grad.any()
