"""What a teacher says of texts, to be learned: `python -m models.teach --data DIR --teacher FOLDER`.

Distillation (Hinton et al., 2015) of portrayal, which a larger encoder tells better: the student learns the
chances that the teacher gives to each stance, on the sentences of NewsMTSC, where the label has a say too,
and on sentences of news that nobody labelled. `python -m models.train --teacher` trains the teacher.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tomllib
from collections.abc import Sequence
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
    labelled = data.portrayals(given.data / "stance/newsmtsc/train.jsonl", data.held_out(given.data))
    news = people(Model.load(), sentences(given.data, settings))
    told = [*answered(teacher, labelled, settings["trusted"]), *answered(teacher, news, 1.0)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("".join(json.dumps([one.text, one.portrayals]) + "\n" for one in told), "utf-8")


def read(path: Path) -> list[Example]:
    """What `main` wrote."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        Example(text, portrayals=tuple(((start, end), (f, a, n)) for (start, end), (f, a, n) in portrayals))
        for text, portrayals in rows
    ]


def sentences(folder: Path, settings: dict[str, Any]) -> list[str]:
    """Sentences of news articles, drawn by chance, of no dev set and none that we labelled."""
    known = data.held_out(folder) | {data.key(text) for _, text in annotated.texts(folder)}
    with gzip.open(folder / "raw/clean_articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        articles = [json.loads(line)["text"] for line in lines]
    cut = (part.strip() for text in articles for line in text.split("\n") for part in _CUT.split(line))
    fit = [part for part in dict.fromkeys(cut) if _SHORTEST < len(part) < settings["longest"]]
    fit = [part for part in fit if data.key(part) not in known]
    return random.Random(0).sample(fit, min(settings["news"], len(fit)))  # noqa: S311 (sampling)


def people(tagger: Any, texts: Sequence[str]) -> list[Example]:
    """The texts that name people, with a question about each of them, neutral so far."""
    tags = tagger.tag(texts)
    spans: dict[int, list[data.Span]] = {}
    for no, start, end, kind in zip(tags.text_no, tags.start, tags.end, tags.type, strict=True):
        if kind == _PERSON:
            spans.setdefault(int(no), []).append((int(start), int(end)))
    neutral = STANCES.index("neutral")
    return [Example(texts[no], portrayals=tuple((s, neutral) for s in found)) for no, found in spans.items()]


def answered(teacher: Any, texts: Sequence[Example], trusted: float) -> list[Example]:
    """The texts with what the teacher says in the place of labels; as far as it is not trusted, they mix."""
    from models.asked import answers

    if not texts:
        return []
    told = answers(teacher, texts, "portrayal")
    chances = np.exp(told.logits - told.logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    mixed = trusted * chances + (1 - trusted) * np.eye(len(STANCES))[told.gold]
    rows = iter(np.round(mixed.astype(float), 4).tolist())
    return [
        replace(one, portrayals=tuple((span, tuple(next(rows))) for span, _ in one.portrayals))
        for one in texts
    ]


if __name__ == "__main__":
    main()
