"""The manifest of a day: which files are its tables, and what they were built from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from pipeline.errors import EnvironmentProblem


@dataclass(frozen=True)
class Manifest:
    """What a day consists of: for each table its file, rows and SHA-256, and what it was built from."""

    day: str
    snapshot: str
    fingerprint: str
    recipe: str
    inputs: str
    articles: int
    run_id: str
    published_at: str
    tables: Mapping[str, Mapping[str, Any]]
    consumed: Sequence[str] = ()
    superseded: Mapping[str, str] = field(default_factory=dict)
    """Files that it or a manifest shortly before it replaced, and when: readers may still be at them."""
    characters: int = 0
    """Of its raw articles; 0 where an earlier version, which did not count them, published it."""

    @staticmethod
    def parse(data: bytes) -> Manifest:
        """The manifest in these JSON bytes. Raises EnvironmentProblem when they are none."""
        try:
            return Manifest(**json.loads(data))
        except (ValueError, TypeError) as error:
            raise EnvironmentProblem(
                f"a manifest of the lake cannot be read ({error}): it is damaged, or written by a later "
                "version; restore it, or upgrade"
            ) from error

    def json(self) -> bytes:
        """The manifest as JSON bytes, equal for equal content."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()


def parsed(manifests: Iterable[bytes]) -> dict[date, Manifest]:
    """Each day's manifest, of their JSON bytes. Raises EnvironmentProblem as `Manifest.parse`."""
    return {date.fromisoformat(m.day): m for m in map(Manifest.parse, manifests)}


def manifest_path(day: date) -> str:
    """Where in a lake the day's manifest is."""
    return f"manifest/{day.isoformat()}.json"
