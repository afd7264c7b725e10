"""What two builds of a day say differently of the same sentences: mentions, entities and stances.

Sentences are the same when article and text are, mentions when they stand in the same place of the same
sentence, judgements when their mentions are the same: numbers may have shifted between the builds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.matching import Match, at, codes_of, identities, integers, matched, places
from pipeline.schemas import STANCES

PLACES = 4  # decimals of a probability, as they are published
Recipe = Mapping[str, Mapping[str, str]]

READS: Mapping[str, tuple[str, ...]] = {
    "sentences": ("article_id", "sentence_no", "text"),
    "mentions": ("article_id", "sentence_no", "mention_no", "start", "end", "text", "type", "score",
                 "entity_id"),
    "stances": ("article_id", "holder_mention_no", "target_mention_no", "stance", *STANCES, "attributed"),
}  # fmt: skip
"""The columns that are compared, or that rows are told apart by."""

KINDS: Mapping[str, str] = {
    "stance flipped": "judgements in both",
    "stance added": "favor or against, after",
    "stance removed": "favor or against, before",
    "attributed changed": "judgements in both",
    "type changed": "mentions in both",
    "entity changed": "mentions in both",
    "mention added": "mentions after",
    "mention removed": "mentions before",
}
"""What can change, and of what it is counted; a judgement of one build alone where it is not neutral."""

_BOTH = [(f"{name}_{when}", pa.float64()) for name in (*STANCES, "score") for when in ("before", "after")]
_SPAN = [(f"{who}_{end}", pa.int32()) for who in ("holder", "target") for end in ("start", "end")]
CHANGES = pa.schema(
    [
        ("day", pa.date32()),
        ("article_id", pa.string()),
        ("kind", pa.string()),
        ("holder", pa.string()),
        ("target", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("change", pa.float64()),
        *_BOTH,
        ("sentence", pa.string()),
        *_SPAN,
    ]
)
"""One change. `target` is the mention itself where no stance is meant; `change` is by how much a probability
changed (`score`, or the one of the three that changed most), null for what has none. Offsets are into
`sentence`; a holder in another sentence has none."""


@dataclass(frozen=True)
class Comparison:
    """The changes, and how many there are of how many; `changes` may hold only the largest of them.

    `flips`: stance before and after → count; `sentences`: in both, only before, only after.
    """

    changes: pa.Table
    counts: Counter[str]
    of: Counter[str]
    flips: Counter[tuple[str, str]]
    sentences: tuple[int, int, int]


def compare(before: Mapping[str, pa.Table], after: Mapping[str, pa.Table]) -> Comparison:
    """What differs between two builds of one day, each its tables with the columns `READS`.

    Sentences of one build alone are only counted. The column `day` of the changes is null. Raises
    ValueError when a mention has no sentence, or a judgement no mention.
    """
    old, new = _Side.of(before), _Side.of(after)
    same = matched(
        codes_of(old.sentences["article_id"], new.sentences["article_id"]),
        codes_of(old.sentences["text"], new.sentences["text"]),
    )
    sentence = identities(same, old.sentences.num_rows, new.sentences.num_rows)
    spans = ((integers(old.mentions[end]), integers(new.mentions[end])) for end in ("start", "end"))
    mentions = matched((sentence[0][old.home], sentence[1][new.home]), *spans)
    named = identities(mentions, old.mentions.num_rows, new.mentions.num_rows)
    judged = matched(*((at(named[0], x), at(named[1], y)) for x, y in zip(old.pair, new.pair, strict=True)))
    shared = (np.isin(old.home, same.before), np.isin(new.home, same.after))
    parts = [
        *_judgements(old, new, judged, shared),
        *_mentions(old, new, mentions, shared),
    ]
    changes = pa.concat_tables([CHANGES.empty_table(), *parts])
    told = changes.filter(pc.equal(changes["kind"], "stance flipped"))
    return Comparison(
        changes,
        Counter(changes["kind"].to_pylist()),
        _of_how_many(old, new, judged, mentions, shared),
        Counter(zip(told["before"].to_pylist(), told["after"].to_pylist(), strict=True)),
        (len(same.before), len(same.removed), len(same.added)),
    )


def gathered(found: Iterable[tuple[date, Comparison]], limit: int | None) -> Comparison:
    """The comparisons of several days as one, of each kind the `limit` largest changes (None: all).

    The largest changes of probability come first within a kind, in the order of `KINDS`.
    """
    changes, counts, of = CHANGES.empty_table(), Counter[str](), Counter[str]()
    flips, sentences = Counter[tuple[str, str]](), np.zeros(3, int)
    held = [changes]
    for day, part in found:
        dated = part.changes.set_column(0, CHANGES.field("day"), pa.repeat(pa.scalar(day), len(part.changes)))
        held = [*held, dated] if limit is None else [_largest(pa.concat_tables([*held, dated]), limit)]
        counts, of, flips = counts + part.counts, of + part.of, flips + part.flips
        sentences += part.sentences
    both, removed, added = sentences.tolist()
    return Comparison(_largest(pa.concat_tables(held), limit), counts, of, flips, (both, removed, added))


def why(recipes: Iterable[tuple[Recipe, Recipe]]) -> Counter[tuple[str, str, str, str]]:
    """Stage, part of its recipe, what it was and what it is → on how many of the days it differs."""
    found = Counter[tuple[str, str, str, str]]()
    for before, after in recipes:
        for stage in before.keys() | after.keys():
            old, new = before.get(stage, {}), after.get(stage, {})
            for part in old.keys() | new.keys():
                values = old.get(part, ""), new.get(part, "")
                found[stage, part, *values] += values[0] != values[1]
    return +found


@dataclass(frozen=True)
class _Side:
    """One build; `home`: each mention's sentence, `pair`: each judgement's holder (-1: none) and target."""

    sentences: pa.Table
    mentions: pa.Table
    stances: pa.Table
    home: np.ndarray
    pair: tuple[np.ndarray, np.ndarray]

    @staticmethod
    def of(tables: Mapping[str, pa.Table]) -> _Side:
        sentences, mentions, stances = (tables[name].select(READS[name]) for name in READS)
        keys = ("article_id", "mention_no")
        holder, target = (
            places(stances, ("article_id", f"{who}_mention_no"), mentions, keys)
            for who in ("holder", "target")
        )
        home = places(mentions, ("article_id", "sentence_no"), sentences, ("article_id", "sentence_no"))
        return _Side(sentences, mentions, stances, home, (holder, target))

    def told(self, target: np.ndarray, holder: np.ndarray | None = None) -> dict[str, pa.Array]:
        """The columns that say where a change is: mentions in their sentence."""
        named, home = self.mentions.take(pa.array(target)), self.home[target]
        found = {
            "article_id": named["article_id"],
            "target": named["text"],
            "target_start": named["start"],
            "target_end": named["end"],
            "sentence": self.sentences["text"].take(pa.array(home)),
        }
        if holder is None:
            return found
        of = self.mentions.take(pa.array(holder, mask=holder < 0))
        there = pa.array(at(self.home, holder) == home)
        found |= {f"holder_{end}": pc.if_else(there, of[end], None) for end in ("start", "end")}
        return found | {"holder": of["text"]}


def _judgements(
    old: _Side, new: _Side, match: Match, shared: tuple[np.ndarray, np.ndarray]
) -> Iterable[pa.Table]:
    before, after = old.stances.take(pa.array(match.before)), new.stances.take(pa.array(match.after))
    for kind, column in (("stance flipped", "stance"), ("attributed changed", "attributed")):
        rows = np.flatnonzero(pc.not_equal(before[column], after[column]))
        was, now = (_judged(t.take(pa.array(rows)), w) for t, w in ((before, "before"), (after, "after")))
        change = np.max(
            [np.abs(_floats(now[f"{s}_after"]) - _floats(was[f"{s}_before"])) for s in STANCES], 0
        )
        words = {}
        if column == "attributed":
            for when, table in (("before", before), ("after", after)):
                said = table[column].take(pa.array(rows))
                words[when] = pc.if_else(said, "attributed", "not attributed")
        holder, target = (side[match.after[rows]] for side in new.pair)
        yield _part(kind, len(rows), new.told(target, holder) | was | now | words, change)
    for kind, side, rows, when, known in (
        ("stance added", new, match.added, "after", shared[1]),
        ("stance removed", old, match.removed, "before", shared[0]),
    ):
        rows = rows[known[side.pair[1][rows]] & _published(side)[rows]]
        found = _judged(side.stances.take(pa.array(rows)), when)
        change = np.maximum(*(_floats(found[f"{stance}_{when}"]) for stance in ("favor", "against")))
        yield _part(kind, len(rows), side.told(side.pair[1][rows], side.pair[0][rows]) | found, change)


def _judged(stances: pa.Table, when: str) -> dict[str, pa.Array]:
    return {when: stances["stance"]} | {f"{name}_{when}": stances[name] for name in STANCES}


def _mentions(
    old: _Side, new: _Side, match: Match, shared: tuple[np.ndarray, np.ndarray]
) -> Iterable[pa.Table]:
    before, after = old.mentions.take(pa.array(match.before)), new.mentions.take(pa.array(match.after))
    for kind, column in (("type changed", "type"), ("entity changed", "entity_id")):
        was, now = pc.fill_null(before[column], ""), pc.fill_null(after[column], "")
        rows = np.flatnonzero(pc.not_equal(was, now))
        left, right = before.take(pa.array(rows)), after.take(pa.array(rows))
        told = {"before": left[column], "after": right[column]}
        scores = {"score_before": left["score"], "score_after": right["score"]}
        # The old type had one score, and now has at most what the new one's leaves: the least that it lost.
        least = np.maximum(0, _floats(scores["score_before"]) + _floats(scores["score_after"]) - 1)
        change = least if column == "type" else None
        yield _part(kind, len(rows), new.told(match.after[rows]) | told | scores, change)
    for kind, side, rows, when, known in (
        ("mention added", new, match.added, "after", shared[1]),
        ("mention removed", old, match.removed, "before", shared[0]),
    ):
        rows = rows[known[rows]]
        found = side.mentions.take(pa.array(rows))
        told = side.told(rows) | {when: found["type"], f"score_{when}": found["score"]}
        yield _part(kind, len(rows), told, _floats(found["score"]))


def _part(kind: str, rows: int, columns: Mapping[str, pa.Array], change: np.ndarray | None) -> pa.Table:
    known = {**columns, "kind": pa.repeat(pa.scalar(kind), rows)}
    if change is not None:
        known["change"] = pa.array(change)
    filled = {f.name: known.get(f.name, pa.nulls(rows, f.type)) for f in CHANGES}
    for name in (f.name for f in CHANGES if pa.types.is_floating(f.type)):
        filled[name] = pc.round(filled[name].cast(pa.float64()), PLACES)
    return pa.table(filled, schema=CHANGES)


def _of_how_many(
    old: _Side, new: _Side, judged: Match, mentions: Match, shared: tuple[np.ndarray, np.ndarray]
) -> Counter[str]:
    published = [
        int(np.sum(_published(side) & known[side.pair[1]]))
        for side, known in zip((old, new), shared, strict=True)
    ]
    numbers = {
        "judgements in both": len(judged.before),
        "favor or against, after": published[1],
        "favor or against, before": published[0],
        "mentions in both": len(mentions.before),
        "mentions after": int(shared[1].sum()),
        "mentions before": int(shared[0].sum()),
    }
    return Counter({kind: numbers[what] for kind, what in KINDS.items()})


def _published(side: _Side) -> np.ndarray:
    """Which judgements are favor or against."""
    return np.asarray(pc.not_equal(side.stances["stance"], "neutral"), bool)


def _largest(changes: pa.Table, limit: int | None) -> pa.Table:
    order = [("change", "descending"), *((name, "ascending") for name in ("day", "article_id", "sentence"))]
    order += [(name, "ascending") for name in ("target_start", "holder_start")]
    kinds = (changes.filter(pc.equal(changes["kind"], kind)).sort_by(order) for kind in KINDS)
    return pa.concat_tables([kind.slice(0, limit) for kind in kinds])


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column, np.float64)
