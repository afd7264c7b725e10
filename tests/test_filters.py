"""JSON lines in and out: every line is answered in its place, whatever it holds."""

import io
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import filters
from pipeline.clean import clean_record
from pipeline.errors import UsageError, ValidationFailed

BROKEN = {
    b'{"id":': "line 2: not JSON (Expecting value, column 7)",
    b"[1, 2]": "line 2: a list;",
    b"null": "line 2: a NoneType;",
    b'{"id": NaN}': "line 2: NaN is no number that JSON knows",
    b'{"id": 1e999}': "line 2: 1e999 is no number that JSON knows",
    b'{"id": "\xff"}': "line 2: not UTF-8 (byte 8)",
    b"[" * 100_000: "line 2: maximum recursion depth",
    b"\x00\x00": "line 2: not JSON",
    b'{"id": ' + b"1" * 5000 + b"}": "line 2: Exceeds the limit",
}


def echo(records):
    return ({"id": record.get("id")} for record in records)


def ahead(records):
    """A filter that answers when it has read two."""
    held = iter(records)
    while pair := list(itertools.islice(held, 2)):
        yield from echo(pair)


@pytest.mark.parametrize(("line", "said"), BROKEN.items(), ids=lambda value: str(value)[:24])
def test_a_broken_line_is_answered_in_its_place(line, said):
    first, wrong, last = filters.answers([b'{"id": 1}\n', line + b"\n", b'{"id": 2}'], echo)
    assert (first, last) == ({"id": 1}, {"id": 2})
    assert wrong["id"] is None
    assert wrong["error"].startswith(said)


@given(st.lists(st.sampled_from([b'{"id": 7}\n', b"nonsense\n", b"\n", b" \r\n"]), max_size=12))
def test_order_holds_for_filters_that_read_ahead(lines):
    expected = [None if b"non" in line else 7 for line in lines if line.strip()]
    for function in (echo, ahead):
        found = list(filters.answers(lines, function))
        assert [answer["id"] for answer in found] == expected
        assert [("error" in answer) for answer in found] == [one is None for one in expected]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert list(filters.answers([b'\xef\xbb\xbf{"id": 1}'], echo)) == [{"id": 1}]


def test_answers_come_before_the_input_ends():
    endless = (b'{"id": %d}\n' % n for n in itertools.count())
    assert len(list(itertools.islice(filters.answers(endless, echo), 5))) == 5


def test_a_wrong_record_is_answered_too():
    lines = [b'{"id": 1, "lines": 3}', b'{"id": 2, "title": "A", "lines": ["b"]}', b'{"title": 1}']
    found = list(filters.answers(lines, filters.each(clean_record)))
    assert [sorted(a) for a in found] == [
        ["error", "id"],
        ["id", "lines", "repairs", "suspicions", "title"],
        ["error", "id"],
    ]
    assert [a["id"] for a in found] == [1, 2, None]
    assert "must be a list of strings" in found[0]["error"]


@given(st.lists(st.text(st.characters(codec=None, categories=None), max_size=8), max_size=4))
def test_what_is_written_is_utf_8_and_reads_back(texts):
    """Half characters (surrogates) included, which UTF-8 has no bytes for."""
    sink = io.BytesIO()
    filters.write(({"id": text} for text in texts), sink)
    lines = sink.getvalue().decode().split("\n")
    assert [json.loads(line)["id"] for line in lines[:-1]] == texts


def test_half_a_character_goes_out_as_it_came():
    sink = io.BytesIO()
    filters.write([{"id": "\ud800 é"}, {"id": "é"}], sink)
    assert sink.getvalue() == b'{"id": "\\ud800 \\u00e9"}\n{"id": "\xc3\xa9"}\n'


def test_errors_are_counted_after_the_last_line():
    sink = io.BytesIO()
    with pytest.raises(ValidationFailed, match="1 of 2 records not answered"):
        filters.write([{"id": 1, "error": "x"}, {"id": 2}], sink)
    assert sink.getvalue().count(b"\n") == 2


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path / "missing.jsonl", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"), filters.lines_of(path):
            pass
