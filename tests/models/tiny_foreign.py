"""Hugging Face classifiers of a few thousand parameters, with tokenizers of several kinds, as folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tiny
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

BIO = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-MISC", "I-MISC")
IOB1 = ("O", "I-PER", "I-ORG", "B-PER", "B-ORG")
BIOES = ("O", "B-PER", "I-PER", "E-PER", "S-PER", "S-ORG")
IO = ("O", "PER", "ORG")
MEANS = {"PER": "PERSON", "ORG": "ORG", "MISC": ""}
SENTIMENT = ("negative", "neutral", "positive")
STANCE_LABELS = '{ positive = "favor", negative = "against", neutral = "neutral" }'
PAIR = '{ portrayal = "{target}", relation = "{holder} -> {target}" }'
LETTERS = "bioesm"
"""The words that a local model labels: in this order with its labels from the second on."""
_SIZES = {
    "hidden_size": 24,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "type_vocab_size": 2,
}


def wordpiece() -> Tokenizer:
    """BERT's: WordPiece between [CLS] and [SEP], over single characters."""
    made = tiny.tokenizer()
    ends = [(piece, made.token_to_id(piece)) for piece in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    made.add_special_tokens(["[PAD]", "[CLS]", "[SEP]"])
    return made


def byte_level() -> Tokenizer:
    """RoBERTa's: bytes, where the space before a word is part of its first piece."""
    special = {"<s>": 0, "<pad>": 1, "</s>": 2}
    letters = {c: 3 + i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    words = {f"Ġ{letter}": 259 + i for i, letter in enumerate(LETTERS)}
    made = Tokenizer(models.BPE(special | letters | words, [("Ġ", letter) for letter in LETTERS]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    made.add_special_tokens(list(special))
    return made


def unigram() -> Tokenizer:
    """SentencePiece's: one long word, in which ▁ stands for the space."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0)]
    pieces += [(c, -2.0) for c in "▁" + tiny.LETTERS] + [(f"▁{letter}", -1.0) for letter in LETTERS]
    made = Tokenizer(models.Unigram(pieces, unk_id=3))
    made.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    made.add_special_tokens(["<s>", "<pad>", "</s>"])
    return made


TOKENIZERS = {"bert": wordpiece, "roberta": byte_level, "xlm-roberta": unigram}


def write(
    folder: Path,
    labels: Sequence[str],
    head: str = "TokenClassification",
    family: str = "bert",
    positions: int = 64,
    local: bool = False,
    seed: int = 1,
) -> Path:
    """A model folder with random weights; `local`: each label hangs on its word alone, as `letters` says."""
    torch.manual_seed(seed)
    tokenizer = TOKENIZERS[family]()
    settings: dict[str, Any] = _SIZES | {
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": positions + (0 if family == "bert" else 2),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
        "num_hidden_layers": 0 if local else 2,
        "pad_token_id": tokenizer.token_to_id("[PAD]" if family == "bert" else "<pad>"),
    }
    config = transformers.AutoConfig.for_model(family, **settings)
    model = getattr(transformers, f"AutoModelFor{head}").from_config(config)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, 0.6 if "embeddings" in name or "classifier" in name else 0.2)
        if local:
            _local(model, tokenizer, labels)
    model.save_pretrained(folder)
    own = {"bert": ("[PAD]", "[CLS]", "[SEP]")}.get(family, ("<pad>", "<s>", "</s>"))
    named = dict(zip(("pad_token", "cls_token", "sep_token"), own, strict=True))
    inputs = ["input_ids", *(["token_type_ids"] if family == "bert" else []), "attention_mask"]
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=inputs, model_max_length=10**30, **named
    ).save_pretrained(folder)
    return folder


def letters(labels: Sequence[str]) -> dict[str, int]:
    """The word that has each label in a local model; every other word is outside."""
    return dict(zip(LETTERS, range(1, len(labels)), strict=False))


def _local(model: Any, tokenizer: Tokenizer, labels: Sequence[str]) -> None:
    embeddings = model.base_model.embeddings
    embeddings.position_embeddings.weight.zero_()
    embeddings.token_type_embeddings.weight.zero_()
    words = embeddings.word_embeddings.weight
    words.zero_()
    words[:, 0] = 1
    for letter, label in letters(labels).items():
        for piece in (letter, f"Ġ{letter}", f"▁{letter}"):
            if (number := tokenizer.token_to_id(piece)) is not None:
                words[number] = torch.nn.functional.one_hot(torch.tensor(label), words.shape[1])
    model.classifier.weight.zero_()
    model.classifier.bias.zero_()
    model.classifier.weight[torch.arange(len(labels)), torch.arange(len(labels))] = 1.0


def means(labels: Sequence[str]) -> str:
    """A label map as TOML, for the kinds that occur in `labels`."""
    there = {label.split("-")[-1] for label in labels} - {"O"}
    return "{ " + ", ".join(f'{kind} = "{MEANS[kind]}"' for kind in sorted(there)) + " }"


def toml(folder: Path, tagger: str = "", judge: str = "", name: str = "model.toml") -> Path:
    """A TOML file with these lines under [tagger] and [judge], each left out where empty."""
    parts = {"tagger": tagger, "judge": judge}
    text = "\n".join(f"[{part}]\n{lines}\n" for part, lines in parts.items() if lines)
    (folder / name).write_text(text)
    return folder / name


def tagger_lines(labels: Sequence[str], model: str = "tagger") -> str:
    """What chooses a tagger in the folder `model` beside the file."""
    return f'model = "{model}"\nlabels = {means(labels)}'


def judge_lines(pair: str = PAIR, model: str = "judge") -> str:
    """What chooses a judge of SENTIMENT in the folder `model` beside the file."""
    return f'model = "{model}"\nlabels = {STANCE_LABELS}\npair = {pair}'
