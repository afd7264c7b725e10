"""Linking who says what: from spans of sources, cues and content to who says what is said of a mention.

A content span belongs to the cue nearest to it, and this to the source nearest to it. A sentence that is
content and no more takes the source of its quotation, else of its neighbour. What is not clear stays unknown,
since a wrong speaker is worse than none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from pipeline.speakers import Mention, antecedent, signature, speaker

Span = tuple[int, int]
WHOLE = 0.8
"""A sentence is content and no more where content has at least this share of its characters."""
REACH = 20
"""A source is looked for at most so many sentences away."""
MANY = 100
"""A sentence with more spans than this is no prose: what it says has no source."""
_MARKS = re.compile("[“”«»\"]|``|''")
_HE, _SHE = ("he", "his", "him"), ("she", "her")
_OTHERS = ("i", "we", "you", "they", "it", "them", "us")
_RELATIVE = ("who", "which")
_DENIES = re.compile(
    r"\b(?:den(?:y|ies|ied|ying)|(?:reject|dismiss|disput|refut|rebut|contradict)(?:s|es|e|t?ed|t?ing)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    """A sentence of a paragraph: its text, the spans of each role, and its mentions of entities, in order."""

    text: str
    sources: tuple[Span, ...] = ()
    cues: tuple[Span, ...] = ()
    contents: tuple[Span, ...] = ()
    mentions: tuple[Mention, ...] = ()

    @cached_property
    def tangled(self) -> bool:
        """Whether it has too many spans to tell which belong together."""
        return len(self.sources) + len(self.cues) + len(self.contents) > MANY

    @cached_property
    def waits(self) -> bool:
        """Whether it is content and no more, so that its source stands elsewhere."""
        if not self.contents or self.tangled:
            return False
        said, reached = 0, 0
        for start, end in sorted(self.contents):
            said += max(end - max(start, reached), 0)
            reached = max(reached, end)
        named = all(_within(span, self.contents) for span in (*self.sources, *self.cues))
        return named and said >= WHOLE * len(self.text)

    def words(self, mention: Mention) -> Span:
        """The characters of a mention, without a last full stop or comma: content may end before that."""
        return mention.start, mention.start + len(self.text[slice(*mention.span)].rstrip(".,"))

    def covers(self, mention: Mention) -> bool:
        """Whether a content span covers a mention."""
        start, end = self.words(mention)
        begun = bisect_right(self._starts, start)
        return begun > 0 and self._ends[begun - 1] >= end

    @cached_property
    def _starts(self) -> list[int]:
        return sorted(start for start, _ in self.contents)

    @cached_property
    def _ends(self) -> list[int]:
        """How far at most the contents reach that start no later than each of `_starts`."""
        return list(accumulate((end for _, end in sorted(self.contents)), max))

    @cached_property
    def people(self) -> list[Mention]:
        """The persons of whom the text itself tells: those whom no content covers."""
        return [m for m in self.mentions if m.type == "PERSON" and not self.covers(m)]

    @cached_property
    def persons(self) -> set[str]:
        """The entities of `people`."""
        return {mention.entity for mention in self.people}

    def source(self, content: Span) -> Span | None:
        """The source of a content span in this sentence: the one nearest to the cue nearest to it."""
        if self.tangled:
            return None
        return _nearest(self._beside(self.sources, content), self._cue(content) or content)

    def denies(self, content: Span) -> bool:
        """Whether the cue of a content span tells that its source denies it; without a cue, any word may."""
        start, end = self._cue(content) or (0, len(self.text))
        return bool(_DENIES.search(self.text, start, end))

    def _cue(self, content: Span) -> Span | None:
        return _nearest(self._beside(self.cues, content), content)

    def _beside(self, spans: Iterable[Span], content: Span) -> list[Span]:
        """Those that can belong to a content span: not in it, nor in other content that it is not in."""
        foreign = [c for c in self.contents if c == content or not _covers(c, content)]
        return [span for span in spans if not _within(span, foreign)]


@dataclass(frozen=True)
class Place:
    """A source: its sentence's place in the paragraph, and its span in it."""

    sentence: int
    span: Span


class Paragraph:
    """The sentences of a paragraph, in order, and who says what in them."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self.sentences = sentences
        self._run = _runs(sentences)
        self._sources: dict[tuple[int, Span], Place | None] = {}
        self._names: dict[Place, Mention | None] = {}
        self._speakers: dict[Place, Mention | None] = {}

    def spoken(self) -> dict[int, int | None]:
        """For each mention of which a source says something, by number: the one that speaks, None if unknown.

        The smallest content span that covers the mention decides, unless the mention is its source. What else
        stands in a post, its author says.
        """
        found = self._posted()
        for no, sentence in enumerate(self.sentences):
            for mention in filter(sentence.covers, sentence.mentions):
                if sentence.tangled:
                    found[mention.number] = None
                    continue
                over = [c for c in sentence.contents if _covers(c, sentence.words(mention))]
                for content in sorted(over, key=lambda c: (c[1] - c[0], c)):
                    source = self.source(no, content)
                    if not (source and source.sentence == no and _overlap(source.span, mention.span)):
                        if source:
                            speaks = self._speaker(source)
                            found[mention.number] = speaks.number if speaks else None
                        else:
                            found.setdefault(mention.number, None)
                        break
        return found

    def _posted(self) -> dict[int, int | None]:
        """For each mention in a post, by number: its author, None if unknown; empty where it is none."""
        last = self.sentences[-1] if self.sentences else Sentence("")
        signed = signature(last.text, last.mentions)
        if signed is None:
            return {}
        start, author = signed
        named = [m for s in self.sentences for m in s.mentions if s is not last or m.start < start]
        return {m.number: author.number if author else None for m in named}

    def source(self, no: int, content: Span) -> Place | None:
        """The source of a content span of a sentence; None where none is named, or where it is not clear."""
        key = no, content
        if key not in self._sources:
            span = self.sentences[no].source(content)
            elsewhere = self._elsewhere(no) if self.sentences[no].waits else None
            self._sources[key] = Place(no, span) if span else elsewhere
        return self._sources[key]

    def _elsewhere(self, no: int) -> Place | None:
        """The source of a sentence that waits for one: in its quotation, else before it, else after it."""
        around = range(max(no - REACH, 0), min(no + REACH + 1, len(self.sentences)))
        quotation = [i for i in around if self._run[i] == self._run[no] and i != no]
        for i in sorted(quotation, key=lambda i: (abs(i - no), i)):
            if place := self._edge(i, last=i < no):
                return place
        for beyond in (range(no - 1, around.start - 1, -1), range(no + 1, around.stop)):
            passed = (i for i in beyond if not (self.sentences[i].waits or self._run[i] == self._run[no]))
            neighbour = next(passed, None)
            if neighbour is not None and (place := self._edge(neighbour, last=neighbour < no)):
                return None if neighbour > no and self._denied(neighbour) else place
        return None

    def _edge(self, no: int, *, last: bool) -> Place | None:
        """The source of the last or first content of a sentence, where that names one."""
        sentence = self.sentences[no]
        contents = sorted(sentence.contents)
        span = sentence.source(contents[-1 if last else 0]) if contents else None
        return Place(no, span) if span else None

    def _denied(self, no: int) -> bool:
        """Whether the first content of a sentence is what its source denies."""
        sentence = self.sentences[no]
        return sentence.denies(min(sentence.contents))

    def _speaker(self, source: Place) -> Mention | None:
        """The mention that a source is."""
        if source not in self._speakers:
            words = self._words(source)
            found = self._person(source, words) if words in (*_HE, *_SHE) else self._named(source)
            self._speakers[source] = found
        return self._speakers[source]

    def _words(self, source: Place) -> str:
        return self.sentences[source.sentence].text[slice(*source.span)].strip().lower()

    def _named(self, source: Place) -> Mention | None:
        """The mention that the words of a source name, or that "who" stands for."""
        if source not in self._names:
            sentence = self.sentences[source.sentence]
            who = antecedent if self._words(source) in _RELATIVE else speaker
            self._names[source] = who(sentence.text, source.span, sentence.mentions)
        return self._names[source]

    def _person(self, pronoun: Place, words: str) -> Mention | None:
        """The person that a pronoun means: the only one who was a source before it in the paragraph.

        None where others who may be meant came between: another person of whom the text itself tells, a
        source that names nobody, or the other pronoun.
        """
        found: Place | None = None
        others: list[Place] = []  # since then
        for place in self._before(pronoun):
            named = self._named(place)
            if named is None:
                others.append(place)
            elif named.type == "PERSON":
                if found and self._entity(found) != named.entity:
                    return None
                found, others = place, []
        other = _SHE if words in _HE else _HE
        aside = (*_HE, *_SHE, *_OTHERS)
        if not found or any((told := self._words(p)) in other or told not in aside for p in others):
            return None
        between = range(found.sentence, pronoun.sentence + 1)
        if any(self.sentences[no].tangled for no in between) or self._passes(found, pronoun):
            return None
        return self._named(found)

    def _before(self, place: Place) -> Iterator[Place]:
        """The sources before a place, as far as one looks, in order."""
        for no in range(max(place.sentence - REACH, 0), place.sentence + 1):
            sentence = self.sentences[no]
            for span in () if sentence.tangled else sorted(sentence.sources):
                if no < place.sentence or span[1] <= place.span[0]:
                    yield Place(no, span)

    def _passes(self, first: Place, last: Place) -> bool:
        """Whether another person than the first source stands, beside content, from there to the last."""
        entity = self._entity(first)
        for no in range(first.sentence, last.sentence + 1):
            sentence = self.sentences[no]
            if first.sentence < no < last.sentence:
                names = sentence.persons
            else:
                start = first.span[0] if no == first.sentence else 0
                end = last.span[0] if no == last.sentence else len(sentence.text)
                names = {m.entity for m in sentence.people if start < m.end and m.start < end}
            if names - {entity}:
                return True
        return False

    def _entity(self, source: Place) -> str | None:
        named = self._named(source)
        return named.entity if named else None


def _runs(sentences: Sequence[Sentence]) -> list[int]:
    """For each sentence a number that those share which one open quotation joins."""
    runs: list[int] = []
    opened = False
    for sentence in sentences:
        runs.append(runs[-1] + (not opened) if runs else 0)
        for mark in _MARKS.findall(sentence.text):
            opened = mark in ("“", "«", "``") or (mark == '"' and not opened)
    return runs


def _nearest(spans: Iterable[Span], to: Span) -> Span | None:
    """The span with the fewest characters between it and another; of two, the one that stands first."""
    return min(spans, key=lambda span: (max(to[0] - span[1], span[0] - to[1], 0), span), default=None)


def _covers(outer: Span, inner: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _within(span: Span, others: Iterable[Span]) -> bool:
    return any(_covers(other, span) for other in others)
