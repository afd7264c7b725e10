"""Two workers on one lake beside one, where the model is elsewhere.

    python -m tests.bench.bench_workers ARCHIVE [--articles 160] [--units 8] [--wait 110]

Makes a corpus (`tests.bench.corpus`), ingests it once, and gives a copy of the lake to one process, then
another copy to two at once. Each does what `standpoint run` does. Their model is the tests' keyword model
behind a wait: an answer takes as long for each token as it would from a server, `--wait` seconds for a unit,
so that this machine's cores are not what the time goes to. Claims share the days out.

Prints seconds by the wall, waited and of processor time, when each worker was done with what, and how many
times as fast two are. Fails where their tables are not byte for byte those of the one, `runs` aside.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from models import Tags
from pipeline import plan, runner
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.plan import Unit
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.bench import corpus
from tests.fake_models import KeywordJudge, KeywordTagger
from tests.lakes import digests


class FarTagger(KeywordTagger):
    """The keyword tagger, at the pace of a server that reads so many tokens (words, here) a second."""

    def __init__(self, rate: float) -> None:
        self.rate, self.waited = rate, 0.0

    def tag(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]] | None = None) -> Tags:
        tags = super().tag(texts, spans)
        wait = float(tags.tokens.sum()) / self.rate
        time.sleep(wait)
        self.waited += wait
        return tags


def work(uri: str, tokens: int, rate: float) -> None:
    """What `standpoint run` does; prints a line of JSON with what it took, and when each unit was done."""
    began, done = time.time(), list[tuple[float, str]]()
    lake, tagger = Lake(uri), FarTagger(rate)
    context = Context(Settings(), tagger, KeywordJudge())

    def progress(unit: Unit) -> None:
        done.append((time.time() - began, unit.days[0].day))

    units = list(plan.units(plan.due(lake, context), lake, tokens))
    failures = runner.run(lake, units, context, progress)
    runner.finish(lake)
    assert not failures, failures
    took = {"began": began, "ended": time.time(), "waited": tagger.waited, "cpu": time.process_time()}
    print(json.dumps(took | {"done": done}))


def run(lake: Path, workers: int, tokens: int, rate: float) -> float:
    """So many workers at once; prints what each took, and returns the seconds until the last has ended."""
    options = ["--work", lake, "--tokens", tokens, "--rate", rate]
    command = [sys.executable, "-m", "tests.bench.bench_workers", *map(str, options)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * workers
    found = [json.loads(text.splitlines()[-1]) for text in said]
    # From the first one's beginning, so that what Python takes to start is in neither.
    wall = max(one["ended"] for one in found) - min(one["began"] for one in found)
    print(f"{workers} at work: {wall:.1f} s")
    for one in found:
        took = one["ended"] - one["began"]
        print(
            f"  {took:.1f} s, {one['waited']:.1f} waiting for the model, {one['cpu']:.1f} of processor time"
        )
        print("  done with the unit of:", ", ".join(f"{day} at {at:.0f}" for at, day in one["done"]))
    return wall


def compare(given: argparse.Namespace, scratch: Path) -> None:
    """One worker, then two, on the same landed articles."""
    source, landed = scratch / "corpus", scratch / "landed"
    days = max(1, round(given.articles * given.days_per))
    corpus.write(corpus.made(corpus.read(given.archive), given.articles, days), source)
    lake = Lake(str(landed))
    ingest(lake, [str(source)])
    due = plan.due(lake, Context(Settings(), FarTagger(1), KeywordJudge()))
    estimated = sum(d.tokens for d in due)
    tokens, number = estimated // given.units, 2 * given.units
    while number > given.units:  # days are not cut: with a little more room than their mean, they fit
        tokens += tokens // 50
        number = len(list(plan.units(due, lake, tokens)))
    print(f"{given.articles} articles of {len(due)} days in {number} units")
    walls, found = [], []
    for workers in (1, 2):
        folder = scratch / f"of-{workers}"
        shutil.copytree(landed, folder)
        # The tests' model counts words, of which there are about 0.8 for each token that is estimated.
        walls.append(run(folder, workers, tokens, 0.8 * estimated / number / given.wait))
        found.append(digests(Lake(str(folder))))
    differ = [day for day in found[0] if found[0][day] != found[1].get(day)]
    assert not differ, differ
    assert found[0].keys() == found[1].keys()
    files = sum(map(len, found[0].values()))
    print(f"{walls[0] / walls[1]:.2f} times as fast; {files} files equal byte for byte")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures two workers on one lake beside one.")
    parser.add_argument("archive", type=Path, nargs="?")
    parser.add_argument("--articles", type=int, default=160)
    parser.add_argument("--days-per", type=float, default=0.25, help="days of history per article")
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--wait", type=float, default=110, help="seconds that the model takes for a unit")
    for name, kind in (("--work", str), ("--tokens", int), ("--rate", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.tokens, given.rate)
        return
    with tempfile.TemporaryDirectory() as scratch:
        compare(given, Path(scratch))


if __name__ == "__main__":
    main()
