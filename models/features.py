"""What speaks for or against a loss: the features of a candidate, and how they are told to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from models.clues import EDGE, GAP, Candidate, Known, Text

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


def _possessive(near: Near, low: Near, words: Mapping[str, int], known: Mapping[str, Known]) -> list[str]:
    last2, last, word, next_, next2, next3 = low
    own, after, after2 = shape(near.word), shape(near.after), shape(near.after2)
    if own == "Xx" and near.before in _STARTS:
        own = "Sx"
    stem, ends = word[:-1], word[-3:]
    named = f"{own},{min(words.get(near.word[:-1], 0), 4)}"
    other = min(words.get(stem, 0), 4) if own != "x" else 9
    sort, sort2, sort3, was, kin = (_sort(t, known) for t in (next_, next2, next3, last, stem))
    sizes = f"{known[stem].size if stem in known else 0},{known[word].size if word in known else 0}"
    return [
        "s", f"word={word}", f"cased={own},{word}", f"wordends={ends}", f"wordends4={word[-4:]}",
        f"next={next_}", f"second={next2}", f"last={last}", f"first={last2}", f"sort={sort}", f"was={was}",
        f"next2={next_} {next2}", f"sort2={sort} {sort2}", f"sort3={sort} {sort2} {sort3}",
        f"last2={last2} {last}", f"nextsort2={next_} {sort2}", f"sortthen={sort} {next2}",
        f"around={last} {next_}", f"aroundsort={last} {sort}", f"aroundsort2={last} {sort} {sort2}",
        f"wassort={was} {sort}", f"ends={_ending(next_)} {_ending(next2)}", f"nextshape={next_},{after2}",
        f"wordnext={word} {next_}", f"wordsort={word} {sort}", f"lastword={last} {word}",
        f"endsnext={ends} {next_}", f"endssort={ends} {sort}", f"stemends={named},{ends}",
        f"shape={own}{after}{after2}", f"shape4={shape(near.before)}{own}{after}{after2}",
        f"seen={named},{other},{min(words.get(near.word, 1) - 1, 3)}", f"seenshape={named},{after}",
        f"seennext={named},{next_}", f"seensort={named},{sort}", f"stem={kin},{sort}",
        f"stemlast={kin},{last}",
        f"casednext={own},{next_}", f"casedsort={own},{sort} {sort2}", f"casedlast={own},{last}",
        f"casedaround={own},{last} {sort}", f"sizes={own},{sizes}", f"sizessort={sizes},{sort}",
        f"sizeslast={sizes},{last}",
    ]  # fmt: skip


def _contraction(near: Near, low: Near, known: Mapping[str, Known]) -> list[str]:
    last2, last, word, next_, next2, next3 = low
    sort, sort2, sort3, was, was2 = (_sort(t, known) for t in (next_, next2, next3, last, last2))
    own = [
        f"shape={shape(near.word)} {shape(near.after)}", f"start={last in _STARTS}{sort}",
        f"next={next_}", f"next2={next_} {next2}", f"second={next2}", f"last={last}", f"last2={last2} {last}",
        f"first={last2}", f"around={last} {next_}", f"sort={sort}", f"sort2={sort} {sort2}",
        f"sort3={sort} {sort2} {sort3}", f"nextsort2={next_} {sort2}", f"was={was}", f"was2={was2} {was}",
        f"wassort={was} {sort}", f"wassort2={was} {sort} {sort2}", f"aroundsort={last} {sort}",
        f"aroundsort2={last} {sort} {sort2}", f"ends={_ending(next_)}",
    ]  # fmt: skip
    return [word, f"c.next={next_}", f"c.sort2={sort} {sort2}", *[f"{word}.{feature}" for feature in own]]


def _joined(
    near: Near, low: Near, cut: int, words: Mapping[str, int], known: Mapping[str, Known]
) -> list[str]:
    _, last, word, next_, _, _ = low
    one, two = word[:cut], word[cut:]
    sort, was, kin, kin2 = (_sort(token, known) for token in (next_, last, one, two))
    sizes = f"{min(known[one].size, 12)},{min(known[two].size, 12)}"
    return [
        f"j.one={one}", f"j.two={two}", f"j.sizes={sizes}", f"j.oneends={_ending(one)}",
        f"j.twobegins={two[:3]}", f"j.lengths={min(len(one), 6)},{min(len(two), 6)}",
        f"j.shape={shape(near.word[:cut])} {shape(near.word[cut:])},{sizes}", f"j.next={next_}",
        f"j.wordends={word[-3:]}", f"j.wordbegins={word[:4]}", f"j.twonext={two} {next_}", f"j.last={last}",
        f"j.found={one in words}", f"j.long={min(len(word), 14)}", f"j.both={two},{_ending(one)}",
        f"j.gaps={min(words.get(GAP, 0), 2)}", f"j.sorts={kin} {kin2}", f"j.twosort={two} {sort}",
        f"j.sort2={kin2} {sort}", f"j.wasone={was} {kin}",
    ]  # fmt: skip


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
