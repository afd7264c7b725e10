"""Dropout whose random numbers cost little on a processor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 256


class Dropout(nn.Module):
    """Dropout with a chance in steps of 1/256, drawn eight elements at a time."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.dropped = round(chance * _LEVELS)

    def forward(self, x: Tensor) -> Tensor:
        """`x` with elements zeroed by chance and the others scaled up, in training; else `x`."""
        if not self.training or not self.dropped:
            return x
        scale = _LEVELS / (_LEVELS - self.dropped)
        drawn = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device).random_(-(2**63), None)
        keep = drawn.view(torch.uint8)[: x.numel()].view(x.shape) >= self.dropped
        return x * (keep.to(x.dtype) * scale)


def replace(network: nn.Module) -> None:
    """Puts this dropout in the place of PyTorch's wherever `network` drops something out."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout) and child.p:
                setattr(module, name, Dropout(child.p))
