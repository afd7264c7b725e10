"""Readers of the training and selection data, and the damage that news text suffers on its way."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, pairwise
from pathlib import Path
from typing import Any, TypeVar

from models import STANCES, TYPES

Span = tuple[int, int]
Chances = tuple[float, float, float]  # of favor, against, neutral: what another model says, not a label
Tagged = tuple[tuple[int, float], ...]  # some of the tags of models.decode and the chance of each, together 1
_Known = TypeVar("_Known")
_NAMES = {
    "Person": "PERSON", "Organization": "ORG", "Location": "LOC", "Facility": "FAC", "NORP": "NORP",
    "Date": "DATE", "Money": "MONEY", "Product": "PRODUCT", "Misc": "MISC",
}  # fmt: skip
_NO_SPACE_BEFORE = re.compile(r"[.,;:!?)\]}%’”…»]|['’](s|S|re|ve|m|ll|d|t)|n['’]t|''")
_NO_SPACE_AFTER = re.compile(r"[(\[{$€£₹₡“‘«#]|``")
_CLITICS = frozenset(["s", "S", "re", "ve", "m", "ll", "d", "t"])
_MONTHS = ["January", "February", "March", "April", "August", "September", "October", "November", "December"]
_SHORT = {"US": "U.S.", "UK": "U.K.", "UN": "U.N.", "EU": "E.U.", "USA": "U.S.A.", "DC": "D.C."}
_LAST = {"States": "US", "Kingdom": "UK", "Nations": "UN"}  # after "United"
_SHORT |= {month: ("Sept" if month == "September" else month[:3]) + "." for month in _MONTHS}
_FINAL = frozenset(".?!")
_QUOTES = re.compile("[\"'`’‘“”]")


@dataclass(frozen=True)
class Example:
    """A text with whatever is known of it; None or empty means unknown, not absent.

    entities   character span and index into TYPES
    portrayals character span of the target, and index into STANCES or the chances of each
    relations  character spans of holder and target, and the same
    said       character span and index into ROLES
    tagged     character span of a word and the chances of its tags; of other words, that they are outside
    every      whether stances were judged for all mentions and pairs, not for some that somebody chose
    """

    text: str
    entities: tuple[tuple[Span, int], ...] | None = None
    portrayals: tuple[tuple[Span, int | Chances], ...] = ()
    relations: tuple[tuple[Span, Span, int | Chances], ...] = ()
    said: tuple[tuple[Span, int], ...] | None = None
    every: bool = False
    tagged: tuple[tuple[Span, Tagged], ...] | None = None

    def moved(self, text: str, place: Callable[[Span], Span]) -> Example:
        """The example with another text, in which each span is where `place` says; one left empty goes."""

        def marked(known: tuple[tuple[Span, _Known], ...]) -> tuple[tuple[Span, _Known], ...]:
            return tuple((new, k) for new, k in ((place(s), k) for s, k in known) if new[0] < new[1])

        pairs = ((place(h), place(t), k) for h, t, k in self.relations)
        return Example(
            text,
            entities=None if self.entities is None else marked(self.entities),
            portrayals=marked(self.portrayals),
            relations=tuple((h, t, k) for h, t, k in pairs if h[0] < h[1] and t[0] < t[1]),
            said=None if self.said is None else marked(self.said),
            every=self.every,
            tagged=None if self.tagged is None else marked(self.tagged),
        )


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def detokenized(tokens: Sequence[str]) -> tuple[str, list[Span]]:
    """The text that the tokens were cut from, as well as can be told, and each token's span in it."""
    text, spans, quoted, glue, last = "", [], False, True, ""
    for word in tokens:
        clitic = last == "’" and word in _CLITICS
        closing = word == '"' and quoted
        if not (glue or clitic or closing or _NO_SPACE_BEFORE.fullmatch(word)):
            text += " "
        spans.append((len(text), len(text) + len(word)))
        text += word
        quoted ^= word == '"'
        glue = bool(_NO_SPACE_AFTER.fullmatch(word)) or (word == '"' and quoted)
        last = word
    return text, spans


def entities(tokens: Sequence[Span], tags: Sequence[str]) -> list[tuple[Span, int]]:
    """Entity spans from BIO tags; an I that continues nothing begins an entity."""
    found: list[tuple[Span, int]] = []
    previous = "O"
    for (start, end), tag in zip(tokens, tags, strict=True):
        kind = tag[2:]
        if tag[:1] == "I" and previous[2:] == kind:
            found[-1] = ((found[-1][0][0], end), found[-1][1])
        elif tag != "O":
            found.append(((start, end), TYPES.index(_NAMES[kind])))
        previous = tag
    return found


def sentences(tokens: Sequence[str], tags: Sequence[str]) -> list[Span]:
    """Token ranges of the sentences of a paragraph; never cuts an entity."""
    cuts = [0]
    for i in range(1, len(tokens)):
        begins = tokens[i][:1].isupper() and tags[i][:1] != "I"
        if begins and (tokens[i - 1] in _FINAL or (tokens[i - 1] in '”"’' and tokens[i - 2] in _FINAL)):
            cuts.append(i)
    return list(pairwise([*cuts, len(tokens)]))


def annotated(tokens: Sequence[str], tags: Sequence[str]) -> Example:
    """The example that a tokenised text and its BIO tags make."""
    text, spans = detokenized(tokens)
    return Example(text, entities=tuple(entities(spans, tags)))


def abbreviated(
    tokens: Sequence[str], tags: Sequence[str], rng: random.Random
) -> tuple[list[str], list[str]]:
    """The tokens with names and months as American news, unlike the newswire, writes them (U.S., Jan. 10).

    A full stop that ends the sentence merges with that of the abbreviation, as in print.
    """
    chosen = {short for short in _SHORT if rng.random() < 0.5}
    dotted = frozenset(_SHORT.values())
    pairs: list[tuple[str, str]] = []
    for word, tag in zip(tokens, tags, strict=True):
        if tag[:1] == "I" and pairs and pairs[-1][0] == "United" and _LAST.get(word) in chosen:
            pairs[-1] = _SHORT[_LAST[word]], pairs[-1][1]
        elif not (word == "." and tag == "O" and pairs and pairs[-1][0] in dotted and pairs[-1][1] != "O"):
            pairs.append((_SHORT[word] if word in chosen and tag != "O" else word, tag))
    return [word for word, _ in pairs], [tag for _, tag in pairs]


def newswire(
    path: Path, rng: random.Random | None = None, but: frozenset[str] = frozenset()
) -> list[Example]:
    """Paragraphs of the newswire file; with `rng`, random runs of their sentences.

    `but` are the keys of sentences to leave out, without `rng` with their paragraphs.
    """
    found = []
    for row in rows(path):
        tokens, tags = row["tokens"], row["tags"]
        every = sentences(tokens, tags)
        ranges = [(lo, hi) for lo, hi in every if key("".join(tokens[lo:hi])) not in but]
        joins = ranges == every
        if not rng:
            ranges = [(0, len(tokens))] if joins else []
        while ranges:
            take = rng.randint(1, len(ranges)) if rng and joins and rng.random() < 0.5 else 1
            cut = slice(ranges[0][0], ranges[take - 1][1])
            part = tokens[cut], tags[cut]
            found.append(annotated(*(abbreviated(*part, rng) if rng else part)))
            ranges = ranges[take:]
    return found


def likeliest(label: int | Chances) -> int:
    """The stance itself, or that with the highest chance."""
    return label if isinstance(label, int) else label.index(max(label))


def key(text: str) -> str:
    """What two copies of a text share whatever their spacing, case and punctuation."""
    return re.sub(r"\W+", "", text.lower())


def portrayals(path: Path, but: frozenset[str] = frozenset()) -> list[Example]:
    """Sentences of a NewsMTSC file with all their targets; `but` are the keys of sentences to leave out."""
    known: dict[str, list[tuple[Span, int]]] = {}
    for row in rows(path):
        start, end = row["target"]
        known.setdefault(row["sentence"], []).append(((start, end), STANCES.index(row["label"])))
    return [Example(text, portrayals=tuple(found)) for text, found in known.items() if key(text) not in but]


def relations(path: Path, reverse: bool = False, but: frozenset[str] = frozenset()) -> list[Example]:
    """Sentences of a directed-stance file with all their pairs, each once.

    With `reverse`, the opposite direction of a pair that is not neutral joins as neutral if no row labels it.
    """
    known: dict[str, dict[tuple[Span, Span], int]] = {}
    for row in rows(path):
        pair = (row["holder"][0], row["holder"][1]), (row["target"][0], row["target"][1])
        known.setdefault(row["sentence"], {})[pair] = STANCES.index(row["label"])
    neutral = STANCES.index("neutral")
    for found in known.values() if reverse else ():
        for holder, target in [pair for pair, label in found.items() if label != neutral]:
            found.setdefault((target, holder), neutral)
    return [
        Example(text, relations=tuple((*pair, label) for pair, label in found.items()))
        for text, found in known.items()
        if key(text) not in but
    ]


def joined(first: Example, second: Example, between: str) -> Example:
    """Two unrelated texts as one: a holder of either is neutral toward a target in the other.

    So a stance has to be the holder's own, not whatever is said of the target. `between`, if more than white
    space, takes the place of the first text's full stop.
    """
    head = first.text.rstrip()
    if between.strip() and head.endswith("."):
        head = head[:-1]
    shift = len(head) + len(between)

    def moved(span: Span) -> Span:
        return span[0] + shift, span[1] + shift

    neutral = STANCES.index("neutral")
    left = [(h, t, k) for h, t, k in first.relations if max(h[1], t[1]) <= len(head)]
    right = [(moved(h), moved(t), k) for h, t, k in second.relations]
    told = [(left, right), (right, left)]
    crossed = {
        (h, t) for ours, others in told for h, _, _ in ours for _, t, k in others if likeliest(k) != neutral
    }
    relations = [*left, *right, *((h, t, neutral) for h, t in sorted(crossed))]
    return Example(head + between + second.text, relations=tuple(relations))


def held_out(folder: Path) -> frozenset[str]:
    """Keys of every sentence of the dev sets, so that training can leave them out."""
    files = [folder / "stance" / name for name in ("newsmtsc/dev_rw.jsonl", "newsmtsc/dev_mt.jsonl")]
    files += [folder / "stance/directed/dev.jsonl"]
    stance = {key(row["sentence"]) for path in files for row in rows(path)}
    news = list(rows(folder / "ner/worldwide/dev.jsonl"))
    cut = {key("".join(r["tokens"][lo:hi])) for r in news for lo, hi in sentences(r["tokens"], r["tags"])}
    return frozenset(stance | cut | {""})


def without(example: Example, dropped: Callable[[int, str], bool]) -> Example:
    """The example without the characters that `dropped(offset, character)` names; vanished spans go."""
    kept = [not dropped(i, c) for i, c in enumerate(example.text)]
    place = [0]
    for keep in kept:
        place.append(place[-1] + keep)

    def moved(span: Span) -> Span:
        return place[span[0]], place[span[1]]

    return example.moved("".join(compress(example.text, kept)), moved)


def ascii_only(example: Example) -> Example:
    """The example as an ASCII-stripping channel delivers it."""
    return without(example, lambda _, c: not c.isascii())


def _recased(example: Example, change: Callable[[str], str]) -> Example:
    text = "".join(new if len(new := change(c)) == 1 else c for c in example.text)
    return replace(example, text=text)


def _titled(example: Example) -> Example:
    text = re.sub(r"(?<![\w'’])[a-z]", lambda m: m.group().upper(), example.text)
    return replace(example, text=text)


def damaged(example: Example, rng: random.Random, chances: dict[str, float]) -> Example:
    """The example after the kinds of damage that chance picks: see `[damage]` in train.toml."""
    if rng.random() < chances["ascii"]:
        example = ascii_only(example)
    if rng.random() < chances["quotes"]:
        example = without(example, lambda _, c: bool(_QUOTES.match(c)))
    if rng.random() < chances["stop"]:
        last = len(example.text.rstrip()) - 1
        example = without(example, lambda i, c: i == last and c in _FINAL)
    case = rng.random()
    if case < chances["lower"]:
        return _recased(example, str.lower)
    if case < chances["lower"] + chances["upper"]:
        return _recased(example, str.upper)
    return _titled(example) if case < chances["lower"] + chances["upper"] + chances["title"] else example
