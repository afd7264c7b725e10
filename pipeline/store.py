"""The one place that touches files of the lake and the landing zone, on a disk or an object store.

Paths are relative to the store's root, with forward slashes. What is atomic where: on a disk, `write`
is temporary file, fsync, rename, fsync of the folder, and of those above it that are new; on an object
store (pipeline.objectstore), it is one PUT of the whole object or, from 10 MB on, a multipart upload that is
seen when it is complete.
"""

from __future__ import annotations

import builtins
import os
import re
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyarrow import fs

from pipeline import objectstore
from pipeline.errors import EnvironmentProblem, UsageError

_TEMPORARY = re.compile(r"(?:.*/)?\.[0-9a-f]{32}\.tmp", re.S)  # what `write` names a file before it is whole


AT_ONCE = 16
"""Requests to an object store, or files to a disk: one is answered in milliseconds, and many as fast."""


class Entry(NamedTuple):
    """A file in a store; `is_link` marks a symbolic link, which is never followed."""

    path: str
    size: int
    modified: datetime
    is_link: bool = False


OnDenied = Callable[[Entry, PermissionError], None]
"""Called with a folder that may not be read, as an entry of size 0, and the error."""


class Store:
    """A folder on a disk (`path`, `file://`) or a prefix of an object store (`s3://`)."""

    def __init__(self, uri: str) -> None:
        """Open the root at `uri`; nothing is created. Raises UsageError for a URI of another kind."""
        self.uri = uri
        self.filesystem: fs.FileSystem
        if "://" not in uri or uri.startswith("file://"):
            path = uri.removeprefix("file://")
            self.filesystem, self.root = fs.LocalFileSystem(), str(Path(path).expanduser().resolve())
        elif uri.startswith("s3://"):
            self.filesystem, self.root = objectstore.connect(uri)
        else:
            raise UsageError(f"store {uri!r}: allowed are a folder, file:// and s3:// URIs")

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder on this machine's disk."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @property
    def _objects(self) -> objectstore.Patient:
        return self.filesystem.handler

    def full(self, path: str = "") -> str:
        """The path as the filesystem knows it: absolute on a disk, bucket and key on an object store."""
        full = f"{self.root}/{path}" if path else self.root
        if ".." in full.split("/"):
            raise UsageError(f"path {path!r} leaves the store {self.uri}")
        return full

    def is_folder(self, path: str = "") -> bool:
        """Whether there is a folder (or, on an object store, a prefix with something under it)."""
        return bool(self.filesystem.get_file_info(self.full(path)).type == fs.FileType.Directory)

    def exists(self, path: str) -> bool:
        """Whether there is a file at `path`."""
        if not self.is_local:
            return self._objects.exists(self.full(path))
        return bool(self.filesystem.get_file_info(self.full(path)).type == fs.FileType.File)

    def entry(self, path: str) -> Entry | None:
        """What is at `path`, when that is a file or a symbolic link."""
        if self.is_local:
            try:
                return _local_entry(path, Path(self.full(path)).lstat())
            except OSError:
                return None
        info = self.filesystem.get_file_info(self.full(path))
        return Entry(path, info.size, info.mtime) if info.type == fs.FileType.File else None

    def read(self, path: str) -> bytes:
        """The whole content of a file. Raises FileNotFoundError where there is none."""
        if not self.is_local:
            return self._objects.read(self.full(path))
        with self.filesystem.open_input_stream(self._native(path), compression=None) as stream:
            return bytes(stream.read())

    def find(self, path: str) -> bytes | None:
        """The whole content of a file, or None where there is none."""
        try:
            return self.read(path)
        except FileNotFoundError:
            return None

    def read_all(self, paths: Sequence[str]) -> builtins.list[bytes]:
        """The whole content of each of these files; from an object store, of several at once."""
        if self.is_local:
            return [self.read(path) for path in paths]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [*pool.map(self.read, paths)]

    def open(self, path: str) -> pa.NativeFile:
        """A file opened for random access; the caller closes it."""
        return self.filesystem.open_input_file(self._native(path))

    def _native(self, path: str) -> str | bytes:
        """The full path for opening: a disk has names that are no UTF-8, which Arrow takes as bytes alone."""
        full = self.full(path)
        return os.fsencode(full) if self.is_local else full

    def write(self, path: str, data: bytes) -> None:
        """Put a whole file in place, atomically and durably; an existing one is replaced.

        Raises EnvironmentProblem where a disk cannot take it: full, read-only, no permission.
        """
        full = self.full(path)
        if not self.is_local:
            self._objects.put(full, data)
            return
        with _told(full):
            _put(Path(full), data)

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        try:
            self.filesystem.delete_file(self.full(path))
        except FileNotFoundError:
            return

    def delete_folder(self, path: str) -> None:
        """Remove a folder with all that is in it; one that is not there is no error."""
        if not self.is_local:
            self.filesystem.delete_dir_contents(self.full(path), missing_dir_ok=True)
        elif self.filesystem.get_file_info(self.full(path)).type == fs.FileType.Directory:
            self.filesystem.delete_dir(self.full(path))

    def sync(self, folder: str) -> None:
        """Make deletions from a folder durable: until then a power cut may bring the files back."""
        if self.is_local and self.is_folder(folder):
            with _told(self.full(folder)):
                _sync_folder(Path(self.full(folder)))

    def list(self, prefix: str = "", on_denied: OnDenied | None = None) -> Iterator[Entry]:
        """Every file under a folder, recursively, in the order of their path components.

        Symbolic links are listed as such and not followed. A folder that is not there is empty. What
        another process is still writing is not listed. Raises PermissionError for a folder that may not be
        read, unless `on_denied` takes it (never for the first, which the caller named).
        """
        if self.is_local:
            found = _walk(self.full(prefix), f"{prefix}/" if prefix else "", on_denied)
            yield from (entry for entry in found if not _TEMPORARY.fullmatch(entry.path))
            return
        selector = fs.FileSelector(self.full(prefix), recursive=True, allow_not_found=True)
        infos = [i for i in self.filesystem.get_file_info(selector) if i.type == fs.FileType.File]
        for info in sorted(infos, key=lambda i: i.path.split("/")):
            yield Entry(info.path[len(self.root) + 1 :], info.size, info.mtime)

    def leftovers(self, prefix: str = "") -> Iterator[Entry]:
        """Temporary files under a folder: of writes that were cut off and, if young, of those at work now."""
        if self.is_local:
            found = _walk(self.full(prefix), f"{prefix}/" if prefix else "")
            yield from (entry for entry in found if _TEMPORARY.fullmatch(entry.path))


def _local_entry(path: str, info: os.stat_result) -> Entry | None:
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
        return None
    return Entry(path, info.st_size, _modified(info), stat.S_ISLNK(info.st_mode))


def _modified(info: os.stat_result) -> datetime:
    # Whole microseconds by integer arithmetic: a float of seconds would round.
    # A file system can hold times beyond the years 1 to 9999, which a calendar cannot.
    seconds = min(max(info.st_mtime_ns // 10**9, -62_135_596_800), 253_402_300_799)
    modified = datetime.fromtimestamp(seconds, UTC)
    return modified.replace(microsecond=info.st_mtime_ns % 10**9 // 1000)


def _walk(folder: str, prefix: str, on_denied: OnDenied | None = None) -> Iterator[Entry]:
    try:
        names = sorted(os.scandir(folder), key=lambda item: item.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for item in names:
        try:
            info = item.stat(follow_symlinks=False)
        except FileNotFoundError:  # gone since, as another writer's temporary file goes
            continue
        if stat.S_ISDIR(info.st_mode):
            try:
                yield from _walk(item.path, f"{prefix}{item.name}/", on_denied)
            except PermissionError as error:
                if on_denied is None:
                    raise
                on_denied(Entry(prefix + item.name, 0, _modified(info)), error)
            continue
        if entry := _local_entry(prefix + item.name, info):
            yield entry


@contextmanager
def _told(full: str) -> Iterator[None]:
    """Turns what a disk says that cannot take a file into the user's error."""
    try:
        yield
    except OSError as error:
        raise EnvironmentProblem(
            f"{full} cannot be written: {error.strerror or error}; what is published is untouched: give it "
            "space and write permission, then run again"
        ) from error


def _put(target: Path, data: bytes) -> None:
    """Write a file beside `target` and rename it into place, each step durable before the next."""
    _make_folder(target.parent)
    beside = target.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _make_folder(folder: Path) -> None:
    """Create a folder and those above it, each durable before a file in it is: it would be lost with it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
