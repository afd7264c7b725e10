"""Where a Hugging Face model's files are: a folder, or the local cache of the hub. No pickle."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from models import ConfigurationError

FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
"""What is fetched of a model, and what its digest covers: settings, tokenizer, weights."""
_HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+")


def locate(name: str, revision: str | None, home: Path) -> Path:
    """The folder with the files of the model `name`: a path, relative to `home`, or a hub id (owner/name).

    The hub is asked only for an id whose files are not in the local cache. Raises ConfigurationError where
    the name is neither, FileNotFoundError where the files cannot be had.
    """
    folder = Path.home() / name[2:] if name.startswith("~/") else home / name
    if folder.is_dir():
        if revision is not None:
            raise ConfigurationError(f"revision {revision!r}, but {name!r} is a folder; leave revision out")
        return folder
    if not _HUB_ID.fullmatch(name):
        raise ConfigurationError(f"model {name!r} is no folder in {home} and no hub id; give either")
    return _cached(name, revision)


def files(folder: Path) -> list[Path]:
    """The files that make up a model, by name; raises FileNotFoundError where one is missing."""
    found = {path.name: path for pattern in FILES for path in folder.glob(pattern)}
    if "config.json" not in found:
        raise FileNotFoundError(f"no model in {folder}: config.json is missing; give a folder that has one")
    if not any(name.endswith(".safetensors") for name in found):
        raise FileNotFoundError(
            f"no safetensors in {folder}; other weights are pickled and may run code: save the model again "
            "with save_pretrained, or give a revision that has safetensors"
        )
    return [found[name] for name in sorted(found)]


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of each file of a model."""
    result = {}
    for path in files(folder):
        with path.open("rb") as content:
            result[path.name] = hashlib.file_digest(content, "sha256").hexdigest()
    return result


def settings(folder: Path) -> dict[str, Any]:
    """The parsed config.json of a model; raises FileNotFoundError or ValueError."""
    files(folder)
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{folder / 'config.json'} is no JSON object; restore the folder it came with")
    return found


def names(config: dict[str, Any]) -> list[str]:
    """A classifier's labels in the order of its outputs; without any, those that transformers gives it."""
    known = config.get("id2label") or {str(i): f"LABEL_{i}" for i in range(config.get("num_labels", 2))}
    by_number = {int(number): str(label) for number, label in known.items()}
    if sorted(by_number) != list(range(len(by_number))):
        raise ConfigurationError(f"the model's id2label numbers {sorted(by_number)}; they must be 0, 1, 2 …")
    return [by_number[number] for number in range(len(by_number))]


def _cached(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def fetched(offline: bool) -> Path:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(FILES),
                ignore_patterns=["*/*"],
                local_files_only=offline,
            )
        )

    try:
        folder = fetched(offline=True)
        files(folder)
    except (LocalEntryNotFoundError, FileNotFoundError):
        pass
    else:
        return folder
    try:
        return fetched(offline=False)
    except (HfHubHTTPError, OSError) as error:
        why = str(error).strip().split("\n")[0]
        raise FileNotFoundError(
            f"{name} is no folder here, not in the local cache, and the hub gave {type(error).__name__} "
            f"({why}); check the name, the revision and the network, or give a folder"
        ) from error
