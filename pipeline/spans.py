"""Where the views read which days: from compacted files, or from the days' own.

    compacted/<table>/<span>-<digest>.parquet   the table's rows of the days of a year or a month, in order
    compacted/index.json                        which days, in which state, they hold; replaced atomically

Compacted files are derived (`pipeline.compact`): the days' own files and manifests stay the truth, and the
folder may be removed at any time; the next run makes the views anew. A day is read from them where its
tables are still, by their SHA-256, those that went in, and from its own files otherwise
(docs/decisions/compaction.md).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from pipeline.manifest import Manifest
from pipeline.store import Store

FOLDER = "compacted"
INDEX = f"{FOLDER}/index.json"
FORMAT = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Span:
    """Days that are compacted: the digest of each as it went in, for each table its file and bytes; when."""

    days: Mapping[str, str]
    files: Mapping[str, Sequence[str | int]]
    made: str

    @property
    def paths(self) -> dict[str, str]:
        """For each table its file."""
        return {name: str(path) for name, (path, _) in self.files.items()}


@dataclass(frozen=True)
class Index:
    """What is compacted: spans by name (a year or a month), and files that were replaced, and when."""

    spans: Mapping[str, Span] = field(default_factory=dict)
    superseded: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> set[str]:
        """The files of its spans."""
        return {path for span in self.spans.values() for path in span.paths.values()}

    def json(self) -> bytes:
        """The inverse of `read`."""
        return json.dumps({"format": FORMAT} | asdict(self), indent=0, sort_keys=True).encode()


@dataclass(frozen=True)
class Cover:
    """Where the rows of some days are: in the files of `spans`, but for their days `stale`, and in the own
    files of the days `loose`.
    """

    loose: Sequence[Manifest]
    spans: Sequence[Span] = ()
    stale: Sequence[str] = ()

    def compacted(self, name: str) -> list[str]:
        """The compacted files of a table."""
        return [span.paths[name] for span in self.spans if name in span.paths]


def read(store: Store) -> Index:
    """What is compacted; nothing where the index is missing, damaged or of another version."""
    data = store.find(INDEX)
    if data is None:
        return Index()
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
        return Index({name: Span(**span) for name, span in found["spans"].items()}, found["superseded"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s cannot be read (%s): all is compacted anew", INDEX, error)
        return Index()


def cover(store: Store, manifests: Iterable[Manifest], index: Index) -> Cover:
    """Where the rows of all published days are: compacted where they still are what went in."""
    days = {manifest.day: manifest for manifest in manifests}
    current = {day: digest(manifest) for day, manifest in days.items()}
    spans = [span for span in whole(store, index).values() if span.days.items() & current.items()]
    held = {day for span in spans for day, _ in span.days.items() & current.items()}
    stale = sorted(day for span in spans for day in span.days if day not in held)
    return Cover([manifest for day, manifest in days.items() if day not in held], spans, stale)


def digest(manifest: Manifest) -> str:
    """Digest of a day's tables as their files hold them."""
    tables = sorted((name, entry["sha256"]) for name, entry in manifest.tables.items())
    return hashlib.sha256(json.dumps(tables).encode()).hexdigest()[:16]


def needed(store: Store, before: datetime) -> set[str]:
    """What stays of the folder: the index, the files that it names, and those superseded after `before`; all
    where it cannot be read.
    """
    index = read(store)
    if index == Index() and store.exists(INDEX):  # unreadable, or another version's: it may name any of them
        return {entry.path for entry in store.list(FOLDER)}
    late = {path for path, at in index.superseded.items() if datetime.fromisoformat(at) >= before}
    return {INDEX} | index.files | late


def whole(store: Store, index: Index) -> dict[str, Span]:
    """The spans whose files are all there and as large as they were written."""
    sizes = {entry.path: entry.size for entry in store.list(FOLDER)} if index.spans else {}
    return {
        name: span
        for name, span in index.spans.items()
        if all(sizes.get(str(path)) == size for path, size in span.files.values())
    }
