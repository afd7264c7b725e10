"""What a user's TOML file says: which Hugging Face models find the mentions and judge the stances."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import STANCES, ConfigurationError, hub, labels, weights

KEYS = {"tagger": {"model", "labels"}, "judge": {"model", "labels", "pair"}}
"""The keys that each part must have; both may have `revision`."""
NAMES = {"portrayal": {"target"}, "relation": {"holder", "target"}}
"""What a question of each kind names."""
_FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class Part:
    """One chosen model.

    name    as the file has it, with the revision
    folder  where its files are
    meaning for each of its labels in order: our tag (tagger) or the number of the stance (judge)
    pair    how a question of each kind is put as the second sequence: "": without one; None: it is not put
    """

    name: str
    folder: Path
    meaning: np.ndarray
    pair: Mapping[str, str | None]

    def identity(self) -> dict[str, Any]:
        """What its answers depend on; where the files lie is no part of it."""
        return {
            "meaning": self.meaning.tolist(),
            "pair": dict(self.pair),
            "files": hub.digests(self.folder),
        }


@dataclass(frozen=True)
class Choice:
    """The chosen tagger and judge; the shipped model does the work of one that is None."""

    tagger: Part | None
    judge: Part | None

    @staticmethod
    def read(path: Path) -> Choice:
        """The choice that a TOML file makes.

        Raises ConfigurationError for what is wrong in it, FileNotFoundError or ValueError for what is wrong
        with the files that it names. Loads no model.
        """
        try:
            found = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} is missing; name a model folder or a TOML file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} is not TOML ({error}); docs/models.md shows one") from error
        if not found or set(found) - set(KEYS):
            raise ConfigurationError(
                f"{path} has {', '.join(sorted(found)) or 'nothing'}; allowed are [tagger], [judge] or both"
            )
        return Choice(*(_part(path, name, found.get(name)) for name in KEYS))

    def digest(self) -> str:
        """sha256 of what the answers depend on: labels, questions, and the content of the models' files."""
        parts = [part.identity() if part else weights.digest() for part in (self.tagger, self.judge)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def __str__(self) -> str:
        named = {"tagger": self.tagger, "judge": self.judge}
        return ", ".join(f"{what} {part.name if part else 'shipped'}" for what, part in named.items())


def filled(template: str, names: Mapping[str, str]) -> str:
    """The question: the template with its {holder} and {target} replaced."""
    return _FIELD.sub(lambda field: names[field[1]], template)


def _part(path: Path, name: str, table: Any) -> Part | None:
    """A part of the file, checked; errors name the file and the part."""
    if table is None:
        return None
    try:
        _check(name, table)
        folder = hub.locate(table["model"], table.get("revision"), path.resolve().parent)
        config = hub.settings(folder)
        means = _tags if name == "tagger" else _stances
        shown = f"{table['model']} ({table['revision']})" if "revision" in table else table["model"]
        pair = {kind: None if asks is False else asks for kind, asks in table.get("pair", {}).items()}
        return Part(shown, folder, np.array(means(config, table["labels"])), pair)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}, [{name}]: {error}") from error


def _check(name: str, table: Any) -> None:
    keys = set(table) if isinstance(table, dict) else set()
    if not KEYS[name] <= keys <= KEYS[name] | {"revision"}:
        raise ConfigurationError(
            f"has the keys {', '.join(sorted(keys)) or 'none'}; it needs {', '.join(sorted(KEYS[name]))} and "
            "may have revision"
        )
    for key in ("model", "revision"):
        if key in table and not (isinstance(table[key], str) and table[key]):
            raise ConfigurationError(f"{key} is {table[key]!r}; give a string")
    if not _maps(table["labels"], lambda value: isinstance(value, str)):
        raise ConfigurationError(f'labels is {table["labels"]!r}; give a table such as {{ PER = "PERSON" }}')
    if name == "judge":
        _check_pair(table["pair"])


def _check_pair(pair: Any) -> None:
    if not _maps(pair, lambda v: v is False or isinstance(v, str)) or set(pair) != set(NAMES):
        raise ConfigurationError(
            f"pair is {pair!r}; give portrayal and relation: a template, or false where the model "
            "cannot tell and neutral is the answer"
        )
    for kind, template in pair.items():
        alone = kind == "portrayal" and template == ""
        if template is not False and not alone and set(_FIELD.findall(template)) != NAMES[kind]:
            wanted = " and ".join(f"{{{field}}}" for field in sorted(NAMES[kind]))
            raise ConfigurationError(f"pair.{kind} is {template!r}; it must name {wanted} and no other field")
    if all(template is False for template in pair.values()):
        raise ConfigurationError("pair has only false; give a template, or leave [judge] out")


def _maps(value: Any, allowed: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and bool(value) and all(allowed(v) for v in value.values())


def _tags(config: dict[str, Any], meaning: dict[str, str]) -> list[int]:
    return labels.columns(hub.names(config), meaning)


def _stances(config: dict[str, Any], meaning: dict[str, str]) -> list[int]:
    known = hub.names(config)
    if len(known) < 2 or config.get("problem_type") not in (None, "single_label_classification"):
        raise ConfigurationError(
            f"the model has {len(known)} labels and the problem type {config.get('problem_type')!r}; "
            "a judge must be trained to choose one of several labels"
        )
    labels.checked(set(known), meaning, STANCES)
    return [STANCES.index(meaning[label]) for label in known]
