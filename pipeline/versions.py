"""Which version of each article the lake has: what decides whether an incoming one is new, newer or known.

Of several versions of one article the newest stands, and newest means the greatest `landed_at`, then the
greatest source URI: whatever the order in which they are read, the outcome is the same.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa

FRESH = 50_000  # versions kept as Python objects before they are folded into columns


class Version(NamedTuple):
    """One version of an article: its day, its content's digest, when and where it landed."""

    day: date
    raw_sha256: str
    landed_at: datetime
    source_uri: str

    @property
    def order(self) -> tuple[datetime, str, int]:
        """What tells the newer of two versions; rows of one file compare by number."""
        path, row = re.fullmatch(r"(.*?)(?:#(\d{1,18}))?", self.source_uri, re.S).groups()  # type: ignore[union-attr]
        return self.landed_at, path, int(row or 0)


class Versions:
    """The newest version of each article, by its identity.

    What is known lies in Arrow columns (some 150 bytes an article), what is added in a dictionary that
    is folded into the columns as it grows.
    """

    def __init__(self, known: pa.Table) -> None:
        """`known`: columns article_id, day, raw_sha256, landed_at, source_uri; one row an article."""
        self._fresh: dict[str, Version] = {}
        self._settle(known)

    def __getitem__(self, article_id: str) -> Version:
        found = self.get(article_id)
        if found is None:
            raise KeyError(article_id)
        return found

    def get(self, article_id: str) -> Version | None:
        """The version known of an article, or None."""
        if article_id in self._fresh:
            return self._fresh[article_id]
        key = np.uint64(int(article_id, 16))
        place = int(np.searchsorted(self._keys, key))
        if place == len(self._keys) or self._keys[place] != key:
            return None
        row = int(self._rows[place])
        return Version(*(self._known[name][row].as_py() for name in Version._fields))

    def put(self, article_id: str, version: Version) -> None:
        """From now on this is the version known of the article."""
        self._fresh[article_id] = version
        if len(self._fresh) > max(FRESH, len(self._keys)):
            self._fold()

    def _settle(self, known: pa.Table) -> None:
        self._known = known.combine_chunks()
        ids = self._known["article_id"].to_pylist()
        keys = np.fromiter((int(article_id, 16) for article_id in ids), np.uint64, len(ids))
        self._rows = np.argsort(keys)
        self._keys = keys[self._rows]

    def _fold(self) -> None:
        ids = pa.array(list(self._fresh), pa.string())
        columns = [pa.array(values) for values in zip(*self._fresh.values(), strict=True)]
        fresh = pa.Table.from_arrays([ids, *columns], names=["article_id", *Version._fields])
        stays = pa.compute.invert(pa.compute.is_in(self._known["article_id"], ids))
        fresh = fresh.select(self._known.column_names).cast(self._known.schema)
        self._fresh = {}
        self._settle(pa.concat_tables([self._known.filter(stays), fresh]))
