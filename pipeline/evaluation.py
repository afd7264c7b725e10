"""Scores of the model on hand labels, such as those of `seeds/gold`.

Sentences are scored as they were labelled, clean; pairs that the labels do not list count as neutral
(seeds/README.md). `given` asks the judge about the labelled mentions, so that it is scored alone;
`end to end` takes the mentions that the tagger found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline import judge, link, schemas, tag
from pipeline.gold import Articles, Sentence
from pipeline.stages import Context

Key = tuple[str, int]  # article, sentence
Judged = tuple[Key, tuple[int, int] | None, tuple[int, int], str]


@dataclass(frozen=True)
class Score:
    """Right, found and wanted, as precision, recall and F1."""

    right: int
    found: int
    wanted: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return self.right / max(self.found, 1)

    @property
    def recall(self) -> float:
        """Share of what was wanted that was found."""
        return self.right / max(self.wanted, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / max(self.found + self.wanted, 1)

    @staticmethod
    def of(found: Iterable[object], wanted: Iterable[object]) -> Score:
        """The score of one set against another."""
        one, other = set(found), set(wanted)
        return Score(len(one & other), len(one), len(other))


def scores(gold: Articles, context: Context) -> dict[str, Score]:
    """Every score of the context's models on these labels, by what it measures."""
    sentences, wanted = _sentences(gold), _wanted(gold)
    tagged = tag.tag(sentences, context.tagger).kept
    linked = link.link(sentences, tagged["mentions"], context.aliases).kept["mentions"]
    asked = (tagged["vectors"], tagged["attributions"], context.judge, context.thresholds)
    judged = judge.judge(sentences, linked, *asked).kept["stances"]
    mentions = linked.to_pylist()
    spans = {(_key(m), m["start"], m["end"]) for m in mentions}
    report = {
        "mentions: span and type": Score.of(
            {(_key(m), m["start"], m["end"], m["type"]) for m in mentions},
            {(k, m["start"], m["end"], m["type"]) for k, s in wanted.items() for m in s["mentions"]},
        ),
        "mentions: span": Score.of(
            spans, {(k, m["start"], m["end"]) for k, s in wanted.items() for m in s["mentions"]}
        ),
        "entities: span and canonical id": Score.of(
            {(_key(m), m["start"], m["end"], _slug(m["entity_id"])) for m in mentions if m["entity_id"]},
            {(k, m["start"], m["end"], m["entity"]) for k, s in wanted.items() for m in s["mentions"]
             if m["entity"]},
        ),
    }  # fmt: skip
    given = _given(gold, context)
    everything = _stances(wanted)
    for name, found in (("given mentions", given), ("end to end", _found(mentions, judged))):
        for side, holder in (("who on whom", True), ("the text itself", False)):
            for stance in ("favor", "against"):
                chosen = [{j for j in js if j[3] == stance and (j[1] is not None) == holder}
                          for js in (found, everything)]  # fmt: skip
                report[f"{side}, {stance}, {name}"] = Score.of(*chosen)
    return report


def _sentences(gold: Articles) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {
            "article_id": _id(number),
            "sentence_no": index,
            "line_no": index,
            "kind": "body" if index else "title",
            "text": sentence["text"],
            "raw_offsets": [],
        }
        for number, article in enumerate(gold)
        for index, sentence in enumerate(article)
    ]
    return schemas.from_rows("sentences", rows)


def _given(gold: Articles, context: Context) -> set[Judged]:
    """What the judge says of the labelled mentions, with their labelled entities."""
    sentences = _sentences(gold)
    texts = sentences["text"].to_pylist()
    labelled = [s for article in gold for s in article]
    spans = [[(m["start"], m["end"]) for m in s["mentions"]] for s in labelled]
    tags = context.tagger.tag(texts, spans)
    rows, vectors = [], []
    asked = [i for i, kind in enumerate(tags.type) if kind == ""]
    pairs = [(n, m) for n, s in enumerate(labelled) for m in s["mentions"]]
    keys = sentences.select(["article_id", "sentence_no"]).to_pylist()
    for number, (index, (text_no, mention)) in enumerate(zip(asked, pairs, strict=True)):
        where = {**keys[text_no], "mention_no": number}
        entity = mention["entity"] if mention["type"] in schemas.ENTITY_TYPES else None
        values = {k: mention[k] for k in ("start", "end", "text", "type")}
        rows.append({**where, **values, "score": 1.0, "entity_id": entity})
        vectors.append({"article_id": where["article_id"], "mention_no": number,
                        "vector": tags.vectors[index].tolist()})  # fmt: skip
    mentions = schemas.from_rows("mentions", rows)
    nothing_said = schemas.ATTRIBUTIONS.empty()  # tells `attributed` alone where each sentence is a paragraph
    given = (schemas.from_rows("vectors", vectors), nothing_said, context.judge, context.thresholds)
    judged = judge.judge(sentences, mentions, *given)
    return _found(mentions.to_pylist(), judged.kept["stances"])


def _found(mentions: list[dict[str, Any]], stances: pa.Table) -> set[Judged]:
    spans = {(m["article_id"], m["mention_no"]): (m["start"], m["end"]) for m in mentions}
    found = set()
    for row in stances.to_pylist():
        holder = row["holder_mention_no"]
        span = None if holder is None else spans[row["article_id"], holder]
        found.add((_key(row), span, spans[row["article_id"], row["target_mention_no"]], row["stance"]))
    return found


def _stances(wanted: Mapping[Key, Sentence]) -> set[Judged]:
    found = set()
    for key, sentence in wanted.items():
        spans = [(m["start"], m["end"]) for m in sentence["mentions"]]
        for stance in sentence["stances"]:
            holder = None if stance["holder"] is None else spans[stance["holder"]]
            found.add((key, holder, spans[stance["target"]], stance["stance"]))
    return found


def _wanted(gold: Articles) -> dict[Key, Sentence]:
    return {(_id(n), i): s for n, article in enumerate(gold) for i, s in enumerate(article)}


def _key(row: Mapping[str, Any]) -> Key:
    return row["article_id"], row["sentence_no"]


def _id(number: int) -> str:
    return f"{number:016x}"


def _slug(entity_id: str) -> str:
    return entity_id.rpartition(":")[2]
