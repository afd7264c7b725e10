"""What a teacher says of texts, to be learned: `python -m models.teach --data DIR --teacher FOLDER`.

Distillation (Hinton et al., 2015) of stances, which a larger encoder tells better: the student learns the
chances that the teacher gives to each, on the sentences of the public sets, where the label has a say too,
and on sentences of news that nobody labelled. `python -m models.train --teacher` trains the teacher.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, annotated, data
from models.data import Example

CONFIG = Path(__file__).with_name("train.toml")
OUT = Path(__file__).parent / "runs" / "taught.jsonl"
_SHORTEST = 40  # characters of a sentence
_CUT = re.compile(r"""(?<=[.!?])["”’']?\s+(?=["“‘'(]?[A-Z])""")
_PERSON = "PERSON"  # what NewsMTSC asks about


def main() -> None:
    """Command line."""
    from models.infer import Model

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder laid out as docs/models.md says")
    parser.add_argument("--teacher", type=Path, required=True, help="the teacher's model folder")
    parser.add_argument("--out", type=Path, default=OUT, help="JSON lines to write; they hold the sentences")
    given = parser.parse_args()
    settings = tomllib.loads(CONFIG.read_text())["teach"]
    teacher = Model.load(given.teacher)
    out = data.held_out(given.data)
    labelled = data.portrayals(given.data / "stance/newsmtsc/train.jsonl", out)
    labelled += data.relations(given.data / "stance/directed/train.jsonl", reverse=True, but=out)
    news = asked(Model.load(), sentences(given.data, settings), settings["pairs"])
    told = [*answered(teacher, news, 1.0), *answered(teacher, labelled, settings["trusted"])]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps([one.text, one.portrayals, one.relations]) + "\n" for one in told)
    given.out.write_text("".join(rows), "utf-8")


def read(path: Path, *, pairs: bool = True) -> list[Example]:
    """What `main` wrote; without what is said of pairs, if they are not wanted."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    kept = rows if pairs else [[text, portrayals, []] for text, portrayals, _ in rows if portrayals]
    return [
        Example(
            text,
            portrayals=tuple((_two(target), _three(told)) for target, told in portrayals),
            relations=tuple((_two(one), _two(other), _three(told)) for one, other, told in relations),
        )
        for text, portrayals, relations in kept
    ]


def _two(span: Sequence[int]) -> data.Span:
    start, end = span
    return start, end


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

    At most `pairs` pairs of a text, drawn by chance; a text without questions is left out.
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
        if portrayals or relations:
            found.append(Example(text, portrayals=portrayals, relations=relations))
    return found


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
