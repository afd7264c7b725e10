"""The encoder for inference: the trained numbers, laid out so that the time goes into matrix products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.bert.modeling_bert import BertLayer

from models.encoder import Encoder

Dense = Callable[[Tensor], Tensor]
_TYPICAL = 1024  # rows of a product that weights are packed for; any other number of rows is as good
_SHORT = 128  # pieces of a row up to which attention by plain products is faster than the fused kernel


@dataclass(frozen=True)
class _Layer:
    """One layer: its four products and two norms."""

    qkv: Dense
    mixed: Dense
    norm: nn.LayerNorm
    wide: Dense
    narrow: Dense
    last: nn.LayerNorm


class Fast:
    """Computes what a trained `Encoder` does, on real pieces alone: no padding, no masks, fewer products."""

    def __init__(self, encoder: Encoder) -> None:
        """Takes copies of the weights of products; embeddings and norms stay shared with `encoder`."""
        settings = encoder.bert.config
        if settings.hidden_act != "gelu":
            raise ValueError(
                f"hidden_act is {settings.hidden_act!r} in the model's config.json; only 'gelu' is known"
            )
        self.heads: int = settings.num_attention_heads
        self.case, self.embeddings = encoder.case, encoder.bert.embeddings
        self.layers = [_layer(layer) for layer in encoder.bert.encoder.layer]

    @torch.inference_mode()
    def __call__(self, ids: Tensor, case: Tensor, mask: Tensor) -> Tensor:
        """States (rows, length, hidden), as `Encoder` gives them; zero where `mask`, at a row's end, is 0.

        Neighbouring rows of equally many pieces attend together, so sort rows by that.
        """
        real = mask.flatten().nonzero()[:, 0]
        known = self.embeddings
        states = known.word_embeddings(ids.flatten()[real]) + self.case(case.flatten()[real])
        states = (
            states + known.token_type_embeddings.weight[0] + known.position_embeddings(real % ids.shape[1])
        )
        states = known.LayerNorm(states)
        groups = [(length, len(list(same))) for length, same in groupby(mask.sum(1).tolist())]
        sizes = [length * rows for length, rows in groups]
        for layer in self.layers:
            parts = zip(layer.qkv(states).split(sizes), groups, strict=True)
            context = torch.cat(
                [self._attend(part.view(rows, length, 3, self.heads, -1)) for part, (length, rows) in parts]
            )
            states = layer.norm(layer.mixed(context).add_(states))
            states = layer.last(layer.narrow(layer.wide(states)).add_(states))
        result = states.new_zeros(mask.numel(), states.shape[1])
        result[real] = states
        return result.view(*mask.shape, -1)

    @staticmethod
    def _attend(qkv: Tensor) -> Tensor:
        """What each piece takes from its row (rows * length, hidden): qkv (rows, length, 3, heads, size)."""
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        if qkv.is_cuda or qkv.shape[1] > _SHORT:
            taken = functional.scaled_dot_product_attention(query, key, value)
        else:
            scores = torch.matmul(query, key.transpose(2, 3)).float().mul_(qkv.shape[-1] ** -0.5)
            taken = torch.matmul(scores.softmax(-1).to(value.dtype), value)
        return taken.transpose(1, 2).reshape(qkv.shape[0] * qkv.shape[1], -1)


def _layer(layer: BertLayer) -> _Layer:
    own, after, out = layer.attention.self, layer.attention.output, layer.output
    qkv = [own.query, own.key, own.value]
    return _Layer(
        _dense(torch.cat([part.weight for part in qkv]), torch.cat([part.bias for part in qkv])),
        _dense(after.dense.weight, after.dense.bias),
        after.LayerNorm,
        _dense(layer.intermediate.dense.weight, layer.intermediate.dense.bias, gelu=True),
        _dense(out.dense.weight, out.dense.bias),
        out.LayerNorm,
    )


def packs(weight: Tensor) -> bool:
    """Whether oneDNN multiplies by such weights, and this PyTorch lets one pack them beforehand."""
    names = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    if (
        weight.device.type != "cpu"
        or weight.dtype != torch.bfloat16
        or not torch.backends.mkldnn.is_available()
    ):
        return False
    return all(hasattr(torch.ops.mkldnn, name) for name in names) and bool(
        torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


@torch.inference_mode()
def _dense(weight: Tensor, bias: Tensor, gelu: bool = False) -> Dense:
    """`functional.linear` by these weights, then GELU if wanted: packed and in one kernel where possible."""
    if packs(weight):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, _TYPICAL)
        then, how = ("gelu", "none") if gelu else ("none", "")
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, then, [], how)
    if gelu:
        return lambda x: functional.gelu(functional.linear(x, weight, bias))
    return lambda x: functional.linear(x, weight, bias)
