"""Who says what in a sentence, by rule: for taggers that do not look for it (`models.Tags.said` is None).

What stands in quotation marks is content, and so is the rest of a sentence with a cue of speech, without the
cue and its source. What becomes of the spans is told in `pipeline.attribution`, as for those of a model.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

Span = tuple[int, int]

_CUES = """
said, says, say, saying, told, tells, according to, added, adds, insisted, insists, claimed, claims
that, argued, argues, warned, warns, warning that, stated, states that, announced, announces,
reported that, reports that, noted, notes that, explained, explains, asserted, asserts, alleged,
alleges, admitted, admits, acknowledged, acknowledges, denied, denies, declared, declares, wrote,
writes, tweeted, testified, testifies, replied, replies, complained, complains, predicted,
predicts, suggested, suggests that, stressed, stresses, emphasized, emphasised, remarked, remarks
that, commented, maintains that, maintained that, contends, contended, believes, believed, thinks,
thought, accused, accuses, vowed, vows, in the words of, in the view of, quoted as saying, called
it, described
"""
_CUE = re.compile(
    r"\b(?:"
    + "|".join(sorted((" ".join(cue.split()) for cue in _CUES.split(",")), key=len, reverse=True))
    + r")\b",
    re.IGNORECASE,
)
_FOLLOWED = ("according to", "in the words of", "in the view of")  # the source stands after these
_QUOTED = re.compile(
    r"“[^”]*(?:”|$)|«[^»]*(?:»|$)|\"[^\"]*(?:\"|$)|(?<!\w)[‘'](?=\w)[^’'\n]*(?:(?<=\w)['’]\w[^’'\n]*)*[’'](?!\w)|``.*?(?:''|$)"
)
_CONTENT = re.compile(r",?\s+(?:that\b|[“\"«])|(?<=that)\b")  # what follows a cue whose source stood before
_CHARACTER = re.compile(r"\w")
REACH = 300
"""Characters before a cue, or after it, that can be its source: hostile sentences take linear time."""
_BREAK = re.compile(r"[,;:“”\"«»()–—]| - ")


def spans(text: str) -> list[tuple[int, int, str]]:
    """Start, end and role (one of `models.ROLES`) of the spans of a sentence, sorted."""
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    inside = [0, *(at for span in quoted for at in span)]  # from every second on it is quoted
    cues = [cue for cue in _CUE.finditer(text) if bisect_right(inside, cue.start()) % 2]
    breaks = [match.span() for match in _BREAK.finditer(text)]
    sources = [_source(text, cue, breaks) for cue in cues]
    found = [(*cue.span(), "cue") for cue in cues]
    found += [(*span, "source") for part in sources if (span := _trimmed(text, *part))]
    aside = sorted([*sources, *(cue.span() for cue in cues)])
    found += [(*span, "content") for span in {*quoted, *_between(text, aside)}]
    return sorted(set(found))


def _source(text: str, cue: re.Match[str], breaks: list[Span]) -> Span:
    """Who speaks: what stands between the last break and the cue, or after the cue where nothing does.

    "Roe said", ", Roe said", ", said Roe", "according to Roe"; but "Roe, in kind, warned that" has it before.
    """
    last = bisect_right(breaks, cue.start(), key=lambda span: span[1])
    start = max(breaks[last - 1][1] if last else 0, cue.start() - REACH)
    before = text[start : cue.start()].strip()
    if cue.group().lower() in _FOLLOWED or not (before or _CONTENT.match(text, cue.end())):
        following = bisect_left(breaks, cue.end(), key=lambda span: span[0])
        end = breaks[following][0] if following < len(breaks) else len(text)
        return cue.end(), min(end, cue.end() + REACH)
    return start if before else max(0, cue.start() - REACH), cue.start()


def _between(text: str, aside: list[Span]) -> list[Span]:
    """What a sentence with cues has beside them and their sources."""
    if not aside:
        return []
    parts, last = [], 0
    for start, end in [*aside, (len(text), len(text))]:
        if span := _trimmed(text, last, start):
            parts.append(span)
        last = max(last, end)
    return parts


def _trimmed(text: str, start: int, end: int) -> Span | None:
    """The span without what is no word at its ends; None where nothing is left."""
    first = _CHARACTER.search(text, start, end)
    if not first:
        return None
    while not _CHARACTER.match(text, end - 1):
        end -= 1
    return first.start(), end
