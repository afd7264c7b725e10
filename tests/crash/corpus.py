"""A small landing zone in two deliveries, so that everything that a lake does to its files happens.

The first delivery: two days, an article twice, a file that is refused. The second: a late article that one
of a later day is a near-duplicate of (so that a day is settled anew that is not due itself), a corrected one,
and one that moves from its day to another.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2022, 1, 10, tzinfo=UTC)
WIRE = (
    "The council of Northwick met on Monday to hear about the bridge.",
    "Mayor Dana Smith praised Poland for the help with the northern pier.",
    "Russia condemned the plan, and Georgia thanked the engineers of Northwick.",
    "The work is to begin in the spring, when the river is low enough.",
)


def deliver(landing: Path, phase: int) -> None:
    """Add the files of a delivery (0 or 1) to the landing zone."""
    files = _first() if phase == 0 else _second()
    for number, (name, content) in enumerate(files.items()):
        path = landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        moment = (START + timedelta(days=phase, minutes=number)).timestamp()
        os.utime(path, (moment, moment))


def _first() -> dict[str, str]:
    return {
        "courier/two.txt": _article("two", "20220104", "Russia condemned Ukraine.", "Kyiv was silent."),
        "courier/two-again.txt": _article("two", "20220104", "Russia condemned Ukraine.", "Kyiv was silent."),
        "courier/three.txt": _article("three", "20220104", "Ann Berg backed China.", "Beijing agreed."),
        "courier/empty.txt": "",
        "herald/wire.txt": _article("wire", "20220105", *WIRE, outlet="herald"),
    }


def _second() -> dict[str, str]:
    return {
        "late/wire.txt": _article("wire", "20220103", *WIRE),
        "late/two.txt": _article("two", "20220104", "Russia welcomed Ukraine.", "Kyiv answered."),
        "late/three.txt": _article("three", "20220103", "Ann Berg backed China.", "Beijing agreed."),
    }


def _article(name: str, day: str, *lines: str, outlet: str = "courier") -> str:
    head = f"{name.title()} of the day in Northwick\n{day}\nhttps://{outlet}.example.com/{name}\n"
    return head + "\n".join(lines) + "\n"
