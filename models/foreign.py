"""Any Hugging Face classifier as a function from word pieces to logits: offline, without pickle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from torch import nn

from models.windows import BUDGET, STEP
from models.words import Pieces, pieces

LONGEST_WORD = 100
"""Pieces after which a word is cut: BERT's own limit, which other tokenizers do not have."""
OVERLAP = 64
"""Pieces that neighbouring windows share, as in the shipped model; at most a quarter of a window."""
_LEAST = 24  # pieces that a model must read at once
_NOT_SPACE = re.compile(r"\S+")


@dataclass(frozen=True)
class Frame:
    """The special pieces before, between and after the sequences of a row, and the type numbers of all."""

    specials: tuple[tuple[int, ...], ...]
    special_types: tuple[tuple[int, ...], ...]
    types: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many special pieces a row has."""
        return sum(map(len, self.specials))

    @staticmethod
    def of(tokenizer: Tokenizer, sequences: int) -> Frame:
        """Read off how the tokenizer sets so many sequences of one letter; ValueError where it sets none."""
        shown = tokenizer.encode("a", "a" if sequences == 2 else None)
        of_piece = shown.sequence_ids
        bounds = [0]
        for number in range(sequences):
            places = [i for i, owner in enumerate(of_piece) if owner == number]
            if not places:
                raise ValueError(f"its tokenizer does not set {sequences} sequences; choose another model")
            bounds += [places[0], places[-1] + 1]
        cuts = [*zip(bounds[::2], [*bounds[1::2], len(of_piece)], strict=True)]
        return Frame(
            tuple(tuple(shown.ids[lo:hi]) for lo, hi in cuts),
            tuple(tuple(shown.type_ids[lo:hi]) for lo, hi in cuts),
            tuple(shown.type_ids[at] for at in bounds[1::2]),
        )


class Classifier:
    """A classifier and its tokenizer, computing in float32 on the processor.

    frames how one sequence, and where it takes pairs, how two are set
    size   the most pieces that a row may have beside special ones
    """

    def __init__(self, folder: Path, head: str, sequences: int) -> None:
        """`head`: TokenClassification or SequenceClassification. Raises ValueError for what cannot serve."""
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()  # what is missing in the files is an error here
        own = _tokenizer(folder)
        self.model = _model(folder, head)
        self.tokenizer: Tokenizer = own.backend_tokenizer
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.tokenizer.encode_special_tokens = True  # "[SEP]" in an article is text
        self.frames = [Frame.of(self.tokenizer, number + 1) for number in range(sequences)]
        self.pad: int = own.pad_token_id
        self.typed = "token_type_ids" in own.model_input_names
        most = min(_limit(own.model_max_length, self.model), BUDGET)
        self.specials = max(frame.size for frame in self.frames)
        self.size = (most - self.specials + 2) // STEP * STEP - 2  # so that padding stays within the limit
        if self.size < _LEAST:
            raise ValueError(f"{folder} reads {most} pieces at once; a model must read {_LEAST} and its own")

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """The pieces of each text, whole; a word ends at white space or where the tokenizer ends it."""
        longest = min(LONGEST_WORD, self.size // 4)
        return [
            _words(text, found, longest)
            for text, found in zip(texts, pieces(self.tokenizer, texts), strict=True)
        ]

    @torch.inference_mode()
    def logits(self, rows: Sequence[Sequence[np.ndarray]], length: int) -> np.ndarray:
        """Logits, float32, of rows of sequences, padded to `length` as `models.windows` counts it."""
        width = length - 2 + self.specials
        ids = np.full((len(rows), width), self.pad, dtype=np.int64)
        types, mask = np.zeros_like(ids), np.zeros_like(ids)
        for i, row in enumerate(rows):
            own, of_type = self._framed(row)
            ids[i, : len(own)], types[i, : len(own)], mask[i, : len(own)] = own, of_type, 1
        inputs = {"input_ids": ids, "attention_mask": mask}
        if self.typed:
            inputs["token_type_ids"] = types
        found = self.model(**{name: torch.from_numpy(value) for name, value in inputs.items()})
        return np.asarray(found.logits.float().numpy())

    def _framed(self, row: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Ids and type numbers of a row: its sequences between the special pieces."""
        frame = self.frames[len(row) - 1]
        ids, types = [np.array(frame.specials[0])], [np.array(frame.special_types[0])]
        for number, part in enumerate(row):
            ids += [part, np.array(frame.specials[number + 1])]
            types += [np.full(len(part), frame.types[number]), np.array(frame.special_types[number + 1])]
        return np.concatenate(ids).astype(np.int64), np.concatenate(types).astype(np.int64)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, float64."""
    raised = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def _tokenizer(folder: Path) -> Any:
    try:
        found = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ValueError(f"no tokenizer can be read from {folder} ({_first_line(error)})") from error
    if not found.is_fast:
        raise ValueError(
            f"the tokenizer of {folder}, {type(found).__name__}, is a slow one and knows no offsets; choose "
            "a model with a tokenizer.json"
        )
    if found.pad_token_id is None:
        raise ValueError(f"the tokenizer of {folder} has no padding token; add pad_token to its settings")
    return found


def _model(folder: Path, head: str) -> nn.Module:
    """The model, all of whose weights come from safetensors."""
    try:
        model, info = getattr(transformers, f"AutoModelFor{head}").from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise ValueError(f"no {head} model can be read from {folder} ({_first_line(error)})") from error
    if lost := sorted(info["missing_keys"]):
        raise ValueError(f"{folder} has no weights for {', '.join(lost[:3])}; it was not trained for {head}")
    return model.eval()


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _limit(of_tokenizer: int, model: nn.Module) -> int:
    """Pieces that the model reads at once: what its tokenizer says, at most its table of positions."""
    positions = getattr(model.config, "max_position_embeddings", None) or 0
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            positions = part.num_embeddings
            if part.padding_idx is not None:  # RoBERTa counts positions from there
                positions -= part.padding_idx + 1
    return min(of_tokenizer, positions) if positions > 0 else of_tokenizer


def _words(text: str, found: Pieces, longest: int) -> Pieces:
    """Pieces without the white space that some tokenizers count in, and words of at most `longest` pieces.

    A word is the tokenizer's, cut at white space: some tokenizers know no words.
    """
    if not len(found):
        return found
    solid = np.zeros(len(text) + 1, dtype=np.int64)
    for run in _NOT_SPACE.finditer(text):
        solid[run.start() : run.end()] = 1
    place = np.arange(len(text) + 1)
    following = np.minimum.accumulate(np.where(solid, place, len(text))[::-1])[::-1]
    last = np.maximum.accumulate(np.where(solid, place + 1, 0))
    start = np.minimum(following[found.start], found.end)
    end = np.maximum(np.where(found.end > 0, last[found.end - 1], 0), start)
    spaces = np.concatenate([[0], np.cumsum(1 - solid)])
    parted = np.append(True, spaces[start[1:]] > spaces[end[:-1]])
    heads = np.flatnonzero((np.diff(found.word, prepend=-1) != 0) | parted)
    within = np.arange(len(found)) - np.repeat(heads, np.diff(np.append(heads, len(found))))
    word = np.cumsum(within % longest == 0, dtype=np.int32) - 1
    return replace(found, start=start.astype(np.int32), end=end.astype(np.int32), word=word)
