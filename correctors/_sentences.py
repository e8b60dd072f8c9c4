"""Sentences of an answer, by rule: enough for descriptions and explanations, in any script with full stops.

What a sentence ends with: ``.``, ``!``, ``?``, ``…`` and their full-width forms, with the quotes and brackets that close
there, or a line break. Not an end: the stop of an abbreviation, of initials, between digits, or of a number at the start
of a line (``1. Open the door.``).
"""

import re

_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        "mr mrs ms dr prof sr jr st mt fig figs no nos vs etc approx ca cf al e.g i.e a.m p.m inc ltd co corp dept "
        "est eq eqs sec ch vol pp ed eds rev gen col lt sgt capt hon jan feb mar apr jun jul aug sep sept oct nov dec",
    )
)
_MAY_END = frozenset({"etc", "al", "a.m", "p.m", "inc", "ltd", "co", "corp", "jr", "sr", "no"})
"""Abbreviations, and a word that is written like one, after which a sentence may well be over."""

_QUOTES = "\"'”’»)]」』*_"
"""What may stand between a stop and the blank after it."""
_CLOSING = re.escape(_QUOTES)
_STOP = re.compile(rf"[.!?…]+[{_CLOSING}]*(?=\s|$)|[。！？｡]+[{_CLOSING}]*|\n+")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘«*_]+$")


def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Return where the sentences of a text stand, as (start, end), without the blanks around them.

    Nothing but blanks stands between them.

    >>> text = 'Dr. Low saw 3.5 kg of "fish." It was e.g. cod. Nice!'
    >>> [text[start:end] for start, end in sentences(text)]
    ['Dr. Low saw 3.5 kg of "fish."', 'It was e.g. cod.', 'Nice!']
    """
    found: list[tuple[int, int]] = []
    start = 0
    for stop in _STOP.finditer(text):
        if _ends(text, start, stop):
            found.append((start, stop.end()))
            start = stop.end()
    found.append((start, len(text)))
    trimmed = (
        (begin + _blanks(text[begin:end]), begin + len(text[begin:end].rstrip())) for begin, end in found
    )
    return tuple((begin, end) for begin, end in trimmed if begin < end)


def _blanks(text: str) -> int:
    return len(text) - len(text.lstrip())


def _ends(text: str, start: int, stop: re.Match[str]) -> bool:
    rest = text[stop.end() :].lstrip(" \t")
    bare_stop = stop.group().rstrip(_QUOTES)
    if bare_stop != ".":
        return bare_stop == stop.group() or not rest or not rest[0].islower()  # "Wow!" he said
    word = _LAST_WORD.search(text, start, stop.start())
    if word is None:
        return False  # a stop by itself
    bare = word.group().lower()
    if bare in _ABBREVIATIONS:
        return bare in _MAY_END and (not rest or not rest[0].islower()) and not _number_follows(bare, rest)
    if re.fullmatch(r"[^\W\d_]", bare) and word.group().isupper():
        return not rest or bare == "i"  # J. Smith
    if re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", bare):  # U.S.
        return not rest or rest[0].isupper()
    if bare.isdigit() and not text[start : word.start()].strip("-*•# \t\n"):
        return not rest  # the number of a list's entry
    return not rest or not rest[0].islower()


def _number_follows(bare: str, rest: str) -> bool:
    return bare in ("no", "co") and rest[:1].isdigit()
