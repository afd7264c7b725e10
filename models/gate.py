"""Whether a model may compute in eight bits: `python -m models.gate --data DIR [--model DIR]`.

Scores it on the dev sets with products in float32 and in eight bits (`models.int8`), prints both, and writes
into its config.json whether no score is lower by more than LOSS. Only then does a processor without bfloat16
use eight bits.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from models import weights
from models.evaluate import Sets, evaluate
from models.infer import Model

LOSS = 0.01
"""What a score may lose: as much as by the loss of all characters outside ASCII, whose goal is one point."""


def scores(result: Mapping[str, Any]) -> dict[str, float]:
    """Every F1 of `models.evaluate`: of nine types and four, of stances, clean and stripped."""
    found = {name: row["f1"] for name, row in result.items() if "f1" in row}
    return found | {f"{name}, four types": row["four"] for name, row in result.items() if "four" in row}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures whether a model may compute in eight bits.")
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--model", type=Path, default=weights.SHIPPED)
    given = parser.parse_args()
    sets = Sets.read(given.data)
    exact, eight = (
        scores(evaluate(Model.load(given.model, dtype=dtype, device="cpu"), sets, fit=False))
        for dtype in (torch.float32, torch.int8)
    )
    print(f"{'':40} float32   int8  difference")
    for name, score in exact.items():
        print(f"{name:40} {100 * score:7.2f} {100 * eight[name]:6.2f} {100 * (eight[name] - score):+11.2f}")
    serves = all(eight[name] >= score - LOSS for name, score in exact.items())
    config, tensors, tokenizer = weights.verified(given.model)
    weights.save(given.model, config | {"int8": serves}, tensors, tokenizer)
    print(f"int8: {str(serves).lower()} ({'no' if serves else 'a'} score lost more than {100 * LOSS:.0f})")


if __name__ == "__main__":
    main()
