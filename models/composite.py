"""A tagger and a judge of different origin as one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models import Calibrated, Judge, Questions, Tagger, Tags
from models.choice import Choice
from models.foreign_judge import ForeignJudge
from models.foreign_tagger import ForeignTagger, Vectored
from models.infer import Model, Spans


class Composite:
    """Finds mentions with one model and judges them with another."""

    def __init__(self, tagger: Tagger, judge: Judge, digest: str) -> None:
        self.tagger, self.judged_by, self.digest = tagger, judge, digest
        self.thresholds = judge.thresholds if isinstance(judge, Calibrated) else {}

    def tag(self, texts: Sequence[str], spans: Sequence[Spans] | None = None) -> Tags:
        """See `models.Tagger`."""
        return self.tagger.tag(texts, spans)

    def judge(self, questions: Questions) -> np.ndarray:
        """See `models.Judge`."""
        return self.judged_by.judge(questions)


def load(path: Path) -> Composite:
    """The models that a TOML file chooses; the shipped one does what it leaves out.

    Raises ConfigurationError, FileNotFoundError or ValueError, as `Choice.read` and the models do.
    """
    choice = Choice.read(path)
    digest = choice.digest()
    judge = ForeignJudge(choice.judge, digest) if choice.judge else None
    tagger = ForeignTagger(choice.tagger, digest) if choice.tagger else None
    if judge and tagger:
        return Composite(tagger, judge, digest)
    shipped = Model.load()
    return Composite(Vectored(tagger, shipped) if tagger else shipped, judge or shipped, digest)
