"""The written forms of names: folded for comparison, cut from their titles, made into identifiers."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters that Unicode does not decompose into a base letter and a mark.
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe",
                          "þ": "th", "ə": "e"})  # fmt: skip
_APOSTROPHES = "'’‘`´ʼʻ"
_DROPPED = dict.fromkeys(map(ord, _APOSTROPHES + "."))
_SIGNS = re.compile(r"[\W_]+")
_POSSESSIVE = re.compile(f"[{_APOSTROPHES}][sS]?$")
_INITIALS = re.compile(r"\b(\w) (?=\w\b)")
_PARTS = re.compile(r"\s*(?:&|\+)\s*")


def words(text: str) -> frozenset[str]:
    """The words of a text, for the lists of the rules."""
    return frozenset(text.split())


_RANKS = """
president, prime minister, premier, chancellor, vice president, vice chancellor, first lady,
taoiseach, secretary, secretary of state, secretary general, general secretary, state secretary,
undersecretary, home secretary, foreign secretary, defense secretary, defence secretary, treasury
secretary, press secretary, attorney general, minister, foreign minister, defense minister, defence
minister, interior minister, finance minister, justice minister, health minister, economy minister,
chief minister, prime minister designate, president elect, spokesman, spokeswoman, spokesperson,
senator, sen, representative, rep, congressman, congresswoman, governor, gov, mayor, mp, mep, judge,
justice, chief justice, prosecutor, ambassador, envoy, speaker, house speaker, majority leader,
minority leader, leader, opposition leader, chairman, chairwoman, chair, chief, commissioner,
director, national security adviser, national security advisor, strongman, dictator, king, queen,
prince, princess, crown prince, duke, duchess, emperor, sultan, emir, sheikh, sheik, shah, pope,
archbishop, bishop, cardinal, patriarch, rabbi, imam, ayatollah, grand ayatollah, rev, reverend,
father, sister, mr, mrs, ms, miss, mx, dr, doctor, prof, professor, sir, dame, lord, lady, gen,
general, lt gen, lieutenant general, maj gen, major general, brig gen, brigadier general, col,
colonel, lt col, lt, lieutenant, maj, major, capt, captain, sgt, sergeant, adm, admiral, marshal,
comrade
"""
TITLES = frozenset(" ".join(rank.split()) for rank in _RANKS.split(","))
_LONGEST_TITLE = max(len(title.split()) for title in TITLES)
_TITLE_ROOM = 60  # characters; the longest title has 25
_LAST_WORD = re.compile(r"(\w+)\.?\s$")
_LAST_WORDS = frozenset(title.split()[-1] for title in TITLES)
_BEFORE_TITLES = words("former then ex acting deputy interim incoming outgoing late current")
_SUFFIXES = words("jr sr ii iii iv mp md phd esq")
PARTICLES = words(
    """
al el bin ibn ben abu de da do dos del della di du la le van von der den ter
    """
)

# First names with those short for them, and spellings of one name in other scripts.
_SHORTENED = """
alexander alex; andrew andy; anthony tony; antony tony; barbara barb; benjamin ben; catherine cathy;
charles charlie chuck; christopher chris; daniel dan danny; david dave; deborah debbie deb; donald don;
douglas doug; edward ed eddie ted; elizabeth liz beth betsy; frederick fred; gabrielle gabby; gerald
jerry; gregory greg; james jim jimmy; jeffrey jeff; jennifer jen jenny; jerrold jerry; jonathan jon;
joseph joe; joshua josh; katherine kathy katie kate; kenneth ken; lawrence larry; margaret maggie peggy;
matthew matt; michael mike mick; mohammed mohamed mohammad muhammad; nathaniel nate; nicholas nick;
patrick pat; peter pete; philip phil; raymond ray; rebecca becky; richard dick rick rich; robert bob
bobby rob; ronald ron; samuel sam; stephen steve; steven steve; susan sue; theodore ted; thomas tom;
timothy tim; victoria vicky; william bill billy will
"""
_GROUPS = [group.split() for group in _SHORTENED.split(";")]
_CALLED = {one: {o for group in _GROUPS if one in group for o in group} for names in _GROUPS for one in names}


# Enough for an article and those around it: 65,536 are no faster, and a heap strewn with names that are kept
# gives less back (20 MB in six units of work).
@lru_cache(maxsize=1 << 11)
def fold(text: str) -> str:
    """The form under which names are compared: no case, accents, points, possessive or leading "the".

    Hyphens and other signs become spaces, `&` becomes "and", spaced initials are joined ("U. S." → "us").
    """
    text = _POSSESSIVE.sub("", text.strip())
    text = _PARTS.sub(lambda sign: " and " if "&" in sign.group() else " plus ", text)
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LETTERS))
        text = "".join(c for c in text if not unicodedata.combining(c))
    parts = _SIGNS.sub(" ", text.translate(_DROPPED)).split()
    if len(parts) > 1 and parts[0] == "the":
        parts = parts[1:]
    return _INITIALS.sub(r"\1", " ".join(parts))


def slug(text: str) -> str:
    """The text as an identifier without white space; never empty (signs alone become their code points)."""
    return fold(text).replace(" ", "-") or "-".join(f"u{ord(c):x}" for c in text) or "empty"


def stripped(text: str) -> str:
    """The text as a channel delivers it that drops every character outside ASCII."""
    return text.encode("ascii", "ignore").decode()


def split_title(form: str) -> tuple[str, str]:
    """A folded name as (title, name): "president joe biden" → ("president", "joe biden").

    Several titles in a row all go; the last one is returned. A title alone is a name.
    """
    parts, title = form.split(), ""
    while len(parts) > 1:
        if parts[0] in _BEFORE_TITLES:
            parts = parts[1:]
            continue
        size = _title_at_start(parts)
        if not size:
            break
        title, parts = " ".join(parts[:size]), parts[size:]
    return title, " ".join(parts)


def _title_at_start(parts: list[str]) -> int:
    sizes = range(min(_LONGEST_TITLE, len(parts) - 1), 0, -1)
    return next((n for n in sizes if " ".join(parts[:n]) in TITLES), 0)


def title_before(left: str) -> str:
    """The title, folded, with which the text `left` of a name ends; empty where there is none."""
    last = _LAST_WORD.search(left[-_TITLE_ROOM:])
    if last is None or last[1].lower() not in _LAST_WORDS:
        return ""
    parts = fold(left.rpartition(",")[2][-_TITLE_ROOM:]).split()
    sizes = range(min(_LONGEST_TITLE, len(parts)), 0, -1)
    return next((t for n in sizes if (t := " ".join(parts[-n:])) in TITLES), "")


def surnames(form: str) -> list[str]:
    """The shorter forms by which a person of this full folded name may be called, from its end.

    "ursula von der leyen" → "von der leyen", "leyen"; suffixes such as "jr" are not names.
    """
    parts = form.split()
    while len(parts) > 2 and parts[-1] in _SUFFIXES:
        parts = parts[:-1]
    ends = [" ".join(parts[i:]) for i in range(1, len(parts))]
    return [end for end in ends if end not in PARTICLES and len(end) > 1]


def looks_like_surname(form: str) -> bool:
    """Whether a folded name of several words can be a surname alone: "van roe", "trump jr"."""
    return form.split()[0] in PARTICLES or bool(suffix(form))


def suffix(form: str) -> str:
    """The "jr", "iii" or the like with which a folded name ends, or nothing."""
    last = form.split()[-1]
    return last if last in _SUFFIXES else ""


def same_person(one: str, other: str) -> bool:
    """Whether two full folded names can be one person's: first and last words agree, and the middle fits.

    "jane roe", "jane a roe" and "jane anne roe" can, and "bob roe" and "robert roe"; "george w bush" and
    "george h w bush" cannot.
    """
    a, b = (_core(form) for form in (one, other))
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-1] or suffix(one) != suffix(other):
        return False
    if a[0] != b[0] and b[0] not in _CALLED.get(a[0], ()):
        return False
    inner = sorted((a[1:-1], b[1:-1]), key=len)
    if not inner[0]:
        return True
    pairs = list(zip(*inner, strict=False))
    return len(inner[0]) == len(inner[1]) and all(
        x == y or (x[0] == y[0] and 1 in (len(x), len(y))) for x, y in pairs
    )


def _core(form: str) -> list[str]:
    parts = form.split()
    return parts[:-1] if parts[-1] in _SUFFIXES else parts


def initials(form: str) -> frozenset[str]:
    """The acronyms that a folded name may have: with and without its small words."""
    parts = form.split()
    large = [w for w in parts if w not in ("of", "the", "and", "for", "in", "on", "to", "de", "la")]
    return frozenset("".join(w[0] for w in kept) for kept in (parts, large) if len(kept) > 1)


def abbreviates(short: str, long: str) -> bool:
    """Whether the folded acronym's letters stand in this order in the folded long name, first with first."""
    letters = iter(long.replace(" ", ""))
    return short[:1] == long[:1] and all(letter in letters for letter in short.replace(" ", ""))
