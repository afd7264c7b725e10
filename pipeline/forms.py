"""The names of one article, and which of their forms are one: damage mended, acronyms spelled out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.aliases import CAPITALS, LEAST_TRUNCATED, WORDS, Aliases
from pipeline.institutions import Institutions
from pipeline.names import abbreviates, fold, initials, split_title, surnames, title_before, words
from pipeline.schemas import ENTITY_TYPES

_CHAMBERS = words("senate house congress assembly legislature")
_OF_A_STATE = re.compile(r"(?<!\w)state(?:['’]s)? $")
_LONGEST_SHORT = 5  # letters
_ACRONYM = re.compile(r"(?=(?:.*[A-Z]){2})[A-Z][A-Za-z0-9&.\-]{1,9}")


@dataclass
class Name:
    """A name as it stands in its sentence; `form` is folded, without `title`, and what the rules rewrite."""

    text: str
    type: str
    sentence: str
    start: int
    end: int
    form: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        # A place is named by what stands before its comma: "Wilmington, Delaware".
        text = self.text.split(",")[0] if self.type in ("LOC", "FAC") else self.text
        self.form = fold(text) or self.text
        if self.is_person:
            self.title, self.form = split_title(self.form)
            self.title = self.title or title_before(self.left)

    @property
    def left(self) -> str:
        """The sentence before the name."""
        return self.sentence[: self.start]

    @property
    def right(self) -> str:
        """The sentence after it."""
        return self.sentence[self.end :]

    @property
    def is_person(self) -> bool:
        """Whether a human being is named."""
        return self.type == "PERSON"

    @property
    def is_full(self) -> bool:
        """Whether the form has several words."""
        return " " in self.form

    @property
    def is_hyphenated(self) -> bool:
        """Whether hyphens join all words of the form, as in a double surname: "Roe-Doe"."""
        last = "".join(self.text.split()[-1:])
        return self.is_full and fold(last).count(" ") == self.form.count(" ")

    @property
    def is_of_a_state(self) -> bool:
        """Whether it is a chamber behind the word "state": no state's own Senate is the country's."""
        return self.form in _CHAMBERS and bool(_OF_A_STATE.search(self.left))

    @property
    def is_acronym(self) -> bool:
        """Whether it is written like an acronym: NATO, U.N., BoE."""
        return bool(_ACRONYM.fullmatch(self.text))

    @property
    def is_word(self) -> bool:
        """Whether it is written like a common word that is also a name: "us", "polish"."""
        plain = self.text.replace(".", "")
        return (plain.islower() and self.form in WORDS) or (self.form in CAPITALS and not plain.isupper())


def unify(names: Sequence[Name], aliases: Aliases) -> None:
    """Rewrites forms and types so that names which are one by their writing have one form and one type."""
    _agree_on_types(names)
    _mend(names, aliases)
    _introduce(names, aliases)
    _spell_out(names, aliases)
    Institutions(aliases).qualify(names)
    _lengthen(names, aliases)


def full_forms(names: Sequence[Name]) -> set[str]:
    """The forms of several words that persons have in the article."""
    return {name.form for name in names if name.is_person and name.is_full}


def _known(form: str, aliases: Aliases) -> bool:
    return form in aliases.alone or form in aliases.shared


def _agree_on_types(names: Sequence[Name]) -> None:
    """One form has one type, the article's most frequent; a surname beside its full name keeps its own."""
    ends = {end for form in full_forms(names) for end in surnames(form)}
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        votes[name.form][name.type] += 1
    for name in names:
        counts = votes[name.form]
        if len(counts) > 1 and name.form not in ends:
            name.type = max(ENTITY_TYPES, key=lambda kind: (counts[kind], -ENTITY_TYPES.index(kind)))


def _mend(names: Sequence[Name], aliases: Aliases) -> None:
    """Takes off the "s" of a lost apostrophe where the rest is known: "NATOs", "Russias", "Reznikovs"."""
    people = full_forms(names)
    ends = {end for form in people for end in surnames(form)} | people
    others = {name.form for name in names if not name.is_person}
    for name in names:
        stem = name.form[:-1]
        if not name.form.endswith("s") or len(stem) < 2 or _known(name.form, aliases):
            continue
        if name.is_person and not name.is_full and name.form in ends:
            continue
        family = name.is_person and re.search(r"\b[Tt]he $", name.left)
        if not family and (_known(stem, aliases) or stem in (ends if name.is_person else others)):
            name.form = stem


def _introduce(names: Sequence[Name], aliases: Aliases) -> None:
    """A name and its acronym in brackets, "Long Name (LN)", are one in the whole article."""
    same: dict[str, str] = {}
    for long, short in pairwise(names):
        if not _brackets(long, short) or not short.is_acronym or long.is_person or long.form == short.form:
            continue
        fits = short.form in initials(long.form)
        if fits and short.form in aliases.alone and long.form not in aliases.alone:
            same[long.form] = short.form
        elif fits or abbreviates(short.form, long.form):
            same[short.form] = long.form
    _rewrite(names, same)


def _brackets(long: Name, short: Name) -> bool:
    if long.sentence is not short.sentence or not short.right.startswith(")"):
        return False
    return long.sentence[long.end : short.start].strip() == "("


def _spell_out(names: Sequence[Name], aliases: Aliases) -> None:
    """An acronym that the alias file does not know is the only long name of the article that it fits.

    A place is short for a place alone: "R-S.C." is not the Supreme Court.
    """
    long = {(name.form, name.type == "LOC") for name in names if name.is_full and not name.is_person}
    same: dict[str, str] = {}
    for name in names:
        if name.is_acronym and not _known(name.form, aliases):
            fits = {form for form, place in long if place or name.type != "LOC"}
            fitting = [form for form in fits if name.form in initials(form)]
            if len(fitting) == 1:
                same[name.form] = fitting[0]
    _rewrite(names, same)


def _rewrite(names: Sequence[Name], same: dict[str, str]) -> None:
    types = {name.form: name.type for name in names}
    for name in names:
        if name.form in same and (name.is_acronym or not name.is_person):
            name.form = same[name.form]
            name.type = types.get(name.form, name.type)


def _is_short(name: Name) -> bool:
    """Whether the name is written like an acronym of few letters: "CRB", but not a word of a headline."""
    return name.text.isupper() and len(name.form) <= _LONGEST_SHORT


def _lengthen(names: Sequence[Name], aliases: Aliases) -> None:
    """The first words of an organisation mean it where only one of the article, or one curated, has them.

    An acronym is a name of its own: "CRB Harwick" is an office of the CRB.
    """
    long = {name.form for name in names if name.type == "ORG" and name.is_full}
    for name in names:
        if name.type != "ORG" or _known(name.form, aliases) or Institutions.generic(name.form):
            continue
        having = [form for form in long if form != name.form and f" {name.form} " in f" {form} "]
        if len(having) == 1 and having[0].startswith(f"{name.form} ") and not _is_short(name):
            name.form = having[0]
        elif len(name.form.split()) >= LEAST_TRUNCATED:
            begun = [form for form in aliases.longer(name.form) if form.startswith(f"{name.form} ")]
            if len({aliases.alone[form] for form in begun}) == 1:
                name.form = begun[0]
