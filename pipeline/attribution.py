"""Whether a sentence lets a source say something, or says it itself.

First version, by rule: what stands in quotation marks or depends on a cue of speech is attributed, except the
source itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
_BREAK = re.compile(r"[,;:“”\"«»()–—]| - ")


@dataclass(frozen=True)
class Attribution:
    """What of one sentence a source says: quoted spans, and the spans of the sources of its cues.

    sources  for each cue the span, cue included, that names who speaks
    """

    quoted: tuple[Span, ...]
    sources: tuple[Span, ...]

    def covers(self, span: Span) -> bool:
        """Whether the characters of `span` are said by a quoted or reported source."""
        if any(start <= span[0] and span[1] <= end for start, end in self.quoted):
            return True
        said_of = [not (start <= span[0] and span[1] <= end) for start, end in self.sources]
        return bool(said_of) and all(said_of)


def attribution(text: str) -> Attribution:
    """The quotations and sources of a sentence."""
    quoted = tuple(match.span() for match in _QUOTED.finditer(text))
    cues = [cue for cue in _CUE.finditer(text) if not any(s <= cue.start() < e for s, e in quoted)]
    return Attribution(quoted, tuple(_source(text, cue) for cue in cues))


def _source(text: str, cue: re.Match[str]) -> Span:
    """Who speaks: what stands between the last break and the cue, or after the cue where nothing does.

    "Roe said", ", Roe said", ", said Roe", "according to Roe"; but "Roe, in kind, warned that" has it before.
    """
    breaks = [match.end() for match in _BREAK.finditer(text, 0, cue.start())]
    start = breaks[-1] if breaks else 0
    before = text[start : cue.start()].strip()
    if cue.group().lower() in _FOLLOWED or not (before or _CONTENT.match(text, cue.end())):
        following = _BREAK.search(text, cue.end())
        return cue.start(), following.start() if following else len(text)
    return start if before else 0, cue.end()
