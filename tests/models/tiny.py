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
SPOKEN = {"b": 1, "i": 2, "o": 3, "e": 4}
"""The tag of each word that a local model finds: begin and inside of PERSON and of ORG."""
CONFIG = {
    "format": weights.FORMAT,
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
    "said": 8,
    "heads": 2,
    "dropout": 0.1,
    "window": 200,
    "overlap": 40,
    "calibration": weights.UNCALIBRATED,
    "thresholds": {},
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


def local(folder: Path, window: int) -> Model:
    """Tags each word by itself alone, as `SPOKEN` says, reading `window` pieces at once."""
    made = model(folder)
    encoder = {**CONFIG["encoder"], "num_hidden_layers": 0, "max_position_embeddings": window + 8}
    made.config |= {"encoder": encoder, "window": window, "overlap": min(40, window // 4)}
    network = Network(made.config)
    with torch.no_grad():
        embeddings = network.encoder.bert.embeddings
        for table in (embeddings.position_embeddings, embeddings.token_type_embeddings):
            table.weight.zero_()
        words = embeddings.word_embeddings.weight.zero_()
        words[:, 0] = 1
        for word, tag in SPOKEN.items():
            words[made.tokenizer.token_to_id(word)] = torch.nn.functional.one_hot(torch.tensor(tag), 24)
        network.tags.weight.zero_().fill_diagonal_(3.0)
        network.tags.bias.zero_()
    return Model(network, made.tokenizer, made.config, made.digest)


def model(folder: Path, seed: int = 1) -> Model:
    """The written model, in float32."""
    return Model.load(write(folder, seed), dtype=torch.float32)
