"""Abbreviations and opening words of English news, by what a full stop after them means."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


BEFORE_NAMES = _set(
    "Adm Ald Amb Atty Brig Capt Cdr Cmdr Col Comdr Cpl Cpt Det Dr Fr Ft Gen Gov Hon Insp Lt Maj Messrs "
    "Mlle Mme Mr Mrs Ms Mt Mx Pfc Pres Prof Pvt Rep Reps Rev Sen Sens Sgt Spc Spec Supt Treas e.g "
    "eg i.e ie cf viz vs v ca approx incl Rt"
)
"""A name or a comparison follows, so the sentence goes on whatever comes."""

BEFORE_NUMBERS = _set(
    "No Nos no nos N° Nr Art art Ch ch Chap chap Eq Ex Fig Figs fig Par par Secs Sect sec Vol Vols vol "
    "vols pp p Pt pt Prop Bldg Apt Rte rte Hwy op"
)
"""A number that follows belongs to them; before a word they are words themselves ("No. He left.")."""

MONTHS = _set("Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec")
STATES = _set(
    "Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan Ky La Mass Md Mich Minn Miss Mo Mont Neb Nev "
    "Okla Ore Pa Tenn Tex Vt Va Wash Wis Wyo Ont Que Alta"
)
EITHER = (
    MONTHS
    | STATES
    | _set(
        "Assn Assoc Ave Blvd Bros Cie Co Corp Cos Cnty Ct Dept Dist Esq Est Gen Govt Inc "
        "Inst Intl Jr Ltd Mfg Mgr Natl Pac Ph Pty Rd Sq Sr St Tues Univ Thurs "
        "Twp al co dept est ft govt jr lbs oz Sec sr st yr yrs"
    )
)
"""They end a sentence when a word follows that opens one."""

OPENERS = _set(
    "A According Additionally After Again All Almost Also Although Among An And Another Any As Asked At "
    "Back Because Before Besides Both But By Can Clearly Consider Could Critics Currently Despite Did Do "
    "Does Doing During Each Earlier Either Even Eventually Every Everyone Few Finally First For Former "
    "Fortunately From Further Furthermore Given Had Has Have He Her Here His How However I If In Indeed "
    "Instead Is It Its Just Last Later Let Like Many Maybe Meanwhile More Moreover Most Mr Mrs Ms Much "
    "My Nearly Neither Never Nevertheless No Nobody None Nor Not Nothing Now Of Officials On Once One "
    "Only Or Other Others Otherwise Our Over Overall People Perhaps Please Rather Recently Reporters "
    "Same Several She Shortly Similarly Since So Some Someone Soon Still Such Supporters Surely That The "
    "Their Then There Therefore These They This Those Though Through Throughout Thus To Today Together "
    "Two Unfortunately Unless Unlike Until Upon Was We Were What When Where Whether Which While Who Why "
    "Will With Within Without Would Yes Yesterday Yet You Your"
)
"""Words in capitals that seldom go on with a name: after an abbreviation they open a sentence."""

ZONES = (
    _set(
        "AEST AM BST CDT CEST CET CST Central EDT EST ET Eastern GMT IST MDT MST MT Mountain PDT PST PT "
        "Pacific UTC Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April "
        "May June July August September October November December Beijing London Moscow Jerusalem Tokyo "
        "Brussels Baghdad Kabul Local"
    )
    | MONTHS
)
"""What may follow "6 p.m." in the same sentence."""

SHOUTED = _set("Yahoo Jeopardy Yum Jeb E Oklahoma")
"""Names written with an exclamation mark."""

PARTICLES = _set("al bin da de del den der di du el la le van von")
"""Lower-case words that may open a name: "de Blasio"."""

SPEECH = _set(
    "said says asked asks wrote writes tweeted added adds replied responded answered shouted yelled "
    "cried continued declared demanded exclaimed explained insisted joked noted observed quipped "
    "recalled remarked told warned wondered"
)
"""Verbs that take a quotation before them: "Is it over?" Smith asked."""

NAMES_TOO = _set("A An Do I No So Will You")
"""Of the words that open sentences those that are names or initials too: "George F. Will"."""
