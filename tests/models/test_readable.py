import gzip
import json
import sys
from pathlib import Path

import pytest

from models import STANCES, TYPES, readable

FAVOR, AGAINST, NEUTRAL = range(3)


@pytest.fixture(scope="module")
def committed():
    with gzip.open(readable.READINGS, "rt", encoding="ascii") as file:
        return json.load(file)


def test_readings_are_set_beside_the_labels_where_there_was_something_to_read():
    told = readable.stances(["favor", "neutral", "against"], ["f-a", "n-a"])
    assert told.tolist() == [[FAVOR, AGAINST], [FAVOR, AGAINST], [NEUTRAL, AGAINST]]
    with pytest.raises(ValueError, match="2 questions were read, and the dev set has 3"):
        readable.stances(["favor", "neutral", "against"], ["fn"])
    with pytest.raises(ValueError, match="not found"):
        readable.stances(["favor", "neutral", "against"], ["fxn"])


def test_a_measure_is_shown_with_its_interval():
    told = readable.stances(["favor", "neutral", "against"] * 20, ["fna" * 20, "ffa" * 20])
    assert readable.shown(lambda one, other: float((one == other).mean()), told[0], told[1]) == (
        "100.0 (100.0 to 100.0)"
    )
    low, high = readable.shown(readable.macro_f1, told[0], told[2]).split(" (")[1].rstrip(")").split(" to ")
    assert float(low) < 100 * readable.macro_f1(told[0], told[2]) < float(high)


def test_the_committed_readings_are_letters_and_spans(committed):
    assert set(committed) == {"names", *readable.SETS}
    for name in readable.SETS:
        assert all(set(told) <= {*(stance[0] for stance in STANCES), "-"} for told in committed[name])
    for spans in committed["names"].values():
        ends = [0, *(end for _, end, _ in spans)]
        assert all(last <= start < end for last, (start, end, _) in zip(ends, spans, strict=False))
        assert {kind for *_, kind in spans} <= set(TYPES)


def paragraph(start, end, kind):
    """A paragraph of the newswire whose only name has this place."""
    before = ["x" * (start - 1)] if start else []
    return {"tokens": [*before, "y" * (end - start)], "tags": [*("O" for _ in before), f"B-{kind}"]}


def test_the_command_measures_them_on_the_dev_sets(committed, tmp_path, capsys, monkeypatch):
    """On stance sets whose labels are what the first reading says, and two names, one of another type."""
    words = {stance[0]: stance for stance in STANCES} | {"-": "neutral"}
    for name, (_, path) in readable.SETS.items():
        lines(tmp_path / path, [{"label": words[letter]} for letter in committed[name][0]])
    read = {int(no): spans for no, spans in committed["names"].items()}
    alone = [(no, *spans[0]) for no, spans in read.items() if len(spans) == 1 and spans[0][0] != 1]
    wires = [{"tokens": ["Nobody", "."], "tags": ["O", "O"]} for _ in range(max(read) + 1)]
    same = next(one for one in alone if one[3] == "PERSON")
    other = next(one for one in alone if one[3] == "ORG")
    for no, start, end, _ in (same, other):
        wires[no] = paragraph(start, end, "Person")
    lines(tmp_path / readable.NEWS, wires)
    monkeypatch.setattr(sys, "argv", ["readable", "--data", str(tmp_path)])
    readable.main()
    printed = capsys.readouterr().out
    every = 2 + sum(map(len, read.values()))
    assert f"nine types: micro-F1 {100 * 2 * 1 / every:.1f} (" in printed
    assert f"spans alone: micro-F1 {100 * 2 * 2 / every:.1f} (" in printed
    for name in readable.SETS:
        part = printed[printed.index(f"{name}, questions ") :].splitlines()
        assert part[1] == "  reading 1: macro-F1 100.0 (100.0 to 100.0), kappa 1.00"
    assert printed.count("reading 2: macro-F1 9") == 1


def lines(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
