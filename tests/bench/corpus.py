"""A historical corpus of any size, made from raw articles: `python -m tests.bench.corpus ARCHIVE OUT`.

    python -m tests.bench.corpus stripped_articles.tar.gz corpus --articles 100000 [--days 3650]

ARCHIVE is a .tar.gz of articles in the raw layout (title, date, URL, paragraphs). Each article made has the
title and first paragraphs of one of them and further paragraphs of two others, so that no two are alike; its
day is drawn evenly from so many days. It is the same for the same arguments: OUT gets .tar files of 10,000.
"""

from __future__ import annotations

import argparse
import io
import random
import tarfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

FIRST = date(2010, 1, 1)
PER_FILE = 10_000


def read(archive: Path) -> list[list[str]]:
    """The lines of each article in the archive, in the order of the members' names."""
    with tarfile.open(archive) as members:
        files = sorted((m for m in members.getmembers() if m.isfile()), key=lambda m: m.name)
        texts = [members.extractfile(m).read().decode("ascii", "replace") for m in files]  # type: ignore[union-attr]
    found = [[line for line in text.splitlines() if line.strip()] for text in texts]
    return [lines for lines in found if len(lines) > 4]


def made(articles: list[list[str]], count: int, days: int, seed: int = 1) -> Iterator[str]:
    """So many articles in the raw layout."""
    for no in range(count):
        rng = random.Random(f"{seed}-{no}")
        one, *others = rng.sample(articles, 3)
        body = one[3:]
        kept = body[: max(1, len(body) // 2)]
        for other in others:
            rest = other[3:]
            kept += rng.sample(rest, max(1, len(rest) // 4))
        day = FIRST + timedelta(days=rng.randrange(days))
        url = one[2].split("?")[0].rstrip("/")
        yield "\n".join([one[0], f"{day:%Y%m%d}", f"{url}/{no}", *kept]) + "\n"


def write(texts: Iterator[str], folder: Path) -> int:
    """Write .tar files of `PER_FILE` articles each; returns how many articles there are."""
    folder.mkdir(parents=True, exist_ok=True)
    file: tarfile.TarFile | None = None
    no = -1
    for no, text in enumerate(texts):
        if no % PER_FILE == 0:
            if file:
                file.close()
            file = tarfile.open(folder / f"{no // PER_FILE:04d}.tar", "w")  # noqa: SIM115
        data = text.encode("ascii", "replace")
        info = tarfile.TarInfo(f"{no:08d}.txt")
        info.size = len(data)
        assert file
        file.addfile(info, io.BytesIO(data))
    if file:
        file.close()
    return no + 1


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Makes a historical corpus from raw articles.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=3650)
    given = parser.parse_args()
    count = write(made(read(given.archive), given.articles, given.days), given.out)
    print(f"{count:,} articles in {given.out}")


if __name__ == "__main__":
    main()
