"""What the report shows of a row: texts cut to a length, differences marked, pictures as thumbnails, what judges said.

Nothing is escaped here; the template does that with all of it.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pairwright.builders._dependence import MARGIN
from pairwright.runs.measured import CUES
from pairwright.runs.samples import Side
from pairwright.runs.wording import score_text
from pairwright.schemas.judgement import Judgement
from pairwright.thumbnails import Thumbnail, thumbnail

MOST_PICTURES = 4
"""Pictures shown of one side."""

_LONGEST = 1600
"""Characters shown of a text."""
_LONGEST_REASON = 300
"""Characters shown of a judge's reason."""
_MOST_SAYINGS = 4
"""Scorers shown of one answer."""
_MOST_ASPECTS = 8
_ALIKE = 0.3
"""Share of equal words above which two answers are shown with their difference marked."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text."""

    text: str
    marked: bool = False
    """Whether the other side does not have it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with what is said below it."""

    thumbnail: Thumbnail
    edit: str | None
    measures: tuple[tuple[str, str], ...] = ()
    """(label, value with unit)."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What one scorer said of an answer or a pair."""

    scorer: str
    lines: tuple[tuple[str, str, str], ...]
    """(aspect, value, reason), the reason empty where none was given."""
    reasoned: bool
    """Whether any reason was given."""


def figures(
    side: Side,
    budget: int,
    measures: Sequence[tuple[tuple[str, str], ...]] = (),
    *,
    most: int = MOST_PICTURES,
) -> tuple[Figure, ...]:
    """Return the first ``most`` pictures of a side, each in at most ``budget`` bytes."""
    return tuple(
        Figure(
            thumbnail(data, budget),
            side.edits[number] if number < len(side.edits) else None,
            measures[number] if number < len(measures) else (),
        )
        for number, data in enumerate(side.pictures[:most])
    )


def sayings(judgements: Iterable[Judgement]) -> tuple[Saying, ...]:
    """Return judgements by scorer, in their order.

    >>> told = [Judgement("chosen", "j", "help", 4.0, 1.0, 5.0, "It names the dog."), Judgement("chosen", "j", "style", None)]
    >>> sayings(told)[0].lines
    (('help', '4 of 5', 'It names the dog.'), ('style', 'no value', ''))
    """
    by_scorer: dict[str, list[Judgement]] = {}
    for one in judgements:
        by_scorer.setdefault(str(one.scorer), []).append(one)
    return tuple(_saying(name, said) for name, said in list(by_scorer.items())[:_MOST_SAYINGS])


def _saying(scorer: str, said: Sequence[Judgement]) -> Saying:
    shown = said[:_MOST_ASPECTS]
    return Saying(
        scorer=scorer,
        lines=tuple(
            (spoken(str(one.aspect)), _value(one), clipped(one.rationale or "", _LONGEST_REASON))
            for one in shown
        ),
        reasoned=any(one.rationale for one in shown),
    )


def spoken(name: str) -> str:
    """Return the name of an aspect as words.

    >>> spoken("visual_faithfulness")
    'visual faithfulness'
    """
    return name.replace("_", " ")


def _value(one: Judgement) -> str:
    """Return what a judgement says: which side a cue points to, which side a verdict prefers, or else a number.

    >>> _value(Judgement("pair", "text", "longer", 0.0, 0.0, 1.0)), _value(Judgement("pair", "j", "preference", -2.0))
    ('points to the rejected answer', 'rejected is much better')
    """
    if one.target == "pair" and one.aspect in CUES:
        return _pointing(one.value)
    if one.target == "pair" and one.low is None and one.aspect != MARGIN:
        return _preference(one.value)
    if one.value is None:
        return "no value"
    return score_text(one.value) + _scale(one)


def _pointing(value: float | None) -> str:
    if value is None:
        return "says nothing"
    side = "neither" if value == 0.5 else f"the {'chosen' if value > 0.5 else 'rejected'} answer"
    return f"points to {side}"


def _scale(one: Judgement) -> str:
    """Return the bounds of a judgement as they stand behind its value; where they begin below 0 "-1 of 0" would say nothing.

    >>> _scale(Judgement("chosen", "j", "help", 4.0, 1.0, 5.0)), _scale(Judgement("chosen", "j", "missing", -0.5, -1.0, 0.0))
    (' of 5', ' (-1 to 0)')
    """
    if one.low is None or one.high is None:
        return ""
    return (
        f" of {score_text(one.high)}"
        if one.low >= 0
        else f" ({score_text(one.low)} to {score_text(one.high)})"
    )


def _preference(value: float | None) -> str:
    if value is None:
        return "cannot judge"
    if value == 0:
        return "tie"
    return f"{'chosen' if value > 0 else 'rejected'} is {'much ' if abs(value) >= 2 else ''}better"


def differences(chosen: str, rejected: str) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Return both texts in segments, those words marked that the other side does not have.

    Texts with little in common come back unmarked: a page of marks shows nothing.

    >>> differences("Two red cups.", "Three red cups.")[1]
    (Segment(text='Three', marked=True), Segment(text=' red cups.', marked=False))
    """
    before, after = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (chosen, rejected))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    words = [word for word in (*before, *after) if not word.isspace()]
    blocks = matcher.get_matching_blocks()
    equal = [word for start, _, size in blocks for word in before[start : start + size] if not word.isspace()]
    if 2 * len(equal) < _ALIKE * len(words):
        return (Segment(chosen),), (Segment(rejected),)
    sides: tuple[list[Segment], list[Segment]] = ([], [])
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, text in zip(sides, ("".join(before[a:b]), "".join(after[c:d])), strict=True):
            if text:
                side.append(Segment(text, kind != "equal" and not text.isspace()))
    return tuple(sides[0]), tuple(sides[1])


def clipped(text: str, longest: int = _LONGEST) -> str:
    """Return a text cut to what is shown of it.

    >>> clipped("a long story", 6)
    'a long … (6 more characters)'
    """
    if len(text) <= longest:
        return text
    return f"{text[:longest]} … ({len(text) - longest:,} more characters)"
