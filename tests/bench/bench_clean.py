"""Measure cleaning: what repairs restore and break, and how fast it is.

    python -m tests.bench.bench_clean --data DIR [--errors 20]
    python -m tests.bench.bench_clean --archive ARCHIVE

DIR holds `dev.jsonl` (articles as `title`, `original` and `damaged` lines, where the damaged lines are
the original ones without their characters beyond ASCII) and `dev_undamaged.jsonl` (the same, not damaged).
With ARCHIVE the whole stage is measured instead, in a process that has loaded what a run loads, on 400
articles of 14 days made from those of the archive (`tests.bench.corpus`).

Words are runs without spaces or dashes. A damaged word lost a character other than a quotation mark (a
plural's apostrophe counts, where no quotation is open); it is restored when it equals the original with plain
apostrophes. Precision: of the words that were changed, how many equal the original. Recall: of the
damaged words, how many were restored.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipeline import schemas
from pipeline.clean import clean
from pipeline.ingest import assess
from pipeline.repair import repair
from pipeline.settings import Settings
from pipeline.sources import Landed, Refused
from pipeline.texts import layout
from pipeline.tracked import Tracked
from tests.bench.corpus import made, read

WORD = re.compile(r"[^\s—–―…]+")
QUOTES = str.maketrans(
    {"‘": "", "“": "", "”": "", "″": "", "\xad": "", "\u200b": "", "\ufeff": "", "\u2066": "", "\u2069": ""}
)
DASH = re.compile("[—–―]")
QUOTE = re.compile("[“”″]")
CONTRACTION = re.compile(
    r"(?i).*'(?:t|re|ve|ll|d|m)\W*|.*\b(?:it|that|there|what|who|he|she|let|here|where|how)'s\W*"
)


def plain(original: str) -> str:
    """A word as it should come out: straight apostrophes, one kind of dash, no quotation marks around it."""
    if original.isascii():
        return original
    word = re.sub(r"(?<=\w)‘(?=\w)", "'", original)  # an apostrophe the wrong way round
    word = word.translate(QUOTES).replace("’", "'")
    if word.strip(".,;:!?)").endswith("'") and not re.search(r"s'$", word):
        word = re.sub(r"'(?=[.,;:!?)]*$)", "", word)
    return DASH.sub("-", word)


def kind_of(word: str, damaged: str) -> str:
    """What a word lost, or was given, against its damaged form."""
    if word.count("-") > damaged.count("-"):
        return "dash or hyphen"
    if not word.isascii():
        return "letters"
    if re.search(r"\b[OD]'[A-Z]", word):
        return "O'Rourke"
    if CONTRACTION.fullmatch(word):
        return "contraction"
    if re.search(r"'s\W*$", word):
        return "'s"
    return "s'" if re.search(r"s'\W*$", word) else "other"


def words(original: str, damaged: str, text: Tracked) -> Iterator[tuple[str, str, str, int]]:
    """Every damaged-text word: as it was, as it stands damaged, as it was repaired, and where."""
    kept = [n for n, c in enumerate(original) if c < "\x80"]
    raw_of = [  # what was added belongs to the character before it
        n
        for r in text.ranges
        for n in (
            [max(r.raw_start - (r.raw_start == r.raw_end), 0)] * (r.end - r.start)
            if r.repair
            else range(r.raw_start, r.raw_end)
        )
    ]
    start_of: dict[int, int] = {}
    for at, raw in enumerate(raw_of):
        start_of.setdefault(raw, at)
    positions = sorted(start_of)
    for m in re.finditer(r"\S+", damaged):
        first, last = kept[m.start()], kept[m.end() - 1] + 1
        last += original[last : last + 1] == "’"
        inside = positions[bisect_left(positions, m.start()) : bisect_left(positions, m.end())]
        begin = start_of[inside[0]] if inside else 0
        after = bisect_left(positions, m.end())
        end = start_of[positions[after]] if after < len(positions) else len(text.text)
        yield original[first:last], m[0], text.text[begin:end] if inside else "", m.start()


def row(kind: str, damaged: int, restored: int, changed: int, right: int) -> str:
    """One line of the table: what was lost and restored, what was changed and right."""
    recall = f"{restored / damaged:8.1%}" if damaged else " " * 8
    precision = f"{right / changed:9.1%}" if changed else " " * 9
    return f"  {kind:15} {damaged:8} {recall} {changed:8} {precision}"


def measure(path: Path, errors: int) -> None:
    """Print precision, recall per kind, and dashes, of one file."""
    seconds, characters, wrong = 0.0, 0, list[str]()
    damaged_by, restored_by, changed_by, right_by = (Counter[str]() for _ in range(4))
    dashes, quotes = Counter[str](), Counter[bool]()
    articles = [json.loads(line) for line in path.open(encoding="utf-8")]
    flagged = 0
    for article in articles:
        begun = time.process_time()
        title = article["title"].encode("ascii", "ignore").decode()
        (_, *repaired), context = repair([title, *article["damaged"]])
        seconds += time.process_time() - begun
        flagged += context.damaged
        characters += sum(map(len, article["damaged"]))
        for original, damaged, text in zip(
            article["original"], article["damaged"], [r.text for r in repaired], strict=True
        ):
            kept = [n for n, c in enumerate(original) if c < "\x80"]
            for r in text.ranges:
                if r.repair == "dash":
                    dashes[original[kept[r.raw_start] : kept[r.raw_end - 1] + 1].strip()] += 1
                if r.repair == "quotation":
                    before = kept[r.raw_start - 1] + 1 if r.raw_start else 0
                    quotes[bool(QUOTE.search(original, before, kept[r.raw_start] + 1))] += 1
            for was, is_, now, at in words(original, damaged, text):
                wanted, now = plain(was).replace('"', ""), DASH.sub("-", now.strip(" —").replace('"', ""))
                is_ = is_.replace('"', "")
                hurt, kind = wanted != is_, kind_of(wanted, is_)
                damaged_by[kind] += hurt
                restored_by[kind] += hurt and now == wanted
                if now != is_:
                    given = kind_of(now, is_)
                    changed_by[given] += 1
                    right_by[given] += now == wanted
                    if now != wanted:
                        wrong.append(
                            f"{is_!r} -> {now!r}, was {was!r}: {damaged[max(0, at - 40) : at + 60]!r}"
                        )
                elif hurt and errors < 0:
                    wrong.append(
                        f"missed {kind} {is_!r}, was {was!r}: {damaged[max(0, at - 40) : at + 60]!r}"
                    )
    speed = characters / seconds / 1e6
    print(f"{path.name}: {len(articles)} articles, {flagged} judged damaged, {speed:.2f} MB/s")
    changed, damaged_words = changed_by.total(), damaged_by.total()
    print(f"  {'kind':15} {'damaged':>8} {'recall':>8} {'changed':>8} {'precision':>9}")
    kinds = [kind for kind, count in (damaged_by + changed_by).most_common() if count]
    for kind in kinds:
        print(row(kind, damaged_by[kind], restored_by[kind], changed_by[kind], right_by[kind]))
    print(row("all", damaged_words, restored_by.total(), changed, right_by.total()))
    dash_like = sum(n for mark, n in dashes.items() if mark in ("—", "–", "―"))
    print(f"  dashes set {dashes.total()}, some dash stood there {dash_like}: {dict(dashes.most_common(5))}")
    print(f"  quotation marks set {quotes.total()}, one stood there {quotes[True]}")
    for line in wrong[: abs(errors)]:
        print("   ", line)


def stage(archive: Path) -> None:
    """Print how fast the stage is: MB of raw lines per second of processor time, the best of three."""
    import great_expectations  # noqa: F401
    import torch  # noqa: F401

    rows = []
    for no, text in enumerate(made(read(archive), 400, 14)):
        title, date, url, lines = layout(text)
        found = assess(Landed(f"{no}.txt", title, date, url, lines, datetime(2022, 4, 1, tzinfo=UTC)))
        rows += [found[1]] if not isinstance(found, Refused) else []
    raw = schemas.from_rows("raw", rows)
    clean(raw.slice(0, 20), Settings())  # loads the models
    size = sum(len(line.encode()) for lines in raw["lines"].to_pylist() for line in lines) / 1e6
    taken = []
    for _ in range(3):
        begun = time.process_time()
        clean(raw, Settings())
        taken.append(time.process_time() - begun)
    print(f"{raw.num_rows} articles, {size:.2f} MB, in {min(taken):.2f} s: {size / min(taken):.2f} MB/s")


def main() -> None:
    """Measure both files of the data folder, or the stage on articles of an archive."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="folder with dev.jsonl and dev_undamaged.jsonl")
    what.add_argument("--archive", type=Path, help=".tar.gz of articles in the raw layout")
    parser.add_argument(
        "--errors", type=int, default=0, help="show that many wrong words; negative: missed ones too"
    )
    chosen = parser.parse_args()
    if chosen.archive:
        stage(chosen.archive)
        return
    for name in ("dev.jsonl", "dev_undamaged.jsonl"):
        measure(chosen.data / name, chosen.errors)


if __name__ == "__main__":
    main()
