"""Short versions of `python -m tests.crash`, and that what looks for damage finds it."""

import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from lakes import article, batch, day_batch

from pipeline import database
from pipeline.lake import Lake
from pipeline.staging import Staging

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))
from tests.crash import power, readers, scenario  # noqa: E402

pytestmark = pytest.mark.crash


def short(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.crash", "--quick", "--work", str(tmp_path / "work"), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_runs_that_are_killed_leave_nothing_that_the_next_run_does_not_mend(tmp_path):
    done = short(tmp_path, "--every", "200", "--kills", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 findings" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["full", "power"])
def test_a_full_disk_and_a_power_cut_likewise(tmp_path, fault):
    done = short(tmp_path, "--every", "200", "--kills", "0", "--fault", fault)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_two_runs_killed_at_once_likewise(tmp_path):
    done = short(tmp_path, "--every", "0", "--kills", "6", "--writers", "2")
    assert done.returncode == 0, done.stdout + done.stderr


def looked(lake: Lake) -> readers.Reader:
    reader = readers.Reader(lake.store.full())
    reader.look()
    return reader


def test_a_sound_lake_is_seen_as_such(built, tmp_path):
    looked(built).look()
    assert readers.Reader(str(tmp_path / "nothing")).look() is None
    assert readers.hammer(built.store.full(), iter((False, True)).__next__) == "2"


def test_a_reader_sees_a_missing_day(built):
    reader = looked(built)
    built.store.delete("manifest/2022-01-06.json")
    with pytest.raises(readers.Violation, match=r"2022, 1, 6.*missing"):
        reader.look()


def test_a_reader_sees_a_missing_and_a_partial_file(built):
    (_, manifest), *_ = built.manifests().items()
    path = Path(built.store.full(manifest.tables["stances"]["file"]))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5] + b"12345")
    assert readers.hammer(built.store.full(), lambda: True).startswith("VIOLATION 2022-01-05, stances")
    path.unlink()
    assert "is not there" in readers.hammer(built.store.full(), lambda: True)


def test_a_reader_sees_a_day_of_two_snapshots_and_one_that_goes_back(built):
    day, old = next(iter(built.manifests().items()))
    entries = {name: built.write_table(name, day, "anew", built.table(old, name)) for name in old.tables}
    new, reader = replace(old, snapshot="anew", tables=entries), looked(built)
    for manifest in (new, old):
        built.commit([manifest])
        database.refresh(built)
        if manifest is new:
            reader.look()
    with pytest.raises(readers.Violation, match="went back"):
        reader.look()
    built.commit([replace(new, tables={**entries, "stances": old.tables["stances"]})])
    assert "not of anew" in readers.hammer(built.store.full(), lambda: True)
    built.commit([replace(old, tables={**entries, "stances": old.tables["stances"]}, snapshot="anew")])
    database.refresh(built)
    with pytest.raises(readers.Violation, match="several snapshots"):
        readers.Reader(built.store.full())._duckdb()


def test_what_is_left_over_and_what_differs_is_told(built):
    wanted = scenario.state(built)
    assert scenario.differences(wanted, wanted) == []
    other = {**wanted, "2022-01-06": {**wanted["2022-01-06"], "snapshot": "x"}}
    assert [line[:24] for line in scenario.differences(other, wanted)] == ["day 2022-01-06, snapshot"]
    assert "missing" in scenario.differences({}, wanted)[0]
    for path in (
        "data/raw/day=2022-01-05/x.parquet",
        "_docs/x/clean.passed.json",
        "staging/x/inputs/raw.arrow",
    ):
        built.store.write(path, b"x")
    assert scenario.settled(built) == ["_docs/x/clean.passed.json: nothing names it"]
    built.land(batch(d20220105=day_batch([article("late")])))
    assert scenario.settled(built)[0].startswith("day 2022-01-05 is due")


def test_a_power_cut_takes_what_was_not_fsynced(tmp_path, monkeypatch):
    import os

    root = tmp_path / "root"
    root.mkdir()
    (root / "old").write_text("old")
    monkeypatch.setattr(os, "fsync", os.fsync)  # put back what `Disk` wraps
    disk = power.Disk(root)
    (root / "lost").write_text("never fsynced")
    with (root / "kept").open("w") as file:
        file.write("content and name")
        file.flush()
        os.fsync(file.fileno())
    (root / "old").unlink()
    for seed in range(8):
        disk.cut(tmp_path / f"before-{seed}", random.Random(seed))
        assert "old" in {p.name for p in (tmp_path / f"before-{seed}").iterdir()} or seed
    folder = os.open(root, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    disk.cut(tmp_path / "after", random.Random(1))
    assert (tmp_path / "after/kept").read_text() == "content and name"
    assert not (tmp_path / "after/old").exists()
    shutil.rmtree(tmp_path / "after")


def test_a_folder_half_removed_is_swept(built):
    staging = Staging(built, "2022-01-05-x")
    built.store.write(f"{staging.folder}/clean/run.json", b"{}")
    assert scenario.settled(built) == []
    assert list(built.store.list("staging")) == []
