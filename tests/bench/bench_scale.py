"""How a backfill scales with its corpus.

    python -m tests.bench.bench_scale ARCHIVE [--sizes 1000 10000] [--keywords]

Makes a corpus of each size (`tests.bench.corpus`), and for each, in a process of its own, ingests it and
makes it current. Prints seconds of each part, articles and tokens per second, seconds of processor time, and
the peak of memory when the first unit of work is done and at the end.
With `--keywords` the tests' keyword model takes the place of the shipped one: what is left is what everything
but the model costs, and corpora of 100,000 articles are bearable.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from pipeline import database, plan, runner
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.bench import corpus
from tests.fake_models import KeywordJudge, KeywordTagger

PARTS = ("ingest", "plan", "run", "finish")


def run(source: Path, folder: Path, keywords: bool) -> dict[str, float]:
    """Ingest and run one corpus; seconds of each part, rows, tokens, and the peak of memory in MB."""
    lake = Lake(str(folder))
    context = Context(Settings(), KeywordTagger(), KeywordJudge()) if keywords else Context(Settings())
    clock = time.perf_counter
    marks = [clock()]
    ingest(lake, [str(source)])
    marks.append(clock())
    due = plan.due(lake, context)
    units = list(plan.units(due, lake))
    marks.append(clock())
    peaks = list[float]()
    failures = runner.run(lake, units, context, lambda _: peaks.append(peak()))
    marks.append(clock())
    runner.finish(lake)
    marks.append(clock())
    spent = (after - before for before, after in pairwise(marks))
    found = dict(zip(PARTS, spent, strict=True))
    with database.connect(lake) as connection:
        rows = database.query(
            connection,
            "SELECT stage, sum(seconds), sum(tokens) FROM runs WHERE stage <> 'ingest' GROUP BY stage",
        ).fetchall()
    stages = {f"stage {stage}": float(seconds) for stage, seconds, _ in rows}
    counts = {
        "articles": sum(m.articles for m in lake.manifests().values()),
        "days": len(due),
        "units": len(units),
    }
    memory = {"MB, first unit": peaks[0], "MB, all": peak()}
    done = {"tokens": sum(int(t) for *_, t in rows), "failed": len(failures), "cpu": time.process_time()}
    return counts | found | stages | done | memory


def peak() -> float:
    """The most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures how a backfill scales with its corpus.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--days-per", type=float, default=0.0365, help="days of history per article")
    parser.add_argument("--keywords", action="store_true")
    parser.add_argument("--child", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(run(*given.child, given.keywords)))
        return
    columns = []
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch) / "corpus"
            days = max(1, round(size * given.days_per))
            corpus.write(corpus.made(corpus.read(given.archive), size, days), source)
            command = [sys.executable, "-m", "tests.bench.bench_scale", str(given.archive), "--child"]
            command += [str(source), str(Path(scratch) / "lake"), *(["--keywords"] if given.keywords else [])]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            columns.append(json.loads(done.stdout.splitlines()[-1]))
    for name in columns[0]:
        print(f"{name:16}" + "".join(f"{column.get(name, 0):>14,.1f}" for column in columns))
    whole = [sum(c[part] for part in PARTS) for c in columns]
    print(
        f"{'articles/s':16}"
        + "".join(f"{c['articles'] / w:>14,.1f}" for c, w in zip(columns, whole, strict=True))
    )
    print(
        f"{'tokens/s':16}"
        + "".join(f"{c['tokens'] / w:>14,.0f}" for c, w in zip(columns, whole, strict=True))
    )


if __name__ == "__main__":
    main()
