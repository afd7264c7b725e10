"""The screen of `standpoint status`, wide, narrow and piped, and its JSON."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lakes import article, batch, day_batch
from rich.console import Console

from pipeline import showstatus, status
from pipeline.findings import Finding, findings
from pipeline.locks import Claims


@pytest.fixture
def found(built, context):
    built.land(batch(d20220105=day_batch([article("late")])))
    return status.examine(built, context)


def drawn(found, width: int, asked=None) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    showstatus.screen(found, findings(found) if asked is None else asked, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 180])
def test_every_part_is_there_in_every_width(found, width):
    lines = drawn(found, width)
    heads = [line.split()[0] for line in lines if line[:1].strip()]
    assert heads == ["lake", "fresh", "backlog", "at", "rates", "failures", "quality", "model", "to"]
    assert all(len(line) <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    for said in ("2 days, 3 articles, 2022-01-05 to 2022-01-06", "landed since", "→ `standpoint run`",
                 "1 empty (ingest)", "by standpoint run"):  # fmt: skip
        assert said in text


def test_an_empty_lake_has_a_screen(lake, context):
    text = "\n".join(drawn(status.examine(lake, context), 80))
    for said in ("nothing is published yet", "nothing is due", "no run has computed", "no unit failed",
                 "no day is published yet", "`standpoint ingest FOLDER`"):  # fmt: skip
        assert said in text


def test_what_a_terminal_would_obey_is_shown(found):
    text = "\n".join(drawn(found, 180, [Finding("day 1 failed: \x1b[2J[bold]", "mend it")]))
    assert "\x1b" not in text
    assert "⟨1b⟩[2J[bold]" in text


def test_json_is_one_object_with_everything(found, capsys):
    showstatus.show(found, "json")
    record = json.loads(capsys.readouterr().out)
    assert record["freshness"]["last_day"] == "2022-01-06"
    assert datetime.fromisoformat(record["at"]) == found.at
    assert record["backlog"]["reasons"] == {"landed since": {"days": 1, "articles": 1}}
    assert record["rates"][2]["tokens_per_second"] == found.rates[2].tokens_per_second
    assert [f["what"] for f in record["findings"]] == ["1 day is due"]
    assert set(record) == {*vars(found), "findings"}


@pytest.mark.parametrize(
    ("values", "line"),
    [((0.0, 1.0, 2.0, None), "▁▅█·"), ((None,), "·"), ((0.0, 0.0), "▁▁"), ((), "")],
)
def test_a_line_of_values(values, line):
    assert showstatus._line(values) == line


def test_times_are_told_from_now(found):
    later = replace(found, at=found.freshness.last_run.ended_at.replace(tzinfo=UTC))
    assert "(0 s ago)" in "\n".join(drawn(later, 180))


def test_who_is_at_work_and_who_was_not_heard_from(built, context):
    with Claims(built.store, "nightly.one", of_process=False) as claims:
        claims.take([["2022-01-05", "2022-01-06"]])
    now = status.examine(built, context)
    (line,) = (line for line in drawn(now, 180) if line.startswith("at work"))
    assert re.fullmatch(
        r"at work +2022-01-05 and 1 more: run nightly\.one \(of Airflow, since [\d: -]+ UTC\)", line.rstrip()
    )
    late = replace(now, at=now.at + timedelta(minutes=12))
    assert "not heard from for 12 min" in "\n".join(drawn(late, 180))
    record = json.loads(showstatus.as_json(now, []))
    assert record["claims"][0]["holds"] == ["2022-01-05", "2022-01-06"]
