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


def test_the_command_measures_them_on_the_dev_sets(committed, tmp_path, capsys, monkeypatch):
    """On dev sets whose labels are what the first reading says."""
    words = {stance[0]: stance for stance in STANCES} | {"-": "neutral"}
    for name, (_, path) in readable.SETS.items():
        rows = [json.dumps({"label": words[letter]}) for letter in committed[name][0]]
        lines(tmp_path / path, rows)
    last = max(map(int, committed["names"]))
    lines(
        tmp_path / readable.NEWS, [json.dumps({"tokens": ["Nobody", "."], "tags": ["O", "O"]})] * (last + 1)
    )
    monkeypatch.setattr(sys, "argv", ["readable", "--data", str(tmp_path)])
    readable.main()
    printed = capsys.readouterr().out
    assert "nine types: micro-F1 0.0 (0.0 to 0.0)" in printed
    for name in readable.SETS:
        assert f"{name}, reading 1: macro-F1 100.0 (100.0 to 100.0), kappa 1.00\n" in printed
    assert "directed, reading 2: macro-F1 9" in printed


def lines(path: Path, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), "utf-8")
