"""Where ingest reads: the files behind the sources that a user names, each with its own URI."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.readers import read
from pipeline.records import FIELDS
from pipeline.sources import CHUNK, SIDECAR, Handle, Item, Source, form
from pipeline.store import Entry, Store
from pipeline.versions import Version


@dataclass
class Place:
    """One file to read: its store, its URI in the tables, its key and state in the lake's list of sources.

    `denied`: why it could not be opened; known before where it is a folder, which is none but stands for
    what may lie in it, and after `items` otherwise. What was denied is to be read again.
    """

    store: Store
    entry: Entry
    uri: str
    key: str
    columns: Mapping[str, str]
    mapping: bytes | None
    signature: str
    denied: str | None = None
    _handle: Handle | None = field(default=None, repr=False)

    @property
    def position(self) -> int:
        """How many of its bytes have been read so far."""
        return self._handle.tell() if self._handle and not self._handle.closed else 0

    def items(self) -> Iterator[Item]:
        """Its articles, and what is refused of it. Raises EnvironmentProblem where the store fails."""
        source = Source(
            self.uri, self.entry.path, self.entry.size, self.entry.modified, self._open, self.columns
        )
        if self.denied is not None:
            yield source.refuse("unreadable", self.denied)
            return
        if self.entry.is_link:
            yield source.refuse("unsafe_path", "a symbolic link: links are not followed")
            return
        if self.mapping is not None:
            try:
                mapping = json.loads(self.mapping)
                check_columns(mapping)
            except (ValueError, RecursionError, UsageError) as error:
                yield source.refuse(
                    "format", f"its column mapping, {self.uri}{SIDECAR}: {error}", self.mapping
                )
                return
            source = Source(self.uri, source.name, source.size, source.landed_at, self._open, mapping)
        try:
            yield from read(source)
        except (PermissionError, FileNotFoundError) as error:
            self.denied = f"cannot be opened: {error.strerror}"
            yield source.refuse("unreadable", self.denied)

    def _open(self) -> io.BufferedReader:
        try:
            file = self.store.open(self.entry.path)
        except (PermissionError, FileNotFoundError):
            raise
        except OSError as error:
            raise EnvironmentProblem(
                f"source {self.key!r} cannot be opened ({error}); ingest again"
            ) from error
        self._handle = Handle(file, self.key)
        return io.BufferedReader(self._handle, CHUNK)


def check_columns(columns: object) -> None:
    """Raises UsageError unless it maps some of title, date, url, text to names of columns."""
    if not isinstance(columns, Mapping) or not all(isinstance(name, str) for name in columns.values()):
        raise UsageError("columns: a mapping such as title=headline,text=body is needed")
    for name in columns:
        if name not in FIELDS:
            raise UsageError(f"columns: {name!r} is not one of {', '.join(FIELDS)}")


def base(store: Store) -> str:
    """The URI of a store's root, without parameters."""
    return f"file://{store.root}" if store.is_local else store.uri.partition("?")[0].rstrip("/")


def lies_in(uri: str, store: Store) -> bool:
    """Whether a URI without parameters is the root of the store or in it."""
    return f"{uri}/".startswith(f"{base(store)}/")


def find(
    sources: Sequence[str], landing: Store, columns: Mapping[str, str], version: str, lake: Store
) -> list[Place]:
    """Every file behind the sources (none: the landing zone) but the lake's own, each once, oldest first.

    `columns` holds for files without a mapping of their own beside them; `version` is the reader's.
    Raises UsageError for a source that is not there or is the lake's, EnvironmentProblem for a missing
    landing zone.
    """
    check_columns(columns)
    if not sources and not landing.is_folder():
        raise EnvironmentProblem(
            f"landing zone {landing.uri!r}: there is no such folder; create it or name another with --landing"
        )
    roots = [_root(source, landing) for source in sources] or [(landing, "", True)]
    found: dict[str, Place] = {}
    for store, path, inside in roots:
        named = f"{base(store)}/{path}".rstrip("/")
        if lies_in(named, lake):
            raise UsageError(f"source {named!r}: lies in the lake {lake.uri!r}; name a folder outside it")
        single = store.entry(path) if path else None
        denied: dict[str, str] = {}
        entries = {entry.path: entry for entry in ([single] if single else _listed(store, path, denied))}
        for entry in entries.values():
            key = f"{base(store)}/{entry.path}"
            if lies_in(key, lake):
                continue
            beside = entry.path + SIDECAR
            mapping, content = entries.get(beside) or (store.entry(beside) if single else None), None
            if mapping and not mapping.is_link:
                try:
                    content = store.read(beside)
                except PermissionError as error:
                    denied[entry.path] = f"its column mapping cannot be opened: {error.strerror}"
            state = hashlib.sha256(content or json.dumps(sorted(columns.items())).encode()).hexdigest()[:8]
            signature = f"{entry.size}:{entry.modified.isoformat()}:{state}:{version}"
            uri = _printable(entry.path if inside else key)
            found[key] = Place(
                store, entry, uri, _printable(key), columns, content, signature, denied.get(entry.path)
            )
    return sorted(found.values(), key=_age)


def _listed(store: Store, path: str, denied: dict[str, str]) -> list[Entry]:
    """The files under a folder, and the folders that may not be read; why not goes into `denied`."""
    folders = []

    def note(folder: Entry, error: PermissionError) -> None:
        if form(f"{folder.path}/file")[0] != "skip":
            folders.append(folder)
            denied[folder.path] = f"a folder that cannot be opened: {error.strerror}"

    return [*store.list(path, note), *folders]


def _age(place: Place) -> tuple[object, ...]:
    return Version(place.entry.modified.date(), "", place.entry.modified, place.uri).order


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _root(source: str, landing: Store) -> tuple[Store, str, bool]:
    """The store and path in it that a source names, and whether that is inside the landing zone."""
    missing = UsageError(f"source {source!r}: there is no such file or folder")
    remote = "://" in source and not source.startswith("file://")
    if remote:
        full, _, query = source.partition("?")
        full = full.rstrip("/")
    else:
        path = Path(source.removeprefix("file://")).expanduser().absolute()
        full = f"file://{path.parent.resolve() / path.name}"
        query = ""
    if lies_in(full, landing):
        store, path_in, inside = landing, full[len(base(landing)) + 1 :], True
    else:
        folder, _, name = full.rpartition("/")
        if not remote:
            resolved = path.resolve()
            folder, name = f"file://{resolved.parent}", resolved.name
        store, path_in, inside = Store(f"{folder}?{query}" if query else folder), name, False
    if not store.is_folder(path_in) and (not path_in or store.entry(path_in) is None):
        raise missing
    return store, path_in, inside
