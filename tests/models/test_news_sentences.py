"""Sentences that teachers are asked about: as a run reads them, and none that is measured on."""

import gzip
import json
import sys

from tiny_data import damaged, lines
from tiny_data import write as write_data

from models import annotated
from tests import news_sentences


def written(folder, *options):
    """What the command prints."""
    sys.argv = ["news_sentences", str(folder), *options]
    news_sentences.main()


def test_damaged_articles_are_cleaned_and_those_set_aside_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", write_data(tmp_path)))
    texts = [f"Paper number {n} says that much and no more." for n in range(25)]
    texts[0] = "The plan wont pass, and he didnt say why. Ada Alm spoke to Bo Berg."
    texts[5] = "He left. Those who had stayed in the harbour until noon saw the boats come in."
    texts[6] = "He left!"  # what an article that is read by eye says too
    texts[7] = "THOSE who had stayed in the harbour until noon, we hear, saw nothing."
    damaged(tmp_path, texts)
    written(tmp_path, "--damaged")
    found = capsys.readouterr().out.splitlines()
    assert found[:2] == ["The plan won't pass, and he didn't say why.", "Ada Alm spoke to Bo Berg."]
    aside = {n for n in range(25) if n in annotated.READ or n in annotated.MEASURED}
    assert aside == {5, 11, 17, 23}
    assert found[2:] == [texts[n] for n in range(1, 25) if n not in aside and n not in (6, 7)]


def test_undamaged_articles_give_nothing_of_a_sentence_that_is_measured_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    rows = write_data(tmp_path)
    path = tmp_path / "raw/clean_articles.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        articles = [json.loads(line) for line in file]
    new = "Ada Alm left. Mr. Berg stayed with the others, who said it was late, and that no one would come."
    lines(path, [*articles, {"id": "new", "source": "x", "title": "Boats", "text": new}])
    at = new.index("stayed")
    measured = {"of": "news/new", "at": [at, len(new)], "names": [], "portrayals": [], "relations": []}
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    written(tmp_path)
    assert new[len("Ada Alm left. ") :] in capsys.readouterr().out.splitlines()
    rows.append(measured | {"sha": annotated.sha(new[at:])})
    monkeypatch.setattr(annotated, "FILE", lines(tmp_path / "labels.jsonl.gz", rows))
    monkeypatch.setattr(annotated, "HELD_OUT", 1)
    written(tmp_path)
    found = capsys.readouterr().out.splitlines()
    assert "Ada Alm left." in found
    assert not [text for text in found if "stayed" in text]
