"""A small real tagger and judge for the tests: no weights, the same answers everywhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models import Questions, Tags

WIDTH = 8
_NAME = re.compile(r"[A-Z][\w.\-]*(?:(?: (?:of|for|and|the))? [A-Z][\w\-]*)*")
_NOT_NAMES = frozenset(
    [
        "A",
        "An",
        "The",
        "This",
        "That",
        "It",
        "He",
        "She",
        "They",
        "We",
        "I",
        "In",
        "On",
        "At",
        "But",
        "And",
        "Or",
        "If",
        "When",
        "While",
        "As",
        "After",
        "Before",
        "During",
        "Mr",
        "Mrs",
        "Ms",
        "Dr",
        "President",
        "Secretary",
        "Minister",
        "General",
        "According",
        "Officials",
    ]
)
_TITLE = re.compile(
    r"^(?:(?:The|In|On|At|But|And|If|When|President|Prime|Minister|Secretary|of|State|Mr\.?|Mrs\.?|Ms\.?|Dr\.?"
    r"|Gen\.?) )+"
)
_PLACES = frozenset(
    [
        "Russia",
        "Ukraine",
        "Moscow",
        "Washington",
        "Kyiv",
        "Crimea",
        "Europe",
        "China",
        "Beijing",
        "Georgia",
        "Romania",
        "Poland",
        "Wilmington",
    ]
)
_GROUPS = re.compile(r"\w+(?:ians?|ese|ish)")
_DATE = re.compile(r"\b(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|\d{4})\b")
_FOR = re.compile(r"\b(?:prais|back|support|welcom|thank|admir)\w*", re.IGNORECASE)
_AGAINST = re.compile(r"\b(?:condemn|accus|attack|criticiz|blam|denounc)\w*", re.IGNORECASE)


class KeywordTagger:
    """Tags days and years as DATE, and runs of capitalised words as LOC, NORP, ORG or PERSON."""

    digest = "keyword-tagger-1"

    def tag(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]] | None = None) -> Tags:
        found: list[tuple[int, int, int, str, float]] = []
        for no, text in enumerate(texts):
            found += [(no, *span, kind, 0.9) for span, kind in _names(text)]
            found += [(no, *span, "", float("nan")) for span in (spans[no] if spans else ())]
        columns = list(zip(*found, strict=True)) or [(), (), (), (), ()]
        return Tags(
            text_no=np.array(columns[0], np.int32),
            start=np.array(columns[1], np.int32),
            end=np.array(columns[2], np.int32),
            type=list(columns[3]),
            score=np.array(columns[4], np.float32),
            vectors=np.array([_vector(texts[n][s:e]) for n, s, e, *_ in found], np.float16).reshape(
                -1, WIDTH
            ),
            tokens=np.array([len(text.split()) for text in texts], np.int32),
        )


class KeywordJudge:
    """For a target after a word of praise, against after one of blame; the holder stands before it."""

    digest = "keyword-judge-1"

    def judge(self, questions: Questions) -> np.ndarray:
        answers = np.full((len(questions.text_no), 3), (0.1, 0.1, 0.8), np.float32)
        rows = zip(
            questions.text_no.tolist(), questions.holder.tolist(), questions.target.tolist(), strict=True
        )
        for row, (no, holder, target) in enumerate(rows):
            low = max(holder[1], 0)
            between = questions.texts[no][low : target[0]] if low <= target[0] else ""
            for side, words in enumerate((_FOR, _AGAINST)):
                if words.search(between):
                    answers[row] = 0.02
                    answers[row, side] = 0.96
                    break
        return answers


class Wavering(KeywordTagger):
    """Takes a name for a PERSON where "won" stands in its text, and there with a score of 0.5."""

    digest = "keyword-tagger-wavering"

    def tag(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]] | None = None) -> Tags:
        found = super().tag(texts, spans)
        unsure = np.array(["won" in texts[no] for no in found.text_no], bool) & ~np.isnan(found.score)
        return replace(
            found,
            type=["PERSON" if so else kind for so, kind in zip(unsure, found.type, strict=True)],
            score=np.where(unsure, np.float32(0.5), found.score),
        )


class NewTagger(KeywordTagger):
    """A later model: it finds no dates, and takes every LOC for an ORG."""

    digest = "keyword-tagger-2"

    def tag(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]] | None = None) -> Tags:
        found = super().tag(texts, spans)
        kept = [row for row, kind in enumerate(found.type) if kind != "DATE"]
        return Tags(
            text_no=found.text_no[kept],
            start=found.start[kept],
            end=found.end[kept],
            type=["ORG" if found.type[row] == "LOC" else found.type[row] for row in kept],
            score=found.score[kept],
            vectors=found.vectors[kept],
            tokens=found.tokens,
        )


class NewJudge(KeywordJudge):
    """A later model: what it took for praise is blame, and the other way round."""

    digest = "keyword-judge-2"

    def judge(self, questions: Questions) -> np.ndarray:
        return super().judge(questions)[:, [1, 0, 2]]


def _names(text: str) -> list[tuple[tuple[int, int], str]]:
    dates = [(match.span(), "DATE") for match in _DATE.finditer(text)]
    taken = {i for (start, end), _ in dates for i in range(start, end)}
    names = []
    for match in _NAME.finditer(text):
        start, end = match.span()
        if title := _TITLE.match(match.group() + " "):
            start = min(start + title.end(), end)
        end = (
            start + len(text[start:end].rstrip(".-_"))
            if not re.fullmatch(r"(?:\w\.)+", text[start:end])
            else end
        )
        if start < end and text[start:end] not in _NOT_NAMES and not taken & set(range(start, end)):
            names.append(((start, end), _kind(text[start:end])))
    return sorted(dates + names)


def _kind(name: str) -> str:
    if name in _PLACES or re.fullmatch(r"(?:[A-Z]\.)+", name):
        return "LOC"
    if _GROUPS.fullmatch(name):
        return "NORP"
    return "ORG" if name.isupper() or len(name.split()) > 2 else "PERSON"


def _vector(text: str) -> list[float]:
    return [byte / 255 for byte in hashlib.sha256(text.encode("utf-8", "replace")).digest()[:WIDTH]]
