"""What a user would write today for the same answers: two pipelines of transformers, a pass per question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

from models import STANCES
from models.heads import TAGS
from models.infer import Model


def write(model: Model, folder: Path) -> None:
    """A token classifier (`tagger`) and a classifier of pairs (`judge`): float32, random weights.

    Encoder size and tokenizer are the model's. Speed does not depend on the weights, with one exception that
    is in the pipelines' favour: their tagger finds nothing, so it has no mentions to put together.
    """
    settings = model.config["encoder"]
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    words = PreTrainedTokenizerFast(tokenizer_object=model.tokenizer, model_max_length=512, **special)
    tagger = BertForTokenClassification(BertConfig(**settings, num_labels=TAGS))
    with torch.no_grad():
        tagger.classifier.bias[0] = 100.0
    tagger.config.id2label = {i: f"B-{i}" if i else "O" for i in range(TAGS)}
    judge = BertForSequenceClassification(BertConfig(**settings, num_labels=len(STANCES)))
    for name, network in (("tagger", tagger), ("judge", judge)):
        network.save_pretrained(folder / name)
        words.save_pretrained(folder / name)


class Pipelines:
    """Both, as `write` left them; which mentions are asked about is given, so that passes are as many."""

    def __init__(self, folder: Path) -> None:
        tagger, judge = str(folder / "tagger"), str(folder / "judge")
        self.tag = pipeline("token-classification", model=tagger, aggregation_strategy="simple", device="cpu")
        self.judge = pipeline("text-classification", model=judge, device="cpu")

    def run(self, texts: Sequence[str], asked: Sequence[tuple[str, str]], batch: int) -> None:
        """Tags the texts, then judges each (sentence, mention) by a pass, `batch` rows at a time."""
        self.tag(list(texts), batch_size=batch)
        self.judge([{"text": text, "text_pair": mention} for text, mention in asked], batch_size=batch)
