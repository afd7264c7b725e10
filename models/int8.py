"""Products in eight bits: for processors that do not multiply in bfloat16.

A product's weights are whole numbers from -63 to 63 with a scale for each output; what it reads is rounded to
whole numbers from -127 to 127 with a scale for each row, so no row depends on its company. Sums are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# AVX2 adds pairs of products in 16 bits: 2 * 255 * 63 fits, 2 * 255 * 127 would saturate.
_MOST = 63
_TYPICAL = 1024  # rows that weights are packed for; any other number of rows is as good
_TINY = 1e-30  # for a row of zeros: its inverse is still finite


def serves() -> bool:
    """Whether this processor has AVX2 or more, and this PyTorch the product.

    With AVX2 alone it is faster than float32; with more, nobody has measured (docs/decisions/model.md).
    """
    if not torch.cpu.get_capabilities().get("avx2") or not torch.backends.mkldnn.is_available():
        return False
    return all(hasattr(torch.ops.onednn, name) for name in ("qlinear_prepack", "qlinear_pointwise"))


@dataclass(frozen=True)
class Packed:
    """Weights (outputs, inputs) as whole numbers, laid out for oneDNN, with the scale of each output."""

    whole: Tensor
    scale: Tensor
    zero: Tensor

    def times(self, x: Tensor) -> Tensor:
        """Products (rows, outputs), float32, with whole numbers `x` (rows, inputs), int8."""
        weights, given, wanted = (self.whole, self.scale, self.zero), (1.0, 0), (1.0, 0, torch.float32)
        multiply = torch.ops.onednn.qlinear_pointwise
        result: Tensor = multiply(x, *given, *weights, None, *wanted, "none", [], "")
        return result


@torch.inference_mode()
def packed(weight: Tensor) -> Packed:
    """Weights (outputs, inputs), float32, rounded and laid out."""
    scale = weight.abs().amax(1).clamp_(min=_TINY) / _MOST
    whole = (weight / scale[:, None]).round_().to(torch.int8)
    laid = torch.ops.onednn.qlinear_prepack(whole, [_TYPICAL, weight.shape[1]])
    return Packed(laid, scale, torch.zeros(len(scale), dtype=torch.int64))


def dense(weight: Tensor, bias: Tensor, gelu: bool = False) -> Callable[[Tensor], Tensor]:
    """`functional.linear` by these weights (outputs, inputs), then GELU if wanted; all of it float32."""
    weights = packed(weight)

    def product(x: Tensor) -> Tensor:
        most = torch.maximum(x.amax(1, keepdim=True), x.amin(1, keepdim=True).neg_())
        step = most.clamp_(min=_TINY) / 127
        sums = weights.times((x * (1 / step)).round_().to(torch.int8))
        torch.addcmul(bias, sums, step, out=sums)
        return functional.gelu(sums) if gelu else sums

    return product
