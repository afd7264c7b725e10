"""Recognise lines that are no news: pointers, newsletters, copyright, bylines, share buttons, advertisements.

They are marked, never deleted. Patterns look at a whole line (or sentence), from its first character on; what
may also begin a line of news needs its whole length to match.
"""

from __future__ import annotations

import re

LONGEST = 600
"""Characters; the longest legal notices are shorter, and longer paragraphs are news."""

NAME = r"(?:[A-Z][\w.'’-]+|[A-Z]\.|de|van|von|al|bin|der|la)"
PERSON = rf"{NAME}(?: {NAME}){{1,3}}"
SITES = r"(?:facebook|twitter|x|whatsapp|linkedin|instagram|youtube|reddit|pinterest|telegram|flipboard)"
PAPER = r"(?:article|story|report|piece|column|post|essay|op-ed)"

LED_BY = (
    # pointers to other articles
    r"(?:see also|read more|read also|also read|read next|up next|related|related (?:stor(?:y|ies)"
    r"|articles?|content"
    r"|coverage|links?)|more|more (?:from|on|stories)[^:]{0,40}|recommended(?: for you)?|watch(?: live"
    r"| now| more)?"
    r"|listen(?: now)?|don.?t miss|editors?.? picks?|in pictures|photos|just watched|must watch"
    r"|trending(?: now)?"
    r"|most (?:read|popular)|further reading|full coverage)\s?[:|»>].*",
    r"see also\b.*",
    r"(?:read|see|view|watch|click) (?:more|here|on|the full (?:story|article|video|report|transcript"
    r"|interview))"
    r"(?: (?:here|below|more|for more|to enlarge|on this story|about this).{0,40})?[.:»>]*",
    r"(?:click here|read more here|read the full .{0,40} here|click to enlarge)\b.{0,80}",
    r"(?:related (?:stor(?:y|ies)|articles?|content|topics|links)|more (?:stories|news)|most (?:read"
    r"|popular)|trending"
    r"|recommended(?: for you)?|read more|up next|editors?.? picks?)[.:]*",
    # newsletters and subscriptions
    r"(?:sign up|subscribe|register)\b.{0,120}\b(?:newsletters?|inbox|e-?mails?|e-?mail alerts|alerts"
    r"|briefing|podcasts?"
    r"|channel|updates|itunes|spotify)\b.*",
    r"(?:sign up|subscribe|subscribe now|sign in|log in|register)(?: today| here| now| for free)*[.!:]*",
    r"subscribe (?:now|today) (?:for|to|and)\b.*",
    r"get (?:the|our|all|breaking|more)\b.{0,120}\b(?:inbox|newsletters?|alerts)\b.*",
    # copyright and reprints
    r"(?:©|\(c\)|copyright\b).{0,60}\b(?:19|20)\d\d\b.*",
    # how the article came about, updates, credits
    rf"this {PAPER} (?:was |is |has been |has |includes? |contains? |originally |first )+(?:based "
    rf"|contain|includ|updated"
    r"|corrected|first |originally |published|produced|reported|adapted|wire|material|reporting"
    r"|appeared|amended).*",
    rf"this {PAPER} is more than \d+ (?:day|week|month|year)s? old.*",
    r"(?:additional |with )?(?:reporting|writing|editing|compiled|edited|produced"
    r"|translated) (?:and \w+ )?by\b.*",
    r"(?:editors?|authors?|publishers?)[’']?s?[’']? note\s*[:–—-].*",
    r"(?:last )?updated:?\s.{0,60}\d(?:\s?[ap]\.?m\.?)?(?: [a-z]{2,4})?",
    # sharing and following
    rf"(?:(?:share|tweet|print|e-?mail|comments?|copy link|link|save|pin it|post|share this(?: article"
    rf"| story)?"
    rf"|share on|share via|{SITES})[\s|,/·•:+]*)+(?:this {PAPER})?[.:]*",
    rf"(?:follow|like|join|find) (?:us|me|him|her|[\w.@’' ]{{2,40}}) on {SITES}\b.*",
    r"follow @\w+.*",
    r"(?:\d+ )?(?:comments?|shares?|leave a (?:comment|reply)|view comments|load comments"
    r"|join the conversation"
    r"|(?:show|hide) comments)",
    # advertisements, players and pictures
    r"(?:advertisements?|advertising|ads?|sponsored(?: content)?|promoted(?: content)?|paid (?:content"
    r"|post)|loading"
    r"|article continues (?:below|after)[\w ]*|story continues (?:below|after)[\w ]*|continue reading"
    r"|continue reading (?:the main story|below)|skip advertisement|scroll to continue)(?: advertisements?"
    r"|[\s:.]|continue reading the main story)*",
    r"(?:image|photo|video)? ?(?:toggle|hide|enlarge) (?:caption|this image)\b.*",
    r"(?:photo|image|picture|video|graphic)s?(?: (?:credit|by|courtesy|illustration)s?)?\s?[:/|].{0,120}",
    r"(?:hide caption|photos you should see|media playback is (?:un|not )supported.*|(?:play|watch) video)",
    # appeals
    r"(?:support|help) (?:our|independent|quality|local) (?:journalism|reporting|newsroom|news)\b.*",
    r"(?:donate|become a (?:member|subscriber|supporter)|make a (?:donation|contribution))(?: \w+){0,5}[.!]?",
    r"(?:do you )?(?:have|got) (?:a|any) (?:news |story )?tips?\b.{0,120}",
    # agencies
    r"\(?(?:(?:the )?associated press|ap|reuters|afp|agence france-presse|upi|bloomberg|dpa|ap photo"
    r"|getty images|via getty images|cnn wire)\)?(?: ?[|/,-] ?(?:ap|reuters|afp|getty images))?\.?",
)
NAMED = (
    rf"(?:By|BY|by|Written by|Posted by|Analysis by|Story by|Photos? by) {PERSON}"
    rf"(?:(?:,| and|, and| &) {PERSON})*(?:,? (?:for |in |[|/•·—–-] ?|at )?(?:(?:[A-Z@][\w.@’'&-]*+|of|the"
    r"|staff|special to|writer|reporter|correspondent|editor|columnist|senior|national|political|\d{1,4}+)"
    r",? ?)*)?",
)
ANYWHERE = re.compile(
    r"""(?ix)
    \b(?: delivered\ (?:straight\ |directly\ |right\ )?to\ your\ (?:inbox|e-?mail)
        | manage\ newsletters
        | all\ rights\ reserved
        | may\ not\ be\ (?:published|reproduced|republished|reprinted)
        | click\ here\ for\ reprint\ permission
        | (?:enable|turn\ on)\ javascript
        | (?:this\ (?:site|website|page)|we)\ uses?\ cookies )\b
    | \b(?:published|republished|reprinted|printed)\ with\ (?:the\ )?permission(?:\ (?:from|of)\b.*)?\.?\Z
    | \bcontributed\ (?:to\ this\ PAPER | (?:additional\ )?reporting(?:\ (?:to|for)\ this\ PAPER)?)\.?\Z
    """.replace("PAPER", PAPER)
)
BIOGRAPHY = re.compile(
    r"[A-Z][\w.’' -]{2,60} (?:is|was) (?:a|an|the) [\w ,’'&-]{0,80}\b(?:columnist|correspondent|reporter"
    r"|staff writer|contributing writer|contributor) (?:for|at|with|to) (?:[Tt]he )?"
    r"[A-Z][\w ’'&.-]{2,60}\.(?: Follow .*)?",
    re.DOTALL,
)
CUES = (
    *("to your", "newsletters", "rights reserved", "may not be", "reprint", "permission", "contributed"),
    *("javascript", "cookies", "columnist", "correspondent", "reporter", "writer", "contributor"),
)
"""What a line must hold, in lower case, for the slow patterns to be tried."""
PATTERN = re.compile(f"(?:(?i:{'|'.join(LED_BY)})|{'|'.join(NAMED)})", re.DOTALL)


def is_boilerplate(line: str) -> bool:
    """Whether a clean line (or sentence) is no news but what a web page or an agency puts around it.

    >>> is_boilerplate("SEE ALSO: Ministers fail to agree"), is_boilerplate("Advertisement")
    (True, True)
    >>> is_boilerplate("Share prices fell."), is_boilerplate("By Friday the talks had failed.")
    (False, False)
    """
    if len(line) > LONGEST:
        return False
    if PATTERN.fullmatch(line):
        return True
    low = line.lower()
    return any(cue in low for cue in CUES) and bool(ANYWHERE.search(line) or BIOGRAPHY.fullmatch(line))
