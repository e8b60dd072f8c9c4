"""Verifiers at work: every answer of a case checked, and what was found as judgements and failures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pairwright.annotators import Case, Check, Checked, Failure, Range, Verdict, Verifier
from pairwright.builders._parts import annotator, prepared, settings_of
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement

CORRECT = "correct"
"""Aspect of what a verifier finds."""


@dataclass(frozen=True, slots=True)
class Checker:
    """A verifier as a recipe set it."""

    kind: str
    low: float | None
    """Smallest value, where there is one."""
    high: float | None
    check: Check

    def judgement(self, value: float, message: str) -> Judgement:
        """Return a value as a judgement."""
        told = message or None
        return Judgement("candidate", self.kind, CORRECT, value, self.low, self.high, told)


def prepare_checker(kind: str, params: dict[str, Any], place: str) -> Checker:
    """Return a verifier, checked once.

    Raises:
        ParameterError: there is no such verifier, or its parameters do not fit.
        MissingExtraError: it needs a package that is not there.
    """
    part = annotator(kind, place)
    if not isinstance(part, Verifier):
        raise ParameterError(f"{place}.kind: {kind} asks a model; the builder judged takes it")
    return checker_of(part, params, kind, place)


def checker_of(part: Verifier[Any], params: dict[str, Any], kind: str, place: str) -> Checker:
    """Return a verifier, checked once; raises as :func:`prepare_checker` does."""
    check = prepared(partial(part.prepare, settings_of(part, params, kind, place)), place)
    low, high = bounds_of(part)
    return Checker(kind, low, high, check)


def bounds_of(part: Verifier[Any]) -> Range:
    """Return smallest and largest value of a verifier, None where there is no bound."""
    low, high = (bound if math.isfinite(bound) else None for bound in (part.low, part.high))
    return low, high


def checked_all(checker: Checker, case: Case) -> tuple[Checked, ...]:
    """Return what was found in each candidate of a case. One that cannot be checked costs only itself."""
    return tuple(_checked(checker.check, case, candidate) for candidate in case.candidates)


def verdict_of(checker: Checker, found: Sequence[Checked]) -> Verdict:
    """Return what was found as a verdict."""
    ratings = tuple(
        () if one.value is None else (checker.judgement(one.value, one.message),) for one in found
    )
    failures = tuple(
        Failure(one.reason or "no_score", one.message, (number,))
        for number, one in enumerate(found)
        if one.value is None
    )
    return Verdict(ratings, failures=failures)


def _checked(check: Check, case: Case, candidate: Candidate) -> Checked:
    try:
        return check(case, candidate)
    except RowError as error:
        return Checked(None, reason=error.reason, message=error.message)
