"""What happens to articles on their way: the kinds of damage that `seeds/plan.csv` names.

`TEXT` changes an article, `BYTES` the encoded file. Random choices come from a generator that the caller
seeds.
"""

import html
import re
from collections.abc import Callable
from random import Random

from seeds.article import Article

Damage = Callable[[Article, Random], Article]


def _words(change: Callable[[str], str]) -> Damage:
    """Damage that changes the title and each paragraph by itself."""
    return lambda text, _: text._replace(
        title=change(text.title), paragraphs=tuple(change(line) for line in text.paragraphs)
    )


def _mojibake(line: str) -> str:
    """UTF-8 read as Windows-1252, whose five holes are read as Latin-1, as browsers do."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in line.encode())


def _shuffle(text: Article, rng: Random) -> Article:
    return text._replace(paragraphs=tuple(rng.sample(text.paragraphs, len(text.paragraphs))))


def _doubled(text: Article, rng: Random) -> Article:
    titles = re.compile(r"\b((?:[A-Z]\w+ )?(?:Minister|President|Premier))\b")
    return text._replace(paragraphs=tuple(titles.sub(r"\1 \1", line, count=1) for line in text.paragraphs))


def _no_full_stops(text: Article, rng: Random) -> Article:
    lost = rng.sample(text.paragraphs, len(text.paragraphs) // 3)
    return text._replace(
        paragraphs=tuple(line.rstrip(".") if line in lost else line for line in text.paragraphs)
    )


def _port(text: Article, rng: Random) -> Article:
    return text._replace(
        url=re.sub(r"^(http://[^/]+)", r"\1:80", re.sub(r"^(https://[^/]+)", r"\1:443", text.url))
    )


TEXT: dict[str, Damage] = {
    "ascii": _words(lambda line: line.encode("ascii", "ignore").decode()),
    "mojibake": _words(_mojibake),
    "entities": _words(lambda line: html.escape(line).encode("ascii", "xmlcharrefreplace").decode()),
    "nbsp": _words(lambda line: re.sub(r"(?<=\b[A-Z][a-z]\.) |(?<=\d) (?=[a-z])", "\u00a0", line)),
    "soft_hyphens": _words(lambda line: re.sub(r"\b(\w{5})(?=\w{5,}\b)", "\\1\u00ad", line)),
    "shuffle": _shuffle,
    "doubled": _doubled,
    "no_full_stops": _no_full_stops,
    "port": _port,
    "title_only": lambda text, _: Article(text.title, "-", "-", ()),
}
BYTES: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "bom": lambda data: b"\xef\xbb\xbf" + data,
    "empty": lambda data: b"",
    "picture": lambda data: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
    "binary": lambda data: bytes(range(256)) * 4,
}
