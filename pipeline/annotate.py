"""Entities and stances of texts that a user brings: the records behind `standpoint annotate`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import models
from pipeline.judge import labels, sound
from pipeline.requests import Request, Span, understood
from pipeline.schemas import ENTITY_TYPES
from pipeline.sentences import split
from pipeline.settling import DECIMALS, settled

CHUNK = 256
"""Records that go to the model together."""
CHUNK_CHARACTERS = 1_000_000
"""A chunk ends early when its texts have this many characters."""
_TEXT_ITSELF = -1
_LINE = re.compile(r"[^\r\n]+")
_Asked = tuple[int, int]  # row of the holder (-1: the text itself), row of the target


def annotate(
    records: Iterable[dict[str, Any]], tagger: models.Tagger, judge: models.Judge
) -> Iterator[dict[str, Any]]:
    """One annotated record per record, in the same order.

    Mentions are looked for in each sentence by itself, and judged there, as a run does, for which a line
    break ends a sentence; those of one name in a text agree on its type (`pipeline.settling`). Given spans
    are judged in the text as a whole.

    In: `text`, and optionally `id`, `targets` (spans [start, end)) and `pairs` (of spans: holder, target).
    Out: `id`, `mentions`, `targets` (the given spans, else the mentions that are entities: no dates and sums
    of money) and `pairs`. A span gets other probabilities when it is given than when it is found: who chose
    it had a reason, so that among chosen ones more are favor or against (`models.Questions.every`). Offsets
    count characters (code points) of `text` as it is; the stance is the most probable one. A record that
    cannot be read gives `{"id", "error"}` in its place.
    """
    for chunk in _chunks(understood(record) for record in records):
        good = [request for request in chunk if not request.error]
        answers = iter(_answers(good, tagger, judge) if good else [])
        for request in chunk:
            yield {"id": request.id, "error": request.error} if request.error else next(answers)


def _chunks(requests: Iterable[Request]) -> Iterator[list[Request]]:
    chunk: list[Request] = []
    characters = 0
    for request in requests:
        chunk.append(request)
        characters += len(request.text)
        if len(chunk) >= CHUNK or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _answers(requests: list[Request], tagger: models.Tagger, judge: models.Judge) -> Iterator[dict[str, Any]]:
    parts = [part for no, request in enumerate(requests) for part in _parts(no, request)]
    texts = [part.text for part in parts]
    tags = tagger.tag(texts, [part.spans for part in parts])
    found, given = _rows(tags, parts, len(requests))
    tags = _settled(tags, parts, found)
    targets: list[list[int]] = []
    pairs: list[list[tuple[int, int]]] = []
    for no, request in enumerate(requests):
        own = [row for row in found[no] if tags.type[row] in ENTITY_TYPES]
        targets.append(own if request.targets is None else [given[no][span] for span in request.targets])
        pairs.append([(given[no][holder], given[no][target]) for holder, target in request.pairs])
    portrayals = [[(_TEXT_ITSELF, row) for row in rows] for rows in targets]
    every = [one for no, some in enumerate(portrayals) if requests[no].targets is None for one in some]
    chosen = [one for no, some in enumerate(portrayals) if requests[no].targets is not None for one in some]
    chosen += [rows for both in pairs for rows in both]
    told = _stances(tags, texts, every, judge, every=True)
    told |= _stances(tags, texts, chosen, judge, every=False)
    for no, request in enumerate(requests):
        yield {
            "id": request.id,
            "mentions": [_mention(tags, row, parts) for row in found[no]],
            "targets": [_offsets(tags, one[1], parts) | told[one] for one in portrayals[no]],
            "pairs": [
                {"holder": list(holder), "target": list(target)} | told[rows]
                for (holder, target), rows in zip(request.pairs, pairs[no], strict=True)
            ],
        }


@dataclass(frozen=True)
class _Part:
    """What the model reads at once: a sentence of a text, or, for given spans, all of it."""

    no: int  # the request
    at: int  # offset into its text
    text: str
    sentence: bool
    spans: list[Span]


def _parts(no: int, request: Request) -> list[_Part]:
    text, spans, whole = request.text, request.spans, (0, len(request.text))
    sentences = [
        (line.start() + lo, line.start() + hi)
        for line in _LINE.finditer(text)
        for lo, hi in split(line.group())
    ]
    parts = [_Part(no, lo, text[lo:hi], True, spans if (lo, hi) == whole else []) for lo, hi in sentences]
    return parts if sentences == [whole] or not spans else [*parts, _Part(no, 0, text, False, spans)]


def _rows(
    tags: models.Tags, parts: list[_Part], requests: int
) -> tuple[list[list[int]], list[dict[Span, int]]]:
    """For each request the rows of the mentions found in its sentences, and the row of each span given."""
    found: list[list[int]] = [[] for _ in range(requests)]
    given: list[dict[Span, int]] = [{} for _ in range(requests)]
    places = zip(tags.text_no.tolist(), tags.start.tolist(), tags.end.tolist(), strict=True)
    for row, (number, start, end) in enumerate(places):
        part = parts[number]
        if not tags.type[row]:
            given[part.no][start, end] = row
        elif part.sentence:
            found[part.no].append(row)
    return found, given


def _settled(tags: models.Tags, parts: list[_Part], found: list[list[int]]) -> models.Tags:
    """The tags, after the mentions of one name in one text have settled on its type, as in a run."""
    rows = [row for some in found for row in some]
    names = [parts[tags.text_no[row]].text[tags.start[row] : tags.end[row]] for row in rows]
    of = [no for no, some in enumerate(found) for _ in some]
    told = list(tags.type)
    types = settled(of, names, [told[row] for row in rows], np.asarray(tags.score)[rows])
    for row, kind in zip(rows, types, strict=True):
        told[row] = kind
    return replace(tags, type=told)


def _stances(
    tags: models.Tags, texts: list[str], asked: list[_Asked], judge: models.Judge, *, every: bool
) -> dict[_Asked, dict[str, Any]]:
    """The answer to each question; `every` as in `models.Questions`."""
    if not asked:
        return {}
    holder, target = np.array(asked, np.int32).T
    text_no = np.asarray(tags.text_no)[target].astype(np.int32)
    spans = np.stack([tags.start, tags.end], axis=1).astype(np.int32)
    itself = (holder == _TEXT_ITSELF)[:, None]
    vectors = np.asarray(tags.vectors)
    questions = models.Questions(
        texts=texts,
        text_no=text_no,
        holder=np.where(itself, np.int32(_TEXT_ITSELF), spans[holder]),
        target=spans[target],
        holder_vectors=np.where(itself, vectors.dtype.type(0), vectors[holder]),
        target_vectors=vectors[target],
        every=every,
    )
    probabilities = sound(judge.judge(questions))
    rows = zip(labels(probabilities), probabilities.tolist(), strict=True)
    found = [{"stance": stance} | dict(zip(models.STANCES, row, strict=True)) for stance, row in rows]
    return dict(zip(asked, found, strict=True))


def _offsets(tags: models.Tags, row: int, parts: list[_Part]) -> dict[str, Any]:
    at = parts[tags.text_no[row]].at
    return {"start": at + int(tags.start[row]), "end": at + int(tags.end[row])}


def _mention(tags: models.Tags, row: int, parts: list[_Part]) -> dict[str, Any]:
    text = parts[tags.text_no[row]].text[tags.start[row] : tags.end[row]]
    span, named = _offsets(tags, row, parts), {"text": text, "type": tags.type[row]}
    return span | named | {"score": round(float(tags.score[row]), DECIMALS)}
