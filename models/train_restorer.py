"""Trains the restorer: `python -m models.train_restorer --data DIR`; about five minutes on one core.

Self-supervised: undamaged news is damaged as the real articles are (every character beyond ASCII dropped, and
apostrophes and quotation marks whatever their form), and the model learns to undo it. DIR is the data folder
of docs/models.md: `raw/clean_articles.jsonl.gz`, `attribution/polnear/train`, `ner/worldwide/train.jsonl`,
`stance/newsmtsc/train.jsonl`, `stance/directed/train.jsonl`; what occurs in `repair/*.jsonl` is left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.numpy import save

from models.clues import Known, Text, candidates, count
from models.features import featured
from models.restorer import AFTER, BITS, FILE, INSIDE, MASK, STEP

log = logging.getLogger("models.train_restorer")
EPOCHS, BATCH, RATE = 2, 512, 0.1
"""Chosen on the articles of `repair/dev.jsonl`; a third epoch no longer helps."""
SEEN = 3
"""Times that a feature must occur to have a weight."""
COMMON = 3
"""Times that a word must occur to count as one."""
FRAMES, NEIGHBOURS, SORTS = 1000, 10, 256
"""For the classes of words: neighbours looked at, how many a word must have, and classes."""
TOKEN = re.compile(r"[a-z]+(?:['’][a-z]+)?|\d+|[^\w\s]")
DASHES = "—–―…"
WORD = re.compile(r"(?<!['’\w])[A-Za-z]+(?!['’\w])")


class Damaged(NamedTuple):
    """A damaged text, and the places in it where an apostrophe, and where a dash without spaces, was lost."""

    text: str
    apostrophes: frozenset[int]
    dashes: frozenset[int]


def damage(text: str) -> Damaged:
    """The text without quotation marks, apostrophes and all characters beyond ASCII, and what it lost where.

    >>> damage("It’s Moscow—Putin's “city” – he said")
    Damaged(text='Its MoscowPutins city  he said', apostrophes=frozenset({2, 15}), dashes=frozenset({10}))
    """
    kept, apostrophes, dashes, quoted = list[str](), set[int](), set[int](), False
    for at, char in enumerate(text):
        before, after = text[at - 1 : at] if at else " ", text[at + 1 : at + 2] or " "
        if char in "'’":
            if before.isalnum() and (after.isalnum() or (before in "sS" and not quoted)):
                apostrophes.add(len(kept))
            elif quoted and not after.isalnum():
                quoted = False
            elif char == "'" and after.isalnum():
                quoted = True
        elif char == "‘":
            quoted = True
        elif char < "\x80" and char != '"':
            kept.append(char)
        elif char in DASHES and not before.isspace() and not after.isspace():
            dashes.add(len(kept))
    return Damaged("".join(kept), frozenset(apostrophes), frozenset(dashes))


def texts(data: Path) -> Iterator[str]:
    """Every training text, those of the held-back articles left out."""
    held = set[str]()
    for path in sorted((data / "repair").glob("*.jsonl")):
        for row in _rows(path):
            held |= _sentences("\n".join(row["original"]))
    for row in _rows(data / "raw" / "clean_articles.jsonl.gz"):
        found = _sentences(row["text"])
        if len(found & held) <= 0.03 * len(found):
            yield f"{row['title']}\n{row['text']}"
    for path in sorted((data / "attribution" / "polnear" / "train" / "text").glob("*.txt")):
        yield path.read_text("utf-8")
    articles = defaultdict[str, list[str]](list)
    for row in _rows(data / "ner" / "worldwide" / "train.jsonl"):
        articles[row["article"]].append(_joined(row["tokens"]))
    yield from ("\n".join(lines) for lines in articles.values())
    for name in ("newsmtsc", "directed"):
        yield from sorted({row["sentence"] for row in _rows(data / "stance" / name / "train.jsonl")})


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _sentences(text: str) -> set[str]:
    plain = text.encode("ascii", "ignore").decode()
    return {s for s in re.split(r"(?<=[.?!])\s+|\n", plain) if len(s) > 60}


def _joined(tokens: Iterable[str]) -> str:
    text = re.sub(r" (n['’]t|['’](?:s|re|ve|ll|d|m)\b|['’](?= ))", r"\1", " ".join(tokens))
    return re.sub(r"([(\[$]) ", r"\1", re.sub(r" ([.,;:?!%)\]])", r"\1", text))


def sizes(corpus: Iterable[str]) -> dict[str, int]:
    """Log2 of how often each word occurs, in lower case, of those that occur often enough."""
    counts = Counter[str]()
    for text in corpus:
        counts.update(WORD.findall(text.lower()))
    return {w: n.bit_length() for w, n in sorted(counts.items()) if n >= COMMON and (len(w) > 1 or w in "ai")}


def sorts(corpus: Sequence[str], words: Sequence[str]) -> list[str]:
    """The class of each word by what stands right before and after it; empty where it occurs too rarely.

    Positive pointwise mutual information with the most frequent neighbours, reduced by singular value
    decomposition, and spherical k-means from the most frequent words on.
    """
    read = [["0" if t[0].isdigit() else t for t in TOKEN.findall(text.lower())] for text in corpus]
    frames = {t: n for n, (t, _) in enumerate(Counter(t for line in read for t in line).most_common(FRAMES))}
    index = {word: n for n, word in enumerate(words)}
    counts = np.zeros((len(words), 2 * FRAMES), np.float32)
    for line in read:
        own = np.array([index.get(t, -1) for t in line], np.int64)
        frame = np.array([frames.get(t, -1) for t in line], np.int64)
        for centre, near, side in ((own[1:], frame[:-1], 0), (own[:-1], frame[1:], FRAMES)):
            both = (centre >= 0) & (near >= 0)
            np.add.at(counts, (centre[both], side + near[both]), 1)
    often = counts.sum(1) >= NEIGHBOURS
    share = counts[often] / counts[often].sum()
    chance = share.sum(1, keepdims=True) * share.sum(0, keepdims=True)
    information = np.log(np.maximum(share, 1e-12) / np.maximum(chance, 1e-12))
    torch.manual_seed(0)
    left, strength, _ = torch.svd_lowrank(torch.from_numpy(np.maximum(information, 0)), q=64, niter=4)
    places = torch.nn.functional.normalize(left * strength.sqrt(), dim=1)
    centres = places[torch.from_numpy(np.argsort(-counts[often].sum(1), kind="stable")[:SORTS].copy())]
    for _ in range(25):
        nearest = (places @ centres.T).argmax(1)
        centres = torch.nn.functional.normalize(
            torch.zeros_like(centres).index_add_(0, nearest, places), dim=1
        )
    found = np.full(len(words), -1)
    found[often] = nearest.numpy()
    return [str(sort) if sort >= 0 else "" for sort in found]


class Examples(NamedTuple):
    """Candidates as rows: hashes of their features end to end, where each row begins, kinds, and answers."""

    hashes: np.ndarray
    begins: np.ndarray
    kinds: np.ndarray
    answers: np.ndarray

    @staticmethod
    def of(corpus: Iterable[str], known: Mapping[str, Known]) -> Examples:
        """Every candidate of the damaged texts, in order."""
        hashes, begins, kinds, answers = list[int](), [0], list[str](), list[int]()
        for line, damaged in _lines(corpus):
            for one in candidates(line, known):
                hashes += [zlib.crc32(f.encode()) for f in featured(line, one, known)]
                begins.append(len(hashes))
                kinds.append(one.kind)
                end = line.starts[one.number] + len(line.tokens[one.number])
                lost = damaged.dashes if one.kind == "j" else damaged.apostrophes
                answers.append(INSIDE if one.at in lost else AFTER if one.kind == "s" and end in lost else 0)
        return Examples(np.array(hashes), np.array(begins), np.array(kinds), np.array(answers))

    def seen(self, least: int) -> Examples:
        """Without the features that occur less often than that."""
        _, where, counts = np.unique(self.hashes, return_inverse=True, return_counts=True)
        stays = counts[where] >= least
        begins = np.concatenate([[0], np.cumsum(stays)])[self.begins]
        return Examples(self.hashes[stays], begins, self.kinds, self.answers)


def _lines(corpus: Iterable[str]) -> Iterator[tuple[Text, Damaged]]:
    """Every damaged line, read as one of its article."""
    for text in corpus:
        lines = [damage(line) for line in text.split("\n")]
        words = count(line.text for line in lines)
        yield from ((Text.of(line.text, words), line) for line in lines)


def fit(examples: Examples, seed: int = 0) -> np.ndarray:
    """Weights int8 (2^BITS, 2) in units of STEP: log odds of INSIDE and AFTER against nothing lost."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    table = torch.nn.EmbeddingBag(MASK + 1, 2, mode="sum", sparse=True)
    torch.nn.init.zeros_(table.weight)
    optimizer = torch.optim.Adagrad(table.parameters(), lr=RATE)
    single = torch.from_numpy(examples.kinds != "s")
    answers = torch.from_numpy(examples.answers)
    shuffle = np.random.default_rng(seed)
    for epoch in range(EPOCHS):
        total = 0.0
        order = shuffle.permutation(len(examples.answers))
        for rows in np.array_split(order, len(order) // BATCH + 1):
            lengths = examples.begins[rows + 1] - examples.begins[rows]
            offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            taken = np.repeat(examples.begins[rows] - offsets, lengths) + np.arange(lengths.sum())
            odds = table(torch.from_numpy(examples.hashes[taken] & MASK), torch.from_numpy(offsets))
            after = odds[:, 1].masked_fill(single[rows], -30.0)
            logits = torch.stack([torch.zeros_like(after), odds[:, 0], after], 1)
            loss = torch.nn.functional.cross_entropy(logits, answers[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        log.info("epoch %d: loss %.5f over %d candidates", epoch + 1, total / len(order), len(order))
    return np.clip(np.round(table.weight.detach().numpy() / STEP), -127, 127).astype(np.int8)


def main() -> None:
    """Train and write the model file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    corpus = list(texts(chosen.data))
    size = sizes(corpus)
    known = {w: Known(size[w], sort) for w, sort in zip(size, sorts(corpus, list(size)), strict=True)}
    log.info("%d texts, %d characters, %d words", len(corpus), sum(map(len, corpus)), len(known))
    examples = Examples.of(corpus, known).seen(SEEN)
    log.info("lost: %s of %d", np.bincount(examples.answers)[1:], len(examples.answers))
    weights = fit(examples)
    parts = {
        "inside": np.ascontiguousarray(weights[:, 0]).tobytes(),
        "after": np.ascontiguousarray(weights[:, 1]).tobytes(),
        "words": "\n".join(f"{w}:{k.size}:{k.sort}" for w, k in known.items()).encode(),
    }
    tensors = {name: np.frombuffer(zlib.compress(data, 9), np.uint8) for name, data in parts.items()}
    part = chosen.out.with_suffix(".part")
    part.write_bytes(save(tensors))
    part.replace(chosen.out)
    log.info("%s: %d bytes (2^%d features)", chosen.out.name, chosen.out.stat().st_size, BITS)


if __name__ == "__main__":
    main()
