"""What `standpoint doctor` looks at: installation, model, settings, lake, landing zone."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import EnvironmentProblem, StandpointError
from pipeline.settings import Settings

NEEDED = ("pyarrow", "duckdb", "great-expectations", "torch", "transformers", "ftfy", "typer")
ENOUGH_DISK = 2 * 2**30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and what to do where it is not as it should be."""

    what: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which a run would meet them."""
    looks: dict[str, Callable[[Settings], str]] = {
        "python": _python,
        "packages": _packages,
        "airflow": _airflow,
        "disk": _disk,
        "model": _model,
        "aliases": _aliases,
        "landing": _landing,
        "lake": _lake,
    }
    return [_check(what, look, settings) for what, look in looks.items()]


def _check(what: str, look: Callable[[Settings], str], settings: Settings) -> Check:
    try:
        return Check(what, True, look(settings))
    except StandpointError as error:
        return Check(what, False, str(error))
    except ImportError as error:
        return Check(what, False, f"{error}; start with ./standpoint, which installs what is needed")
    except OSError as error:
        return Check(what, False, f"{error}; check that it is there and may be used")


def _python(_: Settings) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise EnvironmentProblem(f"Python {version}: 3.11 to 3.13 are supported; set STANDPOINT_PYTHON")
    return version


def _packages(_: Settings) -> str:
    found = []
    for name in NEEDED:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError as error:
            raise EnvironmentProblem(
                f"{name} is not installed: start with ./standpoint, which does it"
            ) from error
    return ", ".join(found)


def _airflow(_: Settings) -> str:
    if importlib.util.find_spec("airflow") is None:
        return "not installed; only `demo` and `airflow` need it, and ./standpoint installs it for them"
    return importlib.metadata.version("apache-airflow")


def _disk(_: Settings) -> str:
    free = shutil.disk_usage(".").free
    if free < ENOUGH_DISK:
        raise EnvironmentProblem(f"{free / 2**30:.1f} GiB are free here; make room for at least 2 GiB")
    return f"{free / 2**30:.0f} GiB free"


def _model(settings: Settings) -> str:
    from pipeline.stages import Context

    context = Context(settings)
    known = f"{context.model_description}, digest {context.model_digest[:16]}"
    return f"{known}, computes in {context.number_format} here"


def _aliases(settings: Settings) -> str:
    from pipeline.stages import Context

    aliases = Context(settings).aliases
    return f"{settings.aliases or 'shipped'}, digest {aliases.digest[:16]}"


def _landing(settings: Settings) -> str:
    from pipeline.store import Store

    store = Store(settings.landing)
    if not store.is_folder() and settings.landing == Settings.landing:
        return f"{settings.landing}: none; only nightly runs and `ingest` without a source need it"
    if not store.is_folder():
        raise EnvironmentProblem(
            f"landing zone {settings.landing!r} is no folder: make it, or name another with --landing"
        )
    return f"{settings.landing}, {sum(1 for _ in store.list()):,} files"


def _lake(settings: Settings) -> str:
    from pipeline.lake import Lake
    from pipeline.store import Store

    store = Store(settings.lake)
    if store.is_local:
        _writable(Path(store.full()))
    if not store.exists("") and not store.exists("lake.json"):
        return f"{settings.lake}: none yet; `standpoint ingest` makes it"
    manifests = Lake(settings.lake, create=False).manifests()
    return (
        f"{settings.lake}, {len(manifests):,} days, {sum(m.articles for m in manifests.values()):,} articles"
    )


def _writable(folder: Path) -> None:
    """Raises EnvironmentProblem when what is there of the folder may not be written to."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(there, os.W_OK | os.X_OK if there.is_dir() else os.W_OK):
        raise EnvironmentProblem(f"{str(there)!r} may not be written to: change that, or name another --lake")
