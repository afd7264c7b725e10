"""What a day's articles are in the light of the days before: near-duplicates, and lines that recur.

A day is settled by the signatures of its articles and of those of the `duplicate_days` days before. When
the signatures of a day change, the published days after it are settled anew and committed with it. So what
the lake says is a function of the articles in it, in whatever order the days were built
(docs/decisions/neighbours.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import duplicates, link, recurring, schemas
from pipeline.errors import Conflict
from pipeline.lake import Lake
from pipeline.manifest import Manifest
from pipeline.stages import Context, Tables, recipe

RULES = (
    ("clean", "code"),
    ("clean", "config"),
    ("link", "code"),
    ("link", "config"),
    ("publish", "code"),
    ("publish", "config"),
)
"""The parts of a recipe that what is settled here depends on."""


class Unsettled(Conflict):
    """A neighbour has changed: what is computed stands, and must be settled anew."""


@dataclass(frozen=True)
class Marks:
    """What is settled of a day: who is a near-duplicate of whom, and which lines recur."""

    near: Mapping[str, str]
    lines: pa.Table

    def on(self, tables: Tables, context: Context) -> dict[str, pa.Table]:
        """A day's `articles`, `sentences` and `entities` as settled; `mentions` are read."""
        articles = tables["articles"]
        earliest = pa.array([self.near.get(a) for a in articles["article_id"].to_pylist()], pa.string())
        at = articles.schema.get_field_index("near_duplicate_of")
        sentences = recurring.mark(tables["sentences"], self.lines)
        settled = {
            "articles": articles.set_column(at, articles.schema.field(at), earliest),
            "sentences": sentences,
            "entities": link.entities(recurring.without(tables["mentions"], sentences), context.aliases),
        }
        return {name: schemas.conform(name, table) for name, table in settled.items()}


def marks(window: pa.Table, day: Iterable[str]) -> Marks:
    """What is settled of a day whose articles have these ids; the window holds its signatures too."""
    near = duplicates.earliest(window)
    lines, articles = recurring.lines(window, near), pa.array(day, pa.string())
    return Marks(near, lines.filter(pc.is_in(lines["article_id"], articles)))


@dataclass(frozen=True)
class Neighbours:
    """The published days around those that are built, as they were when they were read."""

    lake: Lake
    context: Context
    built: Mapping[date, Tables]
    manifests: Mapping[date, Manifest]

    def settle(self) -> tuple[dict[date, dict[str, pa.Table]], dict[date, dict[str, pa.Table]]]:
        """The settled tables of the days built, and those of published days that they change."""
        built = {day: self._marks(day).on(tables, self.context) for day, tables in self.built.items()}
        changed = [day for day in self.built if not self._published(day).equals(self._signed(day))]
        later = {day + timedelta(n + 1) for day in changed for n in range(self._days)}
        published = {}
        for day in sorted(later & self._comparable - self.built.keys()):
            names = ("articles", "sentences", "mentions", "entities")
            before = {name: self.lake.table(self.manifests[day], name) for name in names}
            after = self._marks(day).on(before, self.context)
            if any(not table.equals(before[name]) for name, table in after.items()):
                published[day] = after
        return built, published

    def check(self) -> None:
        """Raises Conflict when another run has published a day that is built here since it was read,
        Unsettled when it has changed one of these days otherwise.
        """
        now = _around(self.lake, self.built, self._days)
        changed = sorted(day for day in {*now, *self.manifests} if now.get(day) != self.manifests.get(day))
        for day in changed:
            if day in self.built and _snapshot(now.get(day)) != _snapshot(self.manifests.get(day)):
                raise Conflict(
                    f"day {day}: another run has published it since it was planned; nothing is lost, run "
                    "again"
                )
        if changed:
            raise Unsettled(
                f"day {changed[0]}: another run has changed it while its neighbours were built; nothing is "
                "lost, run again"
            )

    @property
    def _days(self) -> int:
        return self.context.settings.duplicate_days

    @cached_property
    def _comparable(self) -> set[date]:
        """The published days that were settled by the rules of now; the others are due and come later."""
        now = recipe(self.context)
        found = {day: json.loads(manifest.recipe) for day, manifest in self.manifests.items()}
        return {
            day
            for day, then in found.items()
            if all(then.get(stage, {}).get(part) == now[stage][part] for stage, part in RULES)
        }

    @cached_property
    def _signatures(self) -> dict[date, pa.Table]:
        """Those that were read: the windows of days in a row overlap."""
        return {}

    def _marks(self, day: date) -> Marks:
        comparable = self._comparable | self.built.keys()
        days = [day - timedelta(n) for n in range(self._days + 1)]
        window = pa.concat_tables([self._signed(d) for d in days if d in comparable])
        return marks(window, self._signed(day)["article_id"].to_pylist())

    def _signed(self, day: date) -> pa.Table:
        """The signatures of a day as they are now to be."""
        return self.built[day]["signatures"] if day in self.built else self._published(day)

    def _published(self, day: date) -> pa.Table:
        """The signatures of a day as they were published; none where they are not comparable."""
        if day not in self._signatures:
            manifest = self.manifests[day] if day in self._comparable else None
            self._signatures[day] = self.lake.table(manifest, "signatures")
        return self._signatures[day]


def _snapshot(manifest: Manifest | None) -> str:
    return manifest.snapshot if manifest else ""


def around(lake: Lake, built: Mapping[date, Tables], context: Context) -> Neighbours:
    """The neighbours of days that are built: what is published within `duplicate_days` of them."""
    return Neighbours(lake, context, built, _around(lake, built, context.settings.duplicate_days))


def _around(lake: Lake, days: Iterable[date], reach: int) -> dict[date, Manifest]:
    near = {day + timedelta(n) for day in days for n in range(-reach, reach + 1)}
    return lake.manifests(near)
