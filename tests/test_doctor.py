"""What `standpoint doctor` finds, in good order and in bad."""

import os
import sys

import pytest

import models
from pipeline import doctor
from pipeline.settings import Settings

NAMES = ["python", "packages", "airflow", "disk", "model", "aliases", "landing", "lake"]


def found(**settings) -> dict[str, doctor.Check]:
    return {check.what: check for check in doctor.examine(Settings(**settings))}


def test_all_is_well(built, tmp_path):
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.txt").write_text("x")
    checks = found(lake=built.store.uri, landing=str(tmp_path / "landing"))
    assert list(checks) == NAMES
    assert [check for check in checks.values() if not check.ok] == []
    assert "2 days, 3 articles" in checks["lake"].detail
    assert "1 files" in checks["landing"].detail
    assert "duckdb 1." in checks["packages"].detail


def test_a_lake_that_is_not_there_yet_is_well_and_not_made(tmp_path):
    check = found(lake=str(tmp_path / "deep" / "lake"))["lake"]
    assert check.ok
    assert "`standpoint ingest` makes it" in check.detail
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_told_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("x")
    wrong = str(tmp_path / "file")
    checks = found(
        lake=wrong, landing=wrong, model=str(tmp_path / "none"), aliases=str(tmp_path / "none.csv")
    )
    assert [name for name, check in checks.items() if not check.ok] == ["model", "aliases", "landing", "lake"]
    assert "is no folder: make it" in checks["landing"].detail
    assert "is a file: name a folder" in checks["lake"].detail
    assert str(tmp_path / "none") in checks["model"].detail
    assert "none.csv" in checks["aliases"].detail


def test_stores_that_cannot_be_are_told():
    check = found(landing="ftp://host/x")["landing"]
    assert not check.ok
    assert "allowed are a folder, file:// and s3:// URIs" in check.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_lake_that_may_not_be_written_to_is_told(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    check = found(lake=str(tmp_path / "closed" / "lake"))["lake"]
    assert not check.ok
    assert "may not be written to" in check.detail


def test_little_disk_is_told(monkeypatch):
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 2**60)
    assert "make room" in found()["disk"].detail


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED", ("pyarrow", "no-such-package"))
    check = found()["packages"]
    assert not check.ok
    assert "no-such-package is not installed" in check.detail


def test_it_tells_what_the_model_computes_in_here(tmp_path):
    detail = found(lake=str(tmp_path / "lake"))["model"].detail
    assert detail.endswith(f", computes in {models.number_format()} here")
    assert models.number_format() in ("bfloat16", "int8", "float32")


def test_it_looks_on_where_torch_cannot_be_imported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "models.formats", raising=False)
    checks = found(lake=str(tmp_path / "lake"))
    assert list(checks) == NAMES
    assert not checks["model"].ok
    assert "./standpoint" in checks["model"].detail
    assert checks["lake"].ok
