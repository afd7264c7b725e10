"""Scores of the shipped model on the hand labels of `seeds/gold`: `python -m tests.gold_scores`."""

from collections.abc import Mapping

from pipeline import gold
from pipeline.evaluation import Score, scores
from pipeline.settings import Settings
from pipeline.stages import Context
from seeds.gold import GOLD


def markdown(report: Mapping[str, Score]) -> str:
    """The scores as a table."""
    lines = ["| | precision | recall | F1 | wanted |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {s.precision:.3f} | {s.recall:.3f} | {s.f1:.3f} | {s.wanted} |"
              for name, s in report.items()]  # fmt: skip
    return "\n".join(lines)


def shipped() -> dict[str, Score]:
    """Every score of the shipped model, by what it measures."""
    return scores(gold.articles(GOLD), Context(Settings()))


if __name__ == "__main__":
    print(markdown(shipped()))
