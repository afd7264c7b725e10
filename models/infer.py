"""Inference: texts to mentions with scores and vectors, and vectors to stances."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor

from models import TYPES, Questions, Tags, weights
from models.decode import decode
from models.heads import Network, gaps
from models.windows import Window, batches, windows
from models.words import Pieces, padded, pieces

Spans = Sequence[tuple[int, int]]
DECIMALS = 4  # of probabilities: batches of another make-up change the last bits of a float
_MENTIONS = 256  # mentions pooled at once, which bounds memory
_QUESTIONS = 8192


@dataclass(frozen=True)
class _Rows:
    """Mentions of one batch: text, characters, type number (-1 given), log probability, rank among the given."""

    text_no: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray
    log: np.ndarray
    given: np.ndarray
    vectors: np.ndarray


def precision() -> torch.dtype:
    """bfloat16 where the processor computes in it (elsewhere it is slow), else float32."""
    known = torch.cpu.get_capabilities()
    return torch.bfloat16 if known.get("avx512_bf16") or known.get("amx_bf16") else torch.float32


class Model:
    """The joint model: a Tagger and a Judge."""

    def __init__(self, network: Network, tokenizer: Tokenizer, config: dict[str, Any], digest: str) -> None:
        self.network, self.tokenizer, self.config, self.digest = network.eval(), tokenizer, config, digest

    @classmethod
    def load(cls, path: Path | None = None, dtype: torch.dtype | None = None) -> Model:
        """Reads a model folder, checked against its manifest; raises FileNotFoundError or ValueError.

        Sets torch's thread count to the processors this process may use, if it is higher.
        """
        config, tensors, tokenizer = weights.verified(path)
        torch.set_num_threads(min(torch.get_num_threads(), len(os.sched_getaffinity(0))))
        network = Network(config)
        network.load_state_dict(safetensors.torch.load(tensors), assign=True)
        network.to(dtype or precision())
        network.portrayal.float(), network.relation.float()
        return cls(network, Tokenizer.from_buffer(tokenizer), config, weights.digest(path))

    def tag(self, texts: Sequence[str], spans: Sequence[Spans] | None = None) -> Tags:
        """Mentions of each text, then the given spans of it, with vectors: see `models.Tags`."""
        if spans is not None and len(spans) != len(texts):
            raise ValueError(f"{len(spans)} lists of spans for {len(texts)} texts; give one per text, empty if none")
        found = pieces(self.tokenizer, texts)
        size, overlap = self.config["window"], self.config["overlap"]
        rows = [w for no, one in enumerate(found) for w in windows(no, one, size, overlap)]
        parts = [self._tag(batch, texts, found, spans) for batch in batches(rows)]
        if spans is not None:
            parts += self._unseen(found, spans)
        return self._merged(parts, np.array([len(one) for one in found], dtype=np.int32))

    def judge(self, questions: Questions) -> np.ndarray:
        """Calibrated probabilities, float32 (n, 3): see `models.Judge`. Reads vectors and spans only."""
        n = len(questions.text_no)
        answers = np.zeros((n, 3), dtype=np.float32)
        portrays = np.asarray(questions.holder).reshape(n, 2)[:, 0] < 0
        for own in (portrays, ~portrays):
            which = np.flatnonzero(own)
            for at in range(0, len(which), _QUESTIONS):
                part = which[at : at + _QUESTIONS]
                answers[part] = self._judge(questions, part, portrayal=bool(portrays[part[0]]))
        return answers

    @torch.inference_mode()
    def _judge(self, questions: Questions, part: np.ndarray, portrayal: bool) -> np.ndarray:
        def column(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.asarray(values)[part])

        target = column(questions.target_vectors).float()
        if portrayal:
            logits = self.network.portray(target)
        else:
            apart = gaps(column(questions.holder).long(), column(questions.target).long())
            logits = self.network.relate(column(questions.holder_vectors).float(), target, apart)
        scale, *bias = self.config["calibration"]["portrayal" if portrayal else "relation"]
        chances = (logits * scale + torch.tensor(bias)).softmax(-1).double().numpy().round(DECIMALS)
        top = chances.argmax(1)
        chances[np.arange(len(top)), top] += 1 - chances.sum(1)
        return chances.astype(np.float32)

    @torch.inference_mode()
    def _tag(
        self, batch: list[Window], texts: Sequence[str], found: list[Pieces], spans: Sequence[Spans] | None
    ) -> _Rows:
        ids, case, mask = (torch.from_numpy(x) for x in self._inputs(batch, found))
        states = self.network.encoder(ids, case, mask)
        firsts = [(found[w.text_no].firsts(), w) for w in batch]
        inner = [one[(one >= w.lo) & (one < w.hi)] for one, w in firsts]
        row = np.repeat(np.arange(len(batch)), [len(one) for one in inner])
        piece = np.concatenate(inner)
        low = np.array([w.lo for w in batch])
        logits = self.network.tags(states[torch.from_numpy(row), torch.from_numpy(piece - low[row] + 1)])
        first, end, kind, log = decode(logits.float().numpy(), row)
        high = np.array([w.hi for w in batch])
        follows = np.minimum(end, len(row) - 1)
        until = np.where((end < len(row)) & (row[follows] == row[first]), piece[follows], high[row[first]])
        mine = np.array([(w.mine, w.end) for w in batch]).reshape(-1, 2)[row[first]]
        keep = (piece[first] < mine[:, 1]) & (until > mine[:, 0])
        columns = [x[keep] for x in (row[first], piece[first], until, kind, log)]
        given = self._given(batch, found, spans) if spans is not None else []
        return self._vectors(batch, texts, found, states, mask, columns, given)

    def _inputs(self, batch: list[Window], found: list[Pieces]) -> tuple[np.ndarray, ...]:
        rows = [(found[w.text_no].ids[w.lo : w.hi], found[w.text_no].case[w.lo : w.hi]) for w in batch]
        return padded(rows, batch[0].length)

    @staticmethod
    def _given(
        batch: list[Window], found: list[Pieces], spans: Sequence[Spans]
    ) -> list[tuple[int, int, int, int, int, int]]:
        """Given spans owned by the batch's windows: row, first piece, end piece, rank, start, end."""
        result = []
        for row, w in enumerate(batch):
            for rank, (start, end) in enumerate(spans[w.text_no]):
                lo, hi = found[w.text_no].covering(start, end)
                at = min(lo, len(found[w.text_no]) - 1)
                if w.mine <= at < w.end:
                    result.append((row, lo, min(hi, w.hi), rank, start, end))
        return result

    def _vectors(
        self, batch: list[Window], texts: Sequence[str], found: list[Pieces], states: Tensor, mask: Tensor,
        columns: list[np.ndarray], given: list[tuple[int, int, int, int, int, int]],
    ) -> _Rows:  # fmt: skip
        row, lo, hi, kind, log = columns
        named = np.array(given, dtype=np.int64).reshape(-1, 6)
        text_no = np.array([w.text_no for w in batch])
        begin = np.array([found[text_no[r]].start[p] for r, p in zip(row, lo)], dtype=np.int64)
        stop = np.array([found[text_no[r]].end[p - 1] for r, p in zip(row, hi)], dtype=np.int64)
        row, lo, hi = (np.concatenate([a, b]) for a, b in zip((row, lo, hi), named[:, :3].T))
        shift = 1 - np.array([w.lo for w in batch])[row]
        where, span = torch.from_numpy(row), torch.from_numpy(np.stack([lo + shift, hi + shift], 1))
        parts = [
            self.network.mention(states, mask, where[at : at + _MENTIONS], span[at : at + _MENTIONS])
            for at in range(0, len(row), _MENTIONS)
        ]
        vectors = torch.cat(parts) if parts else torch.zeros(0, self.network.width)
        return _Rows(
            text_no[row],
            np.concatenate([begin, named[:, 4]]),
            np.concatenate([stop, named[:, 5]]),
            np.concatenate([kind, np.full(len(named), -1)]),
            np.concatenate([log, np.full(len(named), np.nan)]),
            np.concatenate([np.full(len(kind), -1), named[:, 3]]),
            vectors.to(torch.float16).numpy(),
        )

    def _unseen(self, found: list[Pieces], spans: Sequence[Spans]) -> list[_Rows]:
        """Spans of texts without a single word piece, with zero vectors."""
        rows = [(no, s, e, k) for no, one in enumerate(found) if not len(one) for k, (s, e) in enumerate(spans[no])]
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        n = len(table)
        vectors = np.zeros((n, self.network.width), dtype=np.float16)
        return [_Rows(*table[:, :3].T, np.full(n, -1), np.full(n, np.nan), table[:, 3], vectors)]

    def _merged(self, parts: list[_Rows], tokens: np.ndarray) -> Tags:
        empty = np.zeros(0, dtype=np.int64)
        none = _Rows(*[empty] * 4, np.zeros(0), empty, np.zeros((0, self.network.width), dtype=np.float16))
        text_no, start, end, kind, log, given, vectors = (
            np.concatenate([getattr(part, name) for part in [none, *parts]]) for name in _Rows.__dataclass_fields__
        )
        order = np.lexsort((-end, np.where(given < 0, start, 0), given, text_no))
        order = order[_apart(text_no[order], start[order], end[order], given[order])]
        scale, shift = self.config["calibration"]["entities"]
        sure = np.clip(np.exp(log[order]), 1e-6, 1 - 1e-6)
        score = 1 / (1 + np.exp(-(scale * np.log(sure / (1 - sure)) + shift)))
        return Tags(
            text_no[order].astype(np.int32),
            start[order].astype(np.int32),
            end[order].astype(np.int32),
            [TYPES[k] if k >= 0 else "" for k in kind[order]],
            score.round(DECIMALS).astype(np.float32),
            vectors[order],
            tokens,
        )


def _apart(text_no: np.ndarray, start: np.ndarray, end: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Which sorted mentions stay: of those that overlap (seen by two windows) the first; all given spans."""
    stays = np.ones(len(start), dtype=bool)
    last = 0
    same = (text_no[1:] == text_no[:-1]) & (given[1:] < 0) & (start[1:] < end[:-1])
    if not same.any():
        return stays
    for i in range(1, len(start)):
        meets = given[i] < 0 and text_no[i] == text_no[last] and given[last] < 0 and start[i] < end[last]
        stays[i] = not meets
        last = last if meets else i
    return stays
