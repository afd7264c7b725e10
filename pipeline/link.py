"""Resolves mentions to canonical entities, inside each article and by the alias file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schemas
from pipeline.aliases import Aliases
from pipeline.forms import Name
from pipeline.names import fold, split_title
from pipeline.outcome import Outcome
from pipeline.resolve import resolve
from pipeline.schemas import ENTITY_TYPES

VERSION = "2"


def link(sentences: pa.Table, mentions: pa.Table, aliases: Aliases) -> Outcome:
    """The mentions with their `entity_id`: a slug if curated, else `person:…`, `org:…` and so on.

    Resolution looks at the article and the alias file alone, never at other articles; dates, sums of
    money and names run together have no entity. Raises ValueError when a mention has no sentence.
    """
    mentions = schemas.conform("mentions", mentions)
    texts = _texts(sentences)
    ids: list[str | None] = [None] * mentions.num_rows
    for article_id, rows in _by_article(mentions):
        named = [row for row in rows if row["type"] in ENTITY_TYPES]
        names = [_name(row, texts[article_id]) for row in named]
        found = resolve(names, list(texts[article_id].values()), aliases)
        for row, entity_id in zip(named, found, strict=True):
            ids[row["place"]] = entity_id
    at = mentions.schema.get_field_index("entity_id")
    linked = mentions.set_column(at, mentions.schema.field(at), pa.array(ids, pa.string()))
    return Outcome({"mentions": linked}, rows_in=mentions.num_rows)


def _texts(sentences: pa.Table) -> dict[str, dict[int, str]]:
    """Article → number → text, in the order of the article."""
    prose = schemas.conform("sentences", sentences)
    columns = (prose[name].to_pylist() for name in ("article_id", "sentence_no", "text", "kind"))
    texts: dict[str, dict[int, str]] = defaultdict(dict)
    for article_id, number, text, kind in zip(*columns, strict=True):
        if kind != "boilerplate":
            texts[article_id][number] = text
    return texts


def _by_article(mentions: pa.Table) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    rows = mentions.append_column("place", pa.array(range(mentions.num_rows))).to_pylist()
    for article_id, group in groupby(rows, key=lambda row: row["article_id"]):
        yield article_id, list(group)


def _name(row: dict[str, Any], texts: dict[int, str]) -> Name:
    try:
        sentence = texts[row["sentence_no"]]
    except KeyError:
        raise ValueError(f"mention {row['mention_no']} of {row['article_id']} has no sentence") from None
    return Name(row["text"], row["type"], sentence, row["start"], row["end"])


def entities(mentions: pa.Table, aliases: Aliases) -> pa.Table:
    """The `entities` of a partition's mentions: one row per `entity_id`, whatever the order of the rows.

    A curated entity has the name and type of the alias file; another the type of most of its mentions and
    its longest form (most words, then most frequent). `aliases` are the distinct texts, sorted.
    """
    named = mentions.filter(pc.field("entity_id").is_valid())
    counts = named.group_by(["entity_id", "text", "type"]).aggregate([([], "count_all")])
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    types: dict[str, Counter[str]] = defaultdict(Counter)
    columns = (counts[name].to_pylist() for name in ("entity_id", "text", "type", "count_all"))
    for entity_id, text, kind, count in zip(*columns, strict=True):
        texts[entity_id][text] += count
        types[entity_id][kind] += count
    return schemas.from_rows("entities", [_entity(i, texts[i], types[i], aliases) for i in texts])


def _entity(entity_id: str, texts: Counter[str], types: Counter[str], aliases: Aliases) -> dict[str, Any]:
    curated = aliases.entities.get(entity_id)
    common = max(ENTITY_TYPES, key=lambda kind: (types[kind], -ENTITY_TYPES.index(kind)))
    return {
        "entity_id": entity_id,
        "name": curated.name if curated else _longest(texts),
        "type": curated.type if curated else common,
        "aliases": sorted(texts),
        "mentions": texts.total(),
    }


def _longest(texts: Counter[str]) -> str:
    def rank(text: str) -> tuple[int, int, str]:
        form = split_title(fold(text.split(",")[0]))[1]
        return len(form.split()), texts[text], text

    return max(texts, key=rank)
