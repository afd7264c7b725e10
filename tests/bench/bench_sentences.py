"""Measure sentences: how many look wrongly cut on real news, and how fast they are cut.

    python -m tests.bench.bench_sentences --data DIR [--show 20]

DIR holds `stripped_articles.tar.gz` (articles in the seed layout) and `clean_articles.jsonl.gz` (`text` of
each). The lines are repaired first; boilerplate does not count. A suspicious sentence is no
proof of an error: sentences do end in "U.S.", and some people talk for a hundred words.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.boilerplate import is_boilerplate
from pipeline.clean import clean_lines
from pipeline.sentences import split
from pipeline.texts import decode, layout, lines_of

SHORTENED = re.compile(
    r"(?:^|[\s(.-])(?:[A-Z]|[ap]\.m|Mrs?|Ms|Dr|Gen|Sens?|Reps?|Gov|Lt|Col|Sgt|Capt|Rev|Prof|St|Mt|Ft|Jan|Feb|Aug|Sept?|Oct|Nov"
    r"|Dec|Inc|Co|Corp|Ltd|Bros|Jr|Sr|No|Vol|vs|[A-Z][b-df-hj-np-tv-z]{1,3}|Calif|Ariz|Wash|Mass|Minn|Wis|Mich)\.$"
)
NAMES_IN_LOWER_CASE = re.compile(r"[a-z]\S*[A-Z]|(?:al|bin|da|de|la|van|von)[ -][A-Z]")
Found = tuple[str, bool, bool]
"""A sentence, whether it was cut off from one before it, and from one after it."""
SUSPICIOUS: dict[str, Callable[[Found], bool]] = {
    "begins in lower case": lambda s: s[1] and s[0][0].islower() and not NAMES_IN_LOWER_CASE.match(s[0]),
    "ends in an abbreviation or initial": lambda s: s[2] and SHORTENED.search(s[0]) is not None,
    "more than 100 words": lambda s: len(s[0].split()) > 100,
    "fewer than 3 words": lambda s: (s[1] or s[2]) and len(s[0].split()) < 3,
    "a full stop joined to a word": lambda s: re.search(r"[a-z]{2}\.[A-Z][a-z]+ ", s[0]) is not None,
}


def stripped(path: Path) -> Iterator[list[str]]:
    """The lines of each article of an archive in the seed layout."""
    with tarfile.open(path) as archive:
        for member in archive:
            if stream := archive.extractfile(member):
                yield layout(decode(stream.read()))[3]


def undamaged(path: Path) -> Iterator[list[str]]:
    """The lines of each article of a file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in stream:
            yield lines_of(json.loads(row)["text"])


def measure(name: str, articles: Iterator[list[str]], show: int) -> None:
    """Print the suspicious sentences per thousand, and the speed of splitting."""
    lines = [text.text for article in articles for text in clean_lines(None, article).lines]
    lines = [line for line in lines if not is_boilerplate(line)]
    begun = time.process_time()
    spans = [split(line) for line in lines]
    speed = sum(map(len, lines)) / (time.process_time() - begun) / 1e6
    found = [
        (line[start:end], number > 0, number < len(cuts) - 1)
        for line, cuts in zip(lines, spans, strict=True)
        for number, (start, end) in enumerate(cuts)
    ]
    print(f"{name}: {len(lines)} lines, {len(found)} sentences, {speed:.1f} MB/s")
    for kind, suspicious in SUSPICIOUS.items():
        odd = [sentence for sentence in found if suspicious(sentence)]
        print(f"  {kind:34} {len(odd):6}  {1000 * len(odd) / len(found):6.2f} per 1,000")
        for sentence, _, _ in random.Random(show).sample(odd, min(show, len(odd))):
            print("     ", "..." * (len(sentence) > 160), sentence[-160:])


def main() -> None:
    """Measure both files of the data folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with both files")
    parser.add_argument("--show", type=int, default=0, help="show so many of each kind")
    chosen = parser.parse_args()
    measure("damaged", stripped(chosen.data / "stripped_articles.tar.gz"), chosen.show)
    measure("undamaged", undamaged(chosen.data / "clean_articles.jsonl.gz"), chosen.show)


if __name__ == "__main__":
    main()
