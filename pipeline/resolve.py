"""Which entity each name of one article means: the rules, from the article and the alias file alone.

docs/linking.md states the rules in order; docs/decisions/linking.md says why they are so few. A name that
they leave open gets an identifier of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.aliases import Aliases
from pipeline.forms import Name, unify
from pipeline.metonymy import stands_for_government
from pipeline.names import slug
from pipeline.people import People, run_on

PREFIXES = {
    "PERSON": "person",
    "ORG": "org",
    "LOC": "place",
    "FAC": "place",
    "NORP": "group",
    "PRODUCT": "product",
    "MISC": "misc",
}
"""What the identifier of an entity outside the alias file begins with, by its type."""


def resolve(names: Sequence[Name], sentences: Sequence[str], aliases: Aliases) -> list[str | None]:
    """The entity of each name of an article, in order; `sentences` are the article's.

    None for two persons' names run together, which have no one entity. Rewrites the names' forms on the way.
    """
    unify(names, aliases)
    curated = {i: found for i, name in enumerate(names) if (found := _curated(name, aliases))}
    people = People(names, curated, aliases)
    ids = dict(curated)
    for i, name in enumerate(names):
        if name.is_person:
            ids[i] = people.entity(name, curated.get(i, ""))
    told = _Context(sentences, {found for found in ids.values() if found}, aliases)
    for i, name in enumerate(names):
        if not ids.get(i):
            contested = name.is_person and bool(people.bearers.get(name.form))
            ids[i] = ("" if contested else told.entity(name)) or _own(name)
    return [_one(name, ids[i], aliases) for i, name in enumerate(names)]


def _one(name: Name, entity_id: str, aliases: Aliases) -> str | None:
    if name.is_person and run_on(name.form, aliases):
        return None
    return _government(name, entity_id, aliases)


def _own(name: Name) -> str:
    return f"{PREFIXES[name.type]}:{slug(name.form)}"


def _curated(name: Name, aliases: Aliases) -> str:
    """The curated entity that the form names wherever it stands, if its type allows."""
    if name.is_word:
        return ""
    titled = aliases.alone.get(f"{name.title} {name.form}", "") if name.title else ""
    found = titled or aliases.alone.get(name.form, "")
    # A surname that is safe alone is its person's, also where the tagger took it for a place.
    person = found and aliases.entities[found].type == "PERSON"
    return found if found and (person or _fits(name, found, aliases)) else ""


def _fits(name: Name, entity_id: str, aliases: Aliases) -> bool:
    """Whether the name can mean the entity: a single word of a place's name tagged as a person cannot."""
    agree = (aliases.entities[entity_id].type == "PERSON") == name.is_person
    return agree or name.is_full or (name.is_acronym and name.text.isupper())


class _Context:
    """Forms that are not safe alone: which of their entities something else in the article tells."""

    def __init__(self, sentences: Sequence[str], named: set[str], aliases: Aliases) -> None:
        self.text = "\n".join(sentences)
        self.named, self.aliases = named, aliases

    def entity(self, name: Name) -> str:
        """The only entity that lists the form and is named or told by its context words, or nothing."""
        if name.is_word or name.is_of_a_state:
            return ""
        listed = self.aliases.shared.get(name.form, ())
        told = [e for e in listed if _fits(name, e, self.aliases) and (e in self.named or self._told(e))]
        return told[0] if len(told) == 1 else ""

    def _told(self, entity_id: str) -> bool:
        words = self.aliases.entities[entity_id].context
        return any(
            word in self.text and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.text) for word in words
        )


def _government(name: Name, entity_id: str, aliases: Aliases) -> str:
    """A capital that acts as a government is that government."""
    entity = aliases.entities.get(entity_id)
    if entity and entity.government and stands_for_government(name.left, name.text, name.right):
        return entity.government
    return entity_id
