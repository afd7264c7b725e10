"""Which persons an article names, and whom its short names mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.aliases import Aliases
from pipeline.forms import Name
from pipeline.names import same_person, surnames, words

# Names whose first word is the family's, by which the person is called: Xi, Kim, Nguyen.
_FAMILY_FIRST = words(
    """
ahn bai cao chang chen cheng cho choi chung deng dong feng gao guo han hong hu huang hwang jang
jeong jiang jung kang kim ko kwon lai lam le lee li liang lim lin liu lu luo ma mao moon nguyen oh
pak park peng pham qin ro seo shin song sun tran tsai wang wei wen wong wu xi xie xu yang yoon yu
zeng zhang zhao zheng zhou zhu
    """
)
_LONGEST_FAMILY_FIRST = 3


class People:
    """The persons whose full names stand in the article, with the entity of each."""

    def __init__(self, names: Sequence[Name], curated: Mapping[int, str], aliases: Aliases) -> None:
        """`curated` holds the entity of each name, by its place, that the alias file tells for sure."""
        self.aliases = aliases
        full = {
            i: n for i, n in enumerate(names) if n.is_person and n.is_full and not run_on(n.form, aliases)
        }
        known = {name.form: curated[i] for i, name in full.items() if i in curated}
        self.persons = _persons(sorted({name.form for name in full.values()}), known)
        self.bearers: dict[str, set[str]] = defaultdict(set)
        self.firsts: dict[str, set[str]] = defaultdict(set)
        self.titles: dict[str, set[str]] = defaultdict(set)
        for name in full.values():
            person = self.persons[name.form]
            self.titles[person].add(name.title)
            self.firsts[name.form.split()[0]].add(person)
            for short in called(name.form):
                self.bearers[short].add(person)

    def entity(self, name: Name, curated: str) -> str:
        """The person that a name means, or nothing; `curated` is what the alias file says of its form.

        A full name means its person. A short one means what its title and it mean in the alias file;
        else the one person who bears it: of several, the one who bears the name's title in the article.
        """
        if name.form in self.persons:
            return self.persons[name.form]
        if name.title and f"{name.title} {name.form}" in self.aliases.alone:
            return curated
        could = self.bearers.get(name.form, set()) | ({curated} if curated else set())
        if len(could) > 1 and name.title:
            could = {person for person in could if name.title in self.titles[person]} or could
        if len(could) != 1 or self.firsts.get(name.form, could) != could:
            return ""
        return next(iter(could))


def run_on(form: str, aliases: Aliases) -> bool:
    """Whether the form runs two curated persons' names together: a comma lost in "Biden, Putin to speak"."""
    if form in aliases.alone:
        return False
    parts = form.split()
    cuts = ((" ".join(parts[:n]), " ".join(parts[n:])) for n in range(1, len(parts)))
    return any(_is_person(one, aliases) and _is_person(other, aliases) for one, other in cuts)


def called(form: str) -> list[str]:
    """The shorter forms by which the person of a full form is called."""
    parts = form.split()
    family = parts[:1] if parts[0] in _FAMILY_FIRST and len(parts) <= _LONGEST_FAMILY_FIRST else []
    return surnames(form) + family


def _is_person(form: str, aliases: Aliases) -> bool:
    entity_id = aliases.alone.get(form)
    return entity_id is not None and aliases.entities[entity_id].type == "PERSON"


def _persons(forms: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Full form → entity: the curated one, else one of the article's own for all forms that fit together."""
    persons = dict(known)
    for form in sorted(set(forms) - set(known), key=lambda form: (-len(form.split()), form)):
        fitting = {persons[other] for other in persons if same_person(form, other)}
        persons[form] = fitting.pop() if len(fitting) == 1 else f"person:{form.replace(' ', '-')}"
    return persons
