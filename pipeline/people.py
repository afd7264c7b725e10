"""Which persons an article names, and whom its short names mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.aliases import Aliases
from pipeline.forms import Name
from pipeline.names import fold, looks_like_surname, same_person, suffix, surnames, words

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
        full = _full(names, curated, aliases)
        known = {name.form: curated[i] for i, name in full.items() if i in curated}
        self.persons = _persons(sorted({name.form for name in full.values()}), known)
        short = {name.form for name in names if name.is_person and name.form not in self.persons}
        self.bearers: dict[str, set[str]] = defaultdict(set)
        self.firsts: dict[str, set[str]] = defaultdict(set)
        self.fathers: dict[str, str] = {}
        self.titles: dict[str, set[str]] = defaultdict(set)
        for name in full.values():
            person = self.persons[name.form]
            self.titles[person].add(name.title)
            self.firsts[name.form.split()[0]].add(person)
            if suffix(name.form) == "jr":
                self.fathers[person] = aliases.alone.get(name.form.removesuffix(" jr"), "")
            for surname in called(name.form):
                self.bearers[surname].add(person)
        # Who is called by a surname that nobody else has.
        self.by_surname = {
            next(iter(self.bearers[one])) for one in short & set(self.bearers) if len(self.bearers[one]) == 1
        }

    def entity(self, name: Name, curated: str) -> str:
        """The person that a name means, or nothing; `curated` is what the alias file says of its form.

        A full name means its person. A short one means what its title and it mean in the alias file;
        else the one person who bears it: of several, the one who bears the name's title in the article. A
        surname that is safe alone is the father's, not his who is "Jr.".
        """
        if name.form in self.persons:
            return self.persons[name.form]
        if name.title and f"{name.title} {name.form}" in self.aliases.alone:
            return curated
        could = self.bearers.get(name.form, set()) | ({curated} if curated else set())
        if curated:
            could = {person for person in could if self.fathers.get(person) != curated} or could
        if len(could) > 1 and name.title:
            could = {person for person in could if name.title in self.titles[person]} or could
        if len(could) != 1 or self._may_be_first(name.form, could, curated):
            return ""
        return next(iter(could))

    def _may_be_first(self, form: str, could: set[str], curated: str) -> bool:
        """Whether a bare name may be the first name of somebody else than of who `could` be meant.

        Not where the article names in full who bears the surname, and either the file says the same or
        the others are called by their surnames.
        """
        others = self.firsts.get(form, set()) - could
        if self.bearers.get(form) == could:
            others = set() if curated else others - self.by_surname
        return bool(others)


def _full(names: Sequence[Name], curated: Mapping[int, str], aliases: Aliases) -> dict[int, Name]:
    """The persons' full names, by place: not two names in one, and not a surname of several words."""
    found = {
        i: name
        for i, name in enumerate(names)
        if name.is_person and name.is_full and " and " not in name.form and not run_on(name.form, aliases)
    }
    short = {short for name in found.values() for short in called(name.form) if " " in short}
    surname = {form for form in short if looks_like_surname(form)}
    for i in found.keys() & curated.keys():
        if fold(aliases.entities[curated[i]].name).endswith(f" {found[i].form}"):
            surname.add(found[i].form)
    return {i: name for i, name in found.items() if name.form not in surname and not name.is_hyphenated}


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
    junior = [" ".join(parts[-2:])] if len(parts) > 2 and suffix(form) else []
    return surnames(form) + junior + family


def _is_person(form: str, aliases: Aliases) -> bool:
    entity_id = aliases.alone.get(form)
    return entity_id is not None and aliases.entities[entity_id].type == "PERSON"


def _persons(forms: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Full form → entity: the curated one, else one of the article's own for all forms that fit together."""
    persons = dict(known)
    for form in sorted(set(forms) - set(known), key=lambda form: (-len(form.split()), -len(form), form)):
        # A word before a name that the file knows is an epithet: "Grumpy Joe Biden".
        before = {known[other] for other in known if form.endswith(f" {other}")}
        fitting = before or {persons[other] for other in persons if same_person(form, other)}
        persons[form] = fitting.pop() if len(fitting) == 1 else f"person:{form.replace(' ', '-')}"
    return persons
