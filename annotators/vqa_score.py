"""VQA accuracy: how many of ten people gave this answer (arXiv 1505.00468).

An answer that three or more people gave is right, fewer count a third each: min(people / 3, 1). Answers are compared
after the official normalisation: case, punctuation, number words up to ten, articles, and apostrophes that are missing
in contractions. MMPR (arXiv 2411.10442) uses it for questions with one right answer too.
"""

import re
from collections.abc import Sequence

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.annotators._extract import (
    NUMBER_WORDS,
    Extraction,
    against_reference,
    graded,
    references,
    unparsable,
)
from pairwright.schemas.settings import Settings

_ENOUGH = 3
"""People who make an answer right."""

_CONTRACTED = """
ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's i'm i've
isn't it'd it'll ma'am might've mightn't must've mustn't needn't not've o'clock oughtn't shan't should've shouldn't
somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's they'd
they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's where'd where's where've who'd
who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
"""
_TWICE_CONTRACTED = """
couldn't've hadn't've he'd've i'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've something'd've
there'd've they'd've we'd've who'd've wouldn't've y'all'll y'all'd've you'd've
"""
_CONTRACTIONS = {word.replace("'", ""): word for word in _CONTRACTED.split()} | {
    word[: mark.start()] + word[mark.end() :]: word
    for word in _TWICE_CONTRACTED.split()
    for mark in re.finditer("'", word)
}
"""Contractions as people type them, an apostrophe missing, and as they are written. ``hell``, ``its``, ``well`` and
the like are words of their own and not among them."""

_NUMBERS = NUMBER_WORDS | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})
_POINT = re.compile(r"\.(?!\d)")
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),+(?=\d)")
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'


class VqaScoreSettings(Settings):
    """How people's answers are counted."""

    extraction: Extraction = Extraction()
    """Where the final answer stands."""
    leave_one_out: bool = False
    """Average over all sets of all people but one, as the official evaluation of VQA v2 does: with ten people, 1, 2, 3
    and 4 that agree give 0.3, 0.6, 0.9 and 1."""


def prepare(settings: VqaScoreSettings) -> Check:
    """Return the check. The reference is a JSON list of people's answers, or one answer that all agree on.

    >>> from pairwright.schemas.candidate import Candidate
    >>> from pairwright.schemas.prompt import Prompt
    >>> case = Case("a:0", 0, Prompt("How many?"), (), reference='["2", "two", "3", "a few", "5"]')
    >>> round(prepare(VqaScoreSettings())(case, Candidate("Two.")).value, 3)
    0.667
    """

    def compare(answer: str, reference: str, case: Case) -> Checked:
        people = [said for one in references(reference) if (said := normalised(one))]
        if not people:
            return Checked(
                None, answer, "no_ground_truth", f"nothing is left of {reference!r} after normalisation"
            )
        said = normalised(answer)
        if not said:
            return unparsable(answer, "nothing is left of it after normalisation")
        return graded(accuracy(said, people, leave_one_out=settings.leave_one_out), answer, reference)

    return against_reference(settings.extraction, compare)


def accuracy(answer: str, people: Sequence[str], *, leave_one_out: bool = False) -> float:
    """Return VQA accuracy, 0 to 1. With fewer than three people, all of them make an answer right.

    >>> [round(accuracy("a", "a" * n + "b" * (10 - n), leave_one_out=True), 2) for n in (0, 1, 2, 3, 4)]
    [0.0, 0.3, 0.6, 0.9, 1.0]
    """
    agree, all_people = sum(one == answer for one in people), len(people)
    if not leave_one_out or all_people == 1:
        return min(agree / min(_ENOUGH, all_people), 1.0)
    enough = min(_ENOUGH, all_people - 1)
    without_one, without_other = min((agree - 1) / enough, 1.0), min(agree / enough, 1.0)
    return (agree * without_one + (all_people - agree) * without_other) / all_people


def normalised(text: str) -> str:
    """Return an answer as VQA's evaluation compares it.

    >>> normalised("The two dogs, isnt it?"), normalised("1,000 m."), normalised("black-white")
    ("2 dogs isn't it", '1000 m', 'black white')
    """
    text = text.lower().replace("’", "'").replace("\n", " ").replace("\t", " ").strip()
    words = (_NUMBERS.get(word, word) for word in _without_punctuation(text).split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def _without_punctuation(text: str) -> str:
    """Drop punctuation that stands beside a space or in a text with ``1,000``; make a space of it elsewhere."""
    in_number = _COMMA_IN_NUMBER.search(text) is not None
    result = text
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        result = result.replace(mark, "" if beside_space or in_number else " ")
    return _POINT.sub("", result)


PART = Verifier(
    settings=VqaScoreSettings,
    prepare=prepare,
    low=0.0,
    high=1.0,
    summary="counts how many people gave the same answer: min(people / 3, 1)",
    source="VQA (arXiv 1505.00468), official normalisation; MMPR (arXiv 2411.10442)",
)
