"""What a user would write in an afternoon: `python -m tests.bench.plain ARTICLES MODELS OUT BATCH`.

Reads raw articles (title, date, URL, paragraphs), splits them at full stops, tags the sentences with one
model of transformers, asks another about each mention in its sentence, and writes one Parquet file. It cleans
nothing, checks nothing and knows of no day. Nothing of Standpoint is used: that is the point.

MODELS/asked.json, if it is there, says which mentions are asked about, since models with random weights find
none. Prints a line of JSON: seconds of processor time of each part, and how many sentences and mentions.
"""

from __future__ import annotations

import json
import re
import sys
import time
from itertools import pairwise
from pathlib import Path

import pandas as pd
from transformers import pipeline

SPLIT = re.compile(r'(?<=[.!?])\s+(?=["“A-Z])')


def sentences(folder: Path) -> pd.DataFrame:
    """The sentences of the articles in a folder, the title as the first of them."""
    rows = []
    for file in sorted(folder.iterdir()):
        title, day, url, *lines = file.read_text("utf-8", "replace").splitlines()
        texts = [text for line in (title, *lines) for text in SPLIT.split(line) if text.strip()]
        rows += [(url, day, number, text) for number, text in enumerate(texts)]
    return pd.DataFrame(rows, columns=["url", "day", "number", "text"])


def main() -> None:
    """The script."""
    articles, models, out, batch = *map(Path, sys.argv[1:4]), int(sys.argv[4])
    tag = pipeline("token-classification", model=str(models / "tagger"), aggregation_strategy="simple")
    judge = pipeline("text-classification", model=str(models / "judge"))
    marks = [0.0, time.process_time()]  # since the process began
    table = sentences(articles)
    found = tag(list(table["text"]), batch_size=batch)
    marks.append(time.process_time())
    rows = [(row, m["start"], m["end"]) for row, names in enumerate(found) for m in names]
    if (models / "asked.json").exists():
        rows = json.loads((models / "asked.json").read_text())
    mentions = pd.DataFrame(rows, columns=["row", "start", "end"])
    texts = [table["text"][row] for row in mentions["row"]]
    spans = zip(texts, mentions["start"], mentions["end"], strict=True)
    mentions["mention"] = [text[start:end] for text, start, end in spans]
    pairs = [{"text": t, "text_pair": m} for t, m in zip(texts, mentions["mention"], strict=True)]
    answers = judge(pairs, batch_size=batch, truncation=True)
    mentions["stance"] = [answer["label"] for answer in answers]
    mentions["score"] = [answer["score"] for answer in answers]
    mentions.join(table, on="row").to_parquet(out)
    marks.append(time.process_time())
    start, tagged, judged = (after - before for before, after in pairwise(marks))
    parts = {"start": start, "tag": tagged, "judge": judged}
    print(json.dumps(parts | {"sentences": len(table), "mentions": len(mentions)}))


if __name__ == "__main__":
    main()
