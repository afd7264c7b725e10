"""Whether a model may compute in eight bits: `python -m models.gate --data DIR [--model DIR]`.

Scores it on the dev sets with products in float32 and in eight bits (`models.int8`), prints both, and writes
into its config.json whether no score is lower by more than LOSS. Only then does a processor without bfloat16
use eight bits. Takes some 20 minutes of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from models import int8, weights
from models.asked import answers
from models.evaluate import HEADS, Sets, evaluate
from models.infer import Model
from models.measures import mentions

LOSS = 0.01
"""What a score may lose: as much as by the loss of all characters outside ASCII, whose goal is one point."""


def scores(result: Mapping[str, Any]) -> dict[str, float]:
    """Every F1 of `models.evaluate`, clean and stripped: of names, of stances, of who says what."""
    found = {name: row["f1"] for name, row in result.items() if "f1" in row}
    found |= {f"{name}, four types": row["four"] for name, row in result.items() if "four" in row}
    said = {f"said: {role}, {of}": f1 for role, row in result["said"].items() for of, f1 in row.items()}
    return found | said


def allowed(exact: Mapping[str, float], eight: Mapping[str, float]) -> bool:
    """Whether no score in eight bits is lower than the exact one by more than LOSS."""
    return all(eight[name] >= score - LOSS for name, score in exact.items())


def differences(exact: Model, eight: Model, sets: Sets) -> dict[str, tuple[int, int]]:
    """How many mentions and judgements of our held-out sentences only one of them has, and of how many."""
    texts = [example.text for example in sets.ours]
    one, other = (
        {
            (no, *mention)
            for no, row in enumerate(mentions(model.tag(texts), len(texts))[0])
            for mention in row
        }
        for model in (exact, eight)
    )
    found = {"mentions that one of them alone finds": (len(one ^ other), len(one | other))}
    for head in HEADS:
        told = [answers(model, sets.ours, head).logits.argmax(1) for model in (exact, eight)]
        found[f"answers of {head} that differ"] = (int((told[0] != told[1]).sum()), len(told[0]))
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures whether a model may compute in eight bits.")
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--model", type=Path, default=weights.SHIPPED)
    given = parser.parse_args()
    if not int8.serves():
        parser.error("this processor or this PyTorch does not multiply in eight bits; ask on one with AVX2")
    sets = Sets.read(given.data)
    plain, rounded = (Model.load(given.model, dtype=dtype) for dtype in (torch.float32, torch.int8))
    for what, (count, of) in differences(plain, rounded, sets).items():
        print(f"{what}: {count} of {of}")
    exact, eight = (scores(evaluate(model, sets, fit=False)) for model in (plain, rounded))
    print(f"{'':40} float32   int8  difference")
    for name, score in exact.items():
        print(f"{name:40} {100 * score:7.2f} {100 * eight[name]:6.2f} {100 * (eight[name] - score):+11.2f}")
    serves = allowed(exact, eight)
    config, tensors, tokenizer = weights.verified(given.model)
    weights.save(given.model, config | {"int8": serves}, tensors, tokenizer)
    print(f"int8: {str(serves).lower()} ({'no' if serves else 'a'} score lost more than {100 * LOSS:.0f})")


if __name__ == "__main__":
    main()
