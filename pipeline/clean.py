"""Clean: raw articles to repaired, dated articles in one of the wanted languages, and their sentences."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline import headers, schemas
from pipeline.boilerplate import is_boilerplate
from pipeline.errors import UsageError
from pipeline.language import Language, identify
from pipeline.outcome import RAW_LIMIT, Outcome, reject, rejects_table
from pipeline.repair import Change, repair
from pipeline.sentences import split
from pipeline.settings import Settings
from pipeline.signatures import sign
from pipeline.tracked import Range, Tracked

VERSION = "1"

BACKWARD = re.compile(r"(?:And|But|Yet|So|Also|He|She|They|It|His|Her|Their|This|That|These|Those|Then)\b")
"""How a paragraph begins that refers to one before it, so that it can hardly be the first."""


@dataclass(frozen=True)
class Cleaned:
    """The repaired text of an article: its title and, in the same number and order, its lines."""

    title: Tracked
    lines: tuple[Tracked, ...]
    changes: tuple[tuple[int, Change], ...]
    """What was repaired, with the number of the line; 0 is the title."""
    damaged: bool
    """Whether the article as a whole lost its characters beyond ASCII."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of a line, its kind, and the ranges that lead it back to the raw line."""

    line_no: int
    kind: str
    text: str
    ranges: tuple[Range, ...]


def clean_lines(title: str | None, lines: Sequence[str | None]) -> Cleaned:
    """Repair the title and lines of one article; a missing title or line counts as an empty one."""
    raw = [title or "", *(line or "" for line in lines)]
    repaired, article = repair(raw)
    changes = tuple((n, change) for n, line in enumerate(repaired) for change in line.changes)
    return Cleaned(repaired[0].text, tuple(line.text for line in repaired[1:]), changes, article.damaged)


def clean_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """What `standpoint clean` answers to one JSON object.

    Raises UsageError when `title` is no string, or `lines` no list of strings.
    """
    title, lines = record.get("title"), record.get("lines")
    where = f"article {record.get('id')!r}"
    if not isinstance(title, str | None):
        raise UsageError(f"{where}: title is of type {type(title).__name__}; it must be a string or null")
    if not isinstance(lines, list) or not all(isinstance(line, str | None) for line in lines):
        raise UsageError(f'{where}: lines must be a list of strings, such as ["First paragraph."]')
    cleaned = clean_lines(title, lines)
    return {
        "id": record.get("id"),
        "title": None if title is None else cleaned.title.text,
        "lines": [line.text or None for line in cleaned.lines],
        "repairs": [{"line": n, **change._asdict()} for n, change in cleaned.changes],
    }


def clean(raw: pa.Table, settings: Settings) -> Outcome:
    """Clean every article of a `raw` table; an article that has no text or the wrong language is rejected.

    Keeps `articles` (near_duplicate_of is null: publishing fills it), `sentences` and `signatures`.
    """
    articles, sentences, rejected = [], list[tuple[str, list[Sentence]]](), []
    for row in raw.to_pylist():
        cleaned = clean_lines(row["title"], row["lines"])
        parts = sentences_of(cleaned)
        body = "\n".join(s.text for s in parts if s.kind == "body")
        language = identify(body or cleaned.title.text)
        published = headers.publication(row["date_raw"], row["url_raw"], row["landed_at"])
        if refusal := _refusal(row, cleaned, body, language, published, settings):
            rejected.append(refusal)
            continue
        url = headers.canonical_url(row["url_raw"] or "")
        articles.append(
            {
                "article_id": row["article_id"],
                "title": cleaned.title.text,
                "url": url,
                "outlet": headers.outlet(url) if url else None,
                "published": published and published.published,
                "date_source": published and published.source,
                "language": language.code,
                "language_score": language.score,
                "sentences": len(parts),
                "characters": sum(len(s.text) for s in parts),
                "text_sha256": hashlib.sha256("\n".join(s.text for s in parts).encode()).hexdigest(),
                "near_duplicate_of": None,
                "repairs": sorted(Counter(change.kind for _, change in cleaned.changes).items()),
                "order_suspect": order_suspect(cleaned, parts),
            }
        )
        sentences.append((row["article_id"], parts))
    kept = {"articles": schemas.from_rows("articles", articles), "sentences": _sentences_table(sentences)}
    kept["signatures"] = sign(kept["articles"], kept["sentences"])
    return Outcome(kept, raw.num_rows, rejects_table(rejected))


def sentences_of(cleaned: Cleaned) -> list[Sentence]:
    """The sentences of an article in order: the title whole, then those of every line that has text."""
    found = [Sentence(0, "title", *_whole(cleaned.title))] if cleaned.title.text else []
    for number, line in enumerate(cleaned.lines, start=1):
        boilerplate = is_boilerplate(line.text)
        spans = split(line.text)
        for start, end in spans:
            part = line.sliced(start, end)
            marked = boilerplate or (len(spans) > 1 and is_boilerplate(part.text))
            found.append(Sentence(number, "boilerplate" if marked else "body", part.text, part.ranges))
    return found


def order_suspect(cleaned: Cleaned, sentences: Sequence[Sentence]) -> bool:
    """Whether the paragraphs may stand in the wrong order.

    They may in an article that lost its characters beyond ASCII, since what drops those shuffles
    paragraphs too, and where the first paragraph refers to one before it.
    """
    first = next((s.text for s in sentences if s.kind == "body"), "")
    several = len({s.line_no for s in sentences if s.kind == "body"}) > 1
    return several and (cleaned.damaged or BACKWARD.match(first) is not None)


def _whole(text: Tracked) -> tuple[str, tuple[Range, ...]]:
    part = text.sliced(0, len(text.text))
    return part.text, part.ranges


def _refusal(
    row: Mapping[str, Any],
    cleaned: Cleaned,
    body: str,
    language: Language,
    published: headers.Publication | None,
    settings: Settings,
) -> dict[str, Any] | None:
    """The row of `rejects` for an article that cannot be kept, else None."""
    if not cleaned.title.text:
        reason, detail = "no_title", "nothing is left of the title after repair"
    elif not body:
        reason, detail = "no_text", "nothing but boilerplate is left of the lines after repair"
    elif published is None:
        reason, detail = "date", f"{row['date_raw']!r} is no plausible publication date"
    elif language.certain and language.code not in settings.languages:
        wanted = ", ".join(settings.languages)
        reason, detail = "language", f"{language.code}, probability {language.score:.2f}; wanted: {wanted}"
    else:
        return None
    text = "\n".join([row["title"], *row["lines"]])[:RAW_LIMIT].encode()
    return reject("clean", row["source_uri"], reason, detail, text, row["article_id"])


def _sentences_table(articles: Sequence[tuple[str, list[Sentence]]]) -> pa.Table:
    rows = [(article, number, s) for article, parts in articles for number, s in enumerate(parts)]
    ranges = list(zip(*(r for _, _, s in rows for r in s.ranges), strict=True)) or [()] * 5
    ends = [0]
    for _, _, s in rows:
        ends.append(ends[-1] + len(s.ranges))
    struct = schemas.RAW_OFFSETS.value_type
    values = pa.StructArray.from_arrays(
        [pa.array(column, field.type) for column, field in zip(ranges, struct, strict=True)],
        fields=list(struct),
    )
    columns = {
        "article_id": pa.array([article for article, _, _ in rows], pa.string()),
        "sentence_no": pa.array([number for _, number, _ in rows], pa.int32()),
        "line_no": pa.array([s.line_no for _, _, s in rows], pa.int32()),
        "kind": pa.array([s.kind for _, _, s in rows], pa.string()),
        "text": pa.array([s.text for _, _, s in rows], pa.string()),
        "raw_offsets": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values, type=schemas.RAW_OFFSETS),
    }
    return schemas.conform("sentences", pa.table(columns))
