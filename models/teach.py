"""What teachers say of texts: `python -m models.teach --data DIR --teacher FOLDER [--namer FOLDER]`.

Distillation (Hinton et al., 2015) of what a larger encoder tells better: the student learns the chances
that a teacher gives to each stance, on the sentences of the public sets, where the label has a say too, and
on sentences of news that nobody labelled; and the chances that a teacher of names gives to the tags of each
word, on the newswire, where the label has a say, and on those sentences. As this one has learned our own
labels, too, it is also asked how the sentences portray every name. `python -m models.train --as teacher` and
`--as namer` train them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, TYPES, annotated, data
from models.data import Example, Tagged

CONFIG = Path(__file__).with_name("train.toml")
OUT = Path(__file__).parent / "runs" / "taught.jsonl"
_SHORTEST = 40  # characters of a sentence
_CUT = re.compile(r"""(?<=[.!?])["”’']?\s+(?=["“‘'(]?[A-Z])""")
_PERSON = "PERSON"  # what NewsMTSC asks about
_LEAST = 0.01  # chance of a tag that is told; a word that is surer to be outside is left out
_BUDGET = 1024  # word pieces per batch, padding included
_PLAIN, _KEPT = 0.8, 0.1  # chance of neutral from which an answer is plain; share of texts with no other kept
_KINDS = frozenset(TYPES.index(kind) for kind in annotated.ENTITIES)


def main() -> None:
    """Command line."""
    from models.infer import Model

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--teacher", type=Path, required=True, help="model folder of the teacher of stances")
    parser.add_argument("--namer", type=Path, help="that of the teacher of names")
    parser.add_argument("--out", type=Path, default=OUT, help="JSON lines to write; they hold the sentences")
    given = parser.parse_args()
    settings = tomllib.loads(CONFIG.read_text())["teach"]
    teacher = Model.load(given.teacher)
    out = data.held_out(given.data)
    labelled = data.portrayals(given.data / "stance/newsmtsc/train.jsonl", out)
    labelled += data.relations(given.data / "stance/directed/train.jsonl", reverse=True, but=out)
    news = asked(Model.load(), sentences(given.data, settings), settings["pairs"])
    wire: list[Example] = []
    every: list[Example] = []
    if given.namer:
        namer = Model.load(given.namer)
        news = tagged(namer, news, 1.0)
        every = portrayed(namer, news[: settings["every"]])
        wire = data.newswire(given.data / "ner/worldwide/train.jsonl", but=out)
        wire = tagged(namer, wire, settings["trusted"])
    told = [*answered(teacher, news, 1.0), *answered(teacher, labelled, settings["trusted"])]
    told += [*wire, *every]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("".join(map(_written, told)), "utf-8")


def _written(one: Example) -> str:
    return json.dumps([one.text, one.portrayals, one.relations, one.tagged, one.every]) + "\n"


def read(path: Path, *, pairs: bool = True) -> list[Example]:
    """What `main` wrote; without what is said of pairs, if they are not wanted."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    told = [
        Example(
            text,
            portrayals=tuple((_two(target), _three(told)) for target, told in portrayals),
            relations=tuple(
                (_two(one), _two(other), _three(told)) for one, other, told in relations if pairs
            ),
            tagged=None if words is None else tuple((_two(word), _tags(tags)) for word, tags in words),
            every=every,
        )
        for text, portrayals, relations, words, every in rows
    ]
    return [one for one in told if one.portrayals or one.relations or one.tagged is not None]


def _two(span: Sequence[int]) -> data.Span:
    start, end = span
    return start, end


def _tags(told: Iterable[Sequence[Any]]) -> Tagged:
    return tuple((int(tag), float(chance)) for tag, chance in told)


def _three(told: Sequence[float]) -> data.Chances:
    favor, against, neutral = told
    return favor, against, neutral


def sentences(folder: Path, settings: dict[str, Any]) -> list[str]:
    """Sentences of news articles, drawn by chance, of no dev set and none that we labelled."""
    known = data.held_out(folder) | {data.key(text) for _, text in annotated.texts(folder)}
    with gzip.open(folder / "raw/clean_articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        articles = [json.loads(line)["text"] for line in lines]
    cut = (part.strip() for text in articles for line in text.split("\n") for part in _CUT.split(line))
    fit = [part for part in dict.fromkeys(cut) if _SHORTEST < len(part) < settings["longest"]]
    fit = [part for part in fit if data.key(part) not in known]
    return random.Random(0).sample(fit, min(settings["news"], len(fit)))  # noqa: S311 (sampling)


def asked(tagger: Any, texts: Sequence[str], pairs: int) -> list[Example]:
    """The texts with a question about each person they name, and about some pairs of parties, neutral so far.

    At most `pairs` pairs of a text, drawn by chance.
    """
    rng = random.Random(0)  # noqa: S311 (sampling)
    tags = tagger.tag(texts)
    spans: list[list[tuple[data.Span, str]]] = [[] for _ in texts]
    for no, start, end, kind in zip(tags.text_no, tags.start, tags.end, tags.type, strict=True):
        spans[no].append(((int(start), int(end)), kind))
    neutral = STANCES.index("neutral")
    found = []
    for text, named in zip(texts, spans, strict=True):
        portrayals = tuple((span, neutral) for span, kind in named if kind == _PERSON)
        parties = [span for span, kind in named if kind in annotated.HOLDERS]
        both = [(s, t, neutral) for s in parties for t in parties if text[slice(*s)] != text[slice(*t)]]
        relations = tuple(rng.sample(both, min(pairs, len(both))))
        found.append(Example(text, portrayals=portrayals, relations=relations))
    return found


def tagged(namer: Any, texts: Sequence[Example], trusted: float) -> list[Example]:
    """The texts with the chances of each word's tags, as the teacher of names tells them.

    As far as it is not trusted, labels mix with them. Of a text longer than a window nothing is told.
    """
    import torch

    from models.batches import collate, grouped
    from models.words import pieces

    told = [replace(one, entities=None) for one in texts]
    window = namer.config["window"]
    cut = pieces(namer.tokenizer, [one.text for one in texts])
    order = sorted((len(found), no) for no, found in enumerate(cut) if 0 < len(found) <= window)
    items = [(replace(texts[no], entities=texts[no].entities or ()), cut[no]) for _, no in order]
    numbers = iter(no for _, no in order)
    for group in grouped(items, window, _BUDGET):
        batch = collate(group, window)
        row, piece = torch.tensor(batch.words).T
        with torch.inference_mode():
            states = namer.encoder(batch.ids, batch.case, batch.mask)[row, piece]
            chances = namer.network.tags(states).float().softmax(-1)
        mixed = (trusted * chances + (1 - trusted) * batch.tags).numpy()
        counts = np.bincount(row.numpy(), minlength=len(group))
        for (_, found), mine in zip(group, np.split(mixed, counts.cumsum()[:-1]), strict=True):
            no = next(numbers)
            told[no] = replace(told[no], tagged=tuple(_told(found.words().tolist(), mine)))
    return told


def portrayed(namer: Any, texts: Sequence[Example]) -> list[Example]:
    """How the texts portray the names in what was told of their words, as if every name were asked about.

    Most are neutral: of the texts without another answer a tenth are kept, and of a text's neutral names one
    more than it has others.
    """
    rng = random.Random(0)  # noqa: S311 (sampling)
    neutral = STANCES.index("neutral")
    asked = [
        Example(
            one.text,
            portrayals=tuple((span, neutral) for span, kind in names(one) if kind in _KINDS),
            every=True,
        )
        for one in texts
    ]
    found = []
    for one in answered(namer, [one for one in asked if one.portrayals], 1.0):
        loud = [(span, told) for span, told in one.portrayals if not _plain(told)]
        rest = [(span, told) for span, told in one.portrayals if _plain(told)]
        if loud or rng.random() < _KEPT:
            rest = rng.sample(rest, min(len(rest), 1 + len(loud)))
            found.append(replace(one, portrayals=(*loud, *rest)))
    return found


def _plain(told: int | data.Chances) -> bool:
    return not isinstance(told, int) and told[STANCES.index("neutral")] >= _PLAIN


def names(one: Example) -> list[tuple[data.Span, int]]:
    """The names in what was told of a text's words, by the likeliest tag of each, with their types."""
    found: list[tuple[data.Span, int]] = []
    before = None
    for (start, end), told in one.tagged or ():
        tag, _ = max(told, key=lambda pair: pair[1])
        kind = (tag - 1) // 2
        last = found[-1][0] if found else (0, 0)
        if tag and tag % 2 == 0 and before == kind and not one.text[last[1] : start].strip():
            found[-1] = (last[0], end), kind
        elif tag:
            found.append(((start, end), kind))
        before = kind if tag else None
    return found


def _told(words: Sequence[Sequence[int]], chances: np.ndarray) -> Iterator[tuple[data.Span, Tagged]]:
    for word, mine in zip(words, chances, strict=True):
        likely = np.flatnonzero(mine >= _LEAST)
        if likely.any():  # not outside alone
            known = mine[likely].astype(float) / mine[likely].sum(dtype=float)
            yield _two(word), _tags(zip(likely, known.round(4), strict=True))


def answered(teacher: Any, texts: Sequence[Example], trusted: float) -> list[Example]:
    """The texts with what the teacher says in the place of labels; as far as it is not trusted, they mix."""
    about, between = (_mixed(teacher, texts, head, trusted) for head in ("portrayal", "relation"))
    return [
        replace(
            one,
            portrayals=tuple((span, next(about)) for span, _ in one.portrayals),
            relations=tuple((holder, target, next(between)) for holder, target, _ in one.relations),
        )
        for one in texts
    ]


def _mixed(teacher: Any, texts: Sequence[Example], head: str, trusted: float) -> Iterator[data.Chances]:
    from models.asked import answers

    texts = [one for one in texts if (one.portrayals if head == "portrayal" else one.relations)]
    if not texts:
        return iter(())
    told = answers(teacher, texts, head)
    chances = np.exp(told.logits - told.logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    mixed = trusted * chances + (1 - trusted) * np.eye(len(STANCES))[told.gold]
    return map(_three, np.round(mixed.astype(float), 4).tolist())


if __name__ == "__main__":
    main()
