"""Prompts with all their candidates, as the report shows them: the best first, with what was said of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from pairwright.excerpts import Figure, Saying, clipped, figures, sayings
from pairwright.runs.candidate_samples import PromptSample
from pairwright.runs.wording import NOBODY, score_text
from pairwright.schemas.candidate import Candidate, Comparison

MOST_PROMPTS = 6
"""Prompts shown in a report."""
MOST_ANSWERS = 8
"""Candidates shown of a prompt."""

_MOST_VERDICTS = 6
_MOST_PICTURES = 2
_PICTURE_BUDGET = 36 * 1024
_LONGEST_ANSWER = 900
_LONGEST_REASON = 240
_ENDS = {"stop": ""}
"""Ends of an answer that need no word."""


@dataclass(frozen=True, slots=True)
class AnswerCard:
    """One candidate."""

    number: int
    """Its place in the data set's list, from 1; verdicts name it so."""
    model: str
    score: str
    """Empty where it has none."""
    text: str
    answer: str | None
    """The final answer that was taken out of it."""
    notes: tuple[str, ...]
    """Its round, where the run has several; how it ended and on which side it may stand, where that is out of the ordinary."""
    sayings: tuple[Saying, ...]


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """What was said of two candidates side by side."""

    told: str
    reason: str


@dataclass(frozen=True, slots=True)
class PromptCard:
    """One prompt with its candidates."""

    record_id: str
    question: str
    ground_truth: str | None
    figures: tuple[Figure, ...]
    more_figures: int
    answers: tuple[AnswerCard, ...]
    """By score, the highest first; those without one last."""
    more_answers: int
    verdicts: tuple[VerdictLine, ...]
    more_verdicts: int


def prompt_card(sample: PromptSample, *, rounds: bool = False) -> PromptCard:
    """Return a prompt as the page shows it; with ``rounds`` each answer says of which one it is."""
    pictures, ordered = len(sample.images.pictures), _by_score(sample.candidates)
    shown = sample.comparisons[:_MOST_VERDICTS]
    return PromptCard(
        record_id=sample.record_id,
        question=clipped(sample.question.replace("<image>", "").strip() or sample.question),
        ground_truth=None if sample.ground_truth is None else clipped(sample.ground_truth, _LONGEST_REASON),
        figures=figures(sample.images, _PICTURE_BUDGET, most=_MOST_PICTURES),
        more_figures=max(0, pictures - _MOST_PICTURES),
        answers=tuple(_answer(number, one, rounds) for number, one in ordered[:MOST_ANSWERS]),
        more_answers=max(0, len(ordered) - MOST_ANSWERS),
        verdicts=tuple(_verdict(one) for one in shown),
        more_verdicts=len(sample.comparisons) - len(shown),
    )


def _by_score(candidates: Sequence[Candidate]) -> list[tuple[int, Candidate]]:
    def place(entry: tuple[int, Candidate]) -> tuple[bool, float]:
        score = entry[1].score
        return score is None, -(score or 0.0)

    return sorted(enumerate(candidates, 1), key=place)


def _answer(number: int, one: Candidate, rounds: bool) -> AnswerCard:
    written = f"round {one.round}" if rounds and one.round is not None else ""
    ended = "" if one.finish is None else _ENDS.get(one.finish, f"ended: {one.finish}")
    side = "" if one.side in (None, "any") else f"for the {one.side} side only"
    return AnswerCard(
        number=number,
        model=one.model or NOBODY,
        score=score_text(one.score),
        text=clipped(one.text or "", _LONGEST_ANSWER),
        answer=None if one.answer is None else clipped(one.answer, _LONGEST_REASON),
        notes=tuple(filter(None, (written, ended, side))),
        sayings=sayings(one.judgements),
    )


def _verdict(one: Comparison) -> VerdictLine:
    first, second = one.first + 1, one.second + 1
    much = "much " if (one.strength or 0) >= 2 else ""
    told = {
        "first": f"{first} is {much}better than {second}",
        "second": f"{second} is {much}better than {first}",
        "tie": f"{first} and {second} are equally good",
        "cannot_judge": f"{first} or {second}: cannot judge",
    }
    return VerdictLine(told.get(one.outcome, str(one.outcome)), clipped(one.rationale or "", _LONGEST_REASON))
