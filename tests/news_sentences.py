"""Sentences of news without labels, to ask teachers about: `python -m tests.news_sentences DIR > FILE`.

One a line, of the undamaged articles of `DIR` (laid out as docs/models.md says), with `--damaged` of the
damaged ones, as a run reads them: cleaned, cut by its rules, without titles and boilerplate. Left out are
the articles that are measured on or read by eye, and every sentence that shares six words or so with the
beginning or the end of one of theirs, or of one that our labels measure on.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from models import annotated, data
from pipeline.clean import clean_lines, sentences_of
from pipeline.texts import layout

_SHARED = 32  # letters and digits: six words or so


def cleaned(title: str, lines: Sequence[str]) -> list[str]:
    """The sentences of an article's body as cleaning makes them."""
    return [one.text for one in sentences_of(clean_lines(title, lines)) if one.kind == "body"]


def undamaged(folder: Path) -> Iterator[str]:
    """Those of the undamaged articles."""
    with gzip.open(folder / "raw/clean_articles.jsonl.gz", "rt", encoding="utf-8") as rows:
        for article in map(json.loads, rows):
            yield from cleaned(article.get("title") or "", article["text"].split("\n"))


def aside(number: int) -> bool:
    """Whether a damaged article is measured on or read by eye."""
    return number in annotated.MEASURED or number in annotated.READ


def damaged(folder: Path, *, kept: bool = True) -> Iterator[str]:
    """Those of the damaged articles, or of those set aside."""
    for number, text in annotated.damaged(folder):
        if kept is not aside(number):
            title, _, _, lines = layout(text)
            yield from cleaned(title, lines)


def new(texts: Iterable[str], folder: Path) -> Iterator[str]:
    """The texts, each once, but those that share an end of what is measured on or read, or are all of it."""
    measured = [text for row, text in annotated.texts(folder) if annotated.unseen(row)]
    held = {data.key(text) for text in (*measured, *damaged(folder, kept=False))}
    ends = {end for key in held if len(key) >= _SHARED for end in (key[:_SHARED], key[-_SHARED:])}
    for text in dict.fromkeys(texts):
        key = data.key(text)
        places = range(max(len(key) - _SHARED, 0) + 1)
        if key not in held and not any(key[at : at + _SHARED] in ends for at in places):
            yield text


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder laid out as docs/models.md says")
    parser.add_argument("--damaged", action="store_true", help="of the damaged articles")
    given = parser.parse_args()
    for text in new((damaged if given.damaged else undamaged)(given.data), given.data):
        print(text)


if __name__ == "__main__":
    main()
