"""Asks how the text portrays every mention, and of every pair of them who is for or against whom.

A source that another sentence of the paragraph names is a holder too, whose stance is not told yet.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import models
from pipeline import schemas
from pipeline.keys import places
from pipeline.outcome import Outcome
from pipeline.said import Said, said
from pipeline.speakers import SPEAKS
from pipeline.tag import numbered
from pipeline.thresholds import REPORTED, Thresholds

VERSION = "7"
HOLDERS = SPEAKS
REACH = 12
"""Pairs are asked about when they stand at most so many entity mentions apart in their sentence."""
CHUNK = 16_384
"""Questions sent to the model at a time: about 50 MB of vectors."""
_TEXT_ITSELF = -1


def judge(
    sentences: pa.Table,
    mentions: pa.Table,
    vectors: pa.Table,
    attributions: pa.Table,
    judge: models.Judge,
    least: Thresholds,
) -> Outcome:
    """The stances of the text toward every entity mention, and of mentions toward each other.

    A question is asked of every mention with an entity (holder null: the text itself), and of every ordered
    pair of mentions with different entities in one sentence, at most `REACH` apart or source and what it
    speaks of, whose holder is of a type in `HOLDERS`. A source of another sentence gets the probabilities of
    the text itself, and neutral as its stance (`thresholds.REPORTED`). Keeps `stances`; the probabilities are
    the model's, rounded to 4 decimals; `least` says from which on it is favor or against. Raises ValueError
    when a mention has no sentence or vector, or an attribution no sentence.
    """
    prose = schemas.conform("sentences", sentences).filter(pc.field("kind") != "boilerplate")
    named = schemas.conform("mentions", mentions).filter(pc.field("entity_id").is_valid())
    home = places(named, prose, ("article_id", "sentence_no"))
    texts = prose["text"].to_pylist()
    matrix = _matrix(vectors, places(named, vectors, ("article_id", "mention_no")))
    spoken = said(prose, named, home, attributions)
    holder, target = _questions(named, home, spoken)
    span = np.stack([named["start"].to_numpy(), named["end"].to_numpy()], axis=1).astype(np.int32)
    probabilities = np.zeros((len(target), len(models.STANCES)), np.float32)
    for lo in range(0, len(target), CHUNK):
        part = slice(lo, lo + CHUNK)
        asked = _asked(texts, home, span, matrix, holder[part], target[part])
        probabilities[part] = judge.judge(asked)
    holder, target, rounded = _reported(home, holder, target, sound(probabilities), spoken)
    stance = labels(rounded, _least(least, home, holder, target))
    stances = _stances(named, holder, target, rounded, stance, spoken.attributed[target])
    return Outcome({"stances": stances}, rows_in=stances.num_rows)


def sound(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (n, 3) rounded to 4 decimals so that each row still sums to 1, float64.

    Raises ValueError when they are not probabilities.
    """
    exact = np.asarray(probabilities, np.float64).reshape(-1, len(models.STANCES))
    if not (np.isfinite(exact).all() and (exact >= 0).all() and np.allclose(exact.sum(axis=1), 1, atol=1e-3)):
        raise ValueError(
            "the judge returned numbers that are no probabilities: rows must be >= 0 and sum to 1"
        )
    rounded = np.round(exact, 4)
    largest = rounded.argmax(axis=1)
    rows = np.arange(len(rounded))
    rounded[rows, largest] += 1 - rounded.sum(axis=1)
    return np.round(rounded, 4)


def labels(probabilities: np.ndarray, least: float | np.ndarray = 0.0) -> list[str]:
    """The stance of each row: the most probable one if it reaches `least`, else neutral; a tie is neutral.

    `least` is of all, or of favor and against (2), or that of each row (n, 2).
    """
    favor, against, neutral = (probabilities[:, i] for i in range(3))
    enough = probabilities[:, :2] >= least
    conditions = [
        (favor > against) & (favor > neutral) & enough[:, 0],
        (against > favor) & (against > neutral) & enough[:, 1],
    ]
    return [models.STANCES[i] for i in np.select(conditions, [0, 1], default=2)]


def _matrix(vectors: pa.Table, places: np.ndarray) -> np.ndarray:
    """The vectors at these rows as one matrix, float16."""
    if not len(places):
        return np.zeros((0, 0), np.float16)
    whole = vectors["vector"].combine_chunks().flatten()
    return np.asarray(whole, np.float16).reshape(vectors.num_rows, -1)[places]


def _questions(named: pa.Table, home: np.ndarray, spoken: Said) -> tuple[np.ndarray, np.ndarray]:
    """Rows of holder (-1: the text itself) and target, in the order of sentence, holder, target."""
    entity = np.asarray(named["entity_id"].combine_chunks().dictionary_encode().indices)
    able = np.asarray(pc.is_in(named["type"], pa.array(HOLDERS)))
    rows = np.arange(len(home))
    holders, targets = [np.full(len(home), _TEXT_ITSELF)], [rows]
    for apart in range(1, REACH + 1):
        first, second = rows[:-apart], rows[apart:]
        together = (home[first] == home[second]) & (entity[first] != entity[second])
        for holder, target in ((first, second), (second, first)):
            asked = together & able[holder]
            holders.append(holder[asked])
            targets.append(target[asked])
    far = (home[spoken.speaker] == home[spoken.of]) & (abs(spoken.speaker - spoken.of) > REACH)
    holder, target = (
        np.concatenate([*holders, spoken.speaker[far]]),
        np.concatenate([*targets, spoken.of[far]]),
    )
    return _ordered(home, holder, target)[:2]


def _ordered(
    home: np.ndarray, holder: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of holder and target in the order of sentence, holder, target, and which row each was."""
    order = np.lexsort((target, holder, home[target]))
    return holder[order], target[order], order


def _asked(
    texts: list[str],
    home: np.ndarray,
    span: np.ndarray,
    matrix: np.ndarray,
    holder: np.ndarray,
    target: np.ndarray,
) -> models.Questions:
    used, text_no = np.unique(home[target], return_inverse=True)
    itself = holder == _TEXT_ITSELF
    return models.Questions(
        texts=[texts[i] for i in used],
        text_no=text_no.astype(np.int32),
        holder=np.where(itself[:, None], np.int32(_TEXT_ITSELF), span[holder]),
        target=span[target],
        holder_vectors=np.where(itself[:, None], np.float16(0), matrix[holder]),
        target_vectors=matrix[target],
        every=True,
    )


def _reported(
    home: np.ndarray, holder: np.ndarray, target: np.ndarray, probabilities: np.ndarray, spoken: Said
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The judgements with those of sources of other sentences, who get what the text itself has."""
    away = home[spoken.speaker] != home[spoken.of]
    portrayal = np.zeros((len(home), probabilities.shape[1]))
    itself = holder == _TEXT_ITSELF
    portrayal[target[itself]] = probabilities[itself]
    holder, target, order = _ordered(
        home, np.concatenate([holder, spoken.speaker[away]]), np.concatenate([target, spoken.of[away]])
    )
    return holder, target, np.concatenate([probabilities, portrayal[spoken.of[away]]])[order]


def _least(least: Thresholds, home: np.ndarray, holder: np.ndarray, target: np.ndarray) -> np.ndarray:
    """For each judgement the least probabilities of favor and against."""
    itself, away = holder == _TEXT_ITSELF, home[holder] != home[target]
    found = np.where(away[:, None], np.array(REPORTED), np.array(least.relation))
    return np.where(itself[:, None], np.array(least.portrayal), found)


def _stances(
    named: pa.Table,
    holder: np.ndarray,
    target: np.ndarray,
    probabilities: np.ndarray,
    stances: list[str],
    attributed: np.ndarray,
) -> pa.Table:
    of_holder = pa.array(holder, pa.int64(), mask=holder == _TEXT_ITSELF)
    of_target = named.take(pa.array(target, pa.int64()))
    columns = {
        "article_id": of_target["article_id"],
        "sentence_no": of_target["sentence_no"],
        "stance_no": numbered(of_target["article_id"]),
        "holder_mention_no": named["mention_no"].take(of_holder),
        "target_mention_no": of_target["mention_no"],
        "holder_id": named["entity_id"].take(of_holder),
        "target_id": of_target["entity_id"],
        "stance": pa.array(stances, pa.string()),
        **{name: pa.array(probabilities[:, i], pa.float32()) for i, name in enumerate(models.STANCES)},
        "attributed": pa.array(attributed, pa.bool_()),
    }
    return schemas.conform("stances", pa.table(columns))
