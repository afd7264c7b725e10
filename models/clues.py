"""Which words of a line may have lost an apostrophe or a dash.

Shared by the model that judges them (`models.restorer`) and its training (`models.train_restorer`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import accumulate
from string import punctuation
from typing import NamedTuple

TOKEN = re.compile(r"([^\W\d_]+|\d+|  +|[^\w\s\ud800-\udfff])")
ASCII = re.compile(r"([A-Za-z]+|[0-9]+|  +|[^\w\s])")
"""The same for a text that is pure ASCII, in two thirds of the time."""
WORD = re.compile(r"[A-Za-z]+")
_SPACED = "".join(c if c.isalpha() else " " for c in map(chr, range(128)))
GAP, EDGE = "  ", "\n"
CONTRACTIONS = {
    form.replace("'", ""): form
    for form in """
        ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't
        mustn't needn't shouldn't wasn't weren't won't wouldn't i'm i've you've we've they've
        could've would've should've might've must've who've there've i'd you'd he'd she'd we'd
        they'd it'd that'd who'd there'd i'll you'll he'll she'll we'll they'll it'll that'll
        who'll there'll what'll you're we're they're who're what're it's let's o'clock y'all
        c'mon ma'am
    """.split()
}
"""Forms that lost their apostrophe, in lower case, and what they were; others in 's have a stem."""
UNMISTAKABLE = frozenset(CONTRACTIONS) - frozenset(
    "aint cant hed hell id ill im its ive lets shed shell wed well were whore wont".split()
)
"""Those that are no words of their own."""
NEVER = frozenset(
    """
    was is has this his as us yes thus plus always perhaps does goes across towards besides unless
    less class business congress process press series access success address progress illness loss
    mass focus virus status bonus campus crisis basis analysis thesis gas ms vs mrs mr theirs hers
    ours yours ss ID ILL IM id ill im
    """.split()
)
"""Words in s that are hardly ever possessives (without them a third of the work is saved); abbreviations."""
UNOWNED = frozenset(
    """
    , . ; : ? - ) of to and in that are for on the have from with were who as a at about said will is by
    after against like or has ago had he would say before over it such between during can could out into
    should they when this also his but later across since where its than up made through may around an
    because under if she
    """.split()
) | {EDGE}
"""What hardly ever follows a possessive: of the plurals before one of these less than 1 in 100 is one.
Leaving them out saves half of the work and misses 1 possessive in 200."""
BARRED = frozenset("hed hell ill id shed shell wed well were".split())
BEFORE_NOUNS = frozenset(
    "a an another any can could each every her his may might must my no of our shall should the".split()
) | {"their", "to", "will", "would"}
"""What stands before nouns and verbs, and never before the subjects in `BARRED` ("they will wed")."""
PLURAL = 5
"""Size (log2 of its count) from which a word in s counts as a plural."""
JOIN = 5
"""Letters that a word joined by a lost dash has at least."""
LONGEST = 40
"""Letters that it has at most; the work grows with their square."""


class Known(NamedTuple):
    """A word of English news: log2 of how often the training texts have it, and its class (empty: none).

    Words of a class stand among the same words: `sort` tells a noun from a verb, a month from a name.
    """

    size: int
    sort: str


class Candidate(NamedTuple):
    """A word that may have lost something: its token's number, its kind (`c`, `s`, `j`), and where."""

    number: int
    kind: str
    at: int


class Text(NamedTuple):
    """A line as the features see it: tokens with their offsets, and how often the article has each word."""

    text: str
    tokens: list[str]
    starts: list[int]
    words: Mapping[str, int]

    @staticmethod
    def of(text: str, words: Mapping[str, int]) -> Text:
        """Tokens are words, numbers, marks, and gaps: runs of spaces where a dash was lost, and dashes."""
        # What lies between tokens and, in every second place, the tokens.
        parts = (ASCII if text.isascii() else TOKEN).split(text)
        tokens, starts = parts[1::2], list(accumulate(map(len, parts)))[:-1:2]
        if GAP in text or "—" in text:
            tokens = [GAP if token[0] in " —" else token for token in tokens]
        return Text(text, tokens, starts, words)


def count(lines: Iterable[str]) -> Counter[str]:
    """How often each word and each gap occurs in the lines of an article."""
    text = "\n".join(lines)
    found = Counter(letters(text))
    found[GAP] = text.count(GAP)
    return found


def letters(text: str) -> list[str]:
    """Its runs of ASCII letters."""
    # In most texts, which are pure ASCII, these two find them in two thirds of the time.
    return text.translate(_SPACED).split() if text.isascii() else WORD.findall(text)


def closed(known: Mapping[str, Known]) -> Set[str]:
    """Tokens that are never candidates, whatever stands around them: the bulk of every text."""
    whole = [word for word in known if word not in CONTRACTIONS and (word[-1] != "s" or word in NEVER)]
    return frozenset((*whole, *map(str.capitalize, whole), *punctuation))


def candidates(read: Text, known: Mapping[str, Known], passed: Set[str] = frozenset()) -> Iterator[Candidate]:
    """The words of a text that may have lost an apostrophe or, joined with the next, a dash.

    `passed` are words that need no look (`closed`).
    """
    text, tokens, starts, words = read
    for number in [n for n, token in enumerate(tokens) if token not in passed and token[0].isalpha()]:
        token = tokens[number]
        if token[-1] == "s" and _is_plural(token, known) and _followed(tokens, number) in UNOWNED:
            continue  # most of what is left
        start, end = starts[number], starts[number] + len(token)
        around = text[start - 1 : start] + text[end : end + 1]
        if len(token) < 2 or not _UNTOUCHED.isdisjoint(around):
            continue
        if around.endswith(".") and _DOMAIN.match(text, end):
            continue
        if not token.isascii():  # its accents are restored
            continue
        low = token.lower()
        if low in CONTRACTIONS:
            barred = low in BARRED and number > 0 and tokens[number - 1].lower() in BEFORE_NOUNS
            if "-" not in around and token not in NEVER and not barred:
                yield Candidate(number, "c", start + CONTRACTIONS[low].index("'"))
        elif low[-1] == "s" and (
            low in known or low[:-1] in known or low[:-1] in words or not split(low, known)
        ):
            plural = _is_plural(low, known)
            if low not in NEVER and not (plural and _followed(tokens, number) in UNOWNED):
                yield Candidate(number, "s", end - 1)
        elif (
            len(token) >= JOIN
            and not (low in known or "-" in around or words.get(token, 0) > 1)
            and (at := split(token, known))
        ):
            yield Candidate(number, "j", start + at)


def _is_plural(word: str, known: Mapping[str, Known]) -> bool:
    return word in known and known[word].size >= PLURAL and word not in CONTRACTIONS


def _followed(tokens: Sequence[str], number: int) -> str:
    return tokens[number + 1].lower() if number + 1 < len(tokens) else EDGE


_UNTOUCHED = frozenset("@#/_'’&=1234567890")
_DOMAIN = re.compile(r"\.[A-Za-z]")


def split(word: str, known: Mapping[str, Known]) -> int:
    """Where a word falls most likely into two common ones; 0 where it does not.

    >>> known = {"citizens": Known(9, "3"), "and": Known(18, "7"), "kraine": Known(4, "")}
    >>> split("citizensand", known), split("Ukraine", known)
    (8, 0)
    """
    if len(word) > LONGEST:
        return 0
    best, place = 0, 0
    for at in range(1, len(word)):
        one, two = word[:at], word[at:]
        first = known.get(one.lower())
        second = known.get(two.lower()) if first else None
        if first and second and first.size + second.size > best and _is_word(one) and _is_word(two):
            best, place = first.size + second.size, at
    return place


def _is_word(part: str) -> bool:
    """Whether upper and lower case stand in it as they do in words, of which two have a single letter."""
    return (len(part) > 1 or part in "aI") and (part.islower() or part.isupper() or part.istitle())
