"""What each stage makes of fixed inputs: `python -m tests.golden` writes `tests/cases/golden.json` anew.

The inputs are articles of the sample corpus and the small models for tests, so that the stages' own code
alone is pinned down. Each stage is given what the stages before it make.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from fake_models import KeywordJudge, KeywordTagger  # noqa: E402

from pipeline import ingest, neighbours, schemas  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from pipeline.sources import Landed  # noqa: E402
from pipeline.stages import PUBLISH_VERSION, STAGES, Context  # noqa: E402
from pipeline.texts import layout  # noqa: E402

FILE = HERE / "cases" / "golden.json"
FOLDER = HERE.parent / "seeds" / "landing" / "2022-01"


def digests() -> dict[str, dict[str, str]]:
    """For each stage its version and the digests of its input and output."""
    context = Context(Settings(), KeywordTagger(), KeywordJudge())
    tables: dict[str, pa.Table] = {"raw": _raw()}
    found = {}
    for stage in STAGES:
        given = {name: tables[name] for name in stage.reads}
        outcome = stage.run(given, context)
        tables |= outcome.kept
        made = {**outcome.kept, "rejects": outcome.rejected}
        found[stage.name] = {"version": stage.version, "input": _digest(given), "output": _digest(made)}
    given = {name: tables[name] for name in ("articles", "sentences", "signatures", "mentions")}
    marks = neighbours.marks(given["signatures"], given["articles"]["article_id"].to_pylist())
    settled = marks.on(given, context)
    found["publish"] = {"version": PUBLISH_VERSION, "input": _digest(given), "output": _digest(settled)}
    return found


def _digest(tables: Mapping[str, pa.Table]) -> str:
    rows = {name: schemas.conform(name, table).to_pylist() for name, table in tables.items()}
    return hashlib.sha256(json.dumps(rows, default=repr, sort_keys=True).encode()).hexdigest()[:16]


def _raw() -> pa.Table:
    rows = []
    for path in sorted(FOLDER.glob("*.txt")):
        title, date, url, lines = layout(path.read_text("utf-8-sig"))
        landed = Landed(path.name, title, date, url, lines, datetime(2022, 4, 1, tzinfo=UTC))
        found = ingest.assess(landed)
        if isinstance(found, tuple) and len(found) == 2:
            rows.append(found[1])
    return schemas.from_rows("raw", rows)


if __name__ == "__main__":
    FILE.write_text(json.dumps(digests(), indent=1) + "\n")
