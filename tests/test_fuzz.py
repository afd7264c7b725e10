"""Damaged and crafted inputs for every reader; the long mode is `python -m tests.fuzz --minutes 10`."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_readers import source

from pipeline import schemas
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.readers import read
from pipeline.sources import FORMS, Landed, form
from tests.crafted import CRAFTED
from tests.fuzz import examine, example, seeds

ROOT = Path(__file__).resolve().parent.parent
PEAK = 800  # MB of memory that the worst may take, Python and Arrow among it; measured: 612
SECONDS = 30  # of computing; measured: 2.5


def test_there_is_a_seed_of_every_form():
    assert {form(name)[0] for name, _ in seeds()} >= set(FORMS.values())


def test_seeds_give_articles():
    barren = {name for name, data in seeds() if not any(isinstance(i, Landed) for i in examine(name, data))}
    assert barren == {"cut.jsonl.gz", "empty.txt", "notes.rtf", "photograph.txt", "scrambled.txt"}


@settings(max_examples=300, derandomize=True)
@given(st.integers(0, 2**32))
def test_whatever_is_damaged_every_item_comes_out(seed):
    examine(*example(Random(seed)))


def test_a_damaged_landing_zone_is_accounted_for(tmp_path):
    """Every item that the readers give is new, replaced, moved, a duplicate or a reject; never lost."""
    landing, total = tmp_path / "landing", 0
    for seed in range(150):
        name, data = example(Random(seed))
        (landing / f"{seed}").mkdir(parents=True)
        (landing / f"{seed}" / name).write_bytes(data)
        total += len(examine(name, data))
    lake = Lake(str(tmp_path / "lake"))
    done = ingest(lake, [], str(landing))
    rejected = sum(done.rejected.values())
    assert done.new + done.replaced + done.moved + done.duplicates + rejected == total
    assert set(done.rejected) <= set(schemas.REASONS)
    assert ingest(lake, [], str(landing)).unchanged == done.sources


@pytest.fixture(scope="module")
def crafted() -> dict[str, tuple[int, dict[str, int], float, int]]:
    """What came of each crafted input, read in a process whose memory is limited."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crafted", *CRAFTED], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: tuple(rest) for name, *rest in map(json.loads, done.stdout.splitlines())}


REFUSED = {
    "gzip bomb": {"too_large"}, "zstd bomb": {"too_large"}, "tar bomb": {"too_large"},
    "zip bomb": {"too_large"}, "bzip2 bomb": {"too_large"}, "lzma bomb": {"too_large"},
    "overlapping zip": {"too_large", "unreadable"}, "zip in zip": {"unsupported"},
    "tar in tar": {"unsupported"},
    "members": {"empty"}, "members in tar": {"empty"}, "one name": {"empty"},
    "huge member": {"unreadable"}, "negative size": {"unreadable"}, "sparse": {"unsupported", "unreadable"},
    "pax sparse": {"unreadable"}, "pax sparse map": {"unreadable"}, "pax size": {"empty", "unreadable"},
    "pax huge size": {"unreadable"}, "pax digits": {"empty"}, "pax time": {"empty"}, "pax path": {"empty"},
    "pax outside": {"unsafe_path"}, "pax length": {"unreadable"}, "pax large": {"unreadable"},
    "pax charset": {"empty"}, "long names": {"unreadable"}, "pax chain": {"unreadable"},
    "hard link": {"unsafe_path"}, "device": {"unsafe_path"}, "deep json": {"format"}, "wide json": {"format"},
    "json keys": {"format"}, "json numbers": {"format"}, "json line": {"too_large"}, "csv columns": set(),
    "csv field": {"format"}, "csv quotes": {"format"}, "csv nul": {"encoding", "format"},
    "text lines": {"too_large"}, "utf-16 halves": {"encoding"}, "utf-7": set(), "parquet rows": {"too_large"},
    "parquet nested": {"unreadable", "format"}, "parquet columns": {"format"}, "parquet groups": set(),
}  # fmt: skip


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_inputs_are_refused_within_bounds(crafted, name):
    articles, refused, seconds, peak = crafted[name]
    assert set(refused) <= REFUSED[name]
    assert refused or not REFUSED[name]
    assert articles or refused
    assert seconds < SECONDS
    assert peak < PEAK


def test_what_stands_after_a_hostile_member_is_read(crafted):
    for name in ("hard link", "device", "pax outside", "pax path", "pax charset", "tar in tar"):
        assert crafted[name][0] == 1, name


def test_a_member_of_a_size_that_cannot_be_ends_the_archive_and_says_so():
    for name in ("sparse", "huge member", "negative size"):
        file, build = CRAFTED[name]
        items = list(read(source(file, build())))
        assert items[-1].reason == "unreadable", name
        assert items[-1].source_uri == "a.tar", name
