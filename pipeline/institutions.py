"""Institutions that every state has: "Supreme Court" names none of them, "Russian Supreme Court" one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.aliases import Aliases
from pipeline.names import fold, words

if TYPE_CHECKING:
    from pipeline.forms import Name

_COMMON = """
supreme court, constitutional court, high court, court of appeal, federal court, parliament,
national assembly, assembly, senate, congress, house of representatives, cabinet, government,
council of ministers, foreign ministry, ministry of foreign affairs, foreign office, defense
ministry, defence ministry, ministry of defense, ministry of defence, interior ministry, ministry of
the interior, ministry of interior, finance ministry, ministry of finance, health ministry, ministry
of health, justice ministry, ministry of justice, education ministry, ministry of education, culture
ministry, ministry of culture, energy ministry, ministry of energy, trade ministry, commerce
ministry, ministry of commerce, agriculture ministry, economy ministry, ministry of information,
information ministry, treasury, central bank, national bank, election commission, electoral
commission, army, navy, air force, national guard, coast guard, armed forces, police, national
police, communist party, socialist party, labour party, labor party, conservative party, liberal
party, green party, security council, national security council, state media, embassy, consulate
"""
_INSTITUTIONS = frozenset(" ".join(name.split()) for name in _COMMON.split(","))
_GENERIC_FIRST = words(
    """
bank board bureau center centre central chamber church club college commission committee communist
constitutional council court democratic department federal foreign foundation general government
group high house institute international labor labour liberal ministry movement municipal national
new office party people peoples police public republic republican royal school senate socialist
society state supreme union united university
    """
)


_LONGEST_PLACE = 3  # words: "South African Foreign Ministry"


class Institutions:
    """Gives an institution's form its country, so that two countries' courts stay two."""

    def __init__(self, aliases: Aliases) -> None:
        """Countries are the places of the alias file."""
        self.aliases = aliases

    @staticmethod
    def generic(form: str) -> bool:
        """Whether a single word or institution name tells nothing of who is meant."""
        return form in _INSTITUTIONS or form in _GENERIC_FIRST

    def qualify(self, names: Sequence[Name]) -> None:
        """Rewrites the institutions' forms to "<institution> of <country>".

        The country is inside the name ("Russian Supreme Court", "Supreme Court of India"), or the name right
        before it ("Russia's Supreme Court"), or that of the only such institution of the article.
        """
        for i, name in enumerate(names):
            if not name.is_person and not self._curated(name.form):
                before = names[i - 1] if i else None
                name.form = self._inside(name.form) or self._adjacent(before, name) or name.form
        qualified: dict[str, set[str]] = {}
        for name in names:
            institution = name.form.rpartition(" of ")[0]
            if institution in _INSTITUTIONS:
                qualified.setdefault(institution, set()).add(name.form)
        for name in names:
            found = (
                qualified.get(name.form, set())
                if not name.is_person and name.form in _INSTITUTIONS
                else set()
            )
            if len(found) == 1:
                name.form = next(iter(found))

    def _curated(self, form: str) -> bool:
        return form in self.aliases.alone

    def _place(self, form: str) -> str:
        """The folded name of the curated place that the form names, or nothing."""
        for known in (form, form.removesuffix("s")):
            entity = self.aliases.entities.get(self.aliases.alone.get(known, ""))
            if entity and entity.type == "LOC":
                return fold((self.aliases.entities[entity.government] if entity.government else entity).name)
        return ""

    def _inside(self, form: str) -> str:
        parts = form.split()
        for n in range(1, min(_LONGEST_PLACE + 1, len(parts))):
            tail = " ".join(parts[n:])
            if tail in _INSTITUTIONS and (place := self._place(" ".join(parts[:n]))):
                return self._of(tail, place)
        head, of, tail = form.rpartition(" of ")
        place = self._place(tail.removeprefix("the ")) if of and head in _INSTITUTIONS else ""
        return self._of(head, place) if place else ""

    def _of(self, institution: str, place: str) -> str:
        curated = f"{place} {institution}"
        return curated if self._curated(curated) else f"{institution} of {place}"

    def _adjacent(self, before: Name | None, name: Name) -> str:
        if before is None or name.form not in _INSTITUTIONS or before.sentence is not name.sentence:
            return ""
        between = name.sentence[before.end : name.start]
        place = self._place(before.form) if re.fullmatch(r"(?:['’]?s?)? ", between) else ""
        return self._of(name.form, place) if place else ""
