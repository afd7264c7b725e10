"""Whether a capital's name stands for the government that sits there: "Moscow said", "a Moscow court".

The rule is small and doubtful cases stay with the city (docs/linking.md): the name acts (a verb of the list
follows), owns something that governments own, or is what a government is dealt with.
"""

from __future__ import annotations

import re

from pipeline.names import words

_REGULAR = words(
    """
abuse accept accuse acknowledge act agree aim announce annex appeal argue arm ask assert attempt back ban
believe blame block call claim complain comply concede condemn confirm consider continue counter
criticize criticise declare decide decline decry defend demand denounce deny deploy dispatch dismiss
dispute escalate expel express fear favor favour hope ignore impose insist intend intensify
interfere intervene invade invite issue join launch lobby maintain negotiate object offer oppose order
pledge plan plot prefer prepare press pressure pretend promise propose push question ratify react recognize
recognise refuse regard reiterate reject reply request resist respond retaliate sanction scramble
signal stress support suspect suspend think threaten try urge use violate vow want warn welcome
"""
)
_IRREGULAR = words(
    """
bought broke buys fought gave give gives giving held hit back know knows knew lay made make makes making
meant saw say says said saying seek seeks sought seeking see sees sent send sends sending take takes
taking took thinks thought told tell tells telling understand understands withdrew withdraw
withdraws withdrawing denied denies relies replied tried tries planned planning planned plotted
plotting banned banning expelled expelling signalled signaled pressed committed commits needs needed
fails failed recalls recalled
"""
)
_AUXILIARIES = words(
    """
has have had will would could can may might must should shall cannot wont does did do is was be been
being not never also still now again already repeatedly publicly long recently quickly soon simply
clearly once then just even only largely strongly firmly openly apparently reportedly allegedly both
"""
)
_BE = words("is was be been being")
_MODALS = words("will would could can may might must should shall cannot wont does did do")
_MINDED = words(
    """
adamant after alarmed angry anxious aware cautious committed complicit concerned convinced cool
cooler determined eager furious hostile isolated keen open outraged ready reluctant responsible
sceptical skeptical trying unhappy unimpressed unwilling wary willing worried
"""
)
_SAID_ABOUT = words(
    "accused blamed suspected urged criticized criticised condemned sanctioned denounced warned"
)
_OWNED = words(
    """
accusation accusations actions aggression aims allegations allies ally ambassador ambassadors
ambition ambitions annexation approach army assault assertion attempt attempts attitude authorities
backing behavior behaviour bid claim claims concern concerns conduct counterpart crackdown decision
decisions demand demands denial denials diplomacy diplomat diplomats efforts embrace envoy envoys
firm force forces foreign goal goals government handling help hand influence insistence intention
intentions interests interference intervention invasion involvement leaders leadership military
motives move moves nuclear objections offensive offer opposition plan plans policies policy position
posture pressure proposal proposals reaction refusal relations relationship request response role
rule sanctions security stance strategy support threat threats ties top troops view views war
warning warnings willingness
"""
)
_DEALT_WITH = re.compile(
    r"\b(?:tensions?|relations?|relationship|ties|talks?|negotiat\w+|dialogue|deals?|agreements?|treaty|pact|war|"
    r"conflict|dispute|standoff|feud|rift|alliance|cooperation|co-operation|summit|sanctions?|pressure|"
    r"loyal|hostile|allied|aligned|allies|ally|support|"
    r"backing|help|aid|demands?|threats?|"
    r"concessions?|message|warnings?|signals?|critics?|criticism|puppets?|enem(?:y|ies))\s+"
    r"(?:\w+ed\s+|\w+ing\s+)?(?:with|between|on|against|from|to|for|toward|towards|of|by)\s+(?:\w+\s+and\s+)?$",
    re.IGNORECASE,
)
_URGED = re.compile(
    r"\b(?:according to|accus|blam|urg|warn|pressur|condemn|criticiz|criticis|denounc|"
    r"sanction|persuad|convinc|punish|"
    r"provok|thank|"
    r"confront|deter|appeas|antagoniz|anger|infuriat|support|back|isolat|trust|tell|told|ask|"
    r"call(?:ed|s|ing)? on)"
    r"(?:es|s|ed|ing|d|red|ring|e)?\s+$",
    re.IGNORECASE,
)
# A house that is won again: "take back the White House".
_RETAKEN = re.compile(r"\b(?:tak\w+|took|w[io]n\w*|get\w*|got|want\w*|claw\w*) back\s+$", re.IGNORECASE)
_AGAINST = re.compile(r"\b(?:pro|anti)-$", re.IGNORECASE)
_SIDED = re.compile(
    r"-(?:backed|led|aligned|installed|appointed|sponsored|friendly|funded|controlled|approved)\b"
)
_PLACED = re.compile(
    r"\b(?:in|at|near|around|outside|inside|across|through|throughout|via|downtown|central)\s+$",
    re.IGNORECASE,
)
_GOVERNED = re.compile(
    r"\b(?:of|from|to|on|into|toward|towards|by|with|for|between|among|against|over|than)\s+$", re.IGNORECASE
)
# Of two joined names each reads as if it stood alone: "Berlin and Warsaw backed", "in Moscow and Paris".
_PAIRED_BEFORE = re.compile(r"(?:[A-Z][\w-]+ ){1,3}and $")
_PAIRED_AFTER = re.compile(r"^ and (?:the )?[A-Z][\w-]+(?: [A-Z][\w-]+){0,2}(?= )|^, which(?= )")
_ARTICLE = re.compile(r"(?<!\w)the\s+$", re.IGNORECASE)
# A city has no article of its own, so one belongs to what follows: "the Oslo attacks".
_OF_A_THING = re.compile(r"(?<!\w)(?:the|an?|another|any|every)\s+$", re.IGNORECASE)
# What is in a city or a house is not its government: "condemned Oslo riots", "asked White House staff".
_IN_IT = re.compile(
    r"^ (?:advis[eo]rs?|aides?|airport|attacks?|bombings?|chief|correspondents?|council|counsel|court|"
    r"guidelines|lawyers?|mayor|metro|police|press|protest(?:s|ers?)?|reporters?|residents?|riots?|"
    r"shootings?|spokes\w+|staff\w*|terror|tower)\b"
)
_HOUSE = re.compile(r"House|Kremlin|[ÉE]lys[ée]e", re.IGNORECASE)
_POSSESSIVE = re.compile(r"^['’][sS]?\s+")
_WORD = re.compile(r"[\w'’]+")
_END = re.compile(r"[,.;:!?()“”\"]")
_AUXILIARIES_AT_MOST = 6
_LOOKAHEAD = 3  # words of the owned thing: "Moscow's long-standing demand"


def stands_for_government(left: str, text: str, right: str) -> bool:
    """Whether the capital's name `text`, between `left` and `right` in its sentence, means the government."""
    left, right = _PAIRED_BEFORE.sub("", left), _PAIRED_AFTER.sub("", right)
    of_a_thing = _OF_A_THING.search(left) and not _HOUSE.search(text)
    left = _ARTICLE.sub("", left)
    if _PLACED.search(left):
        return False
    if _AGAINST.search(left) or _SIDED.match(right):
        return True
    if of_a_thing or _RETAKEN.search(left) or _IN_IT.match(right):
        return False
    if _URGED.search(left) or _DEALT_WITH.search(left):
        return True
    if possessive := _POSSESSIVE.match(right):
        return _owns(right[possessive.end() :])
    if text.endswith(("'s", "’s")):
        return _owns(right)
    return not _GOVERNED.search(left) and _acts(right)


def _owns(right: str) -> bool:
    clause = _END.split(right, maxsplit=1)[0]
    return any(word in _OWNED for word in _WORD.findall(clause.lower().replace("-", " "))[:_LOOKAHEAD])


def _acts(right: str) -> bool:
    """Whether a verb of the list follows, past auxiliaries and adverbs, with the name as its subject."""
    if not right[:1].isspace():
        return False
    before = ""
    for word in _WORD.findall(_END.split(right, maxsplit=1)[0].lower())[:_AUXILIARIES_AT_MOST]:
        word = word.replace("'", "").replace("’", "")
        word = word[:-2] if word.endswith("nt") and word[:-2] in _AUXILIARIES else word
        if word not in _AUXILIARIES:
            return _verb(word, before)
        before = word if word in _BE or word in _MODALS else before
    return False


def _verb(word: str, before: str) -> bool:
    """Whether the word, after this form of "be" or modal verb, is an act of the name before it."""
    if before in _BE and not word.endswith("ing"):
        return word in _SAID_ABOUT or word in _MINDED  # "Kyiv was bombed" is the city
    if word in _IRREGULAR:
        return True
    if word in _REGULAR:
        return before in _MODALS  # without one it is a noun: "a Moscow plan"
    ends = [(end, add) for end in ("s", "es", "ed", "ing") for add in ("", "e") if word.endswith(end)]
    stems = [word[: -len(end)] + add for end, add in ends]
    stems += [stem[:-1] for stem in stems if stem[-1:] == stem[-2:-1]]
    return any(stem in _REGULAR for stem in stems)
