"""Ingest of very many tiny files: files per second and peak of memory, by their number.

`python -m tests.bench.bench_files 1000 10000 100000`: each number in a process of its own, in a temporary
folder. Nine in ten files hold an article of three lines; the tenth is empty, and rejected.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.ingest import ingest
from pipeline.lake import Lake


def fill(folder: Path, count: int) -> None:
    """So many files, a thousand to a folder, over a hundred days."""
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:04d}").mkdir(parents=True)
        day = f"2021{1 + number % 10:02d}{1 + number // 10 % 10:02d}"
        text = f"Council meets {number}\n{day}\nhttps://gazette.example/{number}\nThe council met.\n"
        (folder / f"{number // 1000:04d}" / f"{number}.txt").write_text("" if number % 10 == 9 else text)


def measure(count: int) -> None:
    """Prints one row: files, articles, rejects, seconds, files per second, peak of memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "landing", count)
        began, used = time.perf_counter(), time.process_time()
        summary = ingest(Lake(f"{folder}/lake"), [], f"{folder}/landing")
        seconds, used = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rejected = sum(summary.rejected.values())
    assert summary.new + rejected == count
    row = (count, summary.new, rejected, seconds, used, count / used, peak)
    print("|", " | ".join(f"{value:,.0f}" for value in row), "|")


def main() -> None:
    """Measure each number apart, so that the peaks are their own."""
    counts = [int(count) for count in sys.argv[1:]]
    if len(counts) == 1:
        measure(counts[0])
        return
    heads = ("files", "articles", "rejects", "s", "s of computing", "files per s of computing", "peak MB")
    print("|", " | ".join(heads), "|\n|" + "---|" * len(heads), flush=True)
    for count in counts:
        subprocess.run([sys.executable, "-m", "tests.bench.bench_files", str(count)], check=True)


if __name__ == "__main__":
    main()
