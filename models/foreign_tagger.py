"""A Hugging Face token classifier as a `Tagger`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models import Tagger, Tags
from models.choice import Part
from models.decode import decode
from models.foreign import OVERLAP, Classifier, softmax
from models.infer import Model, Spans
from models.labels import log_tags
from models.mentions import Rows, together, unseen
from models.weights import UNCALIBRATED
from models.windows import Window, batches, windows
from models.words import Pieces


class ForeignTagger:
    """Finds mentions with a token classifier; scores are its own, uncalibrated, and vectors have width 0.

    A word has the label of its first piece, and a mention the probability of all its words' labels.
    """

    def __init__(self, part: Part, digest: str) -> None:
        """Raises ValueError where the model cannot serve."""
        self.classifier = Classifier(part.folder, "TokenClassification", sequences=1)
        self.column, self.digest = part.meaning, digest

    def tag(self, texts: Sequence[str], spans: Sequence[Spans] | None = None) -> Tags:
        """Mentions of each text, then the given spans of it: see `models.Tags`."""
        if spans is not None and len(spans) != len(texts):
            raise ValueError(f"{len(spans)} lists of spans for {len(texts)} texts; give one list per text")
        found = self.classifier.read(texts)
        size, overlap = self.classifier.size, min(OVERLAP, self.classifier.size // 4)
        rows = [w for no, one in enumerate(found) for w in windows(no, one, size, overlap)]
        given = [(no, *span, rank) for no, one in enumerate(spans or ()) for rank, span in enumerate(one)]
        parts = [unseen(np.array(given, dtype=np.int64).reshape(-1, 4), 0)]
        parts += [self._tag(batch, found) for batch in batches(rows)]
        tokens = np.array([len(one) for one in found], dtype=np.int32)
        return together(parts, UNCALIBRATED["entities"], tokens)

    def _tag(self, batch: list[Window], found: list[Pieces]) -> Rows:
        """Mentions that touch what their window owns."""
        logits = self.classifier.logits([[found[w.text_no].ids[w.lo : w.hi]] for w in batch], batch[0].length)
        inner = [_words(found[w.text_no], w.lo, w.hi) for w in batch]
        row = np.repeat(np.arange(len(batch)), [len(one) for one in inner])
        first, stop, start, end = np.concatenate(inner).T
        text_no, lo, mine, owned = np.array([(w.text_no, w.lo, w.mine, w.end) for w in batch]).T
        place = first - lo[row] + len(self.classifier.frames[0].specials[0])
        logs = log_tags(softmax(logits[row, place]), self.column, row)
        head, tail, kind, log = decode(logs, row)
        keep = (first[head] < owned[row[head]]) & (stop[tail - 1] > mine[row[head]])
        head, tail, kind, log = head[keep], tail[keep], kind[keep], log[keep]
        n = len(head)
        none = np.zeros((n, 0), dtype=np.float16)
        return Rows(text_no[row[head]], start[head], end[tail - 1], kind, log, np.full(n, -1), none)


class Vectored:
    """A tagger whose mentions get vectors of the shipped model, so that the shipped model can judge them."""

    def __init__(self, tagger: Tagger, model: Model) -> None:
        self.tagger, self.model, self.digest = tagger, model, tagger.digest

    def tag(self, texts: Sequence[str], spans: Sequence[Spans] | None = None) -> Tags:
        """The tagger's mentions and the given spans, each with a vector."""
        tags = self.tagger.tag(texts, spans)
        asked: list[list[tuple[int, int]]] = [[] for _ in texts]
        for no, start, end in zip(*(c.tolist() for c in (tags.text_no, tags.start, tags.end)), strict=True):
            asked[no].append((start, end))
        seen = self.model.tag(texts, asked)
        own = np.array([not kind for kind in seen.type], dtype=bool)
        said = tags.said or seen.said
        return replace(tags, vectors=seen.vectors[own], said=said)


def _words(found: Pieces, lo: int, hi: int) -> np.ndarray:
    """Words among the pieces [lo, hi), int64 (n, 4): first piece, end piece, start, end; none is empty."""
    firsts = found.firsts()
    stops = np.append(firsts[1:], len(found))
    table = np.stack([firsts, stops, found.start[firsts], found.end[stops - 1]], 1).astype(np.int64)
    return table[(firsts >= lo) & (firsts < hi) & (table[:, 3] > table[:, 2])]
