"""The model card, written from the configuration and the measured scores."""

from __future__ import annotations

from typing import Any

_HEAD = """# Model card: the joint model of Standpoint

One encoder pass per text gives entity mentions (nine types), the stance of the text toward each mention, and
the stance of one mention toward another. This page is written by
`python -m models.evaluate --data DIR --calibrate --card`.

## What it is
- Version 1, trained for 3.8 epochs in 69 minutes of one processor core.
- Encoder: all-MiniLM-L6-v2 (Apache-2.0; six layers, width 384, uncased; sha256 of the published weights
  `{base}`),
  fine-tuned whole but for the word embeddings, with a learned letter-case embedding added at its input.
- Heads: BIO tags per word; a vector of {width} numbers per mention (from its own states, what it attends to
  in the text, and the first state); from vectors alone, portrayal and relation: favor, against, neutral.
- Texts longer than {window} word pieces are read in windows that share {overlap}; nothing is truncated.
- Stored in bfloat16 (safetensors); computed in bfloat16 where the processor can, else in float32.

## Trained on
| data | for | licence as stated by its authors |
|---|---|---|
| en-worldwide-newswire (Shan et al., Findings of EMNLP 2023), official training split | entities | none |
| NewsMTSC (Hamborg and Donnay, EACL 2021), training split | portrayal | MIT |
| directed sentiment (Park et al., Findings of ACL 2021), training split | relation | "by citing the paper" |

All sentences of the dev sets were left out of training by text, whatever their case and punctuation.
Half of the directed texts were joined two by two, each holder neutral toward the targets in the other text
(in version 1 of the weights, for the last fifth of the training only). Damaged copies (characters
outside ASCII lost, quotation marks lost, no final full stop, other letter case) were trained on beside clean
ones, as were American abbreviations (U.S., Sept. 2), rare in the newswire.

## Scores on the dev sets
95 % intervals are percentile bootstraps over texts. Probabilities are calibrated on these same dev sets by
one temperature per head (a scale and a shift for entity scores), which changes no label. Directed stance also
leans toward the rare classes, by half of what makes its macro-F1 largest. The calibration errors (expected,
ten bins) are cross-fitted: each half of the texts is measured under a fit to the other.
"""

_LIMITS = """
## Limits
- English news only. Names from the United States are rare in the entity data.
- FAC, PRODUCT and MISC have few examples and low F1; prefer aggregates, or a threshold on `score`.
- Portrayal was trained on people as targets; other targets are an extrapolation.
- A stance holds for the sentence. Irony, reference across sentences and quotation are often missed.
- Reverse pairs without a label were taken as neutral in training.
- A possessive whose apostrophe was lost ("Russias") is one word, and is given as such.
- Not for judgements about single people without reading the sentence that a number comes from.
"""

_SETS = {
    "portrayal_rw": "portrayal, NewsMTSC dev rw: macro-F1",
    "portrayal_mt": "portrayal, NewsMTSC dev mt: macro-F1",
    "directed": "directed stance, dev, 3 classes: macro-F1",
}


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _row(name: str, clean: dict[str, Any], stripped: dict[str, Any]) -> str:
    low, high = clean["interval"]
    cells = [_percent(clean["f1"]), f"{_percent(low)} to {_percent(high)}", _percent(stripped["f1"])]
    return f"| {name} | " + " | ".join(cells) + f" | {clean['error']:.3f} |"


def _labels(name: str, found: dict[str, Any]) -> str:
    each = " | ".join(_percent(value) for value in found["each"].values())
    return f"| {name} | {_percent(found['accuracy'])} | {each} |"


def card(config: dict[str, Any], scores: dict[str, Any]) -> str:
    """The card's Markdown."""
    names = {"base": config["base_sha256"], "window": config["window"], "overlap": config["overlap"]}
    entities, bare = scores["entities"], scores["entities_stripped"]
    lines = [
        "| measure | clean | interval | ASCII-stripped | calibration error |",
        "|---|---|---|---|---|",
        _row("entities, nine types, exact spans: micro-F1", entities, bare),
        *(_row(name, scores[key], scores[f"{key}_stripped"]) for key, name in _SETS.items()),
        "",
        f"Entities: precision {_percent(entities['precision'])}, recall {_percent(entities['recall'])}.",
        "In four types (PERSON, ORG, LOC with FAC, MISC with NORP and PRODUCT; no DATE, no MONEY)",
        f"{_percent(entities['four'])}. On stripped copies gold is widened to whole words; measured so,",
        f"clean copies score {_percent(scores['entities_whole_words']['f1'])}.",
        "",
        f"Directed stance, its lean also cross-fitted: macro-F1 {_percent(scores['directed']['crossed'])}.",
        "",
        "| type | F1 |",
        "|---|---|",
        *(f"| {kind} | {_percent(value)} |" for kind, value in entities["each"].items()),
        "",
        "| set | accuracy | favor | against | neutral |",
        "|---|---|---|---|---|",
        *(_labels(key, scores[key]) for key in _SETS),
    ]
    head = _HEAD.format(width=config["portrayal"] + 2 * config["relation"], **names)
    return head + "\n" + "\n".join(lines) + "\n" + _LIMITS
