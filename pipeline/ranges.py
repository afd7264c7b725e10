"""An object of an object store as a file: every read is a request, so few and not too large ones are made."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa

BLOCK = 2**20  # bytes that are read at once where fewer are asked for
AHEAD = 2**23  # the same where an object is read on and on, and the most that one request asks for


class RangeReader(io.RawIOBase):
    """An object as a file: read in ranges, each tried again, and some way ahead."""

    def __init__(
        self, look: Callable[[], pa.NativeFile], patiently: Callable[[Callable[[], bytes]], bytes]
    ) -> None:
        """`look` opens the object; `patiently` tries a read again. Raises what `look` raises."""
        self._look, self._patiently = look, patiently
        self._file = look()
        self._size, self._at = self._file.size(), 0
        self._block, self._start = b"", 0

    def is_replaced(self) -> bool:
        """Whether there is another object of this name by now."""
        with self._look() as now:
            return bool(now.metadata()["ETag"] != self._file.metadata()["ETag"])

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; nothing is read."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, fewer only at the end."""
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        start, known = self._start, self._start + len(self._block)
        if not (start <= self._at and end <= known):
            more = AHEAD if self._block and self._at == known else BLOCK
            start = min(self._at, max(0, self._size - BLOCK))  # a small object, or the end of one, whole
            self._start, self._block = start, self._fetch(start, max(end, min(start + more, self._size)))
        data = self._block[self._at - start : end - start]
        self._at = end
        return data

    def readinto(self, buffer: Any) -> int:
        """The next bytes into a buffer; how many they were."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let go of the object."""
        self._block = b""
        self._file.close()
        super().close()

    def _fetch(self, start: int, end: int) -> bytes:
        def get(at: int) -> bytes:
            try:
                return bytes(self._file.read_at(min(AHEAD, end - at), at))
            except OSError:
                self._look().close()  # whether it is gone, which the error does not tell
                raise

        return b"".join(self._patiently(partial(get, at)) for at in range(start, end, AHEAD))
