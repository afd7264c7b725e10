"""Fault points: every call that changes a file, counted in a process, with a fault at a chosen one.

An audit hook sees each opening for writing, rename, unlink, mkdir and rmdir that Python makes, from whatever
module; writes, flushes and fsyncs are seen by wrapping what the opening returns and `os.fsync`; the two calls
that Arrow makes for the store (`Store.delete`, `Store.delete_folder`) by wrapping these. A fault comes before
the call; of a write, half is done before it, and of the removal of a folder, the files up to there.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import publish
from pipeline.store import Store

Fault = Callable[[str], None]
"""Called with the point's name at the chosen point."""
Seen = Callable[[str], object]

AUDITED = {
    "os.rename": "rename",
    "os.remove": "unlink",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "os.link": "link",
    "os.symlink": "link",
    "os.truncate": "truncate",
}


def kill(_: str) -> None:
    """End this process at once, as the kernel or a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def full(point: str) -> None:
    """The disk is full."""
    call, _, path = point.partition(" ")
    if call in ("open", "tear", "flush", "fsync", "mkdir"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


class Points:
    """The calls of this process that change files under `root`, in their order, from now on."""

    def __init__(self, root: Path, at: int = 0, fault: Fault = kill, seen: Seen = id) -> None:
        """`fault` from the point number `at` on (from 1; 0: nowhere); `seen` is told every point's name."""
        self.root, self.at, self.fault, self.seen = f"{root.resolve()}/", at, fault, seen
        self.count = 0

    def install(self) -> None:
        """Begin; there is no way back in this process.

        Files are written one after the other from now on, so that the order of the points is no chance.
        """
        publish.AT_ONCE = 1
        opened, synced = io.open, os.fsync

        def opening(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
            found = opened(file, mode, *args, **more)
            watched = set(mode) & set("wax+") and self._inside(file)
            return _Writing(found, self, self._named(file)) if watched else found

        def syncing(descriptor: int) -> None:
            self.reach("fsync", Path(f"/proc/self/fd/{descriptor}").readlink())
            synced(descriptor)

        io.open = builtins.open = opening  # type: ignore[assignment]
        os.fsync = syncing
        self._watch_arrow()
        sys.addaudithook(self._audit)

    def reach(self, call: str, path: Any, torn: Callable[[], object] | None = None) -> None:
        """A point: count it, and where it is the chosen one, do `torn` and then the fault."""
        if not self._inside(path):
            return
        self.count += 1
        point = f"{call} {self._named(path)}"
        self.seen(point)
        if torn and self.count == self.at:
            torn()
        if 0 < self.at <= self.count:
            self.fault(point)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "os.mkdir" and os.path.lexists(args[0]):
            return  # it is there: nothing changes
        if event in AUDITED:
            self.reach(AUDITED[event], args[0])
        elif event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self.reach("open", args[0])

    def _watch_arrow(self) -> None:
        delete, delete_folder = Store.delete, Store.delete_folder

        def deleting(store: Store, path: str) -> None:
            self.reach("unlink", store.full(path))
            delete(store, path)

        def deleting_folder(store: Store, path: str) -> None:
            # What is written last is taken first: the order that leaves the worst behind.
            files = sorted((f for f in Path(store.full(path)).rglob("*") if f.is_file()), reverse=True)
            for number, file in enumerate(files):
                self.reach("unlink", file, lambda n=number: [f.unlink() for f in files[:n]])
            self.reach("rmdir", store.full(path), lambda: [f.unlink() for f in files])
            delete_folder(store, path)

        Store.delete, Store.delete_folder = deleting, deleting_folder  # type: ignore[method-assign]

    def _inside(self, path: Any) -> bool:
        if isinstance(path, int):
            return False
        return f"{os.path.abspath(os.fsdecode(path))}/".startswith(self.root)  # noqa: PTH100 - no object a call

    def _named(self, path: Any) -> str:
        return f"{os.path.abspath(os.fsdecode(path))}/".removeprefix(self.root).rstrip("/")  # noqa: PTH100


class _Writing:
    """A file opened for writing, whose writes and flushes are points."""

    def __init__(self, file: Any, points: Points, name: str) -> None:
        self._file, self._points, self._path = file, points, points.root + name

    def write(self, data: Any) -> Any:
        self._points.reach("tear", self._path, lambda: self._half(data))
        return self._file.write(data)

    def flush(self) -> None:
        self._points.reach("flush", self._path)
        self._file.flush()

    def _half(self, data: Any) -> None:
        self._file.write(data[: len(data) // 2])
        self._file.flush()

    def __enter__(self) -> _Writing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Any:
        return iter(self._file)
