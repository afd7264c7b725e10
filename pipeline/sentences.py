"""Split a line into sentences by what stands on both sides of each mark that may end one."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise

from pipeline.abbreviations import (
    BEFORE_NAMES,
    BEFORE_NUMBERS,
    EITHER,
    NAMES_TOO,
    OPENERS,
    PARTICLES,
    SHOUTED,
    SPEECH,
    ZONES,
)

# It begins with the mark itself and looks back only then, as do others: `re` seeks a first character fast.
MARK = re.compile(
    r"(?P<mark>[.!?…。！？।॥؟۔](?:(?<=\.)(?: \.(?!\.))+|(?<=[.!?…])[.!?…]*|[。！？।॥؟۔]*))"
    r"(?P<close>[\"'”’»)\]]*)(?P<gap>\s*)"
    r"(?P<open>(?:\[?(?:\.{2,4}|…)?\]?\s?)?[\"'“‘«(\[¿¡]*\s?)(?P<next>[^\W_]*)"
)
QUOTED = re.compile(r"“[^“”]{1,500}”|\"(?<![^\s(\[—-]\")(?=\S)[^\"]{1,500}(?<=\S)\"|\([^()]{1,500}\)")
"""Quotations and asides, within which no sentence ends; longer ones are split."""
REACH = 1000
"""Characters looked back for an open quotation, so that hostile lines take linear time."""
TOKEN = re.compile(r"[^\s(\[“\"‘/—–]*\Z")
DOTTED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]|Ph\.D|[MB]\.Sc")
PREFIX = re.compile(r"^(?:[Tt]hen|[Ee]x|now)-(?=[A-Z])")
SINGLE = re.compile(r"[^\W\d_]")
LABEL = re.compile(r"[\"“(•⁃‣·*-]?\s?(?:\d{1,2}|[A-Za-z]|[IVX]{2,4})")
OPENING_TIME = re.compile(r"(?:\w+ )?(?:At|By|Around|About|Before|After|Until|Since)\b.{0,20}", re.DOTALL)
SAYS = re.compile(rf"(?:[A-Z][\w.'’-]*,? ){{1,4}}(?:{'|'.join(sorted(SPEECH))})\b(?P<end>[.,]|\Z)?")
WORDLIKE = re.compile(r"[a-z\d)][a-z\d)”\"]")
ADDRESS = re.compile(r"[@/=&:]|www\.")
ITEM = re.compile(r"(?:(?<=\s)|\A)(?:[•⁃‣·*-]\s?)?(?P<label>\d{1,2}|[a-z])(?:\.\)|[.)])\s+(?=[A-Z“\"])")


def split(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence of the text, in order, without the white space around it.

    What lies between sentences is white space, so every other character is in exactly one of them.

    >>> text = "Mr. Biden met U.S. and Russian officials. Is it over? he was asked. (It was not.) He left."
    >>> [text[start:end] for start, end in split(text)]
    ['Mr. Biden met U.S. and Russian officials.', 'Is it over? he was asked.', '(It was not.)', 'He left.']
    """
    quoted = [m.span() for m in QUOTED.finditer(text)]
    spans = []
    for begin, finish in pairwise([0, *_items(text), len(text)]):
        for start, end in pairwise([*_cuts(text, begin, finish, quoted), finish]):
            part = text[start:end]
            if body := part.strip():
                first = start + len(part) - len(part.lstrip())
                spans.append((first, first + len(body)))
    return spans


def _items(text: str) -> list[int]:
    """Where the second and later items of an enumeration begin that the text starts with, if it is one."""
    if not ITEM.match(text):
        return []
    starts, last = list[int](), ""
    for m in ITEM.finditer(text):
        if not last or _following(last) == m["label"]:
            last = m["label"]
            starts.append(m.start())
    return starts[1:]


def _following(label: str) -> str:
    return str(int(label) + 1) if label.isdecimal() else chr(ord(label) + 1)


def _cuts(text: str, begin: int, finish: int, quoted: list[tuple[int, int]]) -> list[int]:
    """Where the sentences of a stretch of the text begin."""
    cuts = [begin]
    opened = [start for start, _ in quoted]
    for m in MARK.finditer(text, begin, finish):
        cut = _cut(text, m, cuts[-1])
        within = bisect_right(opened, cut - 1) - 1
        if (within < 0 or cut >= quoted[within][1]) and _ends(text, m, cuts[-1]):
            cuts.append(cut)
    return cuts


def _cut(text: str, m: re.Match[str], begun: int) -> int:
    """Where the next sentence begins if the mark ends one.

    A straight quotation mark that touches neither or both sides closes the quotation that is open, if one is.
    """
    _, close, gap, opening, _ = m.groups()
    closes, opens = not gap and close.startswith('"'), opening.startswith('" ')
    closing = text.count('"', max(begun, m.start() - REACH), m.start()) % 2 if closes or opens else 0
    if closes:
        return m.start("close") + closing
    return m.start("open") + 1 if opens and closing else m.end("gap")


def _ends(text: str, m: re.Match[str], begun: int) -> bool:
    """Whether the mark ends the sentence that began at `begun`."""
    mark, following = m["mark"], m["next"]
    if mark[0] in "。！？।॥؟۔":
        return True
    if not following or text[m.start() - 1 : m.start()] == "[":
        sign = text[m.end() : m.end() + 1] in tuple("$€£#@") and bool(m["gap"])
        return sign and not _short(_token(text, begun, m.start()))
    if not m["gap"]:
        return _joined(text, m)
    if following[0].islower() and not following[1:2].isupper() and not _particle(text, m):
        return False
    if mark[-1] in "?!":
        return not _goes_on(text, m)
    if len(mark) > 1 or mark == "…":
        dots, apart = mark.count("."), text[m.start() - 1 : m.start()].isspace()
        return dots > 3 or not apart or following in OPENERS - {"I"}
    return not (m["close"] and _says(text, m, whole=True)) and _stops(text, m, begun)


def _particle(text: str, m: re.Match[str]) -> bool:
    """Whether a name that begins in lower case follows a full stop: "He left. de Blasio stayed"."""
    return m["mark"] == "." and m["next"] in PARTICLES and text[m.end() + 1 : m.end() + 2].isupper()


def _goes_on(text: str, m: re.Match[str]) -> bool:
    """Whether a name with an exclamation mark ("Yahoo!"), or a quotation and who said it, goes on."""
    word = _token(text, 0, m.start())
    if m["mark"] == "!" and word in SHOUTED and m["next"] not in OPENERS:
        return True
    return _says(text, m, whole=not m["close"])


def _says(text: str, m: re.Match[str], *, whole: bool) -> bool:
    """Whether a name and a verb of speech follow; `whole`: and nothing more, as where quotes were lost."""
    says = SAYS.match(text, m.start("next")) if not m["open"] else None
    return says is not None and (not whole or says["end"] is not None)


def _joined(text: str, m: re.Match[str]) -> bool:
    """Whether a space was lost after the mark: "said.The next", but not in an address or abbreviation."""
    token, following = _token(text, 0, m.start()), m["next"]
    rest = text[m.end() : m.end() + 2]
    return (
        (len(m["mark"]) == 1 or following in OPENERS - {"I"})
        and following[0].isupper()
        and (following[1:].islower() or following in ("A", "I"))
        and WORDLIKE.fullmatch(text[max(0, m.start() - 2) : m.start()]) is not None
        and not (ADDRESS.search(text[max(0, m.start() - 80) : m.start()].split(" ")[-1]) or _short(token))
        and not (rest[:1] in tuple("@/=_") or (rest[:1] == "." and rest[1:].isalnum()))
        and following not in ("Com", "Net", "Org", "Gov")
    )


def _stops(text: str, m: re.Match[str], begun: int) -> bool:
    """Whether a single full stop before white space and a capital or a digit ends the sentence."""
    token, following = _token(text, begun, m.start()), m["next"]
    if len(token) > 1 and token.isupper() and following.isupper():
        token = token.capitalize()  # "SEN. BERG"
    opener = following in OPENERS
    if LABEL.fullmatch(text, begun, m.start()):
        return False
    if following[0].isdigit():
        return not (_short(token) or DOTTED.fullmatch(token) or SINGLE.fullmatch(token))
    if token in BEFORE_NAMES:
        return bool(m["close"])
    if SINGLE.fullmatch(token):
        return opener and following not in NAMES_TOO
    if token.lower() in ("a.m", "p.m"):
        return following not in ZONES and not OPENING_TIME.fullmatch(text, begun, m.start())
    return opener or not (token in EITHER or DOTTED.fullmatch(token))


def _short(token: str) -> bool:
    return token in BEFORE_NAMES or token in BEFORE_NUMBERS or token in EITHER


def _token(text: str, begun: int, end: int) -> str:
    """The word that ends at `end`, full stops within it included."""
    found = TOKEN.search(text[max(begun, end - 24) : end])
    return PREFIX.sub("", found[0]) if found else ""
