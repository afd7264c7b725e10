"""Training batches: texts of all tasks mixed, of similar length, as tensors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from models import ROLES, annotated, data, polnear, renaming
from models.heads import TAGS
from models.words import Pieces, padded, pieces

Item = tuple[data.Example, Pieces]
_BETWEEN = (" ", "; ", ", while ", ", and ")
_JOINED = 0.5  # share of the directed texts that are joined two by two
_POOL = 2048  # texts that are sorted by length together
_SURE = np.eye(TAGS, dtype=np.float32)


@dataclass
class Batch:
    """A mixed batch; spans are in pieces of a row, [CLS] counted.

    words      row and piece of each labelled word; tags (words, TAGS): the chances of its tags
    mentions   row, first piece and end piece; characters: the same as offsets into the text
    portrayals mention, label or chances, and whether every mention of the text was asked about
    relations  holder's mention, target's mention, label or chances, and whether every pair was asked about
    voiced     row and piece of each word whose roles are known
    roles      of each of these and each role: 0 outside, 1 begin, 2 inside
    """

    ids: Tensor
    case: Tensor
    mask: Tensor
    words: list[tuple[int, int]] = field(default_factory=list)
    tags: Tensor = field(default_factory=lambda: torch.zeros(0, TAGS))
    mentions: list[tuple[int, int, int]] = field(default_factory=list)
    characters: list[data.Span] = field(default_factory=list)
    portrayals: list[tuple[int, int | data.Chances, int]] = field(default_factory=list)
    relations: list[tuple[int, int, int | data.Chances, int]] = field(default_factory=list)
    voiced: list[tuple[int, int]] = field(default_factory=list)
    roles: list[list[int]] = field(default_factory=list)


def tags(found: Pieces, known: Sequence[tuple[data.Span, int]]) -> np.ndarray:
    """The tag number of every word: 0 outside, 1 + 2k begin, 2 + 2k inside of type k."""
    result = np.zeros(len(found.firsts()), dtype=np.int64)
    ranges = found.covering(np.array([span for span, _ in known], dtype=np.int64).reshape(-1, 2))
    for (lo, hi), (_, kind) in zip(ranges, known, strict=True):
        if lo < hi:
            result[found.word[lo] : found.word[hi - 1] + 1] = 2 + 2 * kind
            result[found.word[lo]] = 1 + 2 * kind
    return result


def told(found: Pieces, known: Sequence[tuple[data.Span, data.Tagged]]) -> np.ndarray:
    """Of every word the chances of its tags (words, TAGS), as another model tells them.

    Where a word was cut in two since, the second part goes on with what the first began; of told words that
    became one, the first counts.
    """
    result = np.zeros((len(found.firsts()), TAGS), dtype=np.float32)
    result[:, 0] = 1
    ranges = found.covering(np.array([span for span, _ in known], dtype=np.int64).reshape(-1, 2))
    for (lo, hi), (_, chances) in reversed(list(zip(ranges, known, strict=True))):
        if lo < hi:
            first, end = found.word[lo], found.word[hi - 1] + 1
            result[first:end] = 0
            for tag, chance in chances:
                result[first, tag] = chance
                result[first + 1 : end, tag + tag % 2] += chance
    return result


def roles(found: Pieces, known: Sequence[tuple[data.Span, int]]) -> np.ndarray:
    """Of every word (words, roles): 0 outside, 1 begin, 2 inside a span of that role."""
    result = np.zeros((len(found.firsts()), len(ROLES)), dtype=np.int64)
    ranges = found.covering(np.array([span for span, _ in known], dtype=np.int64).reshape(-1, 2))
    for (lo, hi), (_, role) in zip(ranges, known, strict=True):
        if lo < hi:
            result[found.word[lo] : found.word[hi - 1] + 1, role] = 2
            result[found.word[lo], role] = 1
    return result


def collate(items: Sequence[Item], window: int) -> Batch:
    """One batch; what lies beyond the window of a long text is left out of training."""
    rows = [(found.ids[:window], found.case[:window]) for _, found in items]
    ids, case, mask = padded(rows, 2 + max(len(row) for row, _ in rows))
    batch = Batch(torch.from_numpy(ids), torch.from_numpy(case), torch.from_numpy(mask))
    every = []
    for row, (example, found) in enumerate(items):
        firsts = found.firsts()
        firsts = firsts[firsts < window]
        places = [(row, int(i) + 1) for i in firsts]
        if example.entities is not None or example.tagged is not None:
            known = _SURE[tags(found, example.entities)] if example.entities else None
            batch.words += places
            every.append((told(found, example.tagged or ()) if known is None else known)[: len(firsts)])
        if example.said is not None:
            batch.voiced += places
            batch.roles += roles(found, example.said)[: len(firsts)].tolist()
        _add_stances(batch, row, example, found, window)
    batch.tags = torch.from_numpy(np.concatenate([batch.tags.numpy(), *every]))
    return batch


def _add_stances(batch: Batch, row: int, example: data.Example, found: Pieces, window: int) -> None:
    spans = [span for span, _ in example.portrayals] + [s for *pair, _ in example.relations for s in pair]
    place: dict[data.Span, int] = {}
    ranges = found.covering(np.array(spans, dtype=np.int64).reshape(-1, 2))
    for span, (lo, hi) in zip(spans, ranges.tolist(), strict=True):
        if span not in place and lo < hi <= window:
            place[span] = len(batch.mentions)
            batch.mentions.append((row, lo + 1, hi + 1))
            batch.characters.append(span)
    every = int(example.every)
    batch.portrayals += [(place[span], label, every) for span, label in example.portrayals if span in place]
    batch.relations += [
        (place[holder], place[target], label, every)
        for holder, target, label in example.relations
        if holder in place and target in place
    ]


def examples(
    folder: Path, rng: random.Random, settings: dict[str, Any], taught: Sequence[data.Example] = ()
) -> list[data.Example]:
    """One epoch's training texts; none of them is a sentence of a dev set.

    `taught` are texts of which another model has said something (models.teach); one that a set of
    stances holds too takes its place there. `settings["sets"]` says which sets are read.
    """
    out, sets = data.held_out(folder), settings["sets"]
    told = {_question(text): text for text in taught}

    def labelled(name: str, texts: Iterable[data.Example]) -> list[data.Example]:
        return [told.pop(_question(text), text) if name in sets else text for text in texts]

    path = folder / "stance/directed/train.jsonl"
    directed = labelled("directed", data.relations(path, reverse=True, but=out))
    rng.shuffle(directed)
    half = int(len(directed) * _JOINED / 2)
    pairs = zip(directed[:half], directed[half : 2 * half], strict=True)
    portrayed = labelled("newsmtsc", data.portrayals(folder / "stance/newsmtsc/train.jsonl", out))
    read: dict[str, Callable[[], Iterable[data.Example]]] = {
        "newswire": lambda: data.newswire(folder / "ner/worldwide/train.jsonl", rng, out),
        "newsmtsc": lambda: portrayed,
        "directed": lambda: [
            *(data.joined(one, other, rng.choice(_BETWEEN)) for one, other in pairs),
            *directed[2 * half :],
        ],
        "ours": lambda: annotated.examples(folder, rng),
        "polnear": lambda: polnear.examples(folder / "attribution/polnear/train", rng, settings["polnear"]),
    }
    return [*told.values(), *(text for name in sets for text in read[name]())]


def _question(text: data.Example) -> tuple[str, bool, bool, bool]:
    return text.text, bool(text.portrayals), bool(text.relations), text.every


def batches(
    texts: Sequence[data.Example], tokenizer: Tokenizer, rng: random.Random, settings: dict[str, Any]
) -> Iterator[Batch]:
    """Every text once, damaged by chance, in mixed batches of similar length and random order."""
    window, budget = settings["model"]["window"], settings["train"]["budget"]
    names, chance = renaming.pool(texts), settings["renamed"]
    changed = (renaming.renamed(text, rng, names, chance) for text in rng.sample(texts, len(texts)))
    order = [data.damaged(text, rng, settings["damage"]) for text in changed]
    for at in range(0, len(order), _POOL):
        part = order[at : at + _POOL]
        found = pieces(tokenizer, [example.text for example in part])
        items = [item for item in zip(part, found, strict=True) if len(item[1])]
        items.sort(key=lambda item: len(item[1]) * rng.uniform(0.9, 1.1))
        groups = list(grouped(items, window, budget))
        rng.shuffle(groups)
        yield from (collate(group, window) for group in groups)


def grouped(items: Sequence[Item], window: int, budget: int) -> Iterator[list[Item]]:
    """Runs of items whose padded size keeps within the budget; a single item may exceed it."""
    group: list[Item] = []
    longest = 0
    for item in items:
        length = min(len(item[1]), window) + 2
        if group and max(longest, length) * (len(group) + 1) > budget:
            yield group
            group, longest = [], 0
        group.append(item)
        longest = max(longest, length)
    if group:
        yield group
