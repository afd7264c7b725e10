"""What sources say of the mentions of a partition: the paragraphs' links as rows that `judge` works on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schemas
from pipeline.attribution import Paragraph, Sentence, Span
from pipeline.keys import places
from pipeline.speakers import POSTED, SPEAKS, Mention


@dataclass(frozen=True)
class Said:
    """What sources say of n mentions, by the mentions' rows.

    attributed  bool (n): whether a quoted or reported source says what is said of each mention
    of          int64 (m): mentions of which a known source of another entity says something
    speaker     int64 (m): that source
    """

    attributed: np.ndarray
    of: np.ndarray
    speaker: np.ndarray


def said(prose: pa.Table, named: pa.Table, home: np.ndarray, attributions: pa.Table) -> Said:
    """What the attributions say of the mentions, each of which is in the row `home` of `prose`.

    A paragraph is what came from one line. Where the sentence itself names the speaker, the mention
    there is taken that is nearest to what it speaks of: about these two the model can be asked.
    Raises ValueError when an attribution has no sentence.
    """
    entity = named["entity_id"].to_pylist()
    attributed = np.zeros(len(home), bool)
    able = np.asarray(pc.is_in(named["type"], pa.array(SPEAKS))).tolist()
    named_in = defaultdict[tuple[int, str], list[int]](list)
    for row, (place, name) in enumerate(zip(home.tolist(), entity, strict=True)):
        if able[row]:
            named_in[place, name].append(row)
    pairs = []
    for paragraph in _paragraphs(prose, named, home, attributions):
        for of, speaker in Paragraph(paragraph).spoken().items():
            attributed[of] = True
            if speaker is None or entity[speaker] == entity[of]:
                continue
            if home[speaker] != home[of]:
                here = named_in.get((int(home[of]), entity[speaker]), [])
                speaker = min(here, key=lambda row: (abs(row - of), row), default=speaker)
            pairs.append((of, speaker))
    found = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return Said(attributed, found[:, 0], found[:, 1])


def _paragraphs(
    prose: pa.Table, named: pa.Table, home: np.ndarray, attributions: pa.Table
) -> Iterator[list[Sentence]]:
    """The paragraphs in which somebody says something of somebody, or that are posts."""
    spans = _spans(prose, attributions)
    mentions = defaultdict[int, list[tuple[Any, ...]]](list)
    columns = (named[name].to_pylist() for name in ("start", "end", "type", "entity_id"))
    for row, (place, *values) in enumerate(zip(home.tolist(), *columns, strict=True)):
        mentions[place].append((row, *values))
    texts = prose["text"].to_pylist()
    for rows in _lines(prose):
        told = any(row in mentions and spans[row]["content"] for row in rows if row in spans)
        if told or POSTED.search(texts[rows[-1]]):
            yield [_sentence(texts[row], spans.get(row, {}), mentions.get(row, [])) for row in rows]


def _sentence(text: str, spans: Mapping[str, list[Span]], mentions: list[tuple[Any, ...]]) -> Sentence:
    sources, cues, contents = (tuple(spans.get(role, ())) for role in ("source", "cue", "content"))
    return Sentence(text, sources, cues, contents, tuple(Mention(*values) for values in mentions))


def _spans(prose: pa.Table, attributions: pa.Table) -> dict[int, dict[str, list[Span]]]:
    """The spans of each role, for each row of the sentences that has any."""
    table = schemas.conform("attributions", attributions)
    home = places(table, prose, ("article_id", "sentence_no")).tolist()
    found = defaultdict[int, dict[str, list[Span]]](lambda: {role: [] for role in schemas.ROLES})
    columns = (table[name].to_pylist() for name in ("start", "end", "role"))
    for place, start, end, role in zip(home, *columns, strict=True):
        found[place][role].append((start, end))
    return dict(found)


def _lines(prose: pa.Table) -> list[range]:
    """The rows of sentences that came from one line of an article, in order."""
    articles = np.asarray(prose["article_id"].combine_chunks().dictionary_encode().indices)
    lines = prose["line_no"].to_numpy()
    if not len(lines):
        return []
    new = np.flatnonzero((np.diff(articles) != 0) | (np.diff(lines) != 0)) + 1
    edges = [0, *new.tolist(), len(lines)]
    return [range(low, high) for low, high in pairwise(edges)]
