"""The model card, written from the configuration and the measured scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TEMPLATE = Path(__file__).with_name("card.template.md")
_SETS = {
    "portrayal_rw": "portrayal, NewsMTSC dev rw",
    "portrayal_mt": "portrayal, NewsMTSC dev mt",
    "directed": "directed stance on a given pair, dev",
}
_OURS = {
    "ours_portrayal": "portrayal of every mention, our labels",
    "ours_relation": "who on whom of every pair, our labels",
}


def card(config: dict[str, Any], scores: dict[str, Any], computed: str) -> str:
    """The card's Markdown; `computed`: the number format in which the scores were measured."""
    return _TEMPLATE.read_text("utf-8").format(
        computed=computed,
        base=config["base_sha256"],
        window=config["window"],
        overlap=config["overlap"],
        width=config["portrayal"] + 2 * config["relation"],
        overview=_overview(scores),
        details=_details(scores),
        types=_types(scores),
        labels=_labels(scores),
        published=_published(scores),
        roles=_roles(scores),
        groups=_groups(scores),
    )


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _between(interval: tuple[float, float]) -> str:
    return " to ".join(map(_percent, interval))


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _overview(scores: dict[str, Any]) -> str:
    """Every task with interval, on clean and on stripped text, and its calibration error."""
    rows = []
    for key, text in (("entities", "newswire"), ("entities_ours", "American and world news, our labels")):
        clean, bare = scores[key], scores[f"{key}_stripped"]
        error = _error(clean) if "error" in clean else ["", ""]
        nine = [_percent(clean["f1"]), _between(clean["interval"]), _percent(bare["f1"]), *error]
        coarse = [_percent(clean["four"]), _between(clean["four_interval"]), _percent(bare["four"]), "", ""]
        rows += [
            [f"names, nine types, {text}: micro-F1", *nine],
            [f"the same in four types, {text}", *coarse],
        ]
    for key, text in _SETS.items():
        clean, bare = scores[key], scores[f"{key}_stripped"]
        row = [_percent(clean["f1"]), _between(clean["interval"]), _percent(bare["f1"])]
        rows.append([f"{text}: macro-F1", *row, *_error(clean)])
    for key, text in _OURS.items():
        row = [_percent(scores[key]["f1"]), _between(scores[key]["interval"]), ""]
        rows.append([f"{text}: macro-F1", *row, *_error(scores[key])])
    head = ["measure", "clean", "interval", "ASCII-stripped", "calibration error", "by chance alone"]
    return _table(head, rows)


def _error(scores: Mapping[str, Any]) -> list[str]:
    """Calibration error, and what exact probabilities would have."""
    return [f"{scores['error']:.3f}", f"{scores['chance']:.3f}"]


def _details(scores: dict[str, Any]) -> str:
    names = scores["entities"]
    return (
        f"Names in the newswire: precision {_percent(names['precision'])}, "
        f"recall {_percent(names['recall'])}.\n"
        "On stripped copies gold is widened to whole words; measured so, clean copies score "
        f"{_percent(scores['entities_whole_words']['f1'])}.\n"
        f"Directed stance with its lean cross-fitted too: {_percent(scores['directed']['crossed'])}."
    )


def _types(scores: dict[str, Any]) -> str:
    ours = scores["entities_ours"]["each"]
    rows = [[kind, _percent(f1), _percent(ours[kind])] for kind, f1 in scores["entities"]["each"].items()]
    return _table(["type", "newswire F1", "our labels F1"], rows)


def _labels(scores: dict[str, Any]) -> str:
    rows = []
    for key in (*_SETS, *_OURS):
        each = [_percent(value) for value in scores[key]["each"].values()]
        rows.append([key, str(scores[key]["asked"]), _percent(scores[key]["accuracy"]), *each])
    return _table(["set", "questions", "accuracy", "favor F1", "against F1", "neutral F1"], rows)


def _published(scores: dict[str, Any]) -> str:
    """What the thresholds let through."""
    rows = []
    for key, text in (("ours_portrayal", "portrayal"), ("ours_relation", "who on whom")):
        for stated, sides in scores[key]["published"].items():
            for stance, row in sides.items():
                found = [_percent(row["precision"]), _percent(row["recall"]), str(row["published"])]
                rows.append([text, stance, f"{100 * float(stated):.0f} %", *found])
    return _table(["", "stance", "stated", "precision", "recall", "published"], rows)


def _roles(scores: dict[str, Any]) -> str:
    rows = [[role, _percent(f1["words"]), _percent(f1["spans"])] for role, f1 in scores["said"].items()]
    return _table(["role", "words", "spans"], rows)


def _groups(scores: dict[str, Any]) -> str:
    """By world region and by outlet."""
    return "\n".join(
        f"{title}\n\n" + _table([what, measure, "interval", "texts"], _grouped(scores[key]["groups"]))
        for title, key, what, measure in (
            ("Names by region of the newswire.", "entities", "region", "micro-F1"),
            ("Names by outlet, our labels.", "entities_ours", "outlet", "micro-F1"),
            ("Who on whom by outlet, our labels.", "ours_relation", "outlet", "macro-F1"),
            ("Portrayal by outlet, our labels.", "ours_portrayal", "outlet", "macro-F1"),
        )
    )


def _grouped(groups: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    return [
        [name, _percent(row["f1"]), _between(row["interval"]), str(row["texts"])]
        for name, row in sorted(groups.items(), key=lambda item: -item[1]["texts"])
    ]
