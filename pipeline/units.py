"""Units of work: dirty days, packed and cut so that each takes about as long as the next.

What a unit weighs is told in tokens. Many small days are one unit; a day that is too large for one is cut
into shards by article, which are worked on apart and published together (docs/decisions/units.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import inbox
from pipeline.inputs import gather, versions
from pipeline.lake import Lake

# Some 75 s of the model on one quiet core: enough to hide what a unit costs beside its articles (validation
# and Airflow, a few seconds; docs/performance.md), and little enough to hold in memory (1.6 GB with the
# model), to see progress and to lose on a crash.
TOKENS_PER_UNIT = 1_000_000
CHARACTERS_PER_TOKEN = 4.8
"""Of raw text, for each word piece that the model reads of it (docs/decisions/units.md)."""
CARRIED = 4
"""So many tokens that are carried over weigh as one that is computed: they are read, checked and written."""

CHARACTERS_PER_ARTICLE = 4_000
"""Assumed where an earlier version has not counted them."""


@dataclass(frozen=True)
class Due:
    """A dirty day, and what exactly it is to be built from.

    `articles`: how many it has; `fresh`: how many must be computed, the others are carried over;
    `base`: the snapshot that it is built on (empty: none yet); `batches`: the inbox batches taken up;
    `tokens`: of the fresh articles, and `size`: of all, as estimated; `together`: the first of the days that
    must be published at once with it (empty: none), since articles moved among them.
    """

    day: str
    reasons: tuple[str, ...]
    articles: int
    fresh: int
    base: str
    inputs: str
    fingerprint: str
    batches: tuple[str, ...]
    tokens: int = 0
    size: int = 0
    together: str = ""

    @property
    def date(self) -> date:
        """The day as a date."""
        return date.fromisoformat(self.day)

    @property
    def snapshot(self) -> str:
        """The id of the build, which every row carries."""
        return self.fingerprint[:16]

    @property
    def carries(self) -> bool:
        """Whether articles that have not changed are carried over."""
        return self.fresh < self.articles

    @property
    def weight(self) -> int:
        """How much of a unit it fills, in tokens that are computed."""
        return self.tokens + max(self.size - self.tokens, 0) // CARRIED


@dataclass(frozen=True)
class Shard:
    """The articles of one part of a unit that is too large: those from one id on, before another.

    `cuts` are the first ids of the second part and of those after it, the same in all parts, so that every
    id is in exactly one; `number` counts from 1; `fresh` and `tokens` are what is to be computed in it.
    """

    number: int
    cuts: tuple[str, ...]
    fresh: int
    tokens: int

    @property
    def parts(self) -> int:
        """How many there are."""
        return len(self.cuts) + 1

    def of(self, table: pa.Table) -> pa.Table:
        """The rows of a table whose `article_id` is in this part."""
        first, *after = ("", *self.cuts)[self.number - 1 : self.number + 1]
        inside = pc.greater_equal(table["article_id"], first)
        for cut in after:
            inside = pc.and_(inside, pc.less(table["article_id"], cut))
        return table.filter(inside)


@dataclass(frozen=True)
class Unit:
    """Days that are built and published together, or one shard of what they hold."""

    days: tuple[Due, ...]
    shard: Shard | None = None

    @property
    def id(self) -> str:
        """First day, and a digest of what is built: equal work has an equal id. Of shards, their number."""
        cuts = self.shard.cuts if self.shard else ()
        text = " ".join([*(f"{d.day}{d.base}{d.fingerprint}" for d in self.days), *cuts])
        name = f"{self.days[0].day}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        return f"{name}-{self.shard.number}of{self.shard.parts}" if self.shard else name

    def siblings(self, staged: str) -> list[str]:
        """The ids under which all shards of what it is part of are staged, if it is staged as `staged`."""
        if self.shard is None:
            return [staged]
        number, parts = self.shard.number, self.shard.parts
        return [staged.replace(f"-{number}of{parts}", f"-{n}of{parts}", 1) for n in range(1, parts + 1)]

    @property
    def fresh(self) -> int:
        """How many articles are to be computed."""
        return self.shard.fresh if self.shard else sum(due.fresh for due in self.days)

    @property
    def tokens(self) -> int:
        """How many tokens are to be computed, as estimated."""
        return self.shard.tokens if self.shard else sum(due.tokens for due in self.days)

    def json(self) -> bytes:
        """The unit as JSON, for the tasks that work on it."""
        return json.dumps(asdict(self), indent=1).encode()

    @staticmethod
    def parse(data: bytes) -> Unit:
        """The inverse of `json`."""
        found = json.loads(data)
        days, shard = found["days"], found["shard"]
        for row in days:
            row["reasons"], row["batches"] = tuple(row["reasons"]), tuple(row["batches"])
        return Unit(
            tuple(Due(**row) for row in days),
            Shard(**shard | {"cuts": tuple(shard["cuts"])}) if shard else None,
        )


def units(
    days: Sequence[Due], lake: Lake, tokens: int = TOKENS_PER_UNIT, *, apart: bool = False
) -> Iterator[Unit]:
    """The days packed into units of at most so many tokens, in their order; `apart`: as few days as can be.

    Days that exchange articles stay together, so that they are published at once. What is too large for a
    unit is cut into shards; of these, one article alone may be larger.
    """
    held: list[Due] = []
    for group in groups(days):
        if held and (apart or sum(d.weight for d in (*held, *group)) > tokens):
            yield Unit(tuple(held))
            held = []
        if sum(d.tokens for d in group) > tokens:
            yield from _shards(group, lake, tokens)
        else:
            held.extend(group)
    if held:
        yield Unit(tuple(held))


def tokens_of(characters: int) -> int:
    """How many tokens the model will read of so many characters of raw text, as estimated."""
    return round(characters / CHARACTERS_PER_TOKEN)


def groups(days: Sequence[Due]) -> Iterator[list[Due]]:
    """The days that must be published at once, each group at the place of its first."""
    groups: dict[str, list[Due]] = {}
    for due in days:
        groups.setdefault(due.together or due.day, []).append(due)
    yield from groups.values()


def _shards(group: Sequence[Due], lake: Lake, most: int) -> list[Unit]:
    """The group cut into units of at most so many tokens; whole where its articles turn out to be short."""
    days = tuple(group)
    try:
        weights = sorted(pair for due in days for pair in _fresh(lake, due))
    except FileNotFoundError:  # Another run has taken up what it was planned from; who works on it will see.
        return [Unit(days)]
    parts = _cut(weights, most)
    # As few as that, and the largest of them as small as it can be.
    least, enough = sum(size for _, size in weights) // max(len(parts), 1), most
    while least < enough:
        tried = (least + enough) // 2
        if len(fewer := _cut(weights, tried)) == len(parts):
            parts, enough = fewer, tried
        else:
            least = tried + 1
    if len(parts) < 2:
        return [Unit(days)]
    cuts = tuple(part[0][0] for part in parts[1:])
    counts = [(len(part), sum(size for _, size in part)) for part in parts]
    return [Unit(days, Shard(n, cuts, *count)) for n, count in enumerate(counts, 1)]


def _cut(weights: Sequence[tuple[str, int]], most: int) -> list[list[tuple[str, int]]]:
    """The articles in parts of at most so many tokens, each as full as can be; none where there are none."""
    parts: list[list[tuple[str, int]]] = []
    filled = 0
    for article, size in weights:
        if not parts or filled + size > most:
            parts.append([])
            filled = 0
        parts[-1].append((article, size))
        filled += size
    return parts


def _fresh(lake: Lake, due: Due) -> Iterator[tuple[str, int]]:
    """The articles of a day that are to be computed, with their tokens as estimated."""
    manifest = lake.manifest(due.date)
    batches = [inbox.read(lake.store, name) for name in due.batches]
    raw = gather(lake, due.date, manifest, batches).raw
    sizes = dict(zip(raw["article_id"].to_pylist(), inbox.characters(raw), strict=True))
    fresh = versions(raw) - (versions(lake.table(manifest, "raw")) if due.carries else set())
    return ((version[0], tokens_of(sizes[version[0]])) for version in fresh)
