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


def linked(text: str, labelled: list[Labelled]) -> Iterator[tuple[str, str]]:
    """For each content span where its source stands (here, elsewhere, nowhere), and what the linking did."""
    for spans in paragraphs(text):
        roles = [[_inside([s for one in labelled for s in getattr(one, role)], sentence)
                  for role in ("sources", "cues", "contents")] for sentence in spans]  # fmt: skip
        found = Paragraph([Sentence(text[s:e], *r) for (s, e), r in zip(spans, roles, strict=True)])
        for no in range(len(spans)):
            for content in roles[no][2]:
                right = _right(labelled, spans, no, content)
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


def _right(labelled: list[Labelled], spans: list[Span], no: int, content: Span) -> list[Place]:
    """The labelled sources, in this paragraph, of the contents that have this part in this sentence."""
    mine = [one for one in labelled if content in _inside(list(one.contents), spans[no])]
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
    """Print the counts."""
    counts: Counter[tuple[str, str]] = Counter()
    base = folder / "attribution" / "polnear" / "dev"
    for path in sorted((base / "text").glob("*.txt")):
        text = path.read_bytes().decode("utf-8")
        for labels in (base / "attributions").glob(f"{glob.escape(path.stem)}*.ann"):
            counts.update(linked(text, read(labels)))
    outcomes = sorted({what for _, what in counts})
    print(f"| its source stands | {' | '.join(outcomes)} |\n|---|{'---|' * len(outcomes)}")
    for where in ("here", "elsewhere", "nowhere"):
        print(f"| {where} | {' | '.join(str(counts[where, what]) for what in outcomes)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
