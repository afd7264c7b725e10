"""Word lists of English for `pipeline.restore`, read off undamaged news and measured (docs/cleaning.md)."""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _without(stems: str, ending: str, whole: str) -> dict[str, str]:
    return {stem + ending: stem + whole for stem in stems.split()}


NEGATED = "ai are could did do does had has have is might must need should was were would"
OWNERS = (
    "anybody anyone child children everybody everyone he here man men nobody she somebody someone that there "
    "today tomorrow what where who wife woman women yesterday"
)
WORDS = {
    **_without(NEGATED, "nt", "n't"),
    **_without("could i might must should they we who would you", "ve", "'ve"),
    **_without("it that there they who you", "ll", "'ll"),
    **_without("it that they who you", "d", "'d"),
    **_without("they you", "re", "'re"),
    **_without(OWNERS, "s", "'s"),
    **_without("i", "m", "'m"),
    "cant": "can't", "id": "i'd", "ill": "i'll", "its": "it's", "lets": "let's", "oclock": "o'clock",
    "were": "we're", "well": "we'll", "wont": "won't", "yall": "y'all",
}  # fmt: skip
"""Forms that lost their apostrophe, in lower case, and what they were."""
PROOF = frozenset(WORDS) - _set("cant childs id ill im its ive lets well were wont")
"""Those of them that are no words of their own: an article with such a form lost something."""

VERBS = _set(
    "be bet call do find get give go have keep know let like love make never pay probably rather really "
    "say see send take tell"
)
AFTER_ITS = _set(
    "a about actually all also an another as because become been certainly clearly complicated "
    "difficult doing easier easy fair getting going happening hard harder her here his how important "
    "impossible in incredibly just like likely looking made making maybe my never no not obvious "
    "obviously on one our perhaps possible pretty probably putting quite ready really safe seeing "
    "simply so something sort taking talking that the their there this time to too tough true trying "
    "unclear unlikely what where why worth wrong your"
)
AFTER_WERE = _set(
    "a almost always been doing fighting getting going in just looking making not now putting ready "
    "really seeing so still taking talking trying working"
)
BEFORE_WERE = _set("and because believe but hope if know like now say so think what while")
NEVER_OWNED = _set(
    "a about across after against ago all also although always am among an and another any are argue "
    "around as at away be because been before began being believe between but by call came can continue "
    "could did do does during each either else everywhere except expect feel fell for from go got had "
    "has have he her here him his how i if in into is it its killed know known led left like live lost "
    "make many may me might more most must my need no nor not now of off on once only onto or other our "
    "out over said same saw say says seem seemed seems she should simply since so some still such take "
    "than that the their them then there these they think this those though through to together too "
    "took tried turned under until up upon us use used very via voted want wanted was we were what when "
    "where whether which while who whom whose why will with within without won would yet you your"
)
"""Words that do not follow a possessive."""
MANY = _set(
    "all among both dozens few four five fellow many most other several six some ten these those three "
    "two united young"
)
"""Words after which a name in s is a plural."""
WEEKDAYS = _set("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
PEOPLES = re.compile(
    r"(?!(?:Al|Bat|Berg|Chap|Dunc|Erdog|Freed|Good|Jap|Ir|Jord|Log|Michig|Morg|Newm|Orb|Reag|Rom|Ry|Sloc|Sud"
    r"|Sus|Taiw|Wom|Zuck\w*|\w*st|\w{2,}m)an$)(?:\w+an|\w+crat|\w+ist|Jew|Christian|Muslim|Latin[oa]"
    r"|Hispanic|Sunni|Shiite|Nazi|Olympic|Saudi|Israeli|Iraqi|\w{3,}stani|Kurd|Arab|Turk|Czech|Serb|Croat|Dane"
    r"|Swede|Pole|Greek|Briton|Catholic|Protestant|Mormon|Marine|Soviet|Dem|Sen|Rep|Gov|Corp|New|State|Time"
    r"|Robert|Edward|Adam|William|Steven|Roger|Hopkin|Brook|Center|Service|Other|Liberal|Conservative|Green"
    r"|Evangelical|Senator|Representative|Governor|Report|Guard|Leader|Travel)"
)
"""Words that make plurals (peoples, parties, offices) or are names in s cut short: "Americans", "Roberts"."""
