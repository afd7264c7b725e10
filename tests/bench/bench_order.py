"""Measure the lead: shuffle the paragraphs of damaged articles, and see whether the lead is found.

    python -m tests.bench.bench_order --data DIR [--show 20]

DIR holds `clean_articles.jsonl.gz` (`title` and `text` of each, undamaged). Characters beyond ASCII are
dropped and the paragraphs shuffled by a fixed seed. The true lead is the first paragraph of running text (ten
words or more that end as a sentence, not the title again). The margin was chosen on the even articles; the
odd ones test it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from pathlib import Path

from pipeline import order
from pipeline.boilerplate import is_boilerplate
from pipeline.clean import clean_lines
from pipeline.texts import lines_of

Case = tuple[str, list[order.Paragraph], int]
"""The title, the paragraphs in shuffled order, and the line number of the true lead."""


def cases(path: Path) -> list[Case]:
    """The articles that have a lead and another paragraph, shuffled; line numbers are the true order's."""
    found = []
    chance = random.Random(3)
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            lines = [line.encode("ascii", "ignore").decode() for line in lines_of(row["text"])]
            cleaned = clean_lines(row["title"].encode("ascii", "ignore").decode(), lines)
            body = [
                order.Paragraph(number, line.text)
                for number, line in enumerate(cleaned.lines, start=1)
                if line.text and not is_boilerplate(line.text)
            ]
            lead = order.lead_line(cleaned.title.text, body, suspect=False)
            if lead is not None and len(body) > 1:
                chance.shuffle(body)
                found.append((cleaned.title.text, body, lead))
    return found


def measure(name: str, articles: list[Case], margin: float, show: int) -> None:
    """Print precision and coverage at a margin."""
    order.AHEAD = margin
    answers = [order.lead_line(title, body, suspect=True) for title, body, _ in articles]
    wrong = [(case, a) for case, a in zip(articles, answers, strict=True) if a not in (None, case[2])]
    told = sum(a is not None for a in answers)
    precision = 1 - len(wrong) / told if told else 1.0
    print(
        f"{name} margin {margin:.2f}: {len(articles)} articles, told {told} ({told / len(articles):.1%}), "
        f"right {told - len(wrong)}: precision {precision:.1%}"
    )
    for (title, body, lead), answer in wrong[:show]:
        text = {p.line_no: p.text[:150] for p in body}
        print(f"    {title}\n      lead {text[lead]}\n      told {text[answer or 0]}")


def main() -> None:
    """Measure margins on the even articles, the chosen one on the odd."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with clean_articles.jsonl.gz")
    parser.add_argument("--show", type=int, default=0, help="show so many wrong leads")
    chosen = parser.parse_args()
    found = cases(chosen.data / "clean_articles.jsonl.gz")
    ahead = order.AHEAD
    for margin in (1.5, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5):
        measure("even", found[::2], margin, 0)
    measure("odd ", found[1::2], ahead, chosen.show)


if __name__ == "__main__":
    main()
