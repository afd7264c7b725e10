"""The encoder for inference: the trained numbers, laid out so that the time goes into matrix products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.bert.modeling_bert import BertLayer

from models import int8
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
    """Computes what a trained `Encoder` does, in fewer and larger products that see no padding."""

    def __init__(self, encoder: Encoder, eight: bool = False) -> None:
        """Takes copies of the weights of products; embeddings and norms stay shared with `encoder`.

        `eight`: products with weights in eight bits (`models.int8`); `encoder` is in float32 then.
        """
        settings = encoder.bert.config
        if settings.hidden_act != "gelu":
            raise ValueError(
                f"hidden_act is {settings.hidden_act!r} in the model's config.json; only 'gelu' is known"
            )
        self.heads: int = settings.num_attention_heads
        self.case, self.embeddings = encoder.case, encoder.bert.embeddings
        self.layers = [_layer(layer, int8.dense if eight else _dense) for layer in encoder.bert.encoder.layer]

    @torch.inference_mode()
    def __call__(self, ids: Tensor, case: Tensor, mask: Tensor) -> Tensor:
        """States (rows, length, hidden), as `Encoder` gives them; zero where `mask`, at a row's end, is 0."""
        real, known = mask.flatten().nonzero()[:, 0], self.embeddings
        states = known.word_embeddings(ids.flatten()[real]) + self.case(case.flatten()[real])
        states += known.token_type_embeddings.weight[0] + known.position_embeddings(real % ids.shape[1])
        states = known.LayerNorm(states)
        barred = torch.zeros(mask.shape, device=mask.device).masked_fill_(mask == 0, -torch.inf)
        for layer in self.layers:
            parts = _spread(layer.qkv(states), real, mask).unflatten(-1, (3, self.heads, -1))
            context = _attend(parts.permute(2, 0, 3, 1, 4), barred[:, None, None]).flatten(0, 1)
            context = context if len(context) == len(real) else context[real]
            states = layer.norm(layer.mixed(context).add_(states))
            states = layer.last(layer.narrow(layer.wide(states)).add_(states))
        return _spread(states, real, mask)


def _attend(parts: Tensor, barred: Tensor) -> Tensor:
    """What pieces take from their row (rows, length, hidden); parts (3, rows, heads, length, size)."""
    query, key, value = parts
    if query.is_cuda or query.shape[2] > _SHORT:
        taken = functional.scaled_dot_product_attention(query, key, value, barred.to(query.dtype))
    else:
        scores = torch.matmul(query, key.transpose(2, 3)).float()
        chances = scores.mul_(query.shape[-1] ** -0.5).add_(barred).softmax(-1)
        taken = torch.matmul(chances.to(value.dtype), value)
    return taken.transpose(1, 2).flatten(2)


def _spread(packed: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Packed pieces (n, size) in their places `real` of (rows, length, size), with zeros between them."""
    if len(real) < mask.numel():
        packed = packed.new_zeros(mask.numel(), packed.shape[1]).index_copy_(0, real, packed)
    return packed.view(*mask.shape, -1)


def _layer(layer: BertLayer, dense: Callable[..., Dense]) -> _Layer:
    own, after, out = layer.attention.self, layer.attention.output, layer.output
    qkv = [own.query, own.key, own.value]
    return _Layer(
        dense(torch.cat([part.weight for part in qkv]), torch.cat([part.bias for part in qkv])),
        dense(after.dense.weight, after.dense.bias),
        after.LayerNorm,
        dense(layer.intermediate.dense.weight, layer.intermediate.dense.bias, gelu=True),
        dense(out.dense.weight, out.dense.bias),
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
