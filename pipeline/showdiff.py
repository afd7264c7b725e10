"""`standpoint diff`: what two runs say differently, a summary first, then sentence by sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline import console as rows_of
from pipeline import diff, terminal
from pipeline.builds import Pairing, span
from pipeline.diff import CHANGES, KINDS, Comparison
from pipeline.schemas import STANCES
from pipeline.sidebyside import shortened, visible

LINES = 10
"""Changes of a kind that a terminal shows unless asked for more; the other formats print all."""
DIGEST = 16
"""Characters shown of a version or digest: enough to tell two apart."""
LONG = 400
"""Characters of a sentence that is shown whole."""
STYLES = {"favor": "green", "against": "red", "neutral": "cyan"}


class Marks(NamedTuple):
    """How holder and target are marked in a sentence: before, after, and in which style."""

    holder: tuple[str, str, str]
    target: tuple[str, str, str]

    @staticmethod
    def of(console: Console) -> Marks:
        """Colours where the console has them, else signs."""
        return SIGNS if console.no_color or console.color_system is None else COLOURS


COLOURS = Marks(("", "", "bold cyan"), ("", "", "bold underline yellow"))
SIGNS = Marks(("<", ">", ""), ("[", "]", ""))


def show(pairing: Pairing, form: str, limit: int | None) -> None:
    """Print what differs: as `table` all of it, as `csv` or `json` the changes, and the summary beside them.

    `limit`: how many changes of each kind; None: `LINES` of them in a table, else all.
    """
    with terminal.progress("days", len(pairing.before)) as advance:
        most = LINES if limit is None and form == "table" else limit
        found = diff.gathered(pairing.compared(advance), most)
    if form == "table":
        summary(pairing, found, terminal.out)
        listing(found, terminal.out)
        return
    summary(pairing, found, terminal.err)
    rows_of.write(CHANGES, iter(found.changes.to_batches()), form)


def summary(pairing: Pairing, found: Comparison, console: Console) -> None:
    """Which runs, why labels may differ, and how many do."""
    for name, builds in (("before", pairing.before), ("after", pairing.after)):
        runs = list(dict.fromkeys(build.run_id for build in builds.values()))
        more = f" and {len(runs) - 1:,} more runs" if len(runs) > 1 else ""
        console.print(Text(f"{name:<8}{visible(runs[0])}{more}"))
    console.print(Text(f"{'days':<8}{span(pairing.before)}"))
    console.print(Text("\nWhy labels may differ", "bold"))
    _why(pairing, console)
    console.print(Text("\nWhat differs", "bold"))
    table = _grid("kind", "changes", "of", "", "share", right=("changes", "of", "share"))
    for kind, of in KINDS.items():
        count, total = found.counts[kind], found.of[kind]
        share = f"{100 * count / total:.2f} %" if total else "–"
        table.add_row(kind, f"{count:,}", f"{total:,}", of, share, style="" if count else "dim")
    console.print(table)
    both, before, after = found.sentences
    said = f"{both:,} sentences are in both runs; not compared: {before:,} that only the first has"
    console.print(Text(f"{said}, {after:,} that only the second has", "dim"))


def listing(found: Comparison, console: Console) -> None:
    """The changes, kind by kind, the largest change of probability first."""
    marks = Marks.of(console)
    rows = found.changes.to_pylist()
    if rows:
        key = Text("\nIn the sentences: ").append_text(_marked("holder", marks.holder)).append(" on ")
        console.print(key.append_text(_marked("target", marks.target)).append("\n"))
    for kind in KINDS:
        listed = [row for row in rows if row["kind"] == kind]
        if not listed:
            continue
        heading = f"{kind}: {found.counts[kind]:,}"
        if kind == "stance flipped":
            parts = sorted(found.flips.items(), key=lambda item: -item[1])
            heading += f" ({', '.join(f'{was} → {now} {n:,}' for (was, now), n in parts)})"
        console.rule(Text(heading, "bold"), align="left", style="dim")
        for row in listed:
            _change(row, console, marks)
        if hidden := found.counts[kind] - len(listed):
            console.print(
                Text(f"… {hidden:,} more of this kind; --limit N shows N, --format csv all\n", "dim")
            )


def _why(pairing: Pairing, console: Console) -> None:
    table = _grid("stage", "what", "before", "after", "days", right=("days",))
    reasons = pairing.why()
    for stage, part, was, now, days in reasons:
        table.add_row(stage, part, *_apart(was, now), f"{days:,}")
    if reasons:
        console.print(table)
    else:
        console.print(Text("Nothing: code, configuration and model of every stage are the same.", "dim"))


def _apart(was: str, now: str) -> list[str]:
    """Two versions or digests; of long ones, which may begin alike, what stands around their difference."""
    same = next((n for n, (x, y) in enumerate(zip(was, now, strict=False)) if x != y), 0)
    long = max(len(was), len(now)) > 2 * DIGEST
    start, end = (max(0, same - DIGEST // 2), same + DIGEST) if long else (0, 2 * DIGEST)
    shown = [("…" * (start > 0), visible(t[start:end]), "…" * (end < len(t))) for t in (was, now)]
    return ["".join(parts) if text else "–" for parts, text in zip(shown, (was, now), strict=True)]


def _change(row: dict[str, Any], console: Console, marks: Marks) -> None:
    size = "" if row["change"] is None else f"{row['change']:.2f}"
    line = Text(f"{size:>5}  ")
    line.append_text(_label(row["before"])).append(" → ").append_text(_label(row["after"]))
    who = visible(row["target"])
    if not row["kind"].startswith(("mention", "type", "entity")):
        who = f"{visible(row['holder'] or 'the text itself')} on {who}"
    line.append(f"  {who}", "bold").append(f"  {row['day']} {row['article_id']}", "dim")
    console.print(line, soft_wrap=False)
    told = [
        f"{name} {_number(row[f'{name}_before'])} → {_number(row[f'{name}_after'])}"
        for name in (*STANCES, "score")
        if row[f"{name}_before"] is not None or row[f"{name}_after"] is not None
    ]
    console.print(Padding(Text(" · ".join(told), "dim"), (0, 0, 0, 7), expand=False))
    console.print(Padding(_sentence(row, marks), (0, 0, 0, 7), expand=False))
    console.print()


def _label(text: str | None) -> Text:
    return Text("–", "dim") if text is None else Text(visible(text), STYLES.get(text, ""))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _marked(text: str, mark: tuple[str, str, str]) -> Text:
    return Text(f"{mark[0]}{visible(text)}{mark[1]}", mark[2])


def _sentence(row: dict[str, Any], marks: Marks) -> Text:
    """The sentence with its mentions marked; of one longer than `LONG` what stands around them."""
    spans = sorted(
        (row[f"{who}_start"], row[f"{who}_end"], mark)
        for who, mark in (("holder", marks.holder), ("target", marks.target))
        if row[f"{who}_start"] is not None
    )
    shown, at, sentence = Text(), 0, row["sentence"]
    long = len(sentence) > LONG
    for start, end, mark in spans:
        start = max(start, at)
        if start < end:
            shown.append(visible(shortened(sentence[at:start], at > 0, True) if long else sentence[at:start]))
            shown.append_text(_marked(sentence[start:end], mark))
            at = end
    return shown.append(visible(shortened(sentence[at:], at > 0, False) if long else sentence[at:]))


def _grid(*names: str, right: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table
