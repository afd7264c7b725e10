"""Every character of an edited text leads back to the raw text."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.tracked import Finding, Range, Tracked, align

TEXTS = st.text("abc \n\u00e9😀", max_size=20)


@st.composite
def edits_of(draw, text):
    points = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pairs = zip(points[::2], points[1::2], strict=False)
    return [Finding(start, end, draw(st.text("XY", max_size=3))) for start, end in pairs]


def check(text: Tracked, raw: str) -> None:
    at = 0
    for before, after in zip((None, *text.ranges), text.ranges, strict=False):
        assert after.start == at <= after.end
        assert after.raw_start <= after.raw_end
        assert before is None or before.raw_end == after.raw_start
        if after.repair is None:
            assert text.text[after.start : after.end] == raw[after.raw_start : after.raw_end] != ""
        at = after.end
    assert at == len(text.text)


@given(TEXTS, st.data())
def test_edits_compose_and_every_character_leads_back(raw, data):
    text = Tracked.of(raw)
    for kind in ("one", "two", "three"):
        edits = data.draw(edits_of(text.text))
        expected = text.text
        for edit in reversed(edits):
            expected = expected[: edit.start] + edit.replacement + expected[edit.end :]
        text = text.edited(edits, kind)
        assert text.text == expected
        check(text, raw)
        assert not text.ranges or (text.ranges[0].raw_start, text.ranges[-1].raw_end) == (0, len(raw))
    start, end = sorted(
        (data.draw(st.integers(0, len(text.text))), data.draw(st.integers(0, len(text.text))))
    )
    part = text.sliced(start, end)
    assert part.text == text.text[start:end]
    at = 0
    for r in part.ranges:
        assert r.start == at
        assert r.repair is not None or part.text[r.start : r.end] == raw[r.raw_start : r.raw_end]
        at = r.end
    assert at == end - start


@given(TEXTS, st.data())
def test_any_span_leads_back_to_raw_characters(raw, data):
    text = Tracked.of(raw)
    for kind in ("one", "two"):
        text = text.edited(data.draw(edits_of(text.text)), kind)
    for start in range(len(text.text) + 1):
        for end in range(start, len(text.text) + 1):
            raw_start, raw_end = text.raw_span(start, end)
            assert 0 <= raw_start <= raw_end <= len(raw)
            whole = [r for r in text.ranges if r.start < end and r.end > start]
            if whole:
                assert whole[0].raw_start <= raw_start <= raw_end <= whole[-1].raw_end
            if all(r.repair is None for r in whole) and len(whole) == 1:
                assert raw[raw_start:raw_end] == text.text[start:end]


def test_a_span_takes_in_the_whole_of_a_repair_and_no_deletions_at_its_edges():
    text = Tracked.of("\0a&amp;b\0").edited([Finding(0, 1, ""), Finding(2, 7, "&&"), Finding(8, 9, "")], "x")
    assert text.text == "a&&b"
    assert text.raw_span(0, 4) == (1, 8)
    assert text.raw_span(1, 2) == text.raw_span(2, 3) == text.raw_span(2, 2) == (2, 7)
    assert text.raw_span(0, 0) == (1, 1)
    assert text.raw_span(4, 4) == (9, 9)
    assert Tracked.of("").raw_span(0, 0) == (0, 0)


def test_an_edit_across_a_repair_takes_in_the_whole_of_it():
    text = Tracked.of("a&amp;b").edited([Finding(1, 6, "&&")], "html").edited([Finding(2, 3, "+")], "other")
    assert text.text == "a&+b"
    assert text.ranges == (Range(0, 1, 0, 1, None), Range(1, 3, 1, 6, "other"), Range(3, 4, 6, 7, None))


def test_deletions_are_ranges_without_text_and_fall_off_at_the_edges_of_a_slice():
    text = Tracked.of("x\0y").edited([Finding(1, 2, "")], "control")
    assert text.ranges[1] == Range(1, 1, 1, 2, "control")
    assert text.sliced(0, 1).ranges == (Range(0, 1, 0, 1, None),)
    assert text.sliced(1, 2).ranges == (Range(0, 1, 2, 3, None),)


@given(TEXTS, TEXTS)
def test_align_always_gives_the_other_text(before, after):
    assert Tracked.of(before).edited(align(before, after, reach=4, anchor=2), "kind").text == after


def test_align_is_tight_where_the_texts_agree_again():
    assert align("one \u00c3\u00a9 two \u00c3\u00a8 three", "one é two è three") == [
        Finding(4, 6, "é"),
        Finding(11, 13, "è"),
    ]
    assert align("same", "same") == []
