"""Measure a whole run: ingest, then every stage, on articles of your own.

    python -m tests.bench.bench_run SOURCE... [--lake DIR]

Prints the seconds of each stage; the model's share of the run's processor time, and that of all else; tokens
per second of the model stage and of the whole run, and both against the encoder alone on the same sentences,
in the same process; then what cleaning alone takes, without its validation and its files. The model is what
`tag` and `judge` ask of it: tokenizer, encoder, heads and decoding; all else is validation, files and the
stages' own work. Absolute figures depend on the machine and on what else it does; the ratios are what to
compare, and of them those of processor time. The lake is kept where one is named.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

import models
from models.infer import Model
from pipeline import clean, database, plan, runner
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.bench.bench_model import encode

SAMPLE = 4000  # sentences for the encoder alone: some ten seconds
Result = TypeVar("Result")


class Timed:
    """A model, and the seconds that it has taken: of its processor, and on the clock."""

    def __init__(self, model: Model) -> None:
        self.model, self.digest = model, model.digest
        self.processor, self.clock = 0.0, 0.0

    @property
    def thresholds(self) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """As the model states them."""
        return self.model.thresholds

    def tag(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]] | None = None
    ) -> models.Tags:
        """As the model."""
        return self._timed(lambda: self.model.tag(texts, spans))

    def judge(self, questions: models.Questions) -> np.ndarray:
        """As the model."""
        return self._timed(lambda: self.model.judge(questions))

    def _timed(self, work: Callable[[], Result]) -> Result:
        processor, clock = time.process_time(), time.perf_counter()
        found = work()
        self.processor += time.process_time() - processor
        self.clock += time.perf_counter() - clock
        return found


def peak() -> float:
    """The most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures a run from raw articles to published tables.")
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--lake", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(str(given.lake or folder))
        started = time.perf_counter()
        summary = ingest(lake, given.sources)
        landed = time.perf_counter()
        model = models.load()
        assert isinstance(model, Model)
        timed = Timed(model)
        context = Context(Settings(), timed, timed)
        loaded, processor = time.perf_counter(), time.process_time()
        failures = runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context)
        runner.finish(lake)
        done, spent = time.perf_counter(), time.process_time() - processor
        for name, count in summary.rows():
            print(f"{name:40} {count:>10,}")
        print(f"{'failed units':40} {len(failures):>10,}")
        print(f"{'ingest, seconds':40} {landed - started:>10.1f}")
        print(f"{'run, seconds':40} {done - loaded:>10.1f}")
        print(f"{'of which the model':40} {timed.clock:>10.1f}")
        print(f"{'run, seconds of processor':40} {spent:>10.1f}")
        print(f"{'of which the model':40} {timed.processor:>10.1f}")
        print(f"{'everything but the model':40} {1 - timed.processor / spent:>10.1%}")
        with database.connect(lake) as connection:
            report(connection, done - loaded, model)
        cleaning(lake, done - loaded, context)


def report(connection: database.Connection, seconds: float, model: Model) -> None:
    """What the lake's own `runs` say, against the encoder alone."""
    stages = database.query(
        connection,
        "SELECT stage, sum(rows_in), sum(rows_out), sum(rejected), sum(seconds), sum(tokens) "
        "FROM runs WHERE stage <> 'ingest' GROUP BY stage ORDER BY min(started_at)",
    ).fetchall()
    print(f"\n{'stage':10} {'rows in':>10} {'rows out':>10} {'rejected':>9} {'seconds':>9} {'share':>7}")
    for stage, rows_in, rows_out, rejected, spent, _ in stages:
        share = spent / seconds
        print(f"{stage:10} {rows_in:>10,} {rows_out:>10,} {rejected:>9,} {spent:>9.1f} {share:>7.1%}")
    tokens = sum(row[5] for row in stages)
    tagging = next(row[4] for row in stages if row[0] == "tag")
    texts = [
        text
        for (text,) in database.query(
            connection,
            f"SELECT text FROM sentences WHERE kind <> 'boilerplate' ORDER BY hash(text) LIMIT {SAMPLE}",
        ).fetchall()
    ]
    counted = int(model.tag(texts).tokens.sum())  # warms up, too
    started = time.perf_counter()
    encode(model, texts)
    alone = counted / (time.perf_counter() - started)
    rates = {"encoder alone": alone, "tag, validated": tokens / tagging, "whole run": tokens / seconds}
    print()
    for name, rate in rates.items():
        print(f"{name:20} {rate:>10,.0f} tokens/s {rate / alone:>7.1%} of the encoder alone")


def cleaning(lake: Lake, seconds: float, context: Context) -> None:
    """Cleaning alone, on every article that the run had: its speed, and its share of the run."""
    raw = pa.concat_tables(lake.table(manifest, "raw") for manifest in lake.manifests().values())
    characters = sum(len(line) for lines in raw["lines"].to_pylist() for line in lines)
    started = time.perf_counter()
    clean.clean(raw, context.settings)
    spent = time.perf_counter() - started
    rate = characters / spent / 1e6
    print(f"{'cleaning alone':20} {rate:>10.2f} MB/s     {spent / seconds:>7.1%} of the run")


if __name__ == "__main__":
    main()
