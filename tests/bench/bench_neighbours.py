"""Measure what articles are compared by: speed, near-duplicates among planted copies, lines that recur.

    python -m tests.bench.bench_neighbours SOURCE... [--show]

Copies of the sources' own articles of 150 words or more are planted among all of them: exact, shortened, with
one word in a hundred dropped, and between 10 to 60 words of other articles each before and after. What
`pipeline.duplicates` makes of the signatures is compared with what the true sets of shingles give.
Lines are learned in windows of 40 articles of an outlet in a row, and over all of its articles.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import clean, duplicates, inbox, ingest, recurring, schemas, signatures
from pipeline.lake import Lake
from pipeline.settings import Settings
from tests.partition import article, sentence

PLANTED = 300
WINDOW = 40
Words = list[str]


def read(sources: Sequence[str]) -> pa.Table:
    """The articles of the sources as they landed."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        ingest.ingest(lake, sources, folder)
        batches = inbox.batches(lake.store)
        rows = [b.rows(lake.store, "raw", day) for b in batches for day in b.days]
    return pa.concat_tables(rows)


def plant(texts: Sequence[Words], rng: random.Random) -> list[tuple[str, Words]]:
    """Copies by kind; `half` are none, since too little is left."""
    long = [words for words in texts if len(words) >= 150]

    def other() -> Words:
        words, size = rng.choice(long), rng.randrange(10, 60)
        at = rng.randrange(len(words) - size)
        return words[at : at + size]

    def cut(words: Words, least: float, most: float) -> Words:
        return words[: int(len(words) * rng.uniform(least, most))]

    kinds = {
        "exact": lambda words: list(words),
        "shortened to 62 to 95 %": lambda words: cut(words, 0.62, 0.95),
        "one word in 100 dropped": lambda words: [w for w in words if rng.random() > 0.01],
        "other head and foot": lambda words: other() + words + other(),
        "half": lambda words: cut(words, 0.5, 0.5),
    }
    return [(kind, make(words)) for kind, make in kinds.items() for words in rng.sample(long, PLANTED)]


def clusters(texts: Sequence[Words]) -> dict[int, int]:
    """What the true shingle sets say: for each text the first of its cluster, if another."""
    sets = [{" ".join(words[n : n + 5]) for n in range(len(words) - 4)} for words in texts]
    holders = defaultdict(list)
    for n, shingles in enumerate(sets):
        for shingle in shingles:
            holders[shingle].append(n)
    parent = list(range(len(texts)))

    def root(n: int) -> int:
        while parent[n] != n:
            n = parent[n]
        return n

    for n, shingles in enumerate(sets):
        shared = Counter(m for s in shingles for m in holders[s] if m < n)
        for m, count in shared.items():
            small, large = sorted((len(sets[m]), len(shingles)))
            near = count >= 0.8 * (small + large - count) or (count >= 0.8 * small and small >= 0.6 * large)
            if texts[m] == texts[n] or (near and small >= schemas.SMALLEST):
                one, other = sorted((root(m), root(n)))
                parent[other] = one
    return {n: root(n) for n in range(len(texts)) if root(n) != n}


def copies(texts: Sequence[Words]) -> None:
    """Plant copies and print who was found."""
    planted = plant(texts, random.Random(7))
    every = [*texts, *(words for _, words in planted)]
    kinds = ["as they are"] * len(texts) + [kind for kind, _ in planted]
    ids = [f"{n:016x}" for n in range(len(every))]
    parts = [sentence(i, 1, " ".join(words)) for i, words in zip(ids, every, strict=True)]
    signed = signatures.sign(
        schemas.from_rows("articles", [article(i) for i in ids]), schemas.from_rows("sentences", parts)
    )
    begun = time.process_time()
    found = {int(n, 16): int(first, 16) for n, first in duplicates.earliest(signed).items()}
    print(f"near-duplicates of {len(every)} articles found in {time.process_time() - begun:.2f} s")
    true = clusters(every)
    right = sum(true.get(n) == first for n, first in found.items())
    print(f"  near-duplicates {len(true)}, found {len(found)}, pointing to the right one {right}")
    for kind in dict.fromkeys(kinds):
        of = {n for n, k in enumerate(kinds) if k == kind}
        near, seen = len(of & true.keys()), len(of & found.keys())
        print(f"  {kind:24} {len(of):6} near-duplicates {near:5} found {seen:5}")


def recur(signed: pa.Table, texts: Mapping[tuple[str, int], str], *, show: bool) -> None:
    """Print the lines that recur, each once."""
    marked: dict[tuple[str, str], set[str]] = defaultdict(set)
    signed = signed.sort_by(
        [("outlet", "ascending"), ("published", "ascending"), ("article_id", "ascending")]
    )
    for outlet in pc.unique(signed["outlet"].drop_null()).to_pylist():
        rows = signed.filter(pc.equal(signed["outlet"], outlet))
        starts = range(0, max(1, rows.num_rows - WINDOW // 2), WINDOW // 2)
        for window in [rows, *(rows.slice(at, WINDOW) for at in starts)]:
            for line in recurring.lines(window, duplicates.earliest(window)).to_pylist():
                text = texts[line["article_id"], line["line_no"]]
                marked[outlet, signatures.normalised(text)].add(line["article_id"])
    held = sum(map(len, marked.values()))
    print(f"lines that recur: {len(marked)}, in {held} places of {signed.num_rows} articles")
    for (outlet, line), articles in sorted(marked.items()) if show else ():
        print(f"  {len(articles):5} {outlet}: {line[:90]}")


def main() -> None:
    """Clean the sources' articles, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", help="what `standpoint ingest` takes")
    parser.add_argument("--show", action="store_true", help="print every line that recurs")
    chosen = parser.parse_args()
    raw = read(chosen.sources)
    begun = time.process_time()
    kept = clean.clean(raw, Settings()).kept
    whole, begun = time.process_time() - begun, time.process_time()
    signed = signatures.sign(kept["articles"], kept["sentences"])
    part = time.process_time() - begun
    share = f"{part:.1f} s, {part / whole:.1%}"
    print(f"{raw.num_rows} articles cleaned in {whole:.1f} s, of which signatures {share}")
    lines = defaultdict[tuple[str, int], list[str]](list)
    body = kept["sentences"].filter(pc.equal(kept["sentences"]["kind"], "body"))
    for row in body.select(["article_id", "line_no", "text"]).to_pylist():
        lines[row["article_id"], row["line_no"]].append(row["text"])
    words = defaultdict[str, Words](list)
    for (name, _), parts in lines.items():
        words[name] += signatures.WORD.findall(" ".join(parts).lower())
    copies(list(words.values()))
    recur(signed, {key: " ".join(parts) for key, parts in lines.items()}, show=chosen.show)


if __name__ == "__main__":
    main()
