"""Reads a source, whatever its form: every file and record comes out as an article or as refused."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, cast

from pipeline.archives import tar_members, zip_members
from pipeline.records import read_csv, read_jsonl, read_parquet
from pipeline.sources import CHUNK, FORMS, SHORT, Item, Refused, Source, SourceError, form, unpack
from pipeline.texts import read_text

ARCHIVES = ("tar", "zip")
READERS: Mapping[str, Callable[[Source, BinaryIO], Iterator[Item]]] = {
    "text": read_text,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "parquet": read_parquet,
}


def read(source: Source) -> Iterator[Item]:
    """The articles of a source and what is refused of it, as a stream of small and constant memory.

    Files that are none of the accepted forms are refused as `unsupported`; hidden files and those that
    only accompany articles (README, checksums, column mappings) give nothing. Never raises for what the
    bytes are; EnvironmentProblem where the store fails.
    """
    kind, packing = form(source.name)
    if kind == "skip":
        return
    if kind == "unsupported":
        accepted = ", ".join(f".{ending}" for ending in (*FORMS, *SHORT))
        yield source.refuse("unsupported", f"not one of {accepted} (text, records and tar also as .gz, .zst)")
        return
    if source.size == 0:
        yield source.refuse("empty", "no bytes in it", b"")
        return
    try:
        with unpack(source, packing) as stream:
            yield from _archive(source, kind, stream) if kind in ARCHIVES else _file(source, kind, stream)
    except SourceError as broken:
        if broken.uri != source.uri:  # The archive around this member is broken: its own reader tells.
            raise
        yield source.refuse(broken.reason, broken.detail)


def _archive(source: Source, kind: str, stream: io.BufferedReader) -> Iterator[Item]:
    members = (
        tar_members(source, cast(BinaryIO, stream.raw)) if kind == "tar" else zip_members(source, stream)
    )
    for member in members:
        if isinstance(member, Refused):
            yield member
        elif form(member.name)[0] in ARCHIVES:
            yield member.refuse("unsupported", "an archive inside an archive: unpack the outer one")
        else:
            yield from read(member)


def _file(source: Source, kind: str, stream: BinaryIO) -> Iterator[Item]:
    if kind == "parquet" and not source.seekable:
        with tempfile.TemporaryFile() as whole:
            shutil.copyfileobj(stream, whole, CHUNK)
            whole.seek(0)
            yield from read_parquet(source, whole)
        return
    yield from READERS[kind](source, stream)
