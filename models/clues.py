"""Clues to what a line lost: which words may have lost something, and the features of what stands around.

Shared by the model that reads them (`models.restorer`) and its training (`models.train_restorer`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

TOKEN = re.compile(r"[^\W\d_]+|\d+|  +|[^\w\s\ud800-\udfff]")
WORD = re.compile(r"[A-Za-z]+")
GAP, EDGE = "  ", "\n"
CONTRACTIONS = {
    form.replace("'", ""): form
    for form in """
        ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't
        mustn't needn't shouldn't wasn't weren't won't wouldn't i'm i've you've we've they've
        could've would've should've might've must've who've there've i'd you'd he'd she'd we'd
        they'd it'd that'd who'd there'd i'll you'll he'll she'll we'll they'll it'll that'll
        who'll there'll what'll you're we're they're who're what're it's let's o'clock y'all
        c'mon ma'am
    """.split()
}
"""Forms that lost their apostrophe, in lower case, and what they were; others in 's have a stem."""
UNMISTAKABLE = frozenset(CONTRACTIONS) - frozenset(
    "aint cant hed hell id ill im its ive lets shed shell wed well were whore wont".split()
)
"""Those that are no words of their own."""
NEVER = frozenset(
    """
    was is has this his as us yes thus plus always perhaps does goes across towards besides unless
    less class business congress process press series access success address progress illness loss
    mass focus virus status bonus campus crisis basis analysis thesis gas ms vs mrs mr theirs hers
    ours yours ss ID ILL IM id ill im
    """.split()
)
"""Words in s that are hardly ever possessives (without them a third of the work is saved); abbreviations."""
JOIN = 5
"""Letters that a word joined by a lost dash has at least."""
LONGEST = 40
"""Letters that it has at most; the work grows with their square."""


class Known(NamedTuple):
    """A word of English news: log2 of how often the training texts have it, and its class (-1: none).

    Words of a class stand among the same words: `sort` tells a noun from a verb, a month from a name.
    """

    size: int
    sort: int


class Candidate(NamedTuple):
    """A word that may have lost something: its token's number, its kind (`c`, `s`, `j`), and where."""

    number: int
    kind: str
    at: int


class Text(NamedTuple):
    """A line as the features see it: tokens with their offsets, and how often the article has each word."""

    text: str
    tokens: list[str]
    starts: list[int]
    words: Mapping[str, int]

    @staticmethod
    def of(text: str, words: Mapping[str, int]) -> Text:
        """Tokens are words, numbers, marks, and gaps: runs of spaces where a dash was lost, and dashes."""
        found = [(m[0], m.start()) for m in TOKEN.finditer(text)]
        tokens = [GAP if token[0] in " —" else token for token, _ in found]
        return Text(text, tokens, [start for _, start in found], words)


def count(lines: Iterable[str]) -> Counter[str]:
    """How often each word and each gap occurs in the lines of an article."""
    found = Counter[str]()
    for line in lines:
        found.update(WORD.findall(line))
        found[GAP] += line.count(GAP)
    return found


def candidates(read: Text, known: Mapping[str, Known]) -> Iterator[Candidate]:
    """The words of a text that may have lost an apostrophe or, joined with the next, a dash."""
    text, tokens, starts, words = read
    for number, token in enumerate(tokens):
        if not token[0].isalpha() or len(token) < 2 or not token.isascii():  # with its accents restored
            continue
        start, end = starts[number], starts[number] + len(token)
        around = text[start - 1 : start] + text[end : end + 1]
        if not _UNTOUCHED.isdisjoint(around) or _DOMAIN.match(text, end):
            continue
        low = token.lower()
        if low in CONTRACTIONS:
            if "-" not in around and token not in NEVER:
                yield Candidate(number, "c", start + CONTRACTIONS[low].index("'"))
        elif low[-1] == "s" and (
            low in known or low[:-1] in known or low[:-1] in words or not split(low, known)
        ):
            if low not in NEVER:
                yield Candidate(number, "s", end - 1)
        elif (
            len(token) >= JOIN
            and not (low in known or "-" in around or words.get(token, 0) > 1)
            and (at := split(token, known))
        ):
            yield Candidate(number, "j", start + at)


_UNTOUCHED = frozenset("@#/_'’&=1234567890")
_DOMAIN = re.compile(r"\.[A-Za-z]")


def split(word: str, known: Mapping[str, Known]) -> int:
    """Where a word falls most likely into two common ones; 0 where it does not.

    >>> known = {"citizens": Known(9, 3), "and": Known(18, 7), "kraine": Known(4, -1)}
    >>> split("citizensand", known), split("Ukraine", known)
    (8, 0)
    """
    if len(word) > LONGEST:
        return 0
    best, place = 0, 0
    for at in range(1, len(word)):
        one, two = word[:at], word[at:]
        if (at == 1 and one not in "aI") or (len(two) == 1 and two not in "aI") or not _cased(one, two):
            continue
        first, second = known.get(one.lower()), known.get(two.lower())
        if first and second and first.size + second.size > best:
            best, place = first.size + second.size, at
    return place


def _cased(one: str, two: str) -> bool:
    """Whether upper and lower case stand in both parts as they do in words."""
    return all(part.islower() or part.isupper() or part.istitle() for part in (one, two))


def featured(read: Text, candidate: Candidate, known: Mapping[str, Known]) -> Iterator[str]:
    """The features of a candidate as `name=value`; `explain` puts the telling ones into words."""
    tokens, number = read.tokens, candidate.number
    before2, before, word, after, after2, after3 = (
        tokens[at] if 0 <= at < len(tokens) else EDGE for at in range(number - 2, number + 4)
    )
    low, next_, next2, last, last2 = (t.lower() for t in (word, after, after2, before, before2))
    sort, sort2, was = (_sort(t, known) for t in (next_, next2, last))
    if candidate.kind == "s":
        own, stem = shape(word), low[:-1]
        if own == "Xx" and before in _STARTS:
            own = "Sx"
        named = min(read.words.get(word[:-1], 0), 4)
        other = min(read.words.get(stem, 0), 4) if own != "x" else 9
        sort3 = _sort(after3.lower(), known)
        ends, ends2 = _ending(next_), _ending(next2)
        sizes = f"{known[stem].size if stem in known else 0},{known[low].size if low in known else 0}"
        yield from ("s", f"word={low}", f"cased={own},{low}", f"wordends={low[-3:]}", f"wordends4={low[-4:]}")
        yield from (f"next={next_}", f"second={next2}", f"last={last}", f"first={last2}", f"sort={sort}")
        yield from (f"next2={next_} {next2}", f"sort2={sort} {sort2}", f"last2={last2} {last}", f"was={was}")
        yield from (
            f"around={last} {next_}",
            f"aroundsort={last} {sort}",
            f"aroundsort2={last} {sort} {sort2}",
        )
        yield from (
            f"wordnext={low} {next_}",
            f"wordsort={low} {sort}",
            f"lastword={last} {low}",
            f"wassort={was} {sort}",
        )
        yield from (
            f"shape={own}{shape(after)}{shape(after2)}",
            f"shape4={shape(before)}{own}{shape(after)}{shape(after2)}",
        )
        yield from (
            f"seen={own},{named},{other},{min(read.words.get(word, 1) - 1, 3)}",
            f"seenshape={own},{named},{shape(after)}",
        )
        yield from (
            f"seennext={own},{named},{next_}",
            f"seensort={own},{named},{sort}",
            f"stem={_sort(stem, known)},{sort}",
        )
        yield from (
            f"endsnext={low[-3:]} {next_}",
            f"endssort={low[-3:]} {sort}",
            f"stemlast={_sort(stem, known)},{last}",
        )
        yield from (f"casednext={own},{next_}", f"casedsort={own},{sort} {sort2}", f"casedlast={own},{last}")
        yield from (
            f"casedaround={own},{last} {sort}",
            f"nextshape={next_},{shape(after2)}",
            f"sortthen={sort} {next2}",
        )
        yield from (
            f"sort3={sort} {sort2} {sort3}",
            f"stemends={own},{low[-3:-1]},{named}",
            f"ends={ends} {ends2}",
        )
        yield from (
            f"sizes={own},{sizes}",
            f"sizessort={sizes},{sort}",
            f"sizeslast={sizes},{last}",
            f"nextsort2={next_} {sort2}",
        )
        return
    if candidate.kind == "c":
        own = f"{shape(word)} {shape(after)}"
        first = _sort(last2, known)
        yield from (
            low,
            f"{low}.shape={own}",
            f"{low}.next={next_}",
            f"{low}.last={last}",
            f"{low}.sort={sort}",
        )
        yield from (
            f"{low}.next2={next_} {next2}",
            f"{low}.last2={last2} {last}",
            f"{low}.around={last} {next_}",
        )
        yield from (
            f"{low}.sort2={sort} {sort2}",
            f"{low}.second={next2}",
            f"{low}.first={last2}",
            f"{low}.was={was}",
        )
        yield from (f"{low}.start={last in _STARTS}{sort}", f"c.next={next_}", f"c.sort2={sort} {sort2}")
        yield from (
            f"{low}.wassort={was} {sort}",
            f"{low}.was2={first} {was}",
            f"{low}.aroundsort={last} {sort}",
        )
        yield from (
            f"{low}.aroundsort2={last} {sort} {sort2}",
            f"{low}.wassort2={was} {sort} {sort2}",
            f"{low}.ends={_ending(next_)}",
        )
        yield from (
            f"{low}.sort3={sort} {sort2} {_sort(after3.lower(), known)}",
            f"{low}.nextsort2={next_} {sort2}",
        )
        return
    cut = candidate.at - read.starts[number]
    one, two = low[:cut], low[cut:]
    own = f"{shape(word[:cut])} {shape(word[cut:])}"
    sizes = f"{min(known[one].size, 12)},{min(known[two].size, 12)}"
    yield from (
        f"j.one={one}",
        f"j.two={two}",
        f"j.sizes={sizes}",
        f"j.oneends={_ending(one)}",
        f"j.twobegins={two[:3]}",
    )
    yield from (
        f"j.lengths={min(len(one), 6)},{min(len(two), 6)}",
        f"j.shape={own},{sizes}",
        f"j.next={next_}",
    )
    yield from (
        f"j.wordends={low[-3:]}",
        f"j.wordbegins={low[:4]}",
        f"j.twonext={two} {next_}",
        f"j.last={last}",
    )
    yield from (f"j.found={one in read.words}", f"j.long={min(len(low), 14)}", f"j.both={two},{_ending(one)}")
    yield from (
        f"j.gaps={min(read.words.get(GAP, 0), 2)}",
        f"j.sorts={_sort(one, known)} {_sort(two, known)}",
    )
    yield from (
        f"j.twosort={two} {sort}",
        f"j.sort2={_sort(two, known)} {sort}",
        f"j.wasone={was} {_sort(one, known)}",
    )


_STARTS = frozenset((*'.?!"', EDGE))


def _sort(token: str, known: Mapping[str, Known]) -> str:
    """The class of a known word, else its ending; a mark is its own class."""
    found = known.get(token)
    return str(found.sort) if found and found.sort >= 0 else _ending(token)


def _ending(token: str) -> str:
    return token[-3:] if token[0].isalpha() else token[0]


def shape(token: str) -> str:
    """Upper and lower case of a token in short; a mark is its own shape.

    >>> [shape(token) for token in ("army", "Russia", "US", "McCain", "2022", ",")]
    ['x', 'Xx', 'X', 'xX', '0', ',']
    """
    if not token[0].isalpha():
        return "0" if token[0].isdigit() else token[0]
    if token.islower():
        return "x"
    if token.isupper():
        return "X" if len(token) > 1 else "I"
    return "Xx" if token[1:].islower() else "xX"


TOLD = {
    name: told
    for told, names in (
        ("the word itself", "word cased wordends wordends4 wordbegins long"),
        ("what follows", "next next2 second sort sort2 sort3 nextsort2 nextshape sortthen ends"),
        ("what stands before", "last last2 first was was2"),
        ("what stands before and after", "around aroundsort aroundsort2 wassort wassort2 start"),
        ("the word and what follows", "wordnext wordsort endsnext endssort stem"),
        ("the word and what stands before", "lastword stemlast wasone"),
        (
            "upper and lower case, and what stands around",
            "shape shape4 casednext casedsort casedlast casedaround",
        ),
        ("how often the article has its stem", "seen seenshape seennext seensort stemends"),
        ("how common it and its stem are in news", "sizes sizessort sizeslast"),
        ("its two parts", "one two both lengths oneends twobegins twonext twosort sorts found"),
        ("other dashes lost in the article", "gaps"),
    )
    for name in names.split()
}
"""What features are, by their names."""


def explain(evidence: Iterable[str]) -> str:
    """Features in words, each kind once, the most telling first.

    >>> explain(("its.next=a", "its.sort2=1 4", "sizes=x,9,3"))
    'what follows; how common it and its stem are in news'
    """
    names = (feature.partition("=")[0].rpartition(".")[2] for feature in evidence)
    return "; ".join(dict.fromkeys(TOLD.get(name, "the word itself") for name in names))
