"""The script that scores the links reads labels as they are and counts what it says it counts."""

from __future__ import annotations

from pathlib import Path

from attribution_scores import Labelled, flattened, linked, main, read

TEXT = "Roe said it rained.\n“It did,” he said. “And it snowed.”\n"
LABELS = """T1\tSource 0 3\tRoe
T2\tCue 4 8\tsaid
T3\tContent 9 18\tit rained
E1\tAttribution:T9 Content:T3 Cue:T2 Source:T1
T4\tContent 20 29;39 55\t“It did,” “And it snowed.”
T5\tSource 30 32\the
T6\tCue 33 37\tsaid
E2\tAttribution:T9 Source:T5 Cue:T6 Content:T4
"""


def labels(folder: Path) -> Path:
    """The labels as a file."""
    path = folder / "one_ab12.ann"
    path.write_text(LABELS, "utf-8")
    return path


def test_labels_are_read_with_all_their_parts(tmp_path):
    assert read(labels(tmp_path)) == [
        Labelled(((0, 3),), ((4, 8),), ((9, 18),)),
        Labelled(((30, 32),), ((33, 37),), ((20, 29), (39, 55))),
    ]


def test_each_part_of_a_content_is_linked_in_its_paragraph(tmp_path):
    assert sorted(linked(TEXT, read(labels(tmp_path)), flat=False)) == [
        ("elsewhere", "right elsewhere"), ("here", "right here"), ("here", "right here")
    ]  # fmt: skip


def test_a_link_to_somebody_else_is_wrong():
    roe = Labelled(((0, 3),), (), ((9, 18),))
    doe = Labelled(((19, 22),), (), ())
    assert list(linked("Roe said it rained Doe.", [roe, doe], flat=False)) == [("here", "wrong here")]
    assert list(linked("Roe said it rained.", [Labelled((), (), ((9, 18),))], flat=False)) == [
        ("nowhere", "none")
    ]


def test_the_table(tmp_path, capsys):
    base = tmp_path / "attribution" / "polnear" / "dev"
    for name in ("text", "attributions"):
        (base / name).mkdir(parents=True)
    (base / "text" / "one.txt").write_text(TEXT, "utf-8")
    labels(base / "attributions")
    main(tmp_path)
    lines = ["| here | 0 | 2 |", "| elsewhere | 1 | 0 |", "| nowhere | 0 | 0 |", ""]
    printed = capsys.readouterr().out.splitlines()
    assert printed[2:6] == printed[8:] == lines


def test_a_span_within_another_cuts_it():
    text = "that Doe claims Norsund lied, and more"
    assert flattened(text, ((0, 38), (16, 28))) == ((0, 15), (16, 38))
    assert flattened(text, ((5, 8),)) == ((5, 8),)
    assert flattened(text, ()) == ()
