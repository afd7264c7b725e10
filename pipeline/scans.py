"""Datasets for DuckDB to scan: PyArrow's own, that let go of Python's lock while a scan begins.

DuckDB has PyArrow make a reader (`Scanner.to_reader`), which begins the scan and keeps Python's lock
meanwhile. A scan takes locks of Arrow's, and one of its threads may own such a lock while it waits for
Python's to open a file of `objectstore.Patient`: then neither goes on, for ever. `Scanner.to_batches` is
the same scan in the same order, and keeps Python's lock nowhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds


class Scan(NamedTuple):
    """What DuckDB takes for a scanner."""

    scanner: ds.Scanner

    def to_reader(self) -> pa.RecordBatchReader:
        """The rows of the scan, which is begun here."""
        return pa.RecordBatchReader.from_batches(self.scanner.projected_schema, self.scanner.to_batches())


class Unlocked(ds.FileSystemDataset):
    """The files of a dataset, for DuckDB alone: it asks for a scanner of these columns and this filter."""

    def scanner(self, **options: Any) -> Scan:
        """A scan with PyArrow's options, of which nothing is read yet."""
        return Scan(super().scanner(**options))


def unlocked(dataset: ds.FileSystemDataset) -> Unlocked:
    """The same files for DuckDB to scan; nothing is read."""
    return Unlocked(dataset.get_fragments(), dataset.schema, dataset.format, dataset.filesystem)
