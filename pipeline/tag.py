"""Finds the named entities of every sentence, and who says what in it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import models
from pipeline import cues, schemas
from pipeline.outcome import Outcome
from pipeline.settling import DECIMALS, settled

VERSION = "3"


def tag(sentences: pa.Table, tagger: models.Tagger) -> Outcome:
    """The mentions of the sentences, without entities yet, each mention's vector, and the attributions.

    Boilerplate is not tagged: it is not the article's prose. All other sentences go to the tagger in one
    call, which batches them as suits it; an article's mentions of one name then agree on its type
    (`pipeline.settling`). Keeps `mentions` (entity_id null), `vectors` and `attributions`, the
    last by rule where the tagger has none; `tokens` are the word pieces of each article that the tagger saw.
    """
    prose = schemas.conform("sentences", sentences).filter(pc.field("kind") != "boilerplate")
    texts = prose["text"].to_pylist()
    tags = tagger.tag(texts)
    order = np.lexsort((tags.end, tags.start, tags.text_no))
    text_no, start, end = (np.asarray(column)[order] for column in (tags.text_no, tags.start, tags.end))
    of_mention = prose.select(["article_id", "sentence_no"]).take(pa.array(text_no, pa.int64()))
    spans = zip(text_no.tolist(), start.tolist(), end.tolist(), strict=True)
    names = [texts[no][lo:hi] for no, lo, hi in spans]
    # Rounded, because the last digits of a float depend on what else was in its batch.
    score = np.round(np.asarray(tags.score, np.float32)[order], DECIMALS)
    types = [tags.type[row] for row in order]
    mentions = pa.table(
        {
            "article_id": of_mention["article_id"],
            "sentence_no": of_mention["sentence_no"],
            "mention_no": numbered(of_mention["article_id"]),
            "start": pa.array(start, pa.int32()),
            "end": pa.array(end, pa.int32()),
            "text": pa.array(names, pa.string()),
            "type": pa.array(settled(of_mention["article_id"].to_pylist(), names, types, score), pa.string()),
            "score": pa.array(score),
            "entity_id": pa.nulls(len(order), pa.string()),
        }
    )
    vectors = pa.table(
        {
            "article_id": mentions["article_id"],
            "mention_no": mentions["mention_no"],
            "vector": _lists(np.asarray(tags.vectors, np.float16)[order]),
        }
    )
    tables = {
        "mentions": mentions,
        "vectors": vectors,
        "attributions": _attributions(prose, texts, tags.said),
    }
    kept = {name: schemas.conform(name, table) for name, table in tables.items()}
    return Outcome(kept, rows_in=len(order), tokens=_by_article(prose["article_id"], tags.tokens))


def numbered(article_ids: pa.ChunkedArray) -> pa.Array:
    """0, 1, 2 … within each run of equal article ids, int32."""
    ids = article_ids.combine_chunks().dictionary_encode()
    codes = np.asarray(ids.indices)
    place = np.arange(len(codes))
    first = np.diff(codes, prepend=-1) != 0
    return pa.array(place - np.maximum.accumulate(np.where(first, place, 0)), pa.int32())


def _attributions(prose: pa.Table, texts: list[str], said: models.Said | None) -> pa.Table:
    """Who says what in the sentences: as the tagger found it, else by rule."""
    if said is None:
        found = [(no, *span) for no, text in enumerate(texts) for span in cues.spans(text)]
        text_no, start, end = ([span[i] for span in found] for i in range(3))
        role = [span[3] for span in found]
        score = pa.nulls(len(found), pa.float32())
    else:
        text_no, start, end = (np.asarray(x).tolist() for x in (said.text_no, said.start, said.end))
        role, score = said.role, pa.array(np.round(np.asarray(said.score, np.float32), DECIMALS))
    of_span = prose.select(["article_id", "sentence_no"]).take(pa.array(text_no, pa.int64()))
    spans = {"start": pa.array(start, pa.int32()), "end": pa.array(end, pa.int32())}
    named = {"role": pa.array(role, pa.string()), "score": score}
    return pa.table({name: of_span[name] for name in of_span.column_names} | spans | named)


def _by_article(article_ids: pa.ChunkedArray, tokens: np.ndarray) -> dict[str, int]:
    sums = (
        pa.table({"id": article_ids, "n": pa.array(tokens, pa.int64())})
        .group_by("id")
        .aggregate([("n", "sum")])
    )
    return dict(zip(sums["id"].to_pylist(), sums["n_sum"].to_pylist(), strict=True))


def _lists(matrix: np.ndarray) -> pa.Array:
    rows, width = matrix.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(matrix.ravel(), pa.float16()))
