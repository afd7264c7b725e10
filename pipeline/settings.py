"""What a user can set, in one place; the only module that reads environment variables."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

PREFIX = "STANDPOINT_"
LARGEST = {"threads": 9999, "duplicate_days": 90, "stale_days": 9999}


@dataclass(frozen=True)
class Settings:
    """The settings of a run; each field is also an environment variable, `STANDPOINT_<FIELD>`."""

    lake: str = "./lake"
    """Folder or `file://`, `s3://` URI of the lake."""
    landing: str = "./landing"
    """Folder or URI of the landing zone; never written to."""
    model: str = ""
    """Folder of model weights, or a TOML file that chooses other models; empty: the shipped weights."""
    aliases: str = ""
    """A user's alias file, read after the shipped one; empty: none."""
    languages: tuple[str, ...] = ("en",)
    """Languages (ISO 639-1) to keep; articles in others are rejected."""
    threads: int = 0
    """Threads of the model; 0: as many as there are cores, within the container's quota."""
    duplicate_days: int = 7
    """An article is compared with those of its day and of so many days before (0: of its day alone)."""
    precision: float = 0.9
    """How often `favor` and `against` shall be right where they are published: one of `models.PRECISIONS`."""
    log: str = ""
    """File to which `ingest` and `run` append JSON lines, one an event; `-`: standard error; empty: none."""
    stale_days: int = 2
    """The newest published day may be so many days ago before `upkeep` raises an alert (0: never)."""

    @staticmethod
    def load(
        environ: Mapping[str, str] = os.environ, base: Settings | None = None, **chosen: str | None
    ) -> Settings:
        """Settings from defaults (`base`), then environment variables, then the options that were chosen.

        Raises UsageError when a value does not parse.
        """
        texts = {f.name: environ[PREFIX + f.name.upper()] for f in fields(Settings)
                 if environ.get(PREFIX + f.name.upper())}  # fmt: skip
        texts |= {name: value for name, value in chosen.items() if value is not None}
        return replace(base or Settings(), **{name: _parse(name, text) for name, text in texts.items()})

    def digest(self, names: Iterable[str]) -> str:
        """Digest of the settings of these names: what a stage that reads them depends on."""
        values = {name: getattr(self, name) for name in sorted(names)}
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]

    def environ(self) -> dict[str, str]:
        """These settings as environment variables, for a process that is started with them."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        texts = {n: ",".join(v) if isinstance(v, tuple) else str(v) for n, v in values.items()}
        for name in ("lake", "landing", "model", "aliases", "log"):
            if texts[name] not in ("", "-") and "://" not in texts[name]:
                texts[name] = str(Path(texts[name]).resolve())
        return {PREFIX + name.upper(): text for name, text in texts.items()}


def choose_allocator(environ: MutableMapping[str, str] = os.environ) -> None:
    """Have Arrow use the system's allocator; to be called before pyarrow is first imported.

    Its own (mimalloc) keeps what it was once given: with each unit of work a process grew by some 20 MB more
    (docs/performance.md, "How a backfill scales").
    """
    environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def inherited_environment() -> dict[str, str]:
    """A copy of this process's environment, for a child process."""
    return dict(os.environ)


def _parse(name: str, text: str) -> Any:
    if name in ("lake", "landing") and not text.strip():
        raise UsageError(f"{name}: {text!r} names nothing; give a folder or an s3:// URI")
    if name == "languages":
        codes = tuple(sorted({code.strip().lower() for code in text.split(",") if code.strip()}))
        if not codes or not all(re.fullmatch("[a-z]{2,3}", code) for code in codes):
            raise UsageError(
                f"languages: {text!r} is not a comma-separated list of ISO 639 codes such as en,de"
            )
        return codes
    if name in LARGEST:
        if not re.fullmatch("[0-9]{1,4}", text) or int(text) > LARGEST[name]:
            raise UsageError(f"{name}: {text!r} is not a whole number from 0 to {LARGEST[name]}")
        return int(text)
    if name == "precision":
        from models import PRECISIONS  # here, since it brings numpy along

        known = {shown: one for one in PRECISIONS for shown in (f"{one:g}", f"{one:.2f}")}
        if text.strip() not in known:
            raise UsageError(f"precision: {text!r} is not one of {', '.join(map(str, PRECISIONS))}")
        return known[text.strip()]
    return text
