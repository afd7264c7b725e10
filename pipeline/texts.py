"""Text files: bytes to characters, and the seed layout (title, date line, URL line, one paragraph a line)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.headers import LONGEST_DATE, MISSING, parse_date
from pipeline.outcome import RAW_LIMIT
from pipeline.sources import LINES_LIMIT, MAGIC, TEXT_LIMIT, Item, Landed, Source, take

SNIFFED = 2**16  # bytes from which the encoding is told
STRAY_SHARE = 0.02  # of bytes that are not UTF-8: more is another encoding, fewer are stray cp1252 characters
CONTROL_SHARE = 0.01  # of control characters: more is no text; compressed or machine code has 0.1
HANDLER = "standpoint.stray"

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
         (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LINE = re.compile(r"[^\r\n]+")
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.I)
_FIGURES = re.compile(r"(?=(?:\D*\d){4})[\d\s/.,:+\-TZ]+", re.A)
_LABEL = re.compile(r"(?:date|published|posted|url|link|source)\s*:\s*", re.I)


class NotTextError(ValueError):
    """The bytes are not text in any encoding that can be told; the message says why."""


def _stray(error: UnicodeError) -> tuple[str, int]:
    # A few bytes that are not UTF-8 in a text that is: the Windows characters (quotes, dashes) pasted in.
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.end]
    text = "".join(bytes([b]).decode("cp1252", "replace").replace("\ufffd", chr(b)) for b in stray)
    return text, error.end


codecs.register_error(HANDLER, _stray)


def sniff(head: bytes) -> tuple[str, int]:
    """The encoding of a text that begins like this, and the length of its byte order mark.

    Raises NotTextError when it cannot be told.
    """
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding, len(bom)
    half, even, odd = len(head) / 2, head[0::2].count(0), head[1::2].count(0)
    if half and min(even, odd) < 0.05 * half and max(even, odd) > 0.4 * half:
        return ("utf-16-le" if odd > even else "utf-16-be"), 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    if decoder.decode(head).count("\ufffd") <= STRAY_SHARE * len(head):
        return "utf-8", 0
    from charset_normalizer import from_bytes

    best = from_bytes(head[: head.rfind(b"\n") + 1] or head).best()
    if best is None:
        raise NotTextError("no encoding fits the bytes")
    return best.encoding, 0


def decode(data: bytes) -> str:
    """The characters of a text file. Raises NotTextError when the bytes are not text."""
    encoding, skip = sniff(data[:SNIFFED])
    try:
        text = data[skip:].decode(encoding, HANDLER if encoding == "utf-8" else "strict")
    except UnicodeDecodeError as error:
        raise NotTextError(f"not {encoding} at byte {error.start}: {error.reason}") from error
    if is_garbled(text):
        raise NotTextError("too many control characters for a text")
    return text


def is_garbled(text: str) -> bool:
    """Whether so many control characters are in it that it is no text."""
    return len(_CONTROL.findall(text)) > 2 + CONTROL_SHARE * len(text)


def lines_of(text: str) -> list[str]:
    """The lines that are not blank, as they stand; only CR and LF end a line."""
    return [found[0] for found in _LINE.finditer(text) if not found[0].isspace()]


def layout(text: str) -> tuple[str, str | None, str | None, list[str]]:
    """Title, date line, URL line and paragraphs of the seed layout.

    Blank lines do not count. Date and URL may stand in either order and each may be missing; the line
    between the title and a URL is the date, whatever it says. The title is "" where the text begins
    with a date or URL line.
    """
    lines = lines_of(text)
    headless = lines and (_is_url(lines[0]) or (_is_date(lines[0]) and not _is_date("".join(lines[1:2]))))
    title, rest = ("", lines) if headless or not lines else (lines[0], lines[1:])
    date_raw = url_raw = None
    used = 0
    for line in rest[:2]:
        value = _unlabelled(line)
        between = used == 0 and len(value) <= LONGEST_DATE and any(_is_url(after) for after in rest[1:2])
        if url_raw is None and _is_url(value):
            url_raw = value
        elif date_raw is None and (between or _is_date(value)):
            date_raw = value
        else:
            break
        used += 1
    return title, date_raw, url_raw, rest[used:]


def _unlabelled(line: str) -> str:
    value = line.strip()
    label = _LABEL.match(value)
    return value[label.end() :] if label else value


def _is_url(line: str) -> bool:
    return _URL.fullmatch(_unlabelled(line)) is not None


def _is_date(line: str) -> bool:
    value = _unlabelled(line)
    if len(value) > LONGEST_DATE or not value:
        return False
    return parse_date(value) is not None or _FIGURES.fullmatch(value) is not None or value.lower() in MISSING


def read_text(source: Source, stream: BinaryIO) -> Iterator[Item]:
    """The one article in a text file, or why it is none."""
    data = take(stream, TEXT_LIMIT + 1 if source.size <= TEXT_LIMIT else RAW_LIMIT)
    if source.size > TEXT_LIMIT or len(data) > TEXT_LIMIT:
        yield source.refuse("too_large", f"a text of more than {TEXT_LIMIT:,} bytes", data)
        return
    if not data.strip():
        yield source.refuse("empty", "no text in it", data)
        return
    kind = next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None)
    if kind:
        yield source.refuse("unsupported", f"its name says text, its bytes say {kind}", data)
        return
    try:
        title, date_raw, url_raw, lines = layout(decode(data))
    except NotTextError as error:
        yield source.refuse("encoding", str(error), data)
        return
    if len(lines) > LINES_LIMIT:
        yield source.refuse("too_large", f"more than {LINES_LIMIT:,} lines", data)
    elif not title and not lines and date_raw is None and url_raw is None:
        yield source.refuse("empty", "no text in it", data)
    elif re.match(r"\s*<(?:!doctype html|html)[\s>]", title, re.I):
        yield source.refuse("unsupported", "its name says text, its content is HTML", data)
    else:
        yield Landed(source.uri, title, date_raw, url_raw, lines, source.landed_at)
