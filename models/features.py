"""What speaks for or against a loss: the features of a candidate, and how they are told to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from models.clues import EDGE, GAP, Candidate, Known, Text

BETWEEN = "\t"
"""Stands in no token and so in no feature."""
_STARTS = frozenset((*'.?!"', EDGE))


class Near(NamedTuple):
    """A word, and the two tokens before and three after it."""

    before2: str
    before: str
    word: str
    after: str
    after2: str
    after3: str


def featured(read: Text, candidate: Candidate, known: Mapping[str, Known]) -> list[str]:
    """The features of a candidate as `name=value`; `explain` puts the telling ones into words."""
    return described(read, candidate, known).split(BETWEEN)


def described(read: Text, candidate: Candidate, known: Mapping[str, Known]) -> str:
    """The features of a candidate in one string, with `BETWEEN` between them: most are only hashed."""
    tokens, number = read.tokens, candidate.number
    if 2 <= number < len(tokens) - 3:
        near = Near(*tokens[number - 2 : number + 4])
    else:
        places = range(number - 2, number + 4)
        near = Near(*(tokens[at] if 0 <= at < len(tokens) else EDGE for at in places))
    low = Near._make(map(str.lower, near))
    if candidate.kind == "s":
        return _possessive(near, low, read.words, known)
    if candidate.kind == "c":
        return _contraction(near, low, known)
    return _joined(near, low, candidate.at - read.starts[number], read.words, known)


def _possessive(near: Near, low: Near, words: Mapping[str, int], known: Mapping[str, Known]) -> str:
    last2, last, word, next_, next2, next3 = low
    own, after, after2 = shape(near.word), shape(near.after), shape(near.after2)
    if own == "Xx" and near.before in _STARTS:
        own = "Sx"
    stem, ends = word[:-1], word[-3:]
    named = f"{own},{min(words.get(near.word[:-1], 0), 4)}"
    other = min(words.get(stem, 0), 4) if own != "x" else 9
    sort, sort2, sort3, was, kin = (_sort(t, known) for t in (next_, next2, next3, last, stem))
    sizes = f"{known[stem].size if stem in known else 0},{known[word].size if word in known else 0}"
    return (
        f"s\tword={word}\tcased={own},{word}\twordends={ends}\twordends4={word[-4:]}\t"
        f"next={next_}\tsecond={next2}\tlast={last}\tfirst={last2}\tsort={sort}\twas={was}\t"
        f"next2={next_} {next2}\tsort2={sort} {sort2}\tsort3={sort} {sort2} {sort3}\t"
        f"last2={last2} {last}\tnextsort2={next_} {sort2}\tsortthen={sort} {next2}\t"
        f"around={last} {next_}\taroundsort={last} {sort}\taroundsort2={last} {sort} {sort2}\t"
        f"wassort={was} {sort}\tends={_ending(next_)} {_ending(next2)}\t"
        f"nextshape={next_},{after2}\twordnext={word} {next_}\twordsort={word} {sort}\t"
        f"lastword={last} {word}\tendsnext={ends} {next_}\tendssort={ends} {sort}\t"
        f"stemends={named},{ends}\tshape={own}{after}{after2}\t"
        f"shape4={shape(near.before)}{own}{after}{after2}\t"
        f"seen={named},{other},{min(words.get(near.word, 1) - 1, 3)}\tseenshape={named},{after}\t"
        f"seennext={named},{next_}\tseensort={named},{sort}\tstem={kin},{sort}\t"
        f"stemlast={kin},{last}\tcasednext={own},{next_}\tcasedsort={own},{sort} {sort2}\t"
        f"casedlast={own},{last}\tcasedaround={own},{last} {sort}\tsizes={own},{sizes}\t"
        f"sizessort={sizes},{sort}\tsizeslast={sizes},{last}"
    )


def _contraction(near: Near, low: Near, known: Mapping[str, Known]) -> str:
    last2, last, word, next_, next2, next3 = low
    sort, sort2, sort3, was, was2 = (_sort(t, known) for t in (next_, next2, next3, last, last2))
    return (
        f"{word}\tc.next={next_}\tc.sort2={sort} {sort2}\t"
        f"{word}.shape={shape(near.word)} {shape(near.after)}\t"
        f"{word}.start={last in _STARTS}{sort}\t{word}.next={next_}\t{word}.next2={next_} {next2}\t"
        f"{word}.second={next2}\t{word}.last={last}\t{word}.last2={last2} {last}\t"
        f"{word}.first={last2}\t{word}.around={last} {next_}\t{word}.sort={sort}\t"
        f"{word}.sort2={sort} {sort2}\t{word}.sort3={sort} {sort2} {sort3}\t"
        f"{word}.nextsort2={next_} {sort2}\t{word}.was={was}\t{word}.was2={was2} {was}\t"
        f"{word}.wassort={was} {sort}\t{word}.wassort2={was} {sort} {sort2}\t"
        f"{word}.aroundsort={last} {sort}\t{word}.aroundsort2={last} {sort} {sort2}\t"
        f"{word}.ends={_ending(next_)}"
    )


def _joined(near: Near, low: Near, cut: int, words: Mapping[str, int], known: Mapping[str, Known]) -> str:
    _, last, word, next_, _, _ = low
    one, two = word[:cut], word[cut:]
    sort, was, kin, kin2 = (_sort(token, known) for token in (next_, last, one, two))
    sizes = f"{min(known[one].size, 12)},{min(known[two].size, 12)}"
    return (
        f"j.one={one}\tj.two={two}\tj.sizes={sizes}\tj.oneends={_ending(one)}\t"
        f"j.twobegins={two[:3]}\tj.lengths={min(len(one), 6)},{min(len(two), 6)}\t"
        f"j.shape={shape(near.word[:cut])} {shape(near.word[cut:])},{sizes}\tj.next={next_}\t"
        f"j.wordends={word[-3:]}\tj.wordbegins={word[:4]}\tj.twonext={two} {next_}\tj.last={last}\t"
        f"j.found={one in words}\tj.long={min(len(word), 14)}\tj.both={two},{_ending(one)}\t"
        f"j.gaps={min(words.get(GAP, 0), 2)}\tj.sorts={kin} {kin2}\tj.twosort={two} {sort}\t"
        f"j.sort2={kin2} {sort}\tj.wasone={was} {kin}"
    )


def _sort(token: str, known: Mapping[str, Known]) -> str:
    """The class of a known word, else its ending; a mark is its own class."""
    found = known.get(token)
    return found.sort or _ending(token) if found else _ending(token)


def _ending(token: str) -> str:
    return token[-3:] if token[0].isalpha() else token[0]


@lru_cache(maxsize=4096)
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
        ("“{}” follows", "next next2"),
        ("after “{}”", "last last2"),
        ("between “{}”", "around"),
        ("“{}”", "wordnext lastword twonext"),
        ("what kind of words follow", "second sort sort2 sort3 nextsort2 nextshape sortthen ends"),
        ("what kind of words stand before", "first was was2"),
        ("what kind of words stand around", "aroundsort aroundsort2 wassort wassort2 start"),
        ("such a word before such others", "wordsort endsnext endssort stem"),
        ("such a word after such others", "stemlast wasone"),
        ("upper and lower case here and around", "shape shape4 casednext casedsort casedlast casedaround"),
        ("how often the article has its stem", "seen seenshape seennext seensort stemends"),
        ("how common it and its stem are in news", "sizes sizessort sizeslast"),
        ("its two parts", "one two both lengths oneends twobegins twosort sorts found"),
        ("other dashes lost in the article", "gaps"),
    )
    for name in names.split()
}
"""What features say, by their names; braces stand for the value."""


def explain(evidence: Iterable[str]) -> str:
    """Features in words, each kind once, the most telling first.

    >>> explain(("its.next2=a big", "its.last=,", "sizes=x,9,3", "its.next=a"))
    '“a big” follows; after “,”; how common it and its stem are in news; “a” follows'
    """
    told = []
    for feature in evidence:
        name, _, value = feature.partition("=")
        text = TOLD.get(name.rpartition(".")[2], "the word itself")
        if name.endswith("around"):
            value = value.replace(" ", "” and “", 1)
        told.append("at the edge of the line" if "{}" in text and EDGE in value else text.format(value))
    return "; ".join(dict.fromkeys(told))
