"""Archives: the members of a tar (read as a stream) or ZIP file, each a source of its own.

Nothing is ever extracted to a path; a name is only a name. Still, what would write elsewhere when
extracted (absolute names, `..`, links, devices) is not news, and is refused.
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from pipeline.sources import (
    CHUNK,
    MEMBERS_LIMIT,
    UNPACKING,
    Allowance,
    Refused,
    Source,
    SourceError,
    Unpacked,
    said,
)

LONGEST_HEADER = 2**20  # bytes of a member's extended header, which is read at once
ENDS = 3  # times that tarfile may ask beyond the end: once for a header, once for what a member lacks


class _Header(tarfile.TarInfo):
    """A header that says when it is broken: tarfile by itself takes one in the middle for the end."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tar)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except (tarfile.HeaderError, ValueError, struct.error) as error:
            at = tar.offset
            raise tarfile.ReadError(f"broken header at byte {at:,}: {error}") from error

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        # Documented in tarfile as the place for own kinds of member.
        if self.size < 0:
            raise tarfile.ReadError(f"a member of {self.size:,} bytes")
        if self.size > LONGEST_HEADER and self.type in _EXTENDED:
            raise tarfile.ReadError(f"extended header of {self.size:,} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]


_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
             tarfile.GNUTYPE_LONGLINK)  # fmt: skip


class _Bytes:
    """The bytes of a tar, whose end is told: tarfile by itself passes over a member of any size beyond it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._ends = stream, 0

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end. Raises EOFError where that is asked for again and again."""
        data = self._stream.read(size)
        self._ends = 0 if data else self._ends + 1
        if self._ends > ENDS:
            raise EOFError("ends within a member")
        return data


class _Names:
    """Which names came already: a repeated one gets `#2`, `#3` …, so that each member's URI is its own."""

    def __init__(self, archive: Source) -> None:
        self._archive, self._count = archive, 0
        self._seen: set[int] = set()
        self._again: Counter[int] = Counter()

    def unique(self, name: str) -> str:
        """The name, numbered if it came before. Raises SourceError beyond the limit on members."""
        self._count += 1
        if self._count > MEMBERS_LIMIT:
            detail = f"more than {MEMBERS_LIMIT:,} members: refused from there on; split it"
            raise SourceError(self._archive.uri, "too_large", detail)
        key = int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        if key not in self._seen:
            self._seen.add(key)
            return name
        self._again[key] += 1
        return f"{name}#{self._again[key] + 1}"


def tar_members(archive: Source, stream: BinaryIO) -> Iterator[Source | Refused]:
    """The files in a tar stream, in their order; each must be read before the next is asked for.

    Raises SourceError where the archive ends before its end or a header is damaged.
    """
    names = _Names(archive)
    empty = True
    try:
        with tarfile.open(
            fileobj=cast(BinaryIO, _Bytes(stream)),
            mode="r|",
            tarinfo=_Header,
            ignore_zeros=True,
            bufsize=CHUNK,
        ) as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep a header of each member
                empty = False
                if not info.isdir():
                    yield _tar_member(archive, tar, info, names)
    except (*UNPACKING, ValueError) as error:
        raise SourceError(archive.uri, "unreadable", f"damaged: {said(error)}") from error
    if empty:
        raise SourceError(archive.uri, "empty", "an archive without members")


def _tar_member(
    archive: Source, tar: tarfile.TarFile, info: tarfile.TarInfo, names: _Names
) -> Source | Refused:
    def content() -> BinaryIO:
        return cast(BinaryIO, Unpacked(tar.extractfile(info), archive))

    kind = "" if info.isreg() else "a link" if info.issym() or info.islnk() else "a device"
    found = _member(archive, info.name, names, kind, info.size, content)
    if isinstance(found, Source) and info.issparse():
        return found.refuse("unsupported", "a sparse file")
    return found


def zip_members(archive: Source, stream: BinaryIO) -> Iterator[Source | Refused]:
    """The files in a ZIP archive; `stream` must give random access, its directory is held in memory.

    Raises SourceError where the directory is damaged.
    """
    names, allowance = _Names(archive), Allowance(archive)
    try:
        file = zipfile.ZipFile(stream)
    except (*UNPACKING, ValueError, struct.error, IndexError) as error:
        raise SourceError(archive.uri, "unreadable", f"damaged: {said(error)}") from error
    with file:
        infos = file.infolist()
        if not infos:
            raise SourceError(archive.uri, "empty", "an archive without members")
        for info in infos:
            if not info.is_dir():
                yield _zip_member(archive, file, info, names, allowance)


def _zip_member(
    archive: Source, file: zipfile.ZipFile, info: zipfile.ZipInfo, names: _Names, allowance: Allowance
) -> Source | Refused:
    def content() -> BinaryIO:
        # Only a safe member is ever opened, so `found` is a source by then.
        owner = cast(Source, found)
        try:
            return cast(BinaryIO, Unpacked(file.open(info), owner, allowance))
        except (*UNPACKING, ValueError, struct.error) as error:
            raise SourceError(owner.uri, "unreadable", f"damaged: {said(error)}") from error

    mode = info.external_attr >> 16
    kind = "a link" if stat.S_ISLNK(mode) else "" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "a device"
    found = _member(archive, info.filename, names, kind, info.file_size, content)
    if isinstance(found, Source) and info.flag_bits & 1:
        return found.refuse("unreadable", "encrypted")
    return found


def _member(
    archive: Source, name: str, names: _Names, kind: str, size: int, content: Callable[[], BinaryIO]
) -> Source | Refused:
    name = re.sub(r"^(?:\./)+", "", name)
    found = archive.member(names.unique(name), name, size, content)
    if re.match(r"[/\\]|[A-Za-z]:[/\\]", name) or ".." in re.split(r"[/\\]", name):
        return found.refuse("unsafe_path", f"the name {name!r} points outside the archive")
    if kind:
        return found.refuse("unsafe_path", f"{kind}, not a file")
    return found
