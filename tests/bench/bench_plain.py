"""Standpoint beside a plain script: the same raw articles, from files to tables.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.bench.bench_plain ARCHIVE [--articles 60] [--more 400]

The script is `tests.bench.plain`: two pipelines of transformers of the shipped encoder's size, one pass a
mention, pandas and one Parquet file, in batches of 32 and one at a time. Its models have random weights; the
mentions that it asks about are those that the shipped model finds in its sentences. Standpoint is `standpoint
ingest` and `standpoint run`, as a user would type them. ARCHIVE is a .tar.gz of articles in the raw layout;
so many are taken evenly, and Standpoint is also measured with `--more` of them, about a unit of work.

Prints for each the seconds by the wall and of processor time, start included, and the peak of memory; then
how many times Standpoint's processor time the script takes. For `--more` articles, and where it asks about
each pair too, as Standpoint does, the script's time is by calculation: so much an article and question.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.infer import Model
from pipeline.lake import Lake
from pipeline.schemas import ENTITY_TYPES
from tests.bench import corpus, plain, today

BATCHES = (32, 1)


@dataclass
class Spent:
    """What processes took: seconds, MB of memory at the largest one's peak, and what the last one said."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    said: str = ""

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.wall + other.wall, self.cpu + other.cpu, max(self.peak, other.peak), other.said)


def measured(command: Sequence[object]) -> Spent:
    """Run a Python module with these arguments, as a process of its own."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"STANDPOINT_THREADS": "1"},
    )
    assert child.stdout
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    wall, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return Spent(wall, cpu, usage.ru_maxrss / 1024, said)


def standpoint(articles: Path, lake: Path) -> Spent:
    """From files to published tables."""
    given = ("--lake", lake)
    return measured(["pipeline", "ingest", articles, *given]) + measured(["pipeline", "run", *given])


def script(folder: Path, batch: int) -> Spent:
    """From files to the one Parquet file."""
    return measured(["tests.bench.plain", folder / "few", folder, folder / "out.parquet", batch])


def prepare(given: argparse.Namespace, folder: Path) -> None:
    """Write the articles, the script's models, and which mentions it is to ask about."""
    articles = corpus.read(given.archive)
    for name, count in (("few", given.articles), ("more", given.more)):
        (folder / name).mkdir()
        for no, lines in enumerate(articles[:: len(articles) // count][:count]):
            (folder / name / f"{no:05}.txt").write_text("\n".join(lines) + "\n")
    model = Model.load(None, device="cpu")
    today.write(model, folder)
    tags = model.tag(list(plain.sentences(folder / "few")["text"]))
    columns = (tags.text_no.tolist(), tags.start.tolist(), tags.end.tolist(), tags.type)
    asked = [(row, s, e) for row, s, e, kind in zip(*columns, strict=True) if kind in ENTITY_TYPES]
    (folder / "asked.json").write_text(json.dumps(asked))


def counts(lake: Lake) -> dict[str, int]:
    """What a lake says: mentions with an entity, and judgements with a holder."""
    manifests = list(lake.manifests().values())
    mentions = lake.rows("mentions", manifests, ["entity_id"])["entity_id"]
    holders = lake.rows("stances", manifests, ["holder_mention_no"])["holder_mention_no"]
    return {"mentions": len(mentions) - mentions.null_count, "pairs": len(holders) - holders.null_count}


def report(ours: dict[int, tuple[Spent, dict[str, int]]], theirs: dict[int, Spent], few: int) -> None:
    """Print what each took, and what the script's time is to Standpoint's."""
    print(f"{'':28}{'wall, s':>9}{'cpu, s':>9}{'peak MB':>9}")
    rows = [(f"standpoint, {n} articles", one) for n, (one, _) in ours.items()]
    rows += [(f"script, {few} articles, batch {batch}", one) for batch, one in theirs.items()]
    for name, one in rows:
        print(f"{name:28}{one.wall:>9.1f}{one.cpu:>9.1f}{one.peak:>9.0f}")
    for n, (_, found) in ours.items():
        print(f"standpoint, {n} articles: {found['mentions']:,} mentions, {found['pairs']:,} pairs judged")
    for batch, one in theirs.items():
        parts = json.loads(one.said)
        told = ", ".join(f"{name} {value:,.1f}" for name, value in parts.items())
        print(f"script, batch {batch}: {told}")
        for n, (own, found) in ours.items():
            seconds = one.cpu if n == few else parts["start"] + (one.cpu - parts["start"]) * n / few
            pairs = found["pairs"] * parts["judge"] / parts["mentions"]
            print(
                f"  of {n} articles: {seconds:,.0f} s{'' if n == few else ' by calculation'}, "
                f"{seconds / own.cpu:.1f} times; with pairs {(seconds + pairs) / own.cpu:.1f} by calculation"
            )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures Standpoint beside a plain script.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--more", type=int, default=400)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(given, folder)
        ours = {}
        for name, number in (("few", given.articles), ("more", given.more)):
            lake = folder / f"{name}-lake"
            ours[number] = (standpoint(folder / name, lake), counts(Lake(str(lake))))
        theirs = {batch: script(folder, batch) for batch in BATCHES}
    report(ours, theirs, given.articles)


if __name__ == "__main__":
    main()
