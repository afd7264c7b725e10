"""What the encoder computes in: as the processor is fast, and as a model was measured to allow."""

from __future__ import annotations

import torch

from models import int8


def chosen(device: str = "cpu", eight: bool = False) -> torch.dtype:
    """bfloat16 where the processor computes in it (elsewhere it is slow), else int8 or float32.

    `eight`: whether the model was measured to answer as well with products in eight bits (`models.gate`).
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    known = torch.cpu.get_capabilities()
    if known.get("avx512_bf16") or known.get("amx_bf16"):
        return torch.bfloat16
    return torch.int8 if eight and kind == "cpu" and int8.serves() else torch.float32
