"""The curated entities and the forms by which they are named: `aliases.csv`, then the user's own file.

See docs/linking.md for how to read and extend the file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.names import fold, stripped, words
from pipeline.schemas import ENTITY_TYPES

SHIPPED = Path(__file__).with_name("aliases.csv")
REQUIRED = ("entity_id", "name", "type", "aliases")
OPTIONAL = ("government", "context")
LEAST_TRUNCATED = 4
"""A name cut short is read as the only curated name that begins so when it has at least so many words."""
SHORTEST_STRIPPED = 4  # "Orbán" is found as "Orbn", but "Malé" not as "Mal"
_ID = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
# Forms that are also English words: written all in lower case they name nobody.
WORDS = words(
    """
us is who it ice car au polish turkey chad jordan china guinea mali niger panama pole poles dane
finn swede kiwi kiwis democratic democrat democrats republican republicans conservative
conservatives labour commons house senate congress rada west western fed tory solidarity quad
guardian apple amazon vox twitter tesla wagner catholic amnesty emirates lima nice moon park kim lee
bush mao power may major truss lula petro suga duda power hague
    """
)
# Acronyms that are also words are names only in capitals.
CAPITALS = frozenset({"us", "is", "who", "it", "ice", "car"})


@dataclass(frozen=True)
class Entity:
    """A curated entity.

    government  the entity meant where the name speaks or acts as a government (a capital's country)
    context     words that tell the entity, as they stand in an article, for forms that are not safe alone
    """

    entity_id: str
    name: str
    type: str
    government: str = ""
    context: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aliases:
    """Curated entities with two maps of folded forms.

    alone   form → the one entity that it names wherever it stands
    shared  form → entities, one of which it names where something else in the article tells which
    digest  identifies the content
    """

    entities: Mapping[str, Entity]
    alone: Mapping[str, str]
    shared: Mapping[str, tuple[str, ...]]
    digest: str

    def longer(self, form: str) -> Sequence[str]:
        """The forms that are safe alone and begin with the first words of this one, but have more."""
        return self._longer.get(_start(form), ())

    @cached_property
    def _longer(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for form in self.alone:
            if form.count(" ") >= LEAST_TRUNCATED:
                found.setdefault(_start(form), []).append(form)
        return found

    @staticmethod
    def load(user: str | Path | None = None) -> Aliases:
        """The shipped file and, after it, the user's (empty or None: none).

        A user's row adds to the shipped row of the same id; a form in the user's file belongs to the
        user's entities alone. Raises UsageError, naming file, line, value and what is allowed.
        """
        entities: dict[str, Entity] = {}
        forms: dict[str, dict[str, bool]] = {}
        for path in (SHIPPED, *([Path(user)] if user else [])):
            added: dict[str, dict[str, bool]] = {}
            for row in _rows(path):
                _add(row, entities, added)
            _check_governments(path, entities)
            forms |= added
        return _aliases(entities, forms)


@dataclass(frozen=True)
class _Row:
    place: str
    cells: Mapping[str, str]

    def fail(self, column: str, allowed: str) -> UsageError:
        return UsageError(
            f"{self.place}: {column} {self.cells[column]!r} is not {allowed}; correct this line"
        )


def _rows(path: Path) -> Iterator[_Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"aliases: {path} is not UTF-8 text ({error.reason}); save it as CSV UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(
            f"aliases: {path} cannot be read ({error.strerror}); name a CSV file or none"
        ) from error
    head = re.match(r'"?entity_id"?([,;\t])', text)
    if not head:
        raise UsageError(f"aliases: {path} line 1 must name the columns {','.join(REQUIRED + OPTIONAL)}")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=head[1], restkey="")
    columns = [name.strip() for name in reader.fieldnames or ()]
    wrong = sorted((set(REQUIRED) - set(columns)) | (set(columns) - set(REQUIRED + OPTIONAL)))
    if wrong or len(set(columns)) < len(columns):
        raise UsageError(
            f"aliases: {path} line 1 names the columns {','.join(columns)}; "
            f"allowed are {','.join(REQUIRED + OPTIONAL)}, each once, the first {len(REQUIRED)} required"
        )
    reader.fieldnames = columns
    yield from _checked(path, reader)


def _checked(path: Path, reader: csv.DictReader[str]) -> Iterator[_Row]:
    seen: dict[str, int] = {}
    try:
        for cells in reader:
            place = f"aliases: {path} line {reader.line_num}"
            if "" in cells:
                raise UsageError(
                    f"{place}: more cells than columns; put cells that hold commas in double quotes"
                )
            row = _Row(place, dict.fromkeys(OPTIONAL, "") | {c: (cells[c] or "").strip() for c in cells})
            entity_id = row.cells["entity_id"]
            if entity_id.startswith("#") or not any(row.cells.values()):
                continue
            if not _ID.fullmatch(entity_id):
                raise row.fail(
                    "entity_id", "lower-case letters and digits joined by hyphens, as in joe-biden"
                )
            if entity_id in seen:
                raise row.fail(
                    "entity_id", f"new (line {seen[entity_id]} has it); put all forms into one line"
                )
            seen[entity_id] = reader.line_num
            yield row
    except csv.Error as error:
        raise UsageError(
            f"aliases: {path} line {reader.line_num}: {error}; save the file as plain CSV"
        ) from error


def _add(row: _Row, entities: dict[str, Entity], forms: dict[str, dict[str, bool]]) -> None:
    cells = row.cells
    entity_id = cells["entity_id"]
    known = entities.get(entity_id) or Entity(entity_id, "", "")
    entity = Entity(
        entity_id,
        cells["name"] or known.name,
        cells["type"] or known.type,
        cells["government"] or known.government,
        tuple(dict.fromkeys((*known.context, *_cut(cells["context"])))),
    )
    if not entity.name:
        raise row.fail("name", "given; a new entity needs one")
    if entity.type not in ENTITY_TYPES:
        raise row.fail("type", f"one of {', '.join(ENTITY_TYPES)}")
    entities[entity_id] = entity
    # The name comes first, so that the same form with a question mark takes its safety away.
    for form in ([cells["name"]] if cells["name"] else []) + _cut(cells["aliases"]):
        key = fold(form.rstrip("?"))
        if not key:
            raise UsageError(f"{row.place}: the form {form!r} has no letter or digit; remove it")
        forms.setdefault(key, {})[entity_id] = not form.endswith("?")
        bare = fold(stripped(form.rstrip("?")))
        if bare != key and len(bare) >= SHORTEST_STRIPPED:
            forms.setdefault(bare, {})[entity_id] = not form.endswith("?")


def _start(form: str) -> str:
    return " ".join(form.split()[:LEAST_TRUNCATED])


def _cut(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _check_governments(path: Path, entities: Mapping[str, Entity]) -> None:
    for entity in entities.values():
        if entity.government and entity.government not in entities:
            raise UsageError(
                f"aliases: {path}: government {entity.government!r} of {entity.entity_id} is no entity_id; "
                "add a line for it or leave the cell empty"
            )


def _aliases(entities: dict[str, Entity], forms: dict[str, dict[str, bool]]) -> Aliases:
    alone = {key: next(iter(ids)) for key, ids in forms.items() if len(ids) == 1 and all(ids.values())}
    shared = {key: tuple(sorted(ids)) for key, ids in forms.items() if key not in alone}
    content = json.dumps(
        [[repr(entities[i]) for i in sorted(entities)], sorted(alone.items()), sorted(shared.items())]
    )
    return Aliases(entities, alone, shared, hashlib.sha256(content.encode()).hexdigest()[:16])
