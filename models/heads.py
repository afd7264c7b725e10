"""The heads over the shared token states: entity tags, who says what, portrayal, relation of two mentions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from models import ROLES, STANCES, TYPES
from models.encoder import Encoder
from models.teacher import KIND, MPNet

TAGS = 1 + 2 * len(TYPES)  # 0 outside, 1 + 2k begin, 2 + 2k inside of type k
GAPS = (1, 10, 25, 50, 100, 200)  # bounds of the distance between two mentions, in characters
_REACH = 32  # attention distinguishes distances up to this many pieces


class Mention(nn.Module):
    """One vector per mention: the mean of its states, what it attends to in its text, and the first state."""

    def __init__(self, hidden: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.value = nn.Linear(hidden, hidden)
        self.distance = nn.Embedding(2 * _REACH + 1, heads)
        self.out = nn.Linear(3 * hidden, width)
        nn.init.zeros_(self.distance.weight)

    def forward(self, states: Tensor, mask: Tensor, row: Tensor, span: Tensor) -> Tensor:
        """Vectors (n, width) of the piece ranges `span` (n, 2) of the rows `row` (n) of `states`."""
        known, row = row.unique(return_inverse=True)
        states, mask, place = states[known], mask[known], torch.arange(states.shape[1], device=states.device)
        slot = _slots(row)
        shape = len(states), int(slot.max()) + 1 if len(slot) else 0

        def by_row(of_mentions: Tensor) -> Tensor:
            """(n, ...) as (rows, mentions of a row, ...), so that one product serves all of a row."""
            empty = of_mentions.new_zeros(*shape, *of_mentions.shape[1:])
            return empty.index_put((row, slot), of_mentions)

        inside = (place >= span[:, :1]) & (place < span[:, 1:])
        share = inside / inside.sum(1, keepdim=True).clamp(min=1)
        own = torch.bmm(by_row(share.to(states.dtype)), states)[row, slot]
        split = self.heads, states.shape[-1] // self.heads
        query = by_row(self.query(own)).unflatten(-1, split).transpose(1, 2)
        key = self.key(states).unflatten(-1, split).permute(0, 2, 3, 1)
        value = self.value(states).unflatten(-1, split).transpose(1, 2)
        before = (place - span[:, :1]).clamp(-_REACH, 0)
        after = (place - span[:, 1:] + 1).clamp(0, _REACH)
        scores = torch.matmul(query, key).transpose(1, 2)[row, slot] / split[1] ** 0.5
        scores = scores + self.distance(before + after + _REACH).transpose(1, 2)
        scores = scores.masked_fill((mask[row] == 0)[:, None], -1e4)
        chances = by_row(scores.softmax(-1).to(value.dtype)).transpose(1, 2)
        context = torch.matmul(chances, value).transpose(1, 2)[row, slot].flatten(1)
        vector: Tensor = self.out(torch.cat([own, context, states[row, 0]], -1))
        return vector


def _slots(row: Tensor) -> Tensor:
    """The number of each mention among those of its row; `row` (n) counts from 0 without gaps."""
    order = row.argsort(stable=True)
    count = row.bincount()
    slot = torch.empty_like(row)
    slot[order] = torch.arange(len(row), device=row.device) - (count.cumsum(0) - count)[row[order]]
    return slot


class Answer(nn.Module):
    """Stance logits from a hidden layer, which differ by why a question is asked: chosen, or one of every.

    Somebody who chooses a pair has a reason: what is a hint of a stance there is none where all are asked
    about (`models.Questions.every`), and labels of both kinds follow their own rules.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.kind = nn.Embedding(2, width)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(width, 2 * len(STANCES))
        nn.init.zeros_(self.kind.weight)

    def forward(self, hidden: Tensor, every: Tensor) -> Tensor:
        """Logits (n, 3) in the order of STANCES of `hidden` (n, width); `every` (n) is 0 or 1."""
        both = self.out(self.drop(gelu(hidden + self.kind(every)))).unflatten(-1, (2, len(STANCES)))
        logits: Tensor = both[torch.arange(len(both), device=both.device), every]
        return logits


class Portrayal(nn.Module):
    """Stance of the text toward a mention, from the mention's vector."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.answer = Answer(width, dropout)

    def forward(self, part: Tensor, every: Tensor) -> Tensor:
        """Logits (n, 3) in the order of STANCES; `every` as for `Answer`."""
        logits: Tensor = self.answer(self.norm(part), every)
        return logits


class Relation(nn.Module):
    """Stance of one mention toward another, from both vectors, their order and their distance."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.holder = nn.LayerNorm(width)
        self.target = nn.LayerNorm(width)
        self.gap = nn.Embedding(2 * (len(GAPS) + 1), width)
        self.hidden = nn.Linear(4 * width, width)
        self.answer = Answer(width, dropout)

    def forward(self, holder: Tensor, target: Tensor, gap: Tensor, every: Tensor) -> Tensor:
        """Logits (n, 3) in the order of STANCES; `gap` (n) as made by `gaps`, `every` as for `Answer`."""
        one, other = self.holder(holder), self.target(target)
        hidden = self.hidden(torch.cat([one, other, one * other, self.gap(gap)], -1))
        logits: Tensor = self.answer(hidden, every)
        return logits


def gaps(holder: Tensor, target: Tensor) -> Tensor:
    """Order and distance class of two character spans (n, 2)."""
    apart = torch.maximum(holder[:, 0] - target[:, 1], target[:, 0] - holder[:, 1])
    bounds = torch.tensor(GAPS, device=apart.device)
    return torch.bucketize(apart, bounds) + (holder[:, 0] < target[:, 0]) * (len(GAPS) + 1)


class Network(nn.Module):
    """Encoder and heads. A mention's vector is three parts: for portrayal, as holder, as target."""

    def __init__(self, config: dict[str, Any], attention: str = "sdpa") -> None:
        super().__init__()
        self.parts: list[int] = [config["portrayal"], config["relation"], config["relation"]]
        kind = MPNet if config["encoder"].get("model_type") == KIND else Encoder
        self.encoder = kind(config["encoder"], attention)
        hidden, dropout = config["encoder"]["hidden_size"], config["dropout"]
        self.dropout = nn.Dropout(dropout)
        self.tags = nn.Linear(hidden, TAGS)
        self.said = nn.Sequential(
            nn.Linear(hidden, config["said"]), nn.GELU(), nn.Linear(config["said"], 3 * len(ROLES))
        )
        self.mention = Mention(hidden, sum(self.parts), config["heads"])
        self.portrayal = Portrayal(self.parts[0], dropout)
        self.relation = Relation(self.parts[1], dropout)

    @property
    def width(self) -> int:
        """Length of a mention's vector."""
        return sum(self.parts)

    def portray(self, vectors: Tensor, every: Tensor) -> Tensor:
        """Portrayal logits (n, 3) of mention vectors (n, width); `every` (n): see `Answer`."""
        logits: Tensor = self.portrayal(vectors.split(self.parts, -1)[0], every)
        return logits

    def relate(self, holder: Tensor, target: Tensor, gap: Tensor, every: Tensor) -> Tensor:
        """Relation logits (n, 3) of two mentions' vectors (n, width) each; `every` (n): see `Answer`."""
        parts = holder.split(self.parts, -1)[1], target.split(self.parts, -1)[2]
        logits: Tensor = self.relation(*parts, gap, every)
        return logits
