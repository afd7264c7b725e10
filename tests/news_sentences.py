"""Sentences of news without labels, to ask teachers about: `python -m tests.news_sentences DIR > FILE`.

One a line, of the undamaged articles of `DIR` (laid out as docs/models.md says), with `--damaged` of the
damaged ones, as a run reads them: cleaned, cut by its rules, without titles and boilerplate. Left out are
the articles that are measured on or read by eye, what stands in them too, and what holds or is part of a
sentence that our labels measure on.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from models import annotated, data
from pipeline.clean import clean_lines, sentences_of
from pipeline.texts import layout


def cleaned(title: str, lines: Sequence[str]) -> list[str]:
    """The sentences of an article's body as cleaning makes them."""
    return [one.text for one in sentences_of(clean_lines(title, lines)) if one.kind == "body"]


def undamaged(folder: Path) -> Iterator[str]:
    """Those of the undamaged articles."""
    measured = defaultdict(list)
    for row, text in annotated.texts(folder):
        if annotated.unseen(row):
            measured[row["of"]].append(data.key(text))
    with gzip.open(folder / "raw/clean_articles.jsonl.gz", "rt", encoding="utf-8") as rows:
        for article in map(json.loads, rows):
            held = measured[f"news/{article['id']}"]
            for text in cleaned(article.get("title") or "", article["text"].split("\n")):
                key = data.key(text)
                if not any(key in other or other in key for other in held):
                    yield text


def damaged(folder: Path) -> Iterator[str]:
    """Those of the damaged articles."""
    held: set[str] = set()
    rest: list[str] = []
    for number, text in annotated.damaged(folder):
        title, _, _, lines = layout(text)
        found = cleaned(title, lines)
        if number in annotated.MEASURED or number in annotated.READ:
            held.update(map(data.key, found))
        else:
            rest += found
    return (text for text in rest if data.key(text) not in held)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder laid out as docs/models.md says")
    parser.add_argument("--damaged", action="store_true", help="of the damaged articles")
    given = parser.parse_args()
    for text in dict.fromkeys((damaged if given.damaged else undamaged)(given.data)):
        print(text)


if __name__ == "__main__":
    main()
