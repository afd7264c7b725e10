"""A folder of training data as docs/models.md lays it out, of invented sentences, with labels of our own."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from models import annotated

PEOPLE = ["Ada Alm", "Bo Berg", "Cem Can", "Dee Day", "Eli East"]
GROUPS = ["Acme", "the Lake Party", "Borland", "Norland Bank"]
FAVOR, AGAINST, NEUTRAL = ["thanked", "praised", "backed"], ["sued", "mocked", "blamed"], ["met", "called"]
WORDS = {"favor": FAVOR, "against": AGAINST, "neutral": NEUTRAL}
BIO = {"PERSON": "Person", "ORG": "Organization"}


def lines(path: Path, rows: Iterable[Any]) -> Path:
    """A file of JSON lines, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


class Maker:
    """Sentences in which one party does something to another; no two are the same."""

    def __init__(self, seed: int) -> None:
        self.rng, self.known = random.Random(seed), set[str]()

    def sentence(self) -> dict[str, Any]:
        """A row of a set of directed stances."""
        while True:
            label = self.rng.choice(list(WORDS))
            one, other = self.rng.choice(PEOPLE), self.rng.choice(GROUPS)
            tail = f"over {self.rng.randint(2, 99)} boats"
            text = f"{one} {self.rng.choice(WORDS[label])} {other} {tail}."
            if text not in self.known:
                self.known.add(text)
                start = text.index(other)
                return {
                    "sentence": text,
                    "holder": [0, len(one)],
                    "target": [start, start + len(other)],
                    "label": label,
                }

    def wire(self) -> dict[str, Any]:
        """A row of the newswire: a paragraph of two sentences."""
        tokens, tags = [], []
        for _ in range(2):
            row = self.sentence()
            text = row["sentence"][:-1]
            at = 0
            for word in text.split():
                place = text.index(word, at)
                at = place + len(word)
                kind = next((k for k in ("holder", "target") if row[k][0] <= place < row[k][1]), "")
                begins = kind and place == row[kind][0]
                name = {"holder": "Person", "target": "Organization"}.get(kind, "")
                tokens.append(word)
                tags.append(f"{'B' if begins else 'I'}-{name}" if kind else "O")
            tokens.append(".")
            tags.append("O")
        return {"tokens": tokens, "tags": tags, "region": self.rng.choice(["north", "south"])}

    def labels(self, of: str, at: list[int] | None, row: dict[str, Any]) -> dict[str, Any]:
        """Our labels of a sentence, as the first line of the file has them."""
        told = row["label"] != "neutral"
        return {
            "sha": annotated.sha(row["sentence"]),
            "of": of,
            "at": at,
            "names": [[*row["holder"], "PERSON"], [*row["target"], "ORG"]],
            "portrayals": [[1, row["label"]]] if told else [],
            "relations": [[0, 1, row["label"]]] if told else [],
        }

    def portrayed(self) -> dict[str, Any]:
        """A row of NewsMTSC."""
        row = self.sentence()
        return {key: row[key] for key in ("sentence", "target", "label")}


def polnear(folder: Path, name: str, text: str, spans: list[tuple[str, str]]) -> None:
    """An article with brat's annotation of the spans: role and offsets, as brat writes them."""
    for part in ("text", "attributions"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "text" / f"{name}.txt").write_text(text, "utf-8")
    marks = [f"T{i}\t{role} {at}\tsome text\n" for i, (role, at) in enumerate(spans)]
    made = "".join([*marks, "E1\tAttribution:T1 Source:T0\n", "#1\tAnnotatorNotes T1\tdoubtful\n"])
    (folder / "attributions" / f"{name}_ab.ann").write_text(made, "utf-8")


def damaged(folder: Path, texts: list[str]) -> list[str]:
    """Writes an archive of articles in the raw layout, with a text each; returns what is in its files."""
    path = folder / "raw/stripped_articles.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "A title of its own\n20200102\nhttps://news.example:443/"
    whole = [f"{head}{number}\n\n{text}\n" for number, text in enumerate(texts)]
    with tarfile.open(path, "w:gz") as archive:
        for number, content in enumerate(whole):
            member = tarfile.TarInfo(f"{number:05}_{number}.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return whole


def write(folder: Path, size: int = 24, seed: int = 1) -> list[dict[str, Any]]:
    """Writes the data; returns rows of labels for its sentences, as `annotated.rows` gives them."""
    make = Maker(seed)
    wires = [make.wire() for _ in range(size)]
    lines(folder / "ner/worldwide/train.jsonl", wires)
    lines(folder / "ner/worldwide/dev.jsonl", [make.wire() for _ in range(size)])
    directed = [make.sentence() for _ in range(size)]
    lines(folder / "stance/directed/train.jsonl", directed)
    lines(folder / "stance/directed/dev.jsonl", [make.sentence() for _ in range(size)])
    for name in ("train", "dev_rw", "dev_mt"):
        lines(folder / f"stance/newsmtsc/{name}.jsonl", [make.portrayed() for _ in range(size)])
    labels = [make.labels("stance", None, row) for row in directed]
    articles = []
    for no in range(size):
        inside = [make.sentence() for _ in range(6)]
        text, at = "", 0
        for i, row in enumerate(inside):
            at = len(text)
            text += row["sentence"] + ("\n" if i % 3 == 2 else " ")
            labels.append(make.labels(f"news/a{no}", [at, at + len(row["sentence"])], row))
        articles.append({"id": f"a{no}", "source": f"Paper {no % 2}", "title": "Boats", "text": text})
    lines(folder / "raw/clean_articles.jsonl.gz", articles)
    for part in ("train", "dev"):
        for no in range(3):
            text = f"“We have {no} boats,” said Bo Berg of Acme. He left. Ada Alm denied it.\nNo one came."
            cue, who = text.index("said"), text.index("Bo Berg")
            spans = [("Content", f"0 {cue - 1}"), ("Cue", f"{cue} {cue + 4}"), ("Source", f"{who} {who + 7}")]
            polnear(folder / "attribution/polnear" / part, f"{part}{no}", text, spans)
    return labels
