"""The model folder: what it holds, its manifest of sha256 digests, reading and writing it. No pickle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "weights"
HEADS = ("portrayal", "relation", "portrayal_every", "relation_every")
UNCALIBRATED = {"entities": [1.0, 0.0]} | {head: [1.0, 0.0, 0.0, 0.0] for head in HEADS}
# entities: scale and shift of log odds; the others: scale of logits and bias of each stance, for questions
# that somebody chose and for every question that a text has (`Questions.every`)
UNMEASURED = {"calibration": UNCALIBRATED, "thresholds": {}, "int8": False}
"""What is told of weights by measuring them: by `models.evaluate --calibrate`, and int8 by `models.gate`."""
FORMAT = 3
CONFIG, TENSORS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no model in {folder}: {name} is missing; give a folder written by models/train.py, "
            "or restore models/weights from the repository"
        ) from None


def sha256(content: bytes) -> str:
    """Hex digest of bytes."""
    return hashlib.sha256(content).hexdigest()


def config(path: Path | None = None) -> dict[str, Any]:
    """The parsed config.json of a model folder; raises FileNotFoundError or ValueError."""
    folder = path or SHIPPED
    try:
        found = json.loads(_bytes(folder, CONFIG))
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(found.get("files", ())) != {TENSORS, TOKENIZER}:
        raise ValueError(f"{folder / CONFIG} is not a model manifest; restore the folder it came with")
    if not isinstance(found.get("int8", False), bool):
        raise ValueError(
            f"{folder / CONFIG}: int8 is {found['int8']!r}; it is true or false, as models.gate writes it"
        )
    if found.get("format") != FORMAT:
        raise ValueError(
            f"{folder / CONFIG} has format {found.get('format')!r}, and this version reads {FORMAT}; "
            "train the model anew, or use the version that it was made with"
        )
    return found


def digest(path: Path | None = None) -> str:
    """sha256 of config.json, which holds every setting and the sha256 of the other files."""
    config(path)
    return sha256(_bytes(path or SHIPPED, CONFIG))


def verified(path: Path | None = None) -> tuple[dict[str, Any], bytes, bytes]:
    """Config, tensors and tokenizer of a folder, each file checked against its recorded sha256.

    Raises FileNotFoundError where a file is missing and ValueError where one differs.
    """
    folder = path or SHIPPED
    settings = config(folder)
    contents = []
    for name in (TENSORS, TOKENIZER):
        content = _bytes(folder, name)
        if sha256(content) != settings["files"][name]:
            raise ValueError(f"{folder / name} differs from its sha256 in {CONFIG}; restore the folder whole")
        contents.append(content)
    return settings, contents[0], contents[1]


def save(folder: Path, settings: dict[str, Any], tensors: bytes, tokenizer: bytes) -> None:
    """Writes a model folder: settings as config.json with the manifest, and the two other files.

    config.json, which readers check the rest against, is replaced last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {TENSORS: sha256(tensors), TOKENIZER: sha256(tokenizer)}
    manifest = json.dumps({**settings, "files": files}, indent=1, sort_keys=True) + "\n"
    for name, content in [(TENSORS, tensors), (TOKENIZER, tokenizer), (CONFIG, manifest.encode())]:
        part = folder / f".{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)
