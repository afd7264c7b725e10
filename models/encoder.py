"""The shared encoder: MiniLM with a learned letter-case embedding at its input."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from models.words import CASES


class Encoder(nn.Module):
    """Token states of word pieces; the base is uncased, so each piece also carries the case of its word."""

    def __init__(self, config: dict[str, Any], attention: str = "sdpa") -> None:
        """`attention`: sdpa, or eager for training: its backward pass is far faster on short rows."""
        super().__init__()
        settings = BertConfig(**config)
        settings._attn_implementation = attention
        self.bert = BertModel(settings, add_pooling_layer=False)
        self.case = nn.Embedding(CASES, settings.hidden_size)
        nn.init.zeros_(self.case.weight)

    def forward(self, ids: Tensor, case: Tensor, mask: Tensor) -> Tensor:
        """States (rows, length, hidden) of `ids` (rows, length); `mask` is 1 for pieces and 0 for padding."""
        inputs = self.bert.embeddings.word_embeddings(ids) + self.case(case)
        states: Tensor = self.bert(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        return states
