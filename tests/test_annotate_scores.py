from fake_models import KeywordJudge, KeywordTagger

from models.data import Example
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.annotate_scores import judged, named, whole

CONTEXT = Context(Settings(), KeywordTagger(), KeywordJudge())
TEXT = "Biden praised NATO. Putin blamed Paris."
FAVOR, AGAINST, NEUTRAL = range(3)


def test_every_question_is_scored_with_its_label():
    portrayed = Example(TEXT, portrayals=(((14, 18), FAVOR), ((0, 5), AGAINST)))
    label, told, sure = judged([portrayed], CONTEXT)
    assert (label.tolist(), told.tolist()) == ([FAVOR, AGAINST], [FAVOR, NEUTRAL])
    assert [round(chance, 4) for chance in sure.tolist()] == [0.96, 0.8]
    related = Example(TEXT, relations=(((20, 25), (33, 38), AGAINST), ((33, 38), (20, 25), NEUTRAL)))
    label, told, _ = judged([portrayed, related], CONTEXT)
    assert label.tolist() == [FAVOR, AGAINST, AGAINST, NEUTRAL]
    assert told.tolist() == [FAVOR, NEUTRAL, AGAINST, NEUTRAL]


def test_what_cannot_be_asked_is_told_and_left_out(capsys):
    wrong = Example(TEXT, relations=(((0, 0), (33, 38), AGAINST),))
    label, told, _ = judged([wrong, Example(TEXT, portrayals=(((14, 18), FAVOR),))], CONTEXT)
    assert (label.tolist(), told.tolist()) == ([FAVOR], [FAVOR])
    assert "not asked: pairs has the span (0, 0)" in capsys.readouterr().out


def test_names_have_offsets_into_the_text():
    (found,) = named([Example(TEXT)], CONTEXT)
    assert [(TEXT[start:end], kind) for start, end, kind in found][:2] == [
        ("Biden", "PERSON"),
        ("NATO", "ORG"),
    ]
    assert TEXT[found[-1][0] : found[-1][1]] == "Paris"


def test_paragraphs_of_one_article_are_one_text():
    paragraphs = [
        Example("Biden left.", entities=(((0, 5), 0),)),
        Example("Paris", entities=(((0, 5), 2),)),
        Example("He met NATO.", entities=(((7, 11), 1),)),
    ]
    first, second = whole(paragraphs, ["a", "b", "a"])
    assert first.text == "Biden left.\nHe met NATO.\n"
    assert [(first.text[start:end], kind) for (start, end), kind in first.entities] == [
        ("Biden", 0),
        ("NATO", 1),
    ]
    assert second == Example("Paris\n", entities=(((0, 5), 2),))
