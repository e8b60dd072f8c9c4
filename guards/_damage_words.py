"""English words for damage of a picture, and the contexts in which the same words speak of what the picture shows.

Words such as "blurry" or "noise" speak of the picture or of what it shows (bokeh, pixel art, a noisy crowd). So each kind
of damage has patterns that name the picture, which count in any sentence; words that count by themselves, unless the
sentence gives them another meaning; and, for the chosen answer and the question, the kind in any form: then the damage is
part of the true picture, or of what is asked.
"""

import re
from dataclasses import dataclass

_IMAGE = r"(?:image|picture|photo(?:graph)?|pic|snapshot|screenshot|footage|scan)s?"
_SEEMS = r"(?:is|are|was|were|looks?|appears?|seems?|being)(?: to be| to have been)?"
_HOW = (
    r"(?:\s+(?:a|an|so|too|very|quite|rather|really|highly|extremely|heavily|severely|somewhat|slightly|fairly|pretty"
    r"|just|all|almost|mostly|largely|entirely|completely|totally|partially|partly|fully|simply|only|also|bit|little"
    r"|currently|still|of))*"
)
_WHOLE = r"(?<!\bof )(?<!\bof the )(?<!\bin the )"
_BE = rf"{_WHOLE}\b{_IMAGE}(?:\s+(?:itself|you (?:sent|provided|shared|uploaded|attached)|provided|here|shown))?\s+{_SEEMS}{_HOW}"
_HAS = rf"\b{_IMAGE}\s+(?:has|have|having|with|shows|contains){_HOW}(?:\s+(?:some|lots?|much|visible|noticeable))*"
_LOOK = r"(?:texture|quality|appearance|look|effect|resolution)\b"
_BETWEEN = r"(?:,?\s+(?:and\s+)?(?!(?:from|in|on|of|to|by|at|for|with|the|an?|what|which|if|why|how|whether)\b)[\w-]+){0,2}"
_FRAMED = r"(?!\s+(?:frames?|albums?|books?|windows?|walls?|shops?))"


def _of_image(words: str) -> str:
    """Return a pattern: a picture is said to be so, is called so, or looks so."""
    looks = rf"{_HAS}\s+(?:{words})(?:\s+and\s+[\w-]+)?\s+{_LOOK}"
    return looks + rf"|{_BE}\s+(?:{words})\b|\b(?:{words}){_BETWEEN}\s+{_IMAGE}\b{_FRAMED}"


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage."""

    name: str
    named: re.Pattern[str]
    """The picture is named as what is damaged: counts whatever else the sentence says."""
    told: re.Pattern[str]
    """Counts where the sentence does not fit ``meant``."""
    meant: re.Pattern[str]
    """The word belongs to the content."""
    shared: re.Pattern[str]
    """The same kind of damage in the chosen answer or the question."""


_NEVER = re.compile(r"(?!)")
_BACKDROP = r"background|foreground|backdrop|bokeh|depth of field|shallow focus|in the distance"

_SHARPNESS = Damage(
    "sharpness",
    named=re.compile(
        _of_image(
            r"blurr?(?:y|ed)|out[- ]of[- ]focus|unfocused|fuzzy|unclear|not (?:very |entirely |quite )?clear|indistinct|illegible|unrecogni[sz]able"
            r"|low[- ]res(?:olution)?|(?:low|poor|bad)[- ]quality|pixel+at(?:ed|ing)|blocky|low in (?:quality|resolution)"
            r"|(?:such )?(?:low|poor|bad) (?:quality|resolution)|(?:heavily )?compressed"
        )
        + rf"|\b(?:low|poor|bad|limited|insufficient|reduced) (?:{_IMAGE}|visual|overall) (?:quality|resolution|clarity)"
        rf"|\b(?:quality|resolution|clarity|sharpness) of the {_IMAGE} (?:is|seems|appears|looks){_HOW}\s+"
        r"(?:low|poor|bad|limited|insufficient)"
        rf"|\b(?:blur(?:r(?:y|iness|ing))?|pixel+ation|compression artifacts?) (?:of|in) the {_IMAGE}"
        rf"|\b(?:too|so) (?:blurry|blurred|pixel+ated|fuzzy|unclear|indistinct) (?:to|for me|that)\b"
    ),
    told=re.compile(
        rf"\b(?:it|this|everything|all of it|details|objects) {_SEEMS}{_HOW}\s+(?:blurry|blurred|out of focus)\b"
        r"|\bblurr(?:y|ed) (?:textures?|scene|shapes?|figures?|objects?|appearance|patch(?:es)?|mess|blobs?|mass|smudges?)\b"
        r"|\bblurriness\b|^\W*(?:very |too )?blurr(?:y|ed)\W*$|\bpixel+at(?:ed|ion)\b|\b(?:low|poor)[- ]res(?:olution)?\b"
        r"|\b(?:large|big|visible|individual|random|scattered|few|colou?red|blocky) pixels\b"
    ),
    meant=re.compile(
        rf"{_BACKDROP}|\bbehind\b|\bfaces?\b|reflect|\bthrough\b|\bmotion\b|\bmov(?:es|ing|ement)\b|\bspe(?:ed|eding)\b|\bspinning\b|\b(?:fast|quick)\b|surroundings"
        r"|\b(?:vision|eyesight|lines? (?:between|are))\b|pixel art|\b8-bit\b|minecraft|video ?game|retro|sprites?"
        r"|\b(?:licen[sc]e|number) plates?\b|privacy|censor|\b(?:lights?|leds?|signs?|display|screen|monitor|sensor|webcam|camera)\b"
    ),
    shared=re.compile(
        r"\bblur|out[- ]of[- ]focus|in focus\b|\bfuzzy\b|\bsharp(?:ness)?\b|pixel|\bresolution\b|\bquality\b"
        rf"|\b{_IMAGE}\b.{{0,20}}\bclear\b|\bclear {_IMAGE}|\bclarity\b|\blegible\b|compress"
    ),
)

_NOISE = Damage(
    "noise",
    named=re.compile(
        _of_image(r"noisy|grainy|granular|speckled")
        + rf"|{_BE}\s+(?:(?:static|random|pure|colou?rful|visual|digital) )?noise\b"
        rf"|\b{_IMAGE} (?:noise|grain)\b"
        rf"|{_HAS}\s+(?:(?:visual|digital|random|static|colou?rful|heavy) )?(?:noise|static|graininess)\b"
        rf"|{_BE}\s+(?:full of|filled with|covered (?:in|with|by)|obscured by|dominated by|made (?:up )?of|composed of)"
        rf"\s+(?:[\w-]+\s+){{0,3}}(?:noise|static|grain|speckles)\b"
        rf"|\b(?:noise|grain|static|graininess) (?:in|of|on|across|over|throughout) the (?:entire |whole )?{_IMAGE}\b"
    ),
    told=re.compile(
        r"\b(?:visual|digital|random|static|colou?red|colou?rful|multicolou?red|gaussian|pixel|pure) noise\b"
        r"|\bnoise (?:pattern|and (?:distortion|blur|grain)|or static)\b|\b(?:tv|television) static\b"
        rf"|\b(?:it|this|everything) {_SEEMS}{_HOW}\s+(?:grainy|noisy)\b|\bgrainy (?:appearance|quality)\b"
    ),
    meant=re.compile(
        r"\b(?:wood(?:en)?|wheat|rice|sand(?:y)?|mustard|bread|leather|stone|rock|oats?|sugar|salt|cereal|polenta|crowd"
        r"|music|radio|loud|ears?|sound|hear\w*|machine|engine|film grain|vintage)\b"
    ),
    shared=re.compile(r"\bnois[ey]|\bgrain(?:y|iness)?\b|\bstatic\b|\bspeckle"),
)

_DISTORTION = Damage(
    "distortion",
    named=re.compile(
        _of_image(r"distorted|warped|glitch(?:y|ed)|garbled|corrupt(?:ed)?|degraded|scrambled|unviewable")
        + rf"|{_BE}\s+(?:inverted|broken)\b"
        rf"|\b{_IMAGE} (?:distortions?|corruption|artifacts?|glitch(?:es)?)\b"
        rf"|\b(?:visual|digital|jpeg|compression) (?:distortions?|artifacts?|glitch(?:es)?|corruption)\b"
        rf"|\b(?:distortions?|glitch(?:es)?|artifacts?) (?:in|of|on|across|throughout) the {_IMAGE}\b"
    ),
    told=re.compile(
        r"\bdistorted (?:colou?rs?|pixels?|view|version|appearance|details?|quality)\b"
        r"|\b(?:unnatural|inverted|shifted|altered) colou?rs\b"
    ),
    meant=re.compile(r"\b(?:guitar|music|sound|audio|mirrors?|reflections?|lens|fish-?eye|glass|painting)\b"),
    shared=re.compile(r"distort|\bwarp|glitch|artifacts?\b|corrupt|garbled|\binverted\b|unnatural colou?r"),
)

_HIDDEN = Damage(
    "hidden",
    named=re.compile(
        rf"{_BE}\s+(?:obscured|masked|blacked[- ]out|gr[ae]yed[- ]out|redacted|incomplete|hidden|missing|blocked)\b"
        rf"|\b(?:parts?|most|portions?|sections?|areas?|much|patches) of the {_IMAGE}\s+{_SEEMS}{_HOW}\s+"
        r"(?:obscured|masked|blacked out|gr[ae]yed out|hidden|missing|covered|blocked|cut off)\b"
    ),
    told=_NEVER,
    meant=_NEVER,
    shared=re.compile(
        r"obscur|\bmask(?:ed)?\b|black(?:ed)? out|redact|\bhidden\b|\bmissing\b|\bblocked\b|incomplete"
    ),
)

_PLAIN = (
    r"(?:all[- ]|entirely |completely |totally |fully |almost entirely |mostly |plain |solid |blank |pure |pitch[- ])"
    r"(?:black|white|gr[ae]y|dark|blank|empty)(?!(?: |-)and)(?!\s+(?:\w+\s+)?(?:background|sky|cat|dog|coat|fur))"
)
_DARK = (
    r"(?:darkness\b|(?:an? )?(?:all |solid |plain |blank |uniform )?(?:black|white|gr[ae]y|blank|solid)"
    r"(?=\s*(?:$|[,.;:!])|\s+(?:screen|square|rectangle|image|area|field|surface|background|space|void|pixels|colou?r)\b))"
)
_BLANK = Damage(
    "blank",
    named=re.compile(
        rf"{_BE}\s+(?:blank|empty|black|white|gr[ae]y|nothing but (?:black|white|gr[ae]y|a (?:black|white|gr[ae]y)))"
        r"(?=\s*(?:$|[,.;:!]|with no|and (?:blank|empty|contains no|there is no|i\b|nothing|does))|\s+(?:screen|square|rectangle)\b)"
        rf"|{_BE}\s+(?:a\s+)?{_PLAIN}|{_BE}\s+(?:too dark|underexposed|overexposed)\b"
        rf"|\b(?:blank|{_PLAIN}|empty|black) {_IMAGE}\b(?!\s+of){_FRAMED}"
        rf"|\b{_IMAGE} (?:shows|contains|has|depicts|displays)"
        rf" (?:nothing\b(?! (?:but|other than|except)\b)|(?:only|nothing (?:but|other than|except)) {_DARK})"
    ),
    told=_NEVER,
    meant=_NEVER,
    shared=re.compile(
        rf"\bblank\b|{_PLAIN}|\b{_IMAGE} (?:is|was) (?:too )?(?:black|dark|empty)\b|too dark|exposed"
    ),
)

_SEE = (
    r"(?:see|view|access|open|load|display|process|analy[sz]e|look at|interpret|perceive|read|examine|inspect|identify"
    r"|recogni[sz]e|evaluate|assess|describe|observe|find)"
)
_UNABLE = (
    r"(?:cannot|can't|can not|could not|couldn't|don't|do not|unable to|not able to|am not able to|no ability to"
    r"|(?:lack|don't have|do not have|without) the (?:ability|capability) to|(?:incapable|not capable) of)"
)
_ANY = r"(?:\s+(?:the|a|an|any|this|that|your|actual|attached|provided|uploaded|such|physical objects|or|content of))*"
_THERE = r"(?!\s+(?:on|of|hanging|above|behind|next|that (?:shows|depicts)|where|showing|with)\b)"
_GIVEN = r"(?:provided|attached|uploaded|given|available|visible|included|shared|supplied|loaded|loading|displayed|accessible)"
_DRAWN = rf"(?:{_IMAGE}|visuals?|visual (?:content|data|aids?|information)|diagrams?|figures?|graphs?|charts?|drawings?)"
_ABSENT = Damage(
    "absence",
    named=re.compile(
        # I cannot see it
        rf"(?:\b(?:i|i'm|i am|we|ai|model|assistant|but|sorry|apologi[sz]e|currently|as)\b[\w\s,'-]{{0,40}}|^\s*){_UNABLE}"
        rf"(?:\s+(?:actually|currently|directly|physically|visually|yet|really))?"
        rf"\s+{_SEE}(?:ing)?(?:(?:,|\s+or|\s+and)+\s+{_SEE})*{_ANY}\s+{_DRAWN}\b{_THERE}"
        # there is none
        rf"|\bno (?:accompanying |corresponding )?{_DRAWN}(?: or [\w\s]{{1,20}}?)?"
        rf"(?:\s+(?:was|is|were|has been|have been|that was))?\s+{_GIVEN}\b"
        rf"|\bthere (?:is|was|were|'s|seems to be) no {_DRAWN}(?=\s*(?:$|[,.;:!]|to (?:see|look|describe)\b|here|for me))"
        rf"|{_WHOLE}\b{_DRAWN}\s+(?:which |that |\()?(?:is|was|are|were|has|have|could|did|does|you \w+|mentioned)?\s*"
        rf"(?:not|n't)(?:\s+be|\s+been)?\s+(?:currently\s+|actually\s+)?(?:{_GIVEN}|shown|load)\b"
        rf"|{_WHOLE}\b{_DRAWN} (?:is|are|seems?|appears?)(?: to be)? missing\b"
        rf"|\b(?:question|problem|prompt|message|you)\s+(?:(?:is|are|seems to be) missing|lacks?|forgot to \w+"
        rf"|(?:does|do|did|has|have)(?:n't| not) (?:provide|include|attach|upload|share)d?(?:ed)?)"
        rf"{_ANY}(?:\s+(?:specific|necessary|physical|clear))?\s+{_DRAWN}\b"
        # not without it, send it
        rf"|\bwithout (?:(?:being able to see|seeing|access to|having|viewing|a view of|looking at)\s+)?"
        rf"(?:the|an|any|a)(?:\s+(?:actual|accompanying|corresponding|visual|provided|specific|drawn))*\s+{_DRAWN}\b{_THERE}"
        rf"|\b(?:upload|attach|share|provide|send|resend|re-upload)(?:\s+(?:me|us|with|it))*\s+(?:the|an|a|your)"
        rf"(?:\s+(?:actual|clear(?:er)?|better|sharper|new|necessary|higher[- ](?:quality|resolution)))*\s+{_IMAGE}\b{_FRAMED}"
        r"|\btext-(?:based|only) (?:ai|model|assistant|language model|platform)\b"
    ),
    told=_NEVER,
    meant=_NEVER,
    shared=_NEVER,
)

DAMAGES = (_SHARPNESS, _NOISE, _DISTORTION, _HIDDEN, _BLANK, _ABSENT)
"""All kinds."""

BACKDROP = re.compile(_BACKDROP)
"""A sentence of the chosen answer with one of these tells how the picture was taken, not that it is damaged."""
