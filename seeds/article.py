"""Source articles as they were written: clean UTF-8, one file per article, paragraphs in true order."""

from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SOURCES = HERE / "sources"


class Article(NamedTuple):
    """One article: title, publication day (ISO, UTC), canonical URL (empty: it has none), paragraphs."""

    title: str
    date: str
    url: str
    paragraphs: tuple[str, ...]


def slugs() -> list[str]:
    """Names of all source articles, sorted."""
    return sorted(path.stem for path in SOURCES.glob("*.txt"))


def read(slug: str) -> Article:
    """The source article of that name; OSError if there is none, ValueError if a line is missing."""
    title, date, url, *paragraphs = (SOURCES / f"{slug}.txt").read_text(encoding="utf-8").splitlines()
    return Article(title, date, url, tuple(paragraphs))
