"""Scores from elsewhere: a number that came with the answer, or that a function of yours returns.

The function is named ``module:function`` and called as ``function(question, answer, reference)`` with three texts (the
reference may be None); it returns a number, or None where it cannot judge. It must be pure, as every check: the same
three texts, the same number, in any thread. Its module is imported when a recipe that names it is read, be it to build, to
check or to retry: such a recipe runs code, so read it before you use it.
"""

import math
from collections.abc import Callable

from pydantic import model_validator

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.settings import Settings
from pairwright.schemas.user_code import imported

Score = Callable[[str, str, str | None], object]
"""A user's function; what it returns is checked."""


class ExternalSettings(Settings):
    """Where the number comes from. With neither ``aspect`` nor ``function`` it is the answer's own score."""

    aspect: str | None = None
    """Aspect of the judgement that came with the answer."""
    scorer: str | None = None
    """Who must have given that judgement, where several did."""
    function: str | None = None
    """A function to call, as ``module:function``. It is your code, and is imported when the recipe is read."""
    low: float | None = None
    """Smallest number possible; a smaller one is an error."""
    high: float | None = None
    """Largest number possible; a larger one is an error."""

    @model_validator(mode="after")
    def _one_origin(self) -> "ExternalSettings":
        if self.function is not None and (self.aspect is not None or self.scorer is not None):
            raise ValueError("give function, or aspect and scorer, not both")
        if self.scorer is not None and self.aspect is None:
            raise ValueError("scorer needs aspect: which of its judgements")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        return self


def prepare(settings: ExternalSettings) -> Check:
    """Return the check.

    It raises RowError ``bad_value`` where the number is none, or lies outside low to high, or the function fails.

    Raises:
        ParameterError: the function cannot be imported, or cannot be called.

    >>> from pairwright.schemas.prompt import Prompt
    >>> check, case = prepare(ExternalSettings()), Case("a:0", 0, Prompt("What is it?"), ())
    >>> check(case, Candidate("A cat.", score=0.7)).value, check(case, Candidate("A cat.")).reason
    (0.7, 'no_score')
    """
    function = imported(settings.function, "function") if settings.function is not None else None

    def check(case: Case, candidate: Candidate) -> Checked:
        if not candidate.text.strip():
            return Checked(None, reason="answer_unparsable", message="the answer is empty")
        number = (
            _brought(candidate, settings)
            if function is None
            else _called(function, case, candidate, settings)
        )
        if number is None:
            return Checked(None, reason="no_score", message=_missing(candidate, settings))
        return Checked(_checked(number, case, candidate, settings))

    return check


def _brought(candidate: Candidate, settings: ExternalSettings) -> float | None:
    if settings.aspect is None:
        return candidate.score
    for judgement in candidate.judgements:
        if judgement.aspect == settings.aspect and settings.scorer in (None, judgement.scorer):
            return judgement.value
    return None


def _missing(candidate: Candidate, settings: ExternalSettings) -> str:
    """Return why there is no number, and which numbers came with the answer instead."""
    told = f"no number from {_origin(settings)}"
    if settings.function is not None:
        return f"{told}: it returned None"
    there = {f"{one.scorer} on {one.aspect}": None for one in candidate.judgements if one.value is not None}
    found = [*there, *(["the answer's score"] if candidate.score is not None else [])]
    if not found:
        return f"{told}: no number came with the answer"
    return (
        f"{told}; there are: {', '.join(found)}. Choose by the keys aspect and scorer of the params of external "
        "(judge.params.aspect, judge.params.scorer); without both it is the answer's score"
    )


def _called(score: Score, case: Case, candidate: Candidate, settings: ExternalSettings) -> object:
    try:
        return score(case.prompt.question, candidate.text, case.reference)
    except Exception as error:
        told = f"raised {type(error).__name__}: {error}"
        raise _bad(told, case, candidate, settings) from error


def _checked(number: object, case: Case, candidate: Candidate, settings: ExternalSettings) -> float:
    try:
        value = float(number) if not isinstance(number, str | bytes) else None  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = None
    if value is None or not math.isfinite(value):
        raise _bad(f"gave {number!r:.80}, which is no number", case, candidate, settings)
    low, high = settings.low, settings.high
    if (low is not None and value < low) or (high is not None and value > high):
        raise _bad(f"gave {value:g}, outside {_range(low, high)}", case, candidate, settings)
    return value


def _bad(told: str, case: Case, candidate: Candidate, settings: ExternalSettings) -> RowError:
    place = next((str(k) for k, other in enumerate(case.candidates) if other is candidate), "?")
    return RowError(
        "bad_value",
        settings.aspect or "score",
        f"{_origin(settings)} {told} (candidate {place} of {case.record_id})",
    )


def _range(low: float | None, high: float | None) -> str:
    return f"{'-∞' if low is None else format(low, 'g')} to {'∞' if high is None else format(high, 'g')}"


def _origin(settings: ExternalSettings) -> str:
    if settings.function is not None:
        return settings.function
    if settings.aspect is None:
        return "the answer's score"
    return f"{settings.scorer or 'any scorer'} on {settings.aspect}"


PART = Verifier(
    settings=ExternalSettings,
    prepare=prepare,
    low=-math.inf,
    high=math.inf,
    summary="takes a number that came with the answer, or calls a function of yours",
    source="scores as LLaVA-Hound (arXiv 2404.01258) and MM-RLHF (arXiv 2502.10391) publish them beside their answers",
    may_rank=True,
    runs_code=lambda settings: settings.function,
)
