"""`standpoint clean --explain`: what cleaning changes in each article and why, raw and clean side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline import filters
from pipeline.clean import ONLY_COUNTED, Cleaned, cleaned_record
from pipeline.errors import ValidationFailed
from pipeline.filters import Record
from pipeline.places import find
from pipeline.repair import Change
from pipeline.settings import Settings
from pipeline.sidebyside import Signs, compared, visible
from pipeline.sources import Refused, form
from pipeline.store import Store

LINES_NAMED = 3
"""Lines named for a change that is made many times; the rest is a number."""
Changes = tuple[tuple[int, Change], ...]


class Explained(NamedTuple):
    """An article as it was, the title first, and as it is cleaned."""

    name: str
    raw: tuple[str, ...]
    cleaned: Cleaned


class Failed(NamedTuple):
    """What is no article: where, and why not."""

    why: str


def articles(path: Path | None, settings: Settings) -> Iterator[Explained | Failed]:
    """The articles of a file: JSON lines as `standpoint clean` takes them, else a source as `ingest` does.

    Raises UsageError for a file or folder that cannot be read.
    """
    if path is None or str(path) == "-" or (form(path.name) == ("jsonl", "") and path.is_file()):
        with filters.lines_of(path) as lines:
            answers = filters.answers(lines, filters.each(lambda record: {"found": _explained(record)}))
            for answer in answers:
                yield Failed(answer["error"]) if "error" in answer else answer["found"]
        return
    for place in find([str(path)], Store("."), {}, "", Store(settings.lake)):  # names relative to here
        for item in place.items():
            name = item.source_uri.removeprefix("file://")
            if isinstance(item, Refused):
                yield Failed(f"{name}: {item.detail} ({item.reason})")
            else:
                yield _explained({"id": name, "title": item.title, "lines": item.lines})


def show(found: Iterable[Explained | Failed], console: Console) -> None:
    """Print article after article, then the sum. Raises ValidationFailed where some are no articles."""
    signs = Signs.of(console)
    changed, left, touched = Counter[str](), Counter[str](), Counter[str]()
    total = altered = failed = 0
    for article in found:
        total += 1
        if isinstance(article, Failed):
            failed += 1
            console.print(Text(visible(article.why), "red"))
            continue
        made, suspected = article.cleaned.changes, article.cleaned.suspicions
        kinds = Counter(c.kind for _, c in made)
        doubts = Counter(c.kind for _, c in suspected)
        _article(article, console, signs)
        changed, left, touched = changed + kinds, left + doubts, touched + Counter(set(kinds) | set(doubts))
        altered += bool(made)
    _sum(console, total, altered, failed, [(k, changed[k], left[k], touched[k]) for k in sorted(touched)])
    if failed:
        raise ValidationFailed(f"{failed:,} of {total:,} are no articles: the lines above say why")


def _explained(record: Record) -> Explained:
    cleaned = cleaned_record(record)
    raw = (record.get("title") or "", *(line or "" for line in record["lines"]))
    return Explained(str(record.get("id")), raw, cleaned)


def _article(article: Explained, console: Console, signs: Signs) -> None:
    name, raw, cleaned = article
    marks: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for line, change in cleaned.suspicions:
        marks[line].append((change.start, change.end))
    texts = (cleaned.title, *cleaned.lines)
    shown = {line for line, text in enumerate(texts) if text.text != raw[line]} | set(marks)
    heading = Text(visible(name), "bold", overflow="fold")
    if not shown:
        console.print(heading + Text(": nothing to change", "not bold dim"))
        return
    console.rule(heading, align="left", style="dim")
    sides = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    sides.add_column("line", justify="right", style="dim", no_wrap=True)
    sides.add_column("raw", ratio=1, overflow="fold")
    sides.add_column("clean", ratio=1, overflow="fold")
    folded = 0
    for line, text in enumerate(texts):
        if line not in shown:
            folded += 1
            continue
        folded = _fold(sides, folded)
        label = str(line) if line else "title"
        sides.add_row(label, *compared(raw[line], text, sorted(marks[line]), signs))
    _fold(sides, folded)
    console.print(sides)
    _list(console, "Changed", "green", cleaned.changes)
    _list(console, "Left as it is", "yellow", cleaned.suspicions)
    altered = sum(text.text != old for text, old in zip(texts, raw, strict=True))
    said = [f"{altered:,} of {_count(len(raw), 'line')} changed, the title included"]
    for what, changes in (("", cleaned.changes), ("left as it is: ", cleaned.suspicions)):
        kinds = sorted(Counter(c.kind for _, c in changes).items())
        said += [what + ", ".join(f"{kind} {count:,}" for kind, count in kinds)] if kinds else []
    console.print(Text("; ".join(said), "dim"))
    console.print()


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _fold(sides: Table, lines: int) -> int:
    if lines:
        sides.add_row("", Text(f"… {_count(lines, 'line')} unchanged", "dim"), "")
    return 0


def _list(console: Console, heading: str, style: str, changes: Changes) -> None:
    """The changes, the same ones in one row; of white space and invisible characters their number only."""
    if not changes:
        return
    rows: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for line, c in changes:
        told = (c.before, c.after) if c.kind not in ONLY_COUNTED else ("", "")
        rows[c.kind, *map(visible, told), f"{100 * c.confidence:.3g} %", c.evidence].append(line)
    console.print(Text(f"\n{heading}", "bold"))
    listed = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    listed.add_column("kind", no_wrap=True, style=style)
    for name in ("before → after", "sure", "why", "lines"):
        listed.add_column(name, justify="right" if name == "sure" else "left", overflow="fold")
    for (kind, before, after, sure, why), lines in sorted(rows.items(), key=lambda row: row[1][0]):
        what = f"{before or '∅'} → {after or '∅'}" if before or after else _count(len(lines), "place")
        named = ", ".join(str(n) if n else "title" for n in dict.fromkeys(lines[:LINES_NAMED]))
        more = len(lines) - LINES_NAMED
        listed.add_row(kind, Text(what), sure, Text(why), named + (f" and {more:,} more" if more > 0 else ""))
    console.print(listed)


def _sum(
    console: Console, total: int, altered: int, failed: int, rows: list[tuple[str, int, int, int]]
) -> None:
    said = f"{_count(total, 'article')}: {altered:,} changed, {total - altered - failed:,} as they were"
    console.rule(Text(said + (f", {failed:,} not read" if failed else ""), "bold"), align="left", style="dim")
    if not rows:
        return
    listed = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    listed.add_column("kind")
    for name in ("changed", "left as it is", "in articles"):
        listed.add_column(name, justify="right")
    for kind, *counts in rows:
        listed.add_row(kind, *(f"{count:,}" for count in counts))
    console.print(listed)
