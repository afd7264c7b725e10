"""A Hugging Face classifier of sequences or of pairs of them as a `Judge`."""

from __future__ import annotations

import numpy as np

from models import STANCES, Questions
from models.choice import Part, filled
from models.foreign import OVERLAP, Classifier, softmax
from models.mentions import rounded
from models.windows import Window, batches, windows
from models.words import Pieces

Row = tuple[int, int, int, str]  # text, its pieces [lo, hi), question


class ForeignJudge:
    """Judges with a sequence classifier: the text, and a question made of names; probabilities are its own.

    A text that is too long is read in the window that holds both mentions, else in the one that owns the
    target. A question is read up to half of what the model reads at once.
    """

    def __init__(self, part: Part, digest: str) -> None:
        """Raises ValueError where the model cannot serve."""
        self.classifier = Classifier(part.folder, "SequenceClassification", sequences=2)
        self.stance, self.pair, self.digest = part.meaning, part.pair, digest

    def judge(self, questions: Questions) -> np.ndarray:
        """Probabilities, float32 (n, 3): see `models.Judge`. Reads texts and spans, no vectors."""
        answers = np.zeros((len(questions.text_no), len(STANCES)), dtype=np.float32)
        answers[:, STANCES.index("neutral")] = 1
        asked = [(i, text) for i in range(len(answers)) if (text := self._question(questions, i)) is not None]
        found = self.classifier.read(questions.texts)
        half = self.classifier.size // 2
        distinct = list(dict.fromkeys(text for _, text in asked))
        ids = {t: one.ids[:half] for t, one in zip(distinct, self.classifier.read(distinct), strict=True)}
        rows = [self._row(questions, i, found, text, len(ids[text])) for i, text in asked]
        numbers = {row: number for number, row in enumerate(dict.fromkeys(rows))}
        chances = self._chances(list(numbers), found, ids)
        answers[[i for i, _ in asked]] = chances[[numbers[row] for row in rows]]
        return answers

    def _question(self, questions: Questions, i: int) -> str | None:
        """The second sequence, or None where the model is not to be asked."""
        text = questions.texts[questions.text_no[i]]
        (start, end), (low, high) = questions.holder[i].tolist(), questions.target[i].tolist()
        template = self.pair["portrayal" if start < 0 else "relation"]
        if template is None:
            return None
        return filled(template, {"holder": text[max(start, 0) : max(end, 0)], "target": text[low:high]})

    def _row(self, questions: Questions, i: int, found: list[Pieces], question: str, taken: int) -> Row:
        """The window of the text that the question is put to, beside a question of so many pieces."""
        no = int(questions.text_no[i])
        room = self.classifier.size - taken
        known = windows(no, found[no], room, min(OVERLAP, room // 4))
        if len(known) < 2:
            return no, 0, len(found[no]), question
        spans = np.stack([questions.holder[i], questions.target[i]])[int(questions.holder[i, 0] < 0) :]
        places = found[no].covering(spans)[:, 0].clip(max=len(found[no]) - 1)
        owner = next(w for w in known if w.mine <= places[-1] < w.end)
        both = [w for w in known if w.lo <= places.min() and places.max() < w.hi]
        chosen = owner if owner in both or not both else both[0]
        return no, chosen.lo, chosen.hi, question

    def _chances(self, rows: list[Row], found: list[Pieces], ids: dict[str, np.ndarray]) -> np.ndarray:
        """Probabilities of the stances, float32 (rows, 3)."""
        result = np.zeros((len(rows), len(STANCES)))
        lengths = [hi - lo + len(ids[question]) for _, lo, hi, question in rows]
        for batch in batches([Window(i, 0, n, 0, n) for i, n in enumerate(lengths)]):
            parts = [rows[w.text_no] for w in batch]
            logits = self.classifier.logits(
                [[found[no].ids[lo:hi], *([ids[asks]] if asks else [])] for no, lo, hi, asks in parts],
                batch[0].length,
            )
            summed = np.zeros((len(batch), len(STANCES)))
            np.add.at(summed.T, self.stance, softmax(logits).T)
            result[[w.text_no for w in batch]] = summed
        return rounded(result)
