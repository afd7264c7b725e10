"""What DuckDB scans where a store's files are read by Python: the rows of PyArrow's own scan, and no hang."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pyarrow.dataset as ds
from test_lake import build

from pipeline import database
from pipeline.lake import Lake
from pipeline.scans import Unlocked, unlocked

ROOT = Path(__file__).resolve().parent.parent
DAYS = 12
# A file that is late lets Arrow's threads read the others while the scan is still being begun. With PyArrow's
# own reader every such process hung in one of its first four queries (docs/decisions/storage.md).
LATE = """
import sys, time
import pyarrow as pa
from pyarrow import fs
from pipeline import database, objectstore
from pipeline.lake import Lake

class Late(objectstore.Patient):
    def open_input_file(self, path):
        time.sleep(0.03 if "day=2021-01-01/" in path else 0)
        return super().open_input_file(path)

pa.set_cpu_count(4)
near, lake = fs.LocalFileSystem(), Lake(sys.argv[1])
manifests = lake.manifests().values()
lake.store.filesystem = fs.PyFileSystem(Late(near, near, "s3://near"))
query = " UNION ALL ".join(["SELECT title FROM raw"] * 20)
for _ in range(5):
    with database.over(lake, manifests) as connection:
        print(len(database.query(connection, query).fetchall()), flush=True)
"""


def filled(lake: Lake) -> Lake:
    days = (date(2021, 1, 1) + timedelta(number) for number in range(DAYS))
    lake.commit([build(lake, day, [f"article-{day}", "another"]) for day in days])
    return lake


def test_files_that_are_read_by_python_do_not_stop_a_query_for_ever(lake):
    command = [sys.executable, "-c", LATE, filled(lake).store.uri]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (result.stdout.split(), result.stderr) == ([f"{20 * 2 * DAYS}"] * 5, "")


def test_only_the_columns_and_rows_that_a_query_asks_for_are_scanned(lake, monkeypatch):
    asked, scanner = [], Unlocked.scanner

    def noted(dataset: Unlocked, **options):
        asked.append((options["columns"], str(options["filter"])))
        return scanner(dataset, **options)

    monkeypatch.setattr(Unlocked, "scanner", noted)
    with database.over(filled(lake), lake.manifests().values()) as connection:
        found = database.query(connection, "SELECT title FROM raw WHERE day = DATE '2021-01-05'").fetchall()
    assert len(found) == 2
    assert asked == [(["day", "title"], "(day == 2021-01-05)")]


def test_the_rows_of_a_scan_are_those_of_pyarrow_in_its_order(lake):
    files = [m.tables["raw"]["file"] for m in filled(lake).manifests().values()]
    dataset = lake.dataset("raw", files)
    scan = unlocked(dataset).scanner(columns=["title", "day"], filter=ds.field("day") > date(2021, 1, 3))
    found = scan.to_reader().read_all()
    assert found.num_rows == 2 * (DAYS - 3)
    assert found.equals(dataset.to_table(columns=["title", "day"], filter=ds.field("day") > date(2021, 1, 3)))
