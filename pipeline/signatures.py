"""Signatures: what an article is compared with others by, told from the article alone.

They are small and kept, so that a new day is compared with the days around it without their texts
(docs/decisions/neighbours.md).
"""

from __future__ import annotations

import re
from collections import defaultdict
from hashlib import blake2b, shake_256
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schemas
from pipeline.schemas import MINHASHES, SMALLEST

SHINGLE = 5
"""Words in a shingle."""
LONGEST = 400
"""Characters; of lines that recur in an outlet those that are longer are news as often as not."""
WORD = re.compile(r"\w+")
_SPACED = "".join(c.lower() if WORD.match(c) else " " for c in map(chr, range(128)))
DIGITS = re.compile(r"\d\d*")  # `re` seeks a first digit fast, and no `\d+`
LETTER = re.compile(r"[^\W\d_]")
CHUNK = 4096  # shingles hashed at once: what is made of them fits into a processor's cache

# Random numbers that stay the same whatever the version of numpy: they are part of what is stored.
_bits = shake_256(b"signatures").digest(8 * SHINGLE + 8 * MINHASHES)
PLACES = np.frombuffer(_bits, "<u8", SHINGLE)
"""Factors of a shingle's words; the upper half of the sum of products is its hash (Lemire and Kaser 2014)."""
FACTORS, TERMS = np.frombuffer(_bits, "<u4", offset=8 * SHINGLE).reshape(2, MINHASHES, 1)
FACTORS = FACTORS | np.uint32(1)
"""Of the permutations of 32-bit numbers x → factor · x + term; odd factors make them permutations."""


class _Hashes(dict[str, int]):
    """Hashes of words, each worked out once."""

    def __missing__(self, word: str) -> int:
        value = self[word] = crc32(word.encode("utf-8", "surrogatepass"))
        return value


def sign(articles: pa.Table, sentences: pa.Table) -> pa.Table:
    """The `signatures` of these articles, from their body sentences; boilerplate known from its form is out.

    Words are compared without case and punctuation; `minhash` are the lower 16 bits of the least hash of the
    five-word shingles under each permutation (Broder 1997; Li and König 2010).
    """
    body = sentences.filter(pc.equal(sentences["kind"], "body"))
    body = body.select(["article_id", "sentence_no", "line_no", "text"])
    body = body.sort_by([("article_id", "ascending"), ("sentence_no", "ascending")])
    lines = defaultdict[str, defaultdict[int, list[str]]](lambda: defaultdict(list))
    for article, number, text in zip(
        *(body[c].to_pylist() for c in ("article_id", "line_no", "text")), strict=True
    ):
        lines[article][number].append(text)
    hashes = _Hashes()
    rows = []
    for article in articles.select(["article_id", "outlet", "published"]).to_pylist():
        found = {number: " ".join(texts) for number, texts in lines[article["article_id"]].items()}
        words = [word for line in found.values() for word in _words(line)]
        shingles = _shingles(words, hashes)
        rows.append(
            article
            | {
                "words": _digest(" ".join(words)).hex() if words else None,
                "shingles": len(shingles),
                "minhash": minhash(shingles) if len(shingles) >= SMALLEST else [],
                "lines": _lines(article["outlet"], found) if article["outlet"] else [],
            }
        )
    return schemas.from_rows("signatures", rows)


def minhash(shingles: np.ndarray) -> np.ndarray:
    """The MinHash signature of a set of 32-bit numbers, `MINHASHES` numbers of 16 bits."""
    least = np.full(MINHASHES, 2**32 - 1, np.uint32)
    for at in range(0, len(shingles), CHUNK):
        hashed = FACTORS * shingles[at : at + CHUNK]
        hashed += TERMS
        np.minimum(least, hashed.min(axis=1), out=least)
    return least.astype(np.uint16)


def normalised(line: str) -> str:
    """The line as it is compared: without case, numbers and differences of white space.

    >>> normalised("Updated  11 May 2021, 9:05 AM") == normalised("updated 2 May 2022, 10:30 am")
    True
    """
    return " ".join(DIGITS.sub("0", line.lower()).split())


def _words(line: str) -> list[str]:
    # In a line that is pure ASCII these two find them in a third of the time.
    return line.translate(_SPACED).split() if line.isascii() else WORD.findall(line.lower())


def _lines(outlet: str, lines: dict[int, str]) -> list[dict[str, int]]:
    """The hashes of the lines that may recur in the outlet."""
    return [
        {"line_no": number, "hash": int.from_bytes(_digest(f"{outlet}\n{normalised(line)}"), signed=True)}
        for number, line in lines.items()
        if len(line) <= LONGEST and LETTER.search(line)
    ]


def _shingles(words: list[str], hashes: _Hashes) -> np.ndarray:
    """The distinct hashes, 32 bits each, of every five words in a row."""
    if len(words) < SHINGLE:
        return np.empty(0, np.uint32)
    word = np.array(list(map(hashes.__getitem__, words)), np.uint64)
    mixed = np.zeros(len(words) - SHINGLE + 1, np.uint64)
    for place, factor in enumerate(PLACES):
        mixed += word[place : place + len(mixed)] * factor
    found = np.sort((mixed >> np.uint64(32)).astype(np.uint32))
    return found[np.flatnonzero(np.diff(found, prepend=~found[:1]))]


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
