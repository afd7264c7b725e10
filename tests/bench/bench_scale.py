"""How a backfill scales with its corpus.

    python -m tests.bench.bench_scale ARCHIVE [--sizes 1000 10000] [--workers 1] [--keywords] [--in DIR]

Makes a corpus of each size (`tests.bench.corpus`), ingests it in one process, and makes it current in as
many as `--workers` says, which share out the days by their claims. Prints articles, days and units; seconds
of each part; processor time, of it the model's own (tokenizer, encoder, heads and decoding: what `tag` and
`judge` ask of it) and what everything else is of all; and the peak of memory of ingest, of a worker when its
first unit of work is done, and of a worker at the end. With `--keywords` the tests' keyword model takes the
place of the shipped one, whose time is 0 then: what is left is what everything but the model costs.
What each worker has done, spent and held so far goes to stderr, unit by unit.
`--in` is where corpora and lakes are made, and removed: a temporary folder unless given.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import models
from models.infer import Model
from pipeline import database, plan, runner
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.plan import Unit
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.bench import corpus
from tests.bench.bench_run import Timed, peak
from tests.fake_models import KeywordJudge, KeywordTagger

Figures = dict[str, float]


def land(folder: Path, source: Path) -> Figures:
    """Ingest a corpus: seconds, and the peak of memory in MB."""
    clock = time.perf_counter()
    ingest(Lake(str(folder)), [str(source)])
    return {"s": time.perf_counter() - clock, "cpu": time.process_time(), "MB": peak()}


def work(folder: Path, keywords: bool) -> Figures:
    """What `standpoint run` does: seconds, of them the model's, units, and the peak of memory in MB."""
    clock, lake = time.perf_counter(), Lake(str(folder))
    timed = None
    if keywords:
        context = Context(Settings(), KeywordTagger(), KeywordJudge())
    else:
        model = models.load()
        assert isinstance(model, Model)
        timed = Timed(model)
        context = Context(Settings(), timed, timed)
    units = list(plan.units(plan.due(lake, context), lake))
    peaks = list[float]()

    def progress(unit: Unit) -> None:
        peaks.append(peak())
        of_model, all_of_it = timed.processor if timed else 0.0, time.process_time()
        spent = f"{all_of_it:.0f} s of processor time, {of_model:.0f} of it the model's"
        print(f"until {unit.days[-1].day}: {spent}; {peaks[-1]:.0f} MB", file=sys.stderr, flush=True)

    failures = runner.run(lake, units, context, progress)
    runner.finish(lake)
    return {
        "s": time.perf_counter() - clock,
        "cpu": time.process_time(),
        "model": timed.processor if timed else 0.0,
        "units": len(units),
        "failed": len(failures),
        "MB, first unit": peaks[0],
        "MB": peak(),
    }


def measured(archive: Path, size: int, days: int, workers: int, options: list[str], scratch: Path) -> Figures:
    """One corpus, ingested and made current; every figure that is printed."""
    source, folder = scratch / "corpus", scratch / "lake"
    corpus.write(corpus.made(corpus.read(archive), size, days), source)
    [landed] = processes(["--land", str(folder), str(source)], 1)
    clock = time.perf_counter()
    found = processes(["--work", str(folder), *options], workers)
    wall = time.perf_counter() - clock
    lake = Lake(str(folder))
    manifests = lake.manifests().values()
    with database.connect(lake) as connection:
        sql = "SELECT sum(tokens) FROM runs WHERE stage = 'tag'"
        [(tokens,)] = database.query(connection, sql).fetchall()
    worked, of_model = sum(one["cpu"] for one in found), sum(one["model"] for one in found)
    articles = sum(manifest.articles for manifest in manifests)
    return {
        "articles": articles,
        "days": len(manifests),
        "tokens": float(tokens or 0),
        "units": max(one["units"] for one in found),
        "failed": sum(one["failed"] for one in found),
        "ingest, s": landed["s"],
        "work, s": wall,
        "ingest, cpu s": landed["cpu"],
        "work, cpu s": worked,
        "model, cpu s": of_model,
        "all else, %": 100 * (1 - of_model / (worked + landed["cpu"])),
        "cpu ms/article": 1000 * (worked + landed["cpu"]) / articles,
        "articles/s": articles / (wall + landed["s"]),
        "ingest, MB": landed["MB"],
        "first unit, MB": max(one["MB, first unit"] for one in found),
        "at most, MB": max(one["MB"] for one in found),
    }


def processes(options: list[str], count: int) -> list[Figures]:
    """So many processes of this module at once; what each of them says at its end."""
    command = [sys.executable, "-m", "tests.bench.bench_scale", *options]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * count
    return [json.loads(text.splitlines()[-1]) for text in said]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures how a backfill scales with its corpus.")
    parser.add_argument("archive", type=Path, nargs="?")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--days-per", type=float, default=0.0365, help="days of history per article")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keywords", action="store_true")
    parser.add_argument("--in", dest="scratch", type=Path, help="where corpora and lakes are made")
    parser.add_argument("--land", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.land:
        print(json.dumps(land(*given.land)))
        return
    if given.work:
        print(json.dumps(work(given.work, given.keywords)))
        return
    columns = []
    for size in given.sizes:
        with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
            options = ["--keywords"] if given.keywords else []
            days = max(1, round(size * given.days_per))
            columns.append(measured(given.archive, size, days, given.workers, options, Path(scratch)))
            print(f"{size:,} articles made current", file=sys.stderr)
    for name in columns[0]:
        print(f"{name:16}" + "".join(f"{column[name]:>14,.1f}" for column in columns))


if __name__ == "__main__":
    main()
