"""Inference: texts to mentions with scores and vectors, and vectors to stances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor

from models import Questions, Tags, formats, weights
from models.decode import decode
from models.encoder import Encoder
from models.fast import Fast
from models.heads import Network, gaps
from models.mentions import Rows, rounded, together, unseen
from models.said import Voiced, voiced
from models.windows import BUDGET, Window, batches, windows
from models.words import Pieces, padded, pieces

Spans = Sequence[tuple[int, int]]
_MENTIONS = 256  # mentions pooled at once, which bounds memory
_QUESTIONS = 8192
_GPU_BUDGET = 65536  # padded pieces per batch, guessed: no GPU was there to measure on


def compute_with(threads: int, quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> None:
    """Let this process compute with so many threads; 0: one per core, within the container's quota."""
    if not threads:
        threads = torch.get_num_threads()  # the physical cores, or OMP_NUM_THREADS
        share = quota.read_text().split() if quota.is_file() else ["max"]
        if share[0] != "max":
            threads = max(1, min(threads, int(share[0]) // int(share[1])))
    torch.set_num_threads(threads)


class Model:
    """The joint model: a Tagger and a Judge."""

    def __init__(
        self,
        network: Network,
        tokenizer: Tokenizer,
        config: dict[str, Any],
        digest: str,
        eight: bool = False,
    ) -> None:
        """`eight`: the encoder's products in eight bits; ValueError where it has no form for that."""
        self.network, self.tokenizer, self.config, self.digest = network.eval(), tokenizer, config, digest
        self.device, encoder = network.tags.weight.device, network.encoder
        if eight and (not isinstance(encoder, Encoder) or self.device.type != "cpu"):
            raise ValueError("eight bits are for the small encoder alone, and only on the processor")
        fast = Fast(encoder, eight) if isinstance(encoder, Encoder) else None
        self.encoder = fast or torch.inference_mode()(encoder)
        self.format = "int8" if eight else str(network.tags.weight.dtype).removeprefix("torch.")

    @classmethod
    def load(cls, path: Path | None = None, dtype: torch.dtype | None = None, device: str = "cpu") -> Model:
        """Reads a model folder, checked against its manifest; raises FileNotFoundError or ValueError.

        `dtype`: what the encoder computes in; None lets the processor decide. int8: its products in eight
        bits, all else in float32.
        `device`: where, as PyTorch names it; on another than the processor nobody has run this yet, and last
        bits may depend on the batch there, so it has to be asked for.
        """
        config, tensors, tokenizer = weights.verified(path)
        network = Network(config)
        network.load_state_dict(safetensors.torch.load(tensors), assign=True)
        chosen = dtype or formats.chosen(device, config.get("int8", False))
        network.to(device, torch.float32 if chosen is torch.int8 else chosen)
        network.portrayal.float()
        network.relation.float()
        eight = chosen is torch.int8
        return cls(network, Tokenizer.from_buffer(tokenizer), config, weights.digest(path), eight)

    def tag(self, texts: Sequence[str], spans: Sequence[Spans] | None = None) -> Tags:
        """Mentions of each text, then the given spans of it, with vectors: see `models.Tags`."""
        if spans is not None and len(spans) != len(texts):
            raise ValueError(f"{len(spans)} lists of spans for {len(texts)} texts; give one list per text")
        found = pieces(self.tokenizer, texts)
        given = [np.array(one, dtype=np.int64).reshape(-1, 2) for one in spans or [()] * len(texts)]
        size, overlap = self.config["window"], self.config["overlap"]
        rows = [w for no, one in enumerate(found) for w in windows(no, one, size, overlap)]
        empty = [no for no, one in enumerate(found) if not len(one)]
        bare = [(no, *span, rank) for no in empty for rank, span in enumerate(given[no])]
        parts = [unseen(np.array(bare, dtype=np.int64).reshape(-1, 4), self.network.width)]
        budget = _GPU_BUDGET if self.device.type == "cuda" else BUDGET
        seen = [self._tag(batch, found, given) for batch in batches(rows, budget)]
        tokens = np.array([len(one) for one in found], dtype=np.int32)
        tags = together(parts + [part for part, _ in seen], self.config["calibration"]["entities"], tokens)
        return replace(tags, said=voiced([words for _, words in seen], found))

    @property
    def thresholds(self) -> dict[str, dict[str, list[float | None]]]:
        """See `models.Calibrated`."""
        return self.config.get("thresholds", {})

    def judge(self, questions: Questions) -> np.ndarray:
        """Calibrated probabilities, float32 (n, 3): see `models.Judge`. Reads vectors and spans only."""
        portrays = np.asarray(questions.holder)[:, :1] < 0
        kind = "_every" if questions.every else ""
        portrayal, relation = (self.config["calibration"][head + kind] for head in ("portrayal", "relation"))
        scaled = self.logits(questions).astype(np.float64) * np.where(portrays, portrayal[0], relation[0])
        scaled += np.where(portrays, portrayal[1:], relation[1:])
        chances = np.exp(scaled - scaled.max(1, keepdims=True))
        return rounded(chances / chances.sum(1, keepdims=True))

    @torch.inference_mode()
    def logits(self, questions: Questions) -> np.ndarray:
        """Uncalibrated logits, float32 (n, 3): of the portrayal head where the holder is the text."""
        answers = np.zeros((len(questions.text_no), 3), dtype=np.float32)
        holder = torch.from_numpy(np.asarray(questions.holder)).long()
        target = torch.from_numpy(np.asarray(questions.target)).long()
        portrays = holder[:, 0] < 0

        def vectors(values: np.ndarray, which: Tensor) -> Tensor:
            return torch.from_numpy(np.asarray(values)[which.numpy()]).float().to(self.device)

        every = torch.full((len(portrays),), int(questions.every), device=self.device)
        for part in portrays.nonzero()[:, 0].split(_QUESTIONS):
            asked = vectors(questions.target_vectors, part)
            answers[part.numpy()] = self.network.portray(asked, every[part]).cpu().numpy()
        for part in (~portrays).nonzero()[:, 0].split(_QUESTIONS):
            one, other = vectors(questions.holder_vectors, part), vectors(questions.target_vectors, part)
            apart = gaps(holder[part], target[part]).to(self.device)
            answers[part.numpy()] = self.network.relate(one, other, apart, every[part]).cpu().numpy()
        return answers

    def _here(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.device)

    @torch.inference_mode()
    def _tag(self, batch: list[Window], found: list[Pieces], given: list[np.ndarray]) -> tuple[Rows, Voiced]:
        """The mentions of a batch, and of the words that its windows own who says them."""
        inputs = [(found[w.text_no].ids[w.lo : w.hi], found[w.text_no].case[w.lo : w.hi]) for w in batch]
        ids, case, mask = map(self._here, padded(inputs, batch[0].length))
        states = self.encoder(ids, case, mask)
        words, piece = _words(batch, found)
        lo, mine, stop = np.array([(w.lo, w.mine, w.end) for w in batch]).T
        heads = states[self._here(words), self._here(piece - lo[words] + 1)]
        row, span, kind, log = self._found(heads, words, piece, batch)
        own = (piece >= mine[words]) & (piece < stop[words])
        asked = [_owned(no, w, found[w.text_no], given[w.text_no]) for no, w in enumerate(batch)]
        extra = np.concatenate(asked)
        text_no = np.array([w.text_no for w in batch])
        start = [found[text_no[r]].start[lo] for r, lo in zip(row, span[:, 0], strict=True)]
        end = [found[text_no[r]].end[hi - 1] for r, hi in zip(row, span[:, 1], strict=True)]
        row, span = np.concatenate([row, extra[:, 0]]), np.concatenate([span, extra[:, 1:3]])
        n, m = len(kind), len(extra)
        told = Voiced(text_no[words[own]], piece[own], self.network.said(heads).float().cpu().numpy()[own])
        rows = Rows(
            text_no[row],
            np.concatenate([np.array(start, dtype=np.int64), extra[:, 3]]),
            np.concatenate([np.array(end, dtype=np.int64), extra[:, 4]]),
            np.concatenate([kind, np.full(m, -1)]),
            np.concatenate([log, np.full(m, np.nan)]),
            np.concatenate([np.full(n, -1), extra[:, 5]]),
            self._vectors(states, mask, batch, row, span),
        )
        return rows, told

    def _found(
        self, heads: Tensor, row: np.ndarray, piece: np.ndarray, batch: list[Window]
    ) -> tuple[np.ndarray, ...]:
        """Mentions that touch what their window owns: row, pieces [lo, hi) of the text, type, log chance."""
        hi, mine, end = np.array([(w.hi, w.mine, w.end) for w in batch]).T
        first, stop, kind, log = decode(self.network.tags(heads).float().cpu().numpy(), row)
        after = np.minimum(stop, len(row) - 1)
        inside = (stop < len(row)) & (row[after] == row[first])
        span = np.stack([piece[first], np.where(inside, piece[after], hi[row[first]])], 1)
        keep = (span[:, 0] < end[row[first]]) & (span[:, 1] > mine[row[first]])
        return row[first][keep], span[keep], kind[keep], log[keep]

    def _vectors(
        self, states: Tensor, mask: Tensor, batch: list[Window], row: np.ndarray, span: np.ndarray
    ) -> np.ndarray:
        shift = 1 - np.array([w.lo for w in batch])[row]
        rows, places = self._here(row), self._here(span + shift[:, None])
        parts = []
        for part in torch.arange(len(row)).split(_MENTIONS):
            # Never one alone: another kernel would multiply it, and its last bits would differ.
            twice = torch.cat([part, part[-1:]])
            vectors = self.network.mention(states, mask, rows[twice], places[twice])
            parts.append(vectors[:-1].to(torch.float16).cpu())
        return torch.cat([torch.zeros(0, self.network.width, dtype=torch.float16), *parts]).numpy()


def _words(batch: list[Window], found: list[Pieces]) -> tuple[np.ndarray, np.ndarray]:
    """Row and first piece of every word in the windows."""
    firsts = [found[w.text_no].firsts() for w in batch]
    inner = [one[(one >= w.lo) & (one < w.hi)] for one, w in zip(firsts, batch, strict=True)]
    return np.repeat(np.arange(len(batch)), [len(one) for one in inner]), np.concatenate(inner)


def _owned(row: int, window: Window, found: Pieces, spans: np.ndarray) -> np.ndarray:
    """Given spans that begin in what the window owns (n, 6): row, pieces [lo, hi), start, end, rank."""
    if not len(spans):
        return np.zeros((0, 6), dtype=np.int64)
    ranges = found.covering(spans)
    at = np.minimum(ranges[:, 0], len(found) - 1)
    mine = np.flatnonzero((at >= window.mine) & (at < window.end))
    ranges = ranges[mine].clip(max=window.hi)
    return np.concatenate([np.full((len(mine), 1), row), ranges, spans[mine], mine[:, None]], 1)
