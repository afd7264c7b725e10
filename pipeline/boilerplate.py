"""Recognise lines that are no news: pointers, newsletters, copyright, bylines, share buttons, advertisements.

They are marked, never deleted. A pattern of `WHOLE` or `CASED` takes a whole line (or sentence), one of
`ANYWHERE` or `AT_END` a part that stands in no news.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 600
"""Characters; the longest legal notices are shorter, and longer paragraphs are news."""

WHEN = (
    r"\d|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)\w*\.? \d"
)
NAME = r"(?:[A-Z][\w.'’-]+|[A-Z]\.|de|van|von|al|bin|der|la)"
PERSON = rf"{NAME}(?: {NAME}){{1,3}}"
PEOPLE = rf"{PERSON}(?:(?:,| and|, and| &) {PERSON})*"
SITES = (
    "(?:facebook|twitter|x|whatsapp|linkedin|instagram|youtube|reddit|pinterest|telegram|flipboard|google"
    "|pocket)"
)
PAPER = "(?:article|story|report|piece|column|post|essay|op-ed|page|transcript|episode|interview)"
AGENCY = (
    "(?:the )?(?:associated press|ap|reuters|afp|agence france-presse|upi|bloomberg|dpa|getty(?: images)?"
    "|epa|shutterstock|newscom|usa today(?: network)?|cnn wire|tribune content agency|politico)"
)

WHOLE = {
    "pointer": (
        r"(?:see also|also see|read more|read also|also read|read next|up next|related|more"
        r"|related (?:stor(?:y|ies)|articles?|content|coverage|links?|video)|in pictures|further reading"
        r"|more (?:from|on|stories)[^:]{0,40}|recommended(?: for you)?|don.?t miss|editors?.? picks?"
        r"|(?:now |must |just )?watch(?:ed)?(?: live| now| more| this| the video)?|listen(?: now)?"
        r"|(?:live )?video"
        r"|photos|view gallery|must read|trending(?: now)?|most (?:read|popular)"
        r"|(?:full|special|complete) coverage"
        r"|what to read next|you may also like|interactive|graphic|gallery|slideshow|story|quiz)"
        r"\s?[:|»>].{0,250}",
        r"(?:read|go deeper)\s?:.{0,140}",
        r"see also\b.{0,250}",
        r"(?:read|see|view|watch|click) (?:more|here|on|(?:the )?full (?:story|article|video|report"
        r"|transcript"
        r"|interview|text|list))"
        r"(?: (?:here|below|more|for more|to enlarge|on this story|about this|from|on).{0,60})?[.:»>…]*",
        r"(?:click (?:here|for more|through)|read more here|read the (?:full|rest) .{0,40} (?:here|at)"
        r"|click to enlarge)\b.{0,120}",
        r"(?:related (?:stor(?:y|ies)|articles?|content|topics|links|video)|more (?:stories|news|on this)"
        r"|(?:the )?most (?:read|popular)|trending(?: stories)?|recommended(?: for you)?|read more|up next"
        r"|top stories|editors?.? picks?|(?:popular|related) stories from .{0,40})[.:…]*",
        r"visit .{1,60} (?:homepage|website) for more.{0,60}",
        r"for (?:more|the latest|additional)(?:,| on| from| about| of| news| information| details| stories"
        r"| coverage| updates).{0,100}\b(?:click|visit|go to|sign up|subscribe|check out"
        r"|tune in)\b.{0,120}",
        r"listen to (?:this|the (?:full|entire|complete)) (?:article|story|interview|podcast"
        r"|episode)\b.{0,120}",
        r"(?:find|download) .{0,60}\b(?:apple podcasts|itunes|app store|google play)\b.{0,120}",
        r"watch the (?:latest|full) (?:video|interview|speech|episode)\b.{0,80}",
        r"\(? ?also on [\w. ]{2,30}:.{0,150}",
        r"\( ?(?:see all of|(?:see also|related|watch|video|photos|cartoons|quiz)\s?:)[^()]{0,150}\)",
        r"more [\w ]{2,40}: https?:\S+(?: and https?:\S+)?",
        r"slideshow \(\d+ images?\)",
    ),
    "newsletter": (
        r"(?:sign up|subscribe|register)\b.{0,120}\b(?:newsletters?|inbox|e-?mails?|e-?mail alerts|alerts"
        r"|briefing|podcasts?|channel|updates|itunes|spotify)\b.*",
        r"(?:sign up|subscribe|subscribe now|sign in|log in|register)(?: today| here| now"
        r"| for free)*[.!:]*",
        r"(?:subscribe (?:now|today) (?:for|to|and)|thank you for (?:signing up|subscribing|reading))\b.*",
        r"get (?:the|our|all|breaking|more)\b.{0,120}\b(?:inbox|newsletters?|alerts)\b.*",
        r"want (?:more|the latest|to)\b.{0,120}\b(?:sign up|subscribe)\b.*",
    ),
    "rights": (
        r"(?:©|\(c\)|copyright\b).{0,60}\b(?:19|20)\d\d\b.*",
        r"the (?:opinions|views)(?: and opinions)? expressed\b.{0,60}\b(?:are|do not)\b.*",
    ),
    "history": (
        rf"this {PAPER} (?:was |is |has been |has |includes? |contains? |originally |first "
        rf"|also )+(?:based "
        r"|contain|includ|updated|corrected|first |originally |published|produced|reported|adapted|wire"
        r"|material|reporting|appeared|amended|edited|part of|supported|made possible).*",
        rf"this {PAPER} is more than \d+ (?:day|week|month|year)s? old.*",
        rf"(?:an|the) (?:earlier|previous|original) version of this {PAPER}\b.*",
        r"(?:corrections?(?: (?:and|&) clarifications?)?|clarifications?)(?:,? [^:]{0,30})?:.*",
        r"(?:additional |with )?(?:reporting|writing|editing|compiled|edited|produced|translated)"
        r"(?: and \w+)? (?:by|from)\b.{2,110}",
        rf"contributing(?: to this {PAPER})?:.*",
        r"(?:editors?|authors?|publishers?)[’']?s?[’']? note\s*[:–—-].*",
        rf"(?:(?:last|first|originally) )?(?:updated?|published|posted|modified)(?: on| at)?:?\s"
        rf"(?:(?:{WHEN})[\w,.:/ ()-]{{0,60}}\d|\d{{1,2}})"
        r"(?:\s?[ap]\.?m\.?)?(?: \(?[a-z]{2,7}\)?)?(?: (?:on )?\w+day)?\.?",
        r"originally (?:published|posted) (?:on|in|at|by) .{2,50}",
        r"this is a (?:rush|developing|breaking) (?:transcript|story|news story)\b.{0,120}",
        r"\d+ (?:minute|hour|day|week|month|year)s? ago",
        r"\d{1,2}:\d\d(?::\d\d)?",
    ),
    "sharing": (
        r"(?:(?:share|tweet|print|e-?mail|comments?|copy link|link|save|pin(?: it)?|post"
        r"|share this(?: article"
        rf"| story)?|listen to article|\d{{1,2}}:\d\d|(?:read or )?share on|share via|{SITES})[\s"
        rf"|,/·•:+]*)+"
        rf"(?:this {PAPER})?[.:]*",
        rf"read or share this {PAPER}\b.*",
        r"facebook twitter pinterest \S.{0,400}",
        rf"[-•*]?\s?(?:follow|like|join|find) (?:us|me|him|her|them|[\w.@’' ]{{2,40}}) on {SITES}\b.*",
        r"follow @\w+.*",
        r"follow (?:\w+ )?(?:ap|cnn|nbc|npr|usa today)\b.{0,60}\bat (?:https?:|www|\w+\.com).*",
        r"(?:\d+ )?(?:comments?|shares?|leave a (?:comment|reply)|view comments|load comments"
        r"|join the conversation|(?:show|hide) comments)",
        r"(?:write to|contact|e-?mail|reach|send)\b.{0,80}\s\S+@\S+\.\w+.{0,80}",
        r"[\w.’' -]{4,40}: \(?\d{3}\)?[ .-]\d{3}[.-]\d{4}\b.{0,100}",
    ),
    "advertisement": (
        r"(?:advertisements?|advertising|ads?|sponsored(?: content)?|promoted(?: content)?"
        r"|paid (?:content|post)"
        r"|loading|(?:article|story) continue[sd](?: (?:below|after)[\w ]*)?|continue reading"
        r"|continue reading (?:the main story|below)|skip advertisement|scroll to continue)"
        r"(?: advertisements?"
        r"|[\s:.]|continue reading the main story)*",
        r"(?:support|help) (?:[\w’']+ ){1,3}(?:journalism|reporting|newsroom|news)\b(?! was| is"
        r"| has).{0,250}",
        r"(?:donate|become a (?:member|subscriber|supporter)|make a (?:donation|contribution))"
        r"(?: \w+){0,5}[.!]?",
        r"(?:(?:do you )?(?:have|got) (?:a|any)|send (?:a|us a|your)) (?:news |story )?tips?\b.{0,120}",
    ),
    "caption": (
        r"(?:image|photo|video)? ?(?:toggle|hide|enlarge) (?:caption|this image)\b.*",
        r"\(? ?(?:photo|image|picture|video|graphic|illustration|photograph)s?"
        r"(?: (?:credit|by|courtesy|illustration)s?)?\s?[:/|].{0,120}",
        r"credits?\s?(?:\.{3}|…|:).{0,120}",
        r"\(?file(?:d)? ?(?:photo|image|picture|pic)\b.{0,400}",
        r"file\s[-–—]+\s?(?:in this|this|an?|the|former|president|sen|rep)\b.*",
        r"(?:sound )?the gallery will resume in(?: \d+)? seconds",
        r"(?:hide caption|photos you should see|media playback is (?:un|not )supported.*|(?:play"
        r"|watch) video(?: \d.*)?"
        r"|photo|video|audio|close|image)",
        rf"\(?{AGENCY}(?: photo)?(?: ?[|/,-] ?.{{0,40}})?\)?\.?",
    ),
    "mark-up": (
        r"[\W_]+",
        r"\[[^\]\s]{3,20}\]",
        r"\[\w{3,20}(?: \w+=[\"”“]\S*)+\]",
        r"[\w-]+=[\"”]https?:\S*",
        r"(?:https?://|www\.|pic\.twitter\.com/)\S+",
    ),
}
"""Whole lines, whatever their letters' case."""
CASED = (
    rf"(?:By|BY|by|Written by|Posted by|Analysis by|Story by|Photos? by) {PEOPLE}"
    r"(?:,? (?:for |in |[|/•·—–-] ?|at )?(?:(?:[A-Z@][\w.@’'&-]*+|of|the|staff|special to|writer|reporter"
    r"|correspondent|editor|columnist|senior|national|political|\d{1,4}+),? ?)*)?",
    rf"(?!The |His |Her |Its |Our |Their )(?:(?:Fox|NBC|CBS|ABC|AP|CNN|News|Hill|Times|Staff"
    rf"|[Ww]riters?)(?:[’']s?)? )*"
    rf"{PEOPLE} (?:also )?contributed\.?",
    r"(?:(?:and|&|TM) )*(?:19|20)\d\d,? (?:(?:[A-Z][\w.&’'-]*|of|the|and|&),? )+"
    r"(?:LLC|Inc|Ltd|Content Agency|Syndicate|Media Group|Writers Group|News Network|Network)\b.{0,60}",
    r"(?:Photograph|Photo|Illustration|Image|Graphic)s? (?:by|courtesy of) [A-Z].{2,80}",
    r"With (?:assistance|reporting|contributions) (?:by|from) [A-Z].*",
    rf"(?:{PEOPLE}|[A-Z][a-z]+(?: and [A-Z][a-z]+)?)"
    rf" reported from [A-Z][\w.]+(?:,? (?:and )?[A-Z][\w.]+){{0,3}}",
    r"CLOSE [A-Z].*",
    r"JUST WATCHED .*",
    r"(?:ANALYSIS/)?OPINION:?|Opinion contributors?|USA ?TODAY(?: (?:Network|NETWORK|Opinion))?"
    r"|Slideshow|Listen",
    r"[A-Z][A-Z .'’-]{2,30}(?:, [A-Z][\w.]{1,12}(?: \d{1,2})?)? ?(?:\((?:AP|Reuters|REUTERS|AFP"
    r"|UPI)\) ?[—–-]*|[—–-]+)",
    r"[A-Z][A-Z .'’-]{2,30}, (?:[A-Z][a-z]{1,5}\.|(?:[A-Z]\.){2})",
    rf"{PERSON} ?/ ?(?:Staff|AP|AFP|Reuters|Getty Images|File|Media Matters)(?:/(?:AP|File|Pool))*"
    r"(?: [A-Z].{0,400})?",
)
"""Whole lines that capitals tell from news: bylines, credits, datelines with nothing after them."""
ANYWHERE = re.compile(
    r"""(?ix)
    \b(?: (?:delivered|straight|directly|right|sent|meet|in)\ (?:straight\ |directly\ |right\ )?
            (?:to\ |in\ )?your\ (?:inbox|e-?mail)
        | manage\ (?:newsletters|your\ newsletters?)
        | by\ (?:signing\ up|subscribing|clicking)[^.]{0,40}\ (?:you|I)\ (?:agree|consent|acknowledge)
        | protected\ by\ recaptcha
        | all\ rights\ reserved
        | may\ not\ be\ (?:published|reproduced|republished|reprinted)
        | without\ charge\ to\ any\ eligible\ news\ publisher
        | click\ here\ for\ reprint\ permission
        | (?:enable|turn\ on)\ javascript
        | hide\ caption\ \d+\ of\ \d+
        | replay\ more\ videos
        | listen(?:\ ·)?\ \d+:\d\d
        | (?:this\ (?:site|website|page)|we)\ uses?\ cookies )\b
    | \b(?:published|republished|reprinted|printed)\ with\ (?:the\ )?permission(?:\ (?:from|of)\b.*)?\.?\Z
    | \bcontributed\ (?:to\ this\ PAPER | (?:additional\ )?reporting(?:\ (?:to|for)\ this\ PAPER)?)
        (?:\ from\ .{3,40} | ,\ which\ .{3,60})?\.?\Z
    """.replace("PAPER", PAPER)
)
AT_END = re.compile(
    rf"""(?x)
      \( (?:[Pp]hotos?(?:\ by)?:?\ | [Ii]mage:?\ | CREDIT:?\ )? [^()]{{0,60}}? \b
         (?i:(?:ap\ photo|reuters|afp|getty(?:\ images)?|shutterstock|pixabay|associated\ press|newscom|epa
           |wikimedia(?:\ commons)?))
        (?:/[^()]{{2,40}})? \) \.?\Z
    | \((?:AP|AFP|Reuters|Getty)\ [Pp]hotos?[/:][^()]{{2,60}}\) \.?\Z
    | \bREUTERS/{NAME}(?:\ {NAME}){{0,2}}\Z
    | \((?:Photo|Photograph|Illustration|Image)s?(?:\ (?:by|courtesy\ of)|:)\ [^()]{{2,60}}\) \.?\Z
    | \|\ (?:AP\ Photos?|REUTERS|AFP|Getty(?:\ Images)?)\ ["“'‘]?[A-Z][^|.]{{5,60}}\Z
    | \|\ (?:[^|.]|\b[A-Z]\.){{0,40}}
         (?:AP\ Photo|Getty(?:\ Images)?|AFP|REUTERS|POLITICO(?:\ Screengrab)?)\.?\Z
    | \bAP\ Photo(?:/{PERSON})?\Z
    | \A.{{10,}}[^.,]\ Read\ more\Z
    """
)
"""Credits that end captions, and what follows a short pointer."""
GALLERY = re.compile(r"photos?: .*\bhide caption (\d+) of \1", re.IGNORECASE | re.DOTALL)
"""A whole gallery of pictures: from its heading to the last of its captions, however long."""
BIOGRAPHY = re.compile(
    r"(?!(?:He|She|It|This|That|The|Who)\b)[A-Z][\w.’' -]{2,60} (?:is|was) (?:(?:a|an"
    r"|the) )?[\w ,’'&-]{0,80}"
    r"\b(?:(?:columnist|correspondent|reporter|staff writer|contributing writer|contributor"
    r"|contributing editor"
    r"|editor) (?:for|at|with|to|of) (?:[Tt]he )?[A-Z]|(?:radio talk[ -]show host|editor emeritus"
    r"|columnist)\b"
    r"|author of [“\"]?(?:[A-Z][\w’']*[ :,-]+){2})(?:[^.]|\.(?=\S)){0,160}"
    r"\.?(?: (?:Follow|You can|His|Her|She|He|Find|Reach|E-?mail|Want) .*)?",
    re.DOTALL,
)
CUES = (
    *("your inbox", "your e", "manage newsletters", "manage your n", "rights reserved", "may not be p"),
    *("may not be r", "reprint", "permission", "contributed", "javascript", "cookies", "eligible news"),
    *("you agree", "you consent", "you acknowledge", "i agree", "i consent", "i acknowledge", "recaptcha"),
    *("hide caption", "more videos", "listen "),
)
ROLES = ("columnist", "correspondent", "reporter", "writer", "contribut", "show host", "editor", "author of")
ENDINGS = (
    *("ap photo", "reuters", "afp", "getty", "shutterstock", "pixabay", "associated press", "newscom", "epa"),
    *("politico", "read more", "wikimedia", "(photo", "(illustration", "(image"),
)
"""What a line must hold, in lower case, for the slow patterns to be tried: anywhere, and at its end."""
_ANY_CASE = f"[-•*>»]?\\s?(?:{'|'.join(p for kind in WHOLE.values() for p in kind)})"
LOWERED = re.compile(_ANY_CASE, re.DOTALL)
"""`WHOLE` for a line in lower case, in a third of the time that it takes to disregard case."""
UNLIKE = re.compile("[ſıİ]")
"""What is an ASCII letter where case is disregarded, and none in lower case."""
IGNORING = re.compile(_ANY_CASE, re.DOTALL | re.IGNORECASE)
CAPITALS = re.compile("|".join(CASED), re.DOTALL)


HINTS = (*CUES, *ROLES, *ENDINGS)


def marked(line: str, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """For each of these parts of a clean line, in order, whether it or the whole line is boilerplate.

    >>> marked("The talks failed. Read more.", [(0, 17), (18, 28)])
    [False, True]
    """
    # What the line does not hold none of its parts does: most lines are asked once.
    hinted = _hinted(line)
    whole = _is_boilerplate(line, hinted=hinted)
    if whole or len(spans) < 2:
        return [whole] * len(spans)
    return [_is_boilerplate(line[start:end], hinted=hinted) for start, end in spans]


def is_boilerplate(line: str) -> bool:
    """Whether a clean line (or sentence) is no news but what a web page or an agency puts around it.

    >>> is_boilerplate("SEE ALSO: Ministers fail to agree"), is_boilerplate("Advertisement")
    (True, True)
    >>> is_boilerplate("Share prices fell."), is_boilerplate("By Friday the talks had failed.")
    (False, False)
    """
    return _is_boilerplate(line, hinted=_hinted(line))


def _hinted(text: str) -> bool:
    """Whether it holds what a slow pattern needs."""
    low = text.lower()
    return any(hint in low for hint in HINTS)


def _is_boilerplate(line: str, *, hinted: bool) -> bool:
    if len(line) > LONGEST:
        return hinted and GALLERY.fullmatch(line) is not None
    alike = line.isascii() or not UNLIKE.search(line)
    whole = LOWERED.fullmatch(line.lower()) if alike else IGNORING.fullmatch(line)
    return (whole or CAPITALS.fullmatch(line)) is not None or (hinted and _fits_slowly(line))


def _fits_slowly(line: str) -> bool:
    low = line.lower()
    if any(cue in low for cue in CUES) and ANYWHERE.search(line):
        return True
    if any(role in low for role in ROLES) and BIOGRAPHY.fullmatch(line):
        return True
    end = low[-80:]
    return any(cue in end for cue in ENDINGS) and AT_END.search(line, max(0, len(line) - 130)) is not None
