"""The hand labels of `seeds/gold`, each with its article; the guidelines are in `seeds/README.md`."""

from collections.abc import Iterator
from typing import TypedDict

from pipeline.gold import Sentence, sentences
from pipeline.schemas import MENTION_TYPES, STANCES
from seeds import article

__all__ = ["GOLD", "STANCES", "TYPES", "Labels", "labels", "sentences"]

GOLD = article.HERE / "gold"
TYPES = MENTION_TYPES


class Labels(TypedDict):
    """The labelled sentences of one article and the article's canonical URL."""

    article: str
    url: str
    sentences: list[Sentence]


def labels() -> Iterator[Labels]:
    """The labels of every article in `seeds/gold`, by name; ValueError names the line that is wrong."""
    for path in sorted(GOLD.glob("*.txt")):
        yield Labels(article=path.stem, url=article.read(path.stem).url, sentences=sentences(path))
