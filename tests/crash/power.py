"""A power cut: what a disk may hold then is less than what a killed process leaves.

Modelled as POSIX has it: a file's content is safe once it was fsynced, a name (new, replaced, removed) once
its folder was. Of what is not, each name may be as before or as after, and content that was not fsynced may
be whole, half there or empty.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

Entries = dict[str, bytes | None]
"""What a folder holds: the content of files, None for folders."""


class Disk:
    """What is safe of the files under `root`, which are all safe to begin with."""

    def __init__(self, root: Path) -> None:
        """Begin to watch this process's fsyncs."""
        self.root = root.resolve()
        self._content: dict[int, bytes] = {}  # by inode
        self._names: dict[Path, Entries] = {}
        for path in (self.root, *self.root.rglob("*")):
            if path.is_dir():
                self._names[path] = _now(path)
            elif path.is_file():
                self._content[path.stat().st_ino] = path.read_bytes()
        synced = os.fsync

        def syncing(descriptor: int) -> None:
            synced(descriptor)
            self._synced(Path(f"/proc/self/fd/{descriptor}").readlink())

        os.fsync = syncing

    def cut(self, target: Path, rng: random.Random) -> None:
        """Write into `target` what may be left: all that is not safe is lost, or some of it by chance."""
        self._leave(self.root, target, rng, rng.choice((0.0, 0.5)))

    def _synced(self, path: Path) -> None:
        if path.is_dir():
            self._names[path] = {
                name: None if content is None else self._content.get((path / name).stat().st_ino, b"")
                for name, content in _now(path).items()
            }
        elif path.is_relative_to(self.root):
            self._content[path.stat().st_ino] = path.read_bytes()

    def _leave(self, folder: Path, target: Path, rng: random.Random, share: float) -> None:
        target.mkdir()
        before, after = self._names.get(folder, {}), _now(folder)
        for name in sorted(before.keys() | after.keys()):
            kept = after if rng.random() < share else before
            if name not in kept:
                continue
            content = kept[name]
            if content is None:
                self._leave(folder / name, target / name, rng, share)
                continue
            if kept is after and (folder / name).stat().st_ino not in self._content:
                content = content[: rng.choice((0, len(content) // 2, len(content)))]
            (target / name).write_bytes(content)


def _now(folder: Path) -> Entries:
    if not folder.is_dir():
        return {}
    return {path.name: None if path.is_dir() else path.read_bytes() for path in folder.iterdir()}
