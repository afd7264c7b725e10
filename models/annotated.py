"""Our own labels of news sentences, kept without the sentences: these are read from the training data.

`annotations.jsonl.gz` holds a row per sentence: `of` and `at` say where it stands (docs/models.md), `sha` is
the start of its sha256, `names` are [start, end, type], `portrayals` [name, stance] and `relations` [holder,
target, stance]; a name or pair that is not listed was judged neutral. They were made by a large language
model that followed written guidelines, not by people; see the card.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from models import STANCES, TYPES, data
from models.data import Example, Span

FILE = Path(__file__).with_name("annotations.jsonl.gz")
HOLDERS = frozenset(["PERSON", "ORG", "LOC", "NORP"])
HELD_OUT = 8  # one row in so many is left out of training
MEASURED = range(11, 10**5, 12)  # these damaged articles are for thresholds and scores alone
READ = range(5, 10**5, 12)  # and of these what is published is read by eye (docs/models.md)
ENTITIES = frozenset(TYPES) - {"DATE", "MONEY"}
_NEUTRAL = STANCES.index("neutral")
_DIGITS = 16


def sha(text: str) -> str:
    """The digest by which a row knows its sentence."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def rows() -> list[dict[str, Any]]:
    """The label rows."""
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def texts(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Every row with its sentence; raises ValueError where the data in `folder` does not hold it."""
    wires = {str(no): wire for no, wire in enumerate(data.rows(folder / "ner/worldwide/train.jsonl"))}
    none: dict[str, Any] = {"tokens": [], "tags": []}
    with gzip.open(folder / "raw/clean_articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        news = {article["id"]: article["text"] for article in map(json.loads, lines)}
    damages = {f"{number:05}": text for number, text in damaged(folder) if number not in READ}
    stances = ("directed", "newsmtsc")
    known = {
        sha(row["sentence"]): row["sentence"]
        for name in stances
        for row in data.rows(folder / f"stance/{name}/train.jsonl")
    }
    for row in rows():
        kind, _, place = row["of"].partition("/")
        lo, hi = row["at"] or (0, 0)
        if kind == "newswire":
            wire = wires.get(place, none)
            text = data.annotated(wire["tokens"][lo:hi], wire["tags"][lo:hi]).text
        else:
            whole = {"news": news, "damaged": damages}.get(kind)
            text = known.get(row["sha"], "") if whole is None else whole.get(place, "")[lo:hi]
        if sha(text) != row["sha"]:
            raise ValueError(f"{folder} lacks the sentence {row['sha']} of {row['of']} that {FILE} labels")
        yield row, text


def damaged(folder: Path) -> Iterator[tuple[int, str]]:
    """The damaged articles as they lie there, each with the number that its file's name begins with."""
    path = folder / "raw/stripped_articles.tar.gz"
    if not path.exists():
        return
    with tarfile.open(path) as archive:
        for member in archive:
            number = Path(member.name).name.partition("_")[0]
            if number.isdecimal() and (file := archive.extractfile(member)):
                yield int(number), file.read().decode()


def held_out(row: dict[str, Any]) -> bool:
    """Whether a row is left out of training."""
    return _measured(row) or int(row["sha"], 16) % HELD_OUT == 0


def unseen(row: dict[str, Any]) -> bool:
    """Whether a row is for thresholds and scores: held out, and of no sentence that another set trains on."""
    return _measured(row) or (held_out(row) and row["of"].startswith("news/"))


def _measured(row: dict[str, Any]) -> bool:
    kind, _, place = row["of"].partition("/")
    return kind == "damaged" and int(place) in MEASURED


def every(text: str, row: dict[str, Any]) -> Example:
    """The sentence with every judgement that a run would make of it, neutral ones included.

    What another mention of the same name was judged differently is left open.
    """
    spans: list[Span] = [(start, end) for start, end, _ in row["names"]]
    kinds = [kind for _, _, kind in row["names"]]
    names = [text[start:end] for start, end in spans]
    toward = {name: STANCES.index(stance) for name, stance in row["portrayals"]}
    pairs = {(one, other): STANCES.index(stance) for one, other, stance in row["relations"]}
    judged = {names[i] for i in toward}
    related = {(names[i], names[j]) for i, j in pairs}
    portrayals = [
        (spans[i], toward.get(i, _NEUTRAL))
        for i in range(len(spans))
        if i in toward or (kinds[i] in ENTITIES and names[i] not in judged)
    ]
    relations = [
        (spans[i], spans[j], pairs.get((i, j), _NEUTRAL))
        for i in range(len(spans))
        for j in range(len(spans))
        if (i, j) in pairs
        or (
            names[i] != names[j]
            and kinds[i] in HOLDERS
            and kinds[j] in ENTITIES
            and (names[i], names[j]) not in related
        )
    ]
    named = tuple((span, TYPES.index(kind)) for span, kind in zip(spans, kinds, strict=True))
    return Example(text, named, tuple(portrayals), tuple(relations), every=True)


def fewer(example: Example, rng: random.Random) -> Example:
    """The example with some of its neutral judgements, so that they do not drown the others.

    Of the pairs those that share a name with one that is not neutral come first: they are the hard ones.
    """
    told = [r for r in example.relations if r[2] != _NEUTRAL]
    parties = {span for holder, target, _ in told for span in (holder, target)}
    rest = [r for r in example.relations if r[2] == _NEUTRAL]
    rng.shuffle(rest)
    rest.sort(key=lambda r: -((r[0] in parties) + (r[1] in parties)))
    plain = [p for p in example.portrayals if p[1] == _NEUTRAL]
    loud = [p for p in example.portrayals if p[1] != _NEUTRAL]
    plain = rng.sample(plain, min(len(plain), 1 + len(loud)))
    relations = (*told, *rest[: 2 + 2 * len(told)])
    return replace(example, portrayals=(*loud, *plain), relations=relations)


def examples(folder: Path, rng: random.Random) -> list[Example]:
    """The training sentences, with fewer neutral judgements."""
    return [fewer(every(text, row), rng) for row, text in texts(folder) if not held_out(row)]
