"""Where the rows that a table's rows refer to stand in another table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def places(rows: pa.Table, of: pa.Table, key: tuple[str, str]) -> np.ndarray:
    """For each row, the index of the row of `of` with the same key; ValueError when there is none."""
    wanted, there = (_keys(table, key) for table in (rows, of))
    found = pc.index_in(wanted, there)
    if found.null_count:
        missing = wanted.filter(pc.is_null(found))[0]
        raise ValueError(f"no row with {' and '.join(key)} {missing} among those given to the judge")
    return found.to_numpy(zero_copy_only=False)


def _keys(table: pa.Table, key: tuple[str, str]) -> pa.Array:
    parts = [table[key[0]], pc.cast(table[key[1]], pa.string())]
    return pa.concat_arrays(pc.binary_join_element_wise(*parts, " ").chunks or [pa.array([], pa.string())])
