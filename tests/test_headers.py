"""Headers: dates, URLs and identities, by the cases in tests/cases/headers.json."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.headers import article_id, canonical_url, outlet, parse_date, publication, raw_sha256, url_date

CASES = json.loads((Path(__file__).parent / "cases" / "headers.json").read_text())
HOSTLIKE = st.from_regex(r"(https?:)?//[a-zA-Z0-9.:@%\[\]é-]{1,20}/[ -~é]{0,30}", fullmatch=True)


@pytest.mark.parametrize(("text", "expected"), CASES["dates"])
def test_date(text: str, expected: str | None) -> None:
    assert parse_date(text) == (expected and datetime.fromisoformat(expected))


@pytest.mark.parametrize(("text", "expected", "domain"), CASES["urls"])
def test_url(text: str | None, expected: str | None, domain: str | None) -> None:
    assert canonical_url(text) == expected
    assert outlet(canonical_url(text)) == domain


@pytest.mark.parametrize(("url", "expected"), CASES["url_dates"])
def test_url_date(url: str, expected: str | None) -> None:
    found = url_date(url)
    assert (found and found.date().isoformat()) == expected


@pytest.mark.parametrize(("date_raw", "url_raw", "landed_at", "expected"), CASES["publications"])
def test_publication(
    date_raw: str | None, url_raw: str | None, landed_at: str, expected: list[str] | None
) -> None:
    found = publication(date_raw, url_raw, datetime.fromisoformat(landed_at))
    assert (found and [found.published.isoformat(), found.source]) == expected


@given(st.text(max_size=90) | st.text("0123456789-/:. TZ+DecMay,", max_size=30))
def test_any_text_is_a_utc_date_or_none(text: str) -> None:
    found = parse_date(text)
    assert found is None or found.tzinfo is UTC


@given(st.dates().map(str) | st.datetimes(timezones=st.just(UTC)).map(str))
def test_iso_dates_are_read(text: str) -> None:
    assert parse_date(text) == datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(st.text(max_size=60) | HOSTLIKE)
def test_a_canonical_url_is_its_own(text: str) -> None:
    found = canonical_url(text)
    if found is not None:
        assert canonical_url(found) == found
        outlet(found)


def test_identity_ignores_scheme_www_and_slash() -> None:
    urls = ["http://www.e.example/a/", "https://e.example/a", "https://www.e.example/a"]
    assert len({article_id(canonical_url(url), f"title {url}", url, [url]) for url in urls}) == 1
    assert article_id(canonical_url("https://e.example/b"), "t", None, []) != article_id(
        canonical_url("https://e.example/a"), "t", None, []
    )


@pytest.mark.parametrize("url", [None, "https://www.e.example/", "https://e.example"])
def test_a_site_identifies_no_article(url: str | None) -> None:
    one = article_id(canonical_url(url), "One", "20211229", ["a"])
    assert one == article_id(None, "One", "20211229", ["a"])
    assert one != article_id(canonical_url(url), "Two", "20211229", ["a"])


@given(
    st.lists(st.text(max_size=3), min_size=2, max_size=4),
    st.lists(st.text(max_size=3), min_size=2, max_size=4),
)
def test_digest_tells_all_parts_apart(one: list[str], other: list[str]) -> None:
    def digest(parts: list[str]) -> str:
        return raw_sha256(parts[0], None, parts[1], parts[2:])

    assert (digest(one) == digest(other)) == (one == other)


def test_a_file_time_that_cannot_be_is_none():
    for year in (1, 1970, 2101, 9999):
        landed = datetime(year, 12, 31, 23, tzinfo=UTC)
        assert publication(None, None, landed) is None
        assert publication("2021-12-29", None, landed).source == "header"
