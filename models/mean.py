"""The mean of the weights of several runs as one model: `python -m models.mean FILE... --out FOLDER`.

Runs that began with the same weights lie so near to each other that their mean is a model, and often a better
one than each (Wortsman et al., "Model soups", ICML 2022).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from models import weights


def mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Of each tensor the mean, in its own type. Raises ValueError where the states hold other tensors."""
    if any(state.keys() != states[0].keys() for state in states):
        raise ValueError("the files do not hold the same tensors: they are of other networks")
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0).to(tensor.dtype).contiguous()
        for name, tensor in states[0].items()
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="tensors of models")
    parser.add_argument(
        "--like", type=Path, default=weights.SHIPPED, help="folder with settings and tokenizer"
    )
    parser.add_argument("--out", type=Path, default=weights.SHIPPED, help="model folder to write")
    given = parser.parse_args()
    settings, _, tokenizer = weights.verified(given.like)
    tensors = save(mean([load_file(file) for file in given.files]))
    weights.save(given.out, settings | weights.UNMEASURED, tensors, tokenizer)


if __name__ == "__main__":
    main()
