"""A randomly initialised model of a few thousand parameters, for the mechanics that no training changes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from models import weights
from models.heads import Network
from models.infer import Model

torch.set_num_threads(1)  # so small a model gains nothing by two, and loses much beside other work
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,'’-!?\"$%"
CONFIG = {
    "encoder": {
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 256,
        "vocab_size": 256,
    },
    "portrayal": 8,
    "relation": 6,
    "heads": 2,
    "dropout": 0.1,
    "window": 200,
    "overlap": 40,
    "calibration": weights.UNCALIBRATED,
}


def tokenizer() -> Tokenizer:
    """WordPiece over single characters with BERT's special numbers."""
    special = ["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]"]
    pieces = [*special, *LETTERS, *(f"##{c}" for c in LETTERS)]
    made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def write(folder: Path, seed: int = 1) -> Path:
    """A model folder with random weights, large enough that tags vary from word to word."""
    torch.manual_seed(seed)
    network = Network(CONFIG)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, 0.6 if "embedding" in name or name == "tags.weight" else 0.2)
    weights.save(
        folder, json.loads(json.dumps(CONFIG)), save(network.state_dict()), tokenizer().to_str().encode()
    )
    return folder


def model(folder: Path, seed: int = 1) -> Model:
    """The written model, in float32."""
    return Model.load(write(folder, seed), dtype=torch.float32)
