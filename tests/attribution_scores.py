"""How well sources are linked to what they say, given the spans: `python -m tests.attribution_scores DIR`.

DIR holds `attribution/polnear/dev` (text and attributions, in brat's format). The labelled spans are given,
so that the linking is scored alone. What is counted is one sentence's part of a labelled content: right is a
link to a source of that content.
"""

from __future__ import annotations

import glob
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.attribution import Paragraph, Place, Sentence
from pipeline.sentences import split

Span = tuple[int, int]
_SPAN = re.compile(r"(T\d+)\t(Source|Cue|Content) ([\d ;]+)\t")
_WORD = re.compile(r"\w+|[^\w\s]")
_LINK = re.compile(r"E\d+\t(.*)")


@dataclass(frozen=True)
class Labelled:
    """A labelled attribution, as the spans of each role in the article's text."""

    sources: tuple[Span, ...]
    cues: tuple[Span, ...]
    contents: tuple[Span, ...]


def read(path: Path) -> list[Labelled]:
    """The attributions of a brat file."""
    spans: dict[str, list[Span]] = {}
    found = []
    lines = path.read_text("utf-8").splitlines()
    for line in lines:
        if match := _SPAN.match(line):
            parts = [part.split() for part in match[3].split(";")]
            spans[match[1]] = [(int(start), int(end)) for start, end in parts]
    for line in lines:
        if match := _LINK.match(line):
            roles = defaultdict(list)
            for role, name in (item.split(":") for item in match[1].split()):
                roles[re.sub(r"\d+$", "", role)] += spans.get(name, [])
            found.append(Labelled(*(tuple(roles[role]) for role in ("Source", "Cue", "Content"))))
    return found


def paragraphs(text: str) -> Iterator[list[Span]]:
    """The sentences of each paragraph, as spans of the text."""
    for line in re.finditer(r"[^\n]+", text):
        yield [(line.start() + start, line.start() + end) for start, end in split(line.group())]


def linked(text: str, labelled: list[Labelled], *, flat: bool) -> Iterator[tuple[str, str]]:
    """For each content span where its source stands (here, elsewhere, nowhere), and what the linking did."""
    for spans in paragraphs(text):
        sentences = [_sentence(text[slice(*span)], span, labelled, flat=flat) for span in spans]
        found = Paragraph(sentences)
        for no, sentence in enumerate(sentences):
            for content in sentence.contents:
                right = _right(labelled, spans, no, content, flat=flat)
                given = found.source(no, content)
                where = (
                    "here" if any(r.sentence == no for r in right) else "elsewhere" if right else "nowhere"
                )
                if given is None:
                    yield where, "none"
                else:
                    hit = any(r.sentence == given.sentence and r.span[0] < given.span[1]
                              and given.span[0] < r.span[1] for r in right)  # fmt: skip
                    yield (
                        where,
                        f"{'right' if hit else 'wrong'} {'here' if given.sentence == no else 'elsewhere'}",
                    )


def _sentence(text: str, span: Span, labelled: list[Labelled], *, flat: bool) -> Sentence:
    roles = [_inside([s for one in labelled for s in getattr(one, role)], span)
             for role in ("sources", "cues", "contents")]  # fmt: skip
    return Sentence(text, *(flattened(text, spans) if flat else spans for spans in roles))


def flattened(text: str, spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Spans as a head tells them that has one tag a word: what begins in a span cuts it in two."""
    words = [match.span() for match in _WORD.finditer(text)]
    tags = [0] * len(words)
    for start, end in sorted(spans):
        touched = [i for i, (s, e) in enumerate(words) if s < end and start < e]
        for i in touched:
            tags[i] = 1 if i == touched[0] else 2
    found: list[Span] = []
    for i, tag in enumerate(tags):
        if tag == 1 or (tag and not (i and tags[i - 1])):
            found.append(words[i])
        elif tag:
            found[-1] = found[-1][0], words[i][1]
    return tuple(found)


def _right(labelled: list[Labelled], spans: list[Span], no: int, content: Span, *, flat: bool) -> list[Place]:
    """The labelled sources, in this paragraph, of the contents that have this part in this sentence."""
    mine = [
        one
        for one in labelled
        if any(part == content or (flat and part[0] == content[0])
               for part in _inside(list(one.contents), spans[no]))
    ]  # fmt: skip
    return [
        Place(i, span)
        for one in mine
        for i, sentence in enumerate(spans)
        for span in _inside(list(one.sources), sentence)
    ]


def _inside(spans: list[Span], sentence: Span) -> tuple[Span, ...]:
    """The parts of spans that lie in a sentence, as offsets into it."""
    start, end = sentence
    parts = {(max(s, start) - start, min(e, end) - start) for s, e in spans if s < end and start < e}
    return tuple(sorted(parts))


def main(folder: Path) -> None:
    """Print the counts, for the spans as they are labelled and as a head tells them."""
    base = folder / "attribution" / "polnear" / "dev"
    for flat in (False, True):
        counts: Counter[tuple[str, str]] = Counter()
        for path in sorted((base / "text").glob("*.txt")):
            text = path.read_bytes().decode("utf-8")
            for labels in (base / "attributions").glob(f"{glob.escape(path.stem)}*.ann"):
                counts.update(linked(text, read(labels), flat=flat))
        outcomes = sorted({what for _, what in counts})
        name = "flat spans" if flat else "labelled spans"
        print(f"| {name}: the source stands | {' | '.join(outcomes)} |\n|---|{'---|' * len(outcomes)}")
        for where in ("here", "elsewhere", "nowhere"):
            print(f"| {where} | {' | '.join(str(counts[where, what]) for what in outcomes)} |")
        print()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
