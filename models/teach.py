"""What teachers say of texts: `python -m models.teach --data DIR --news FILE --teacher FOLDER [--namer …]`.

Distillation (Hinton et al., 2015) of what a larger encoder tells better: the student learns the chances
that a teacher, or several on average, gives to each stance, on the sentences of the public sets, where the
label has a say too, and on sentences of news that nobody labelled; and the chances that a teacher of names
gives to the tags of each word, on the newswire, where the label has a say, and on those sentences. A third,
which has learned our own labels of stances, is asked how sentences of news portray every name, and about
every pair (`models.judged`).
`python -m tests.news_sentences` finds the sentences of news.
`python -m models.train --as teacher`, `--as namer` and `--as reader` train them.
"""

from __future__ import annotations

import argparse
import json
import random
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, annotated, data
from models.data import Example, Tagged
from models.judged import answered, judged, three

CONFIG = Path(__file__).with_name("train.toml")
OUT = Path(__file__).parent / "runs" / "taught.jsonl"
_SHORTEST = 40  # characters of a sentence
_PERSON = "PERSON"  # what NewsMTSC asks about
_LEAST = 0.01  # chance of a tag that is told; a word that is surer to be outside is left out
_BUDGET = 1024  # word pieces per batch, padding included


def main() -> None:
    """Command line."""
    from models.infer import Model

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--news", type=Path, required=True, help="sentences of news to ask about, one a line")
    parser.add_argument(
        "--teacher", type=Path, nargs="+", required=True, help="model folders of teachers of stances"
    )
    parser.add_argument("--namer", type=Path, help="that of the teacher of names")
    parser.add_argument("--reader", type=Path, help="that of our own labels of stances")
    parser.add_argument("--out", type=Path, default=OUT, help="JSON lines to write; they hold the sentences")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of sentences: another, other ones")
    given = parser.parse_args()
    if given.reader and not given.namer:
        parser.error("--reader needs --namer: it is asked about the names that the other finds")
    settings = tomllib.loads(CONFIG.read_text())["teach"]
    teachers = [Model.load(folder) for folder in given.teacher]
    out = data.held_out(given.data)
    labelled = data.portrayals(given.data / "stance/newsmtsc/train.jsonl", out)
    labelled += data.relations(given.data / "stance/directed/train.jsonl", reverse=True, but=out)
    student = Model.load()
    drawn = sentences(given.news, given.data, settings, given.seed)
    news = asked(student, drawn, settings["pairs"])
    wire: list[Example] = []
    every: list[Example] = []
    if given.namer:
        namer = Model.load(given.namer)
        news = tagged(namer, news, 1.0)
        if given.reader:
            every = judged(Model.load(given.reader), student, news[: settings["every"]])
        wire = data.newswire(given.data / "ner/worldwide/train.jsonl", but=out)
        wire = tagged(namer, wire, settings["trusted"])
    told = [*answered(teachers, news, 1.0), *answered(teachers, labelled, settings["trusted"])]
    told += [*wire, *every]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("".join(map(_written, told)), "utf-8")


def _written(one: Example) -> str:
    return json.dumps([one.text, one.portrayals, one.relations, one.tagged, one.every]) + "\n"


def read(path: Path, *, pairs: bool = True) -> list[Example]:
    """What `main` wrote; without what the teacher of chosen stances says of pairs, if that is not wanted."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    told = [
        Example(
            text,
            portrayals=tuple((_two(target), three(told)) for target, told in portrayals),
            relations=tuple(
                (_two(one), _two(other), three(told)) for one, other, told in relations if pairs or every
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


def sentences(news: Path, folder: Path, settings: dict[str, Any], seed: int = 0) -> list[str]:
    """Sentences of the file `news`, drawn by chance, of no dev set and none that we labelled."""
    known = data.held_out(folder) | {data.key(text) for _, text in annotated.texts(folder)}
    lines = dict.fromkeys(news.read_text("utf-8").split("\n"))
    fit = [line for line in lines if _SHORTEST < len(line) < settings["longest"]]
    fit = [line for line in fit if data.key(line) not in known]
    return random.Random(seed).sample(fit, min(settings["news"], len(fit)))  # noqa: S311 (sampling)


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


def _told(words: Sequence[Sequence[int]], chances: np.ndarray) -> Iterator[tuple[data.Span, Tagged]]:
    for word, mine in zip(words, chances, strict=True):
        likely = np.flatnonzero(mine >= _LEAST)
        if likely.any():  # not outside alone
            known = mine[likely].astype(float) / mine[likely].sum(dtype=float)
            yield _two(word), _tags(zip(likely, known.round(4), strict=True))


if __name__ == "__main__":
    main()
