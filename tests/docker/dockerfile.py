"""The instructions of a Dockerfile, as far as ours uses the format."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docker" / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction: its keyword, its options (`--from=build`), and the rest of its line."""

    keyword: str
    options: dict[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest, as a JSON list or as words of a shell."""
        return json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)

    @property
    def pairs(self) -> dict[str, str]:
        """The rest of an ENV, by name."""
        return dict(word.split("=", 1) for word in self.words)


def instructions(text: str) -> list[Instruction]:
    """The instructions in their order; comments are left out, continued lines are put together."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = []
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            keyword, rest = line.strip().split(None, 1)
            options = {}
            while keyword != "RUN" and (option := re.match(r"--([a-z-]+)=(\S+)\s+", rest)):
                options[option[1]] = option[2]
                rest = rest[option.end() :]
            found.append(Instruction(keyword, options, " ".join(rest.split())))
    return found


def stages(text: str) -> list[list[Instruction]]:
    """The instructions of each stage; the first of each is its FROM."""
    found: list[list[Instruction]] = []
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found
