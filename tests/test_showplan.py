"""`standpoint plan`: one line for days in a row with the same reasons, and an honest estimate."""

import json
from datetime import date, timedelta

import pytest

from pipeline import showplan
from pipeline.rates import ASSUMED, Rates
from pipeline.units import Due, Shard, Unit

RATES = Rates(5, 1 / 4000, 12)


def due(n: int, *reasons: str, tokens: int = 1000) -> Due:
    day = (date(2022, 1, 1) + timedelta(n)).isoformat()
    return Due(day, reasons or ("new",), 10, 4, "", "", f"{n:064x}", (), tokens, 2 * tokens)


def printed(capsys, units, form: str = "table", **more) -> tuple[list[str], str]:
    showplan.show(units, RATES, form, **more)
    found = capsys.readouterr()
    return [" ".join(line.split()) for line in found.out.splitlines()], found.err


def test_days_in_a_row_with_the_same_reasons_are_one_line(capsys):
    units = [
        Unit((due(0), due(1), due(3))),
        Unit((due(4, "2 late"), due(5, "11 late"), due(6, "1 late", "1 corrected"))),
        Unit((due(7, "model (judge)", "model (tag)"),)),
    ]
    lines, summary = printed(capsys, units)
    assert lines == [
        "due days why articles to compute tokens units",
        "2022-01-01 to 2022-01-04 3 new 30 12 3,000 1",
        "2022-01-05 to 2022-01-06 2 13 late 20 8 2,000 2",
        "2022-01-07 1 1 late, 1 corrected 10 4 1,000 2",
        "2022-01-08 1 another model (judge, tag) 10 4 1,000 3",
    ]
    assert "7 days are due in 3 units, some 7,000 tokens: less than a minute" in summary
    assert "4,000 tokens a second and 5 s a unit, as the last 12 units of this lake took" in summary


def test_every_day_where_that_is_asked_for(capsys):
    lines, _ = printed(capsys, [Unit((due(0), due(1)))], every=True)
    assert [line.split()[0] for line in lines] == ["due", "2022-01-01", "2022-01-02"]


def test_a_day_in_shards_has_its_own_line(capsys):
    crowded = (due(1, tokens=9000),)
    shards = [Unit(crowded, Shard(n, ("4", "8"), 2, 3000)) for n in (1, 2, 3)]
    units = [Unit((due(0),)), *shards, Unit((due(2),))]
    lines, summary = printed(capsys, units)
    assert lines[2].endswith("9,000 2–4 (3 shards)")
    assert [line.split()[-1] for line in lines[1::2]] == ["1", "5"]
    assert "3 days are due in 5 units, some 11,000 tokens" in summary


def test_long_plans_say_how_much_they_leave_out(capsys):
    units = [Unit(tuple(due(n, "1 late" if n % 2 else "1 corrected") for n in range(50)))]
    lines, err = printed(capsys, units)
    assert len(lines) == 41
    assert "… 10 more days; --all shows them" in err
    assert len(printed(capsys, units, every=True)[0]) == 51


def test_the_newest_come_first_as_planned(capsys):
    lines, _ = printed(capsys, [Unit((due(1), due(0)))])
    assert lines[1].startswith("2022-01-02 to 2022-01-01")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_other_formats_have_a_row_a_day(capsys, form):
    lines, err = printed(capsys, [Unit((due(0), due(1, "3 late")))], form)
    if form == "json":
        assert json.loads(lines[1]) == {
            "day": "2022-01-02", "why": "3 late", "articles": 10, "to_compute": 4, "tokens": 1000, "unit": 1,
            "shards": 1,
        }  # fmt: skip
    else:
        assert lines[0] == '"day","why","articles","to_compute","tokens","unit","shards"'
        assert len(lines) == 3
    assert "2 days are due" in err


def test_nothing_due_and_nothing_measured_are_said():
    assert showplan.summary([], RATES) == ["0 days are due: every table is current"]
    one, how = showplan.summary([Unit((due(0),))], ASSUMED)
    assert one.startswith("1 day is due in 1 unit, some 1,000 tokens: ")
    assert "no unit of this lake has been run with this model yet" in how


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (["new"], "new"),
        (["code (link)"], "newer code (link)"),
        (
            ["config (clean)", "model (judge)", "2 late"],
            "other settings (clean), another model (judge), 2 late",
        ),
        (["landed again, unchanged"], "landed again, unchanged"),
    ],
)
def test_reasons_in_plain_words(reasons, words):
    assert showplan.why([due(0, *reasons)]) == words
