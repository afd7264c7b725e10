"""What the head of an article says: when it was published, where, and which article it is.

Nothing is guessed: a date that could be read in two ways is no date, and a URL that names a whole site
is no identity, because a wrong row is worse than a missing one (docs/decisions/ingest.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, unquote_plus, urlsplit

from dateutil import parser, tz
from w3lib.url import canonicalize_url

if TYPE_CHECKING:
    from tldextract import TLDExtract

EARLIEST_YEAR = 1700  # before the first newspapers with dated articles, a year is damage
EARLIEST_WEB_YEAR = 1990  # before the web, eight digits in a URL are a number, and a file time is unset
# Where the file's time is unset (tar and Nix write 1970), nothing tells what is in the future: the bound is
# fixed, and no clock is asked, so that every reading of the same row gives the same day.
LATEST_UNTIMED = datetime(2100, 12, 31, tzinfo=UTC)
AHEAD = timedelta(days=2)  # time zones, and articles dated for tomorrow's paper
LONGEST_DATE = 80
LONGEST_URL = 8192

MISSING = frozenset(("", "-", "none", "null", "nan", "nat", "n/a", "na", "unknown", "undated"))
TRACKING = frozenset(  # parameters that tell how a reader came, not which page it is
    """_ga _gl _hsenc _hsmi amp_js_v cmpid dclid fbclid ftag gbraid gclid gclsrc guccounter icid igshid
    mc_cid mc_eid mkt_tok msclkid ncid oly_anon_id oly_enc_id partner rss s_cid smid smtyp sr_share
    taid twclid usqp vero_id wbraid wickedid yclid""".split()
)
TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "hsa_", "at_")

_MONTH = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH_WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(_MONTH)})[a-z]*(?![a-z])", re.I)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?)?", re.A)
_EPOCH = re.compile(r"(\d{10})(?:\d{3}|\.\d{1,9})?", re.A)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)(.*)", re.A)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d)(.*)", re.A)
_TIME = re.compile(
    r"(?:[T ,]|at )*\d{1,2}(?::\d\d| ?[ap]\.?m)[\d:.,]*\s*(?:[ap]\.?m\.?)?[\s\w:+-]*", re.I | re.A
)
_URL_DATE = re.compile(r"(?<!\d)(\d{4})([-/_]?)(\d\d?|[a-z]{3})\2(\d\d?)(?![\d.])", re.I | re.A)
_ZONES = {"UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
          "PST": -8, "PDT": -7, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3}  # fmt: skip
_US_ZONES = {"ET": "New_York", "CT": "Chicago", "MT": "Denver", "PT": "Los_Angeles"}


class Publication(NamedTuple):
    """When an article was published (UTC), and what told it: `header`, `url` or `landed`."""

    published: datetime
    source: str


def parse_date(text: str) -> datetime | None:
    """The moment in UTC that a date header names, or None where it does not name exactly one.

    Dates without a time are midnight, times without a zone are UTC. Day and month as numbers in
    that order or the other are read only where the values leave one reading.
    """
    text = " ".join(re.sub(r"\([^)]*\)\s*$", "", text[: LONGEST_DATE + 1]).split())
    if not text or len(text) > LONGEST_DATE:
        return None
    try:
        found = _read_date(text)
        return None if found is None else found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, ArithmeticError, TypeError, LookupError, AttributeError):
        # What dateutil is known to raise on odd input, all of it "not a date".
        return None


def _read_date(text: str) -> datetime | None:
    if match := _EPOCH.fullmatch(text):
        digits = text.replace(".", "")
        return datetime.fromtimestamp(int(match[1]), UTC) + timedelta(seconds=float(f"0.{digits[10:] or 0}"))
    if match := _COMPACT.fullmatch(text):
        return datetime(*(int(part) for part in match.groups() if part))  # type: ignore[arg-type] # noqa: DTZ001
    if match := _YEAR_FIRST.fullmatch(text):
        day, rest = date(int(match[1]), int(match[3]), int(match[4])), match[5]
    elif match := _YEAR_LAST.fullmatch(text):
        first, second, rest = int(match[1]), int(match[3]), match[5]
        if max(first, second) <= 12 and first != second:
            return None
        month, number = (second, first) if first > 12 else (first, second)
        day = date(int(match[4]), month, number)
    elif _MONTH_WORD.search(text):
        return _worded_date(text)
    else:
        return datetime.fromisoformat(text) if re.fullmatch(r"\d{8}T[\d.,:+\-Z]+", text, re.A) else None
    if rest.strip() and not _TIME.fullmatch(rest):
        return None
    try:
        return datetime.fromisoformat(day.isoformat() + rest)
    except ValueError:
        return _worded_date(day.isoformat() + re.sub("^T", " ", rest))


def _worded_date(text: str) -> datetime | None:
    """Read with dateutil, which fills what is missing from a default: two defaults show what it filled."""
    # dateutil turns the sign of GMT+3 round.
    text = re.sub(r"\b(?:GMT|UTC)\s*(?=[+-]\d)", "", text.replace("|", ","))
    defaults = datetime(2000, 1, 1), datetime(2001, 2, 15)  # noqa: DTZ001
    one, other = (parser.parse(text, default=default, tzinfos=_zone) for default in defaults)
    stated = re.search(rf"(?<![\d+]){one.year:04d}(?!\d)", text)
    return one if one == other and stated else None


def _zone(name: str | None, offset: int | None) -> tzinfo | None:
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name is None:
        return None
    if name.upper() in _US_ZONES:
        return tz.gettz(f"America/{_US_ZONES[name.upper()]}")
    if name.upper() not in _ZONES:
        raise ValueError(f"time zone {name!r} is not one of {', '.join((*_ZONES, *_US_ZONES))}")
    return timezone(timedelta(hours=_ZONES[name.upper()]))


def url_date(url_raw: str) -> datetime | None:
    """The day in a URL's path (/2021/12/29/, /2021/dec/29/, 20211229, 2021-12-29), if it names just one."""
    try:
        path = urlsplit(url_raw.strip()[:LONGEST_URL]).path
    except ValueError:
        return None
    days = set()
    for year, separator, month, day in _URL_DATE.findall(path):
        month = str(_MONTH.index(month.lower()) + 1) if month.lower() in _MONTH else month
        if not month.isdigit() or (not separator and len(month + day) != 4) or int(year) < EARLIEST_WEB_YEAR:
            continue
        try:
            days.add(datetime(int(year), int(month), int(day), tzinfo=UTC))
        except ValueError:
            continue
    return days.pop() if len(days) == 1 else None


def publication(date_raw: str | None, url_raw: str | None, landed_at: datetime) -> Publication | None:
    """When an article was published: by its date header, else its URL, else when it landed.

    A date counts from the year 1700 to two days after `landed_at`, or to the end of 2100 where that is
    unset (before 1990) or lies beyond that itself. When it landed counts only where it is set and the source
    gives no date at all; None: it gives one that cannot be read or cannot be right, and the URL has none.
    """
    known = (
        EARLIEST_WEB_YEAR <= landed_at.year <= LATEST_UNTIMED.year
    )  # else the file system or archive has lost the time
    latest = landed_at + AHEAD if known else LATEST_UNTIMED
    missing = date_raw is None or date_raw.strip().lower() in MISSING
    stated = None if missing or date_raw is None else parse_date(date_raw)
    for found, source in ((stated, "header"), (url_date(url_raw or ""), "url")):
        if found is not None and found.year >= EARLIEST_YEAR and found <= latest:
            return Publication(found, source)
    return Publication(landed_at.astimezone(UTC), "landed") if missing and known else None


def canonical_url(text: str | None) -> str | None:
    """The URL without what does not name the page, or None where it is no http or https URL.

    Lower-case scheme and host (international names as punycode), no user, default port, fragment or
    tracking parameters (`TRACKING`), the other parameters sorted.
    """
    text = (text or "").strip()
    if re.match(r"//|www\.", text, re.I):
        text = "http://" + text.removeprefix("//")
    if len(text) > LONGEST_URL:
        return None
    try:
        parts = urlsplit(text)
        host = _host(parts)
        if host is None or parts.scheme not in ("http", "https"):
            return None
        port = "" if parts.port in (None, {"http": 80, "https": 443}[parts.scheme]) else f":{parts.port}"
        query = "&".join(pair for pair in parts.query.split("&") if pair and not _tracks(pair))
        return canonicalize_url(f"{parts.scheme}://{host}{port}{parts.path}" + (f"?{query}" if query else ""))
    except ValueError:
        return None


def _host(parts: SplitResult) -> str | None:
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        return f"[{host}]"
    host = host.encode("idna").decode("ascii").lower()
    return host if re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", host) and ".." not in host else None


def _tracks(pair: str) -> bool:
    name = unquote_plus(pair.partition("=")[0]).lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIXES)


@cache
def _suffixes() -> TLDExtract:
    # The list of public suffixes that comes with the package: no network, no cache on the disk.
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


@lru_cache(maxsize=4096)
def _registrable(host: str) -> str | None:
    parts = _suffixes()(host)
    if not parts.suffix and parts.subdomain:  # The list's own rule for a top level that it does not know.
        return f"{parts.subdomain.rpartition('.')[2]}.{parts.domain}"
    return parts.top_domain_under_public_suffix or None


def outlet(url: str | None) -> str | None:
    """The registrable domain of a canonical URL (bbc.co.uk for www.bbc.co.uk), if it has one."""
    return _registrable(urlsplit(url).hostname or "") if url else None


def article_id(url: str | None, title: str, date_raw: str | None, lines: Sequence[str]) -> str:
    """Identity of an article, 16 hex digits: of its canonical URL, else of title, date and text.

    Scheme, `www.` and a slash at the end make no difference; a URL without path and query names a
    site and not an article, so it identifies nothing.
    """
    place = re.sub(r"^https?://(?:www\.)?", "", url or "").rstrip("/")
    named = place if re.search(r"[/?]", place) else "\0".join((title, date_raw or "", "\n".join(lines)))
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def raw_sha256(title: str, date_raw: str | None, url_raw: str | None, lines: Sequence[str]) -> str:
    """SHA-256 of an article as it landed, over an encoding in which no two articles are the same."""
    parts = json.dumps([title, date_raw, url_raw, list(lines)], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(parts.encode()).hexdigest()
