"""Clean: raw articles to repaired, dated articles in one of the wanted languages, and their sentences."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline import garbage, headers, schemas
from pipeline.boilerplate import marked
from pipeline.errors import UsageError
from pipeline.language import Language, identify
from pipeline.order import Paragraph, lead_line, order_suspect
from pipeline.outcome import RAW_LIMIT, Outcome, reject, rejects_table
from pipeline.repair import Change, Repaired, repair, repair_all
from pipeline.restore import Article
from pipeline.sentences import split
from pipeline.settings import Settings
from pipeline.signatures import sign
from pipeline.tracked import Range, Tracked

VERSION = "3"

ONLY_COUNTED = ("control", "whitespace")
"""Kinds of repair that have no rows in `repairs`: they would be most of it, and say nothing."""


@dataclass(frozen=True)
class Cleaned:
    """The repaired text of an article: its title and, in the same number and order, its lines."""

    title: Tracked
    lines: tuple[Tracked, ...]
    changes: tuple[tuple[int, Change], ...]
    """What was repaired, with the number of the line; 0 is the title."""
    suspicions: tuple[tuple[int, Change], ...]
    """What may be damaged too, likewise, and was left as it is."""
    damaged: bool
    """Whether the article as a whole lost its characters beyond ASCII."""


class Sentence(NamedTuple):
    """A sentence of a line, its kind, and the ranges that lead it back to the raw line."""

    line_no: int
    kind: str
    text: str
    ranges: tuple[Range, ...]


def clean_lines(title: str | None, lines: Sequence[str | None]) -> Cleaned:
    """Repair the title and lines of one article; a missing title or line counts as an empty one."""
    return _cleaned(*repair(_filled(title, lines)))


def _filled(title: str | None, lines: Sequence[str | None]) -> list[str]:
    return [title or "", *(line or "" for line in lines)]


def _cleaned(repaired: Sequence[Repaired], article: Article) -> Cleaned:
    changes = tuple((n, change) for n, line in enumerate(repaired) for change in line.changes)
    suspicions = tuple((n, change) for n, line in enumerate(repaired) for change in line.suspicions)
    texts = tuple(line.text for line in repaired[1:])
    return Cleaned(repaired[0].text, texts, changes, suspicions, article.damaged)


def cleaned_record(record: Mapping[str, Any]) -> Cleaned:
    """The repaired text of a JSON object with `title` and `lines`.

    Raises UsageError when `title` is no string, or `lines` no list of strings.
    """
    title, lines = record.get("title"), record.get("lines")
    where = f"article {record.get('id')!r}"
    if not isinstance(title, str | None):
        raise UsageError(f"{where}: title is of type {type(title).__name__}; it must be a string or null")
    if not isinstance(lines, list) or not all(isinstance(line, str | None) for line in lines):
        raise UsageError(f'{where}: lines must be a list of strings, such as ["First paragraph."]')
    return clean_lines(title, lines)


def clean_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """What `standpoint clean` answers to one JSON object. Raises UsageError as `cleaned_record`."""
    cleaned = cleaned_record(record)
    return {
        "id": record.get("id"),
        "title": None if record.get("title") is None else cleaned.title.text,
        "lines": [line.text or None for line in cleaned.lines],
        "repairs": [_told(n, change) for n, change in cleaned.changes],
        "suspicions": [_told(n, change) for n, change in cleaned.suspicions],
    }


def _told(line: int, change: Change) -> dict[str, Any]:
    told = {"line": line, **change._asdict(), "confidence": round(change.confidence, 4)}
    del told["applied"]
    return told


@garbage.unsought()  # it takes a tenth of the time here and finds none
def clean(raw: pa.Table, settings: Settings) -> Outcome:
    """Clean every article of a `raw` table; an article that has no text or the wrong language is rejected.

    Keeps `articles` (near_duplicate_of is null: publishing fills it), `sentences`, `repairs` and
    `signatures`.
    """
    articles, rejected = [], []
    sentences, repaired = list[tuple[str, list[Sentence]]](), list[tuple[str, Cleaned]]()
    rows = raw.to_pylist()
    # One step for all articles, then the next: the large tables of each stay in the processor's cache.
    texts = [_cleaned(*found) for found in repair_all(_filled(row["title"], row["lines"]) for row in rows)]
    found = [sentences_of(cleaned) for cleaned in texts]
    bodies = ["\n".join(s.text for s in parts if s.kind == "body") for parts in found]
    languages = [identify(body or cleaned.title.text) for body, cleaned in zip(bodies, texts, strict=True)]
    for row, cleaned, parts, body, language in zip(rows, texts, found, bodies, languages, strict=True):
        published = headers.publication(row["date_raw"], row["url_raw"], row["landed_at"])
        if refusal := _refusal(row, cleaned, body, language, published, settings):
            rejected.append(refusal)
            continue
        articles.append(_article(row, cleaned, parts, language, published))
        sentences.append((row["article_id"], parts))
        repaired.append((row["article_id"], cleaned))
    kept = {
        "articles": schemas.from_rows("articles", articles),
        "sentences": _sentences_table(sentences),
        "repairs": _repairs_table(repaired),
    }
    kept["signatures"] = sign(kept["articles"], kept["sentences"])
    return Outcome(kept, raw.num_rows, rejects_table(rejected))


def _article(
    row: Mapping[str, Any],
    cleaned: Cleaned,
    parts: Sequence[Sentence],
    language: Language,
    published: headers.Publication | None,
) -> dict[str, Any]:
    """The row of `articles` for one that is kept."""
    url = headers.canonical_url(row["url_raw"] or "")
    paragraphs = paragraphs_of(parts)
    suspect = order_suspect(paragraphs, damaged=cleaned.damaged)
    return {
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
        "order_suspect": suspect,
        "lead_line": lead_line(cleaned.title.text, paragraphs, suspect=suspect),
    }


def sentences_of(cleaned: Cleaned) -> list[Sentence]:
    """The sentences of an article in order: the title whole, then those of every line that has text."""
    found = [Sentence(0, "title", *_whole(cleaned.title))] if cleaned.title.text else []
    for number, line in enumerate(cleaned.lines, start=1):
        spans = split(line.text)
        for (start, end), boilerplate in zip(spans, marked(line.text, spans), strict=True):
            part = line.sliced(start, end)
            found.append(Sentence(number, "boilerplate" if boilerplate else "body", part.text, part.ranges))
    return found


def paragraphs_of(sentences: Sequence[Sentence]) -> list[Paragraph]:
    """The body of an article, line by line, without its boilerplate."""
    body = groupby((s for s in sentences if s.kind == "body"), key=lambda s: s.line_no)
    return [Paragraph(line_no, " ".join(s.text for s in parts)) for line_no, parts in body]


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


def _repairs_table(articles: Sequence[tuple[str, Cleaned]]) -> pa.Table:
    rows = [
        (article, number, line, *change)
        for article, cleaned in articles
        for number, (line, change) in enumerate(
            told for told in (*cleaned.changes, *cleaned.suspicions) if told[1].kind not in ONLY_COUNTED
        )
    ]
    names = ["article_id", "repair_no", "line_no", "kind", "raw_start", "raw_end"]
    names += ["before", "after", "confidence", "evidence", "applied"]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    schema = schemas.REPAIRS.schema
    arrays = [pa.array(values, schema.field(n).type) for n, values in zip(names, columns, strict=True)]
    return schemas.conform("repairs", pa.table(arrays, names))
