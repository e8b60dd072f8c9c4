"""From several judgements of an answer to the one score that pairing goes by."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairwright.schemas.errors import ParameterError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.settings import Settings

Aggregate = Literal["mean", "sum", "min", "first"]


class Scoring(Settings):
    """How the aspects that an answer was judged on become its one score."""

    aggregate: Aggregate = "mean"
    """``mean``, weighted; ``sum``, weighted; ``min``, the worst aspect; or ``first``, the aspect that stands first."""
    weights: Annotated[dict[str, float], Field(min_length=1)] | None = None
    """Weight by aspect; aspects that are not named do not count. All count alike if not given."""

    @model_validator(mode="after")
    def _weights_mean_something(self) -> "Scoring":
        for name, weight in (self.weights or {}).items():
            if weight == 0 or (weight < 0 and self.aggregate != "sum"):
                raise ValueError(
                    f"weight of {name}: expected above 0, or below 0 with aggregate sum; got {weight:g}"
                )
        return self


def scores_of(
    ratings: Sequence[Sequence[Judgement]], scoring: Scoring, place: str
) -> tuple[float | None, ...]:
    """Return the scores of a prompt's candidates; None for one that lacks an aspect which counts.

    A mean over the aspects that happen to be there would compare answers by different aspects.

    Args:
        ratings: for each candidate its judgements by one scorer.
        scoring: how they become one score.
        place: where ``scoring`` stands in the parameters, for errors.

    Raises:
        ParameterError: a weight is for an aspect that was judged for no candidate.

    >>> def rated(help: float, faith: float) -> list[Judgement]:
    ...     return [Judgement("candidate", "j", "help", help), Judgement("candidate", "j", "faith", faith)]
    >>> scores_of([rated(4, 1), rated(5, 5), []], Scoring(), "score")
    (2.5, 5.0, None)
    >>> scores_of([rated(4, 1)], Scoring(weights={"faith": 3, "help": 1}), "score")
    (1.75,)
    >>> scores_of([rated(4, 1)], Scoring(weights={"faithful": 1}), "score")
    Traceback (most recent call last):
        ...
    pairwright.schemas.errors.ParameterError: score.weights: no aspect 'faithful' was judged; there are: help, faith
    """
    judged = list(dict.fromkeys(one.aspect for rated in ratings for one in rated))
    weights: Mapping[str, float] = scoring.weights or dict.fromkeys(judged, 1.0)
    missing = [name for name in weights if name not in judged]
    if missing and judged:
        there = ", ".join(judged)
        raise ParameterError(f"{place}.weights: no aspect {missing[0]!r} was judged; there are: {there}")
    counted = {name: weights[name] for name in judged if name in weights}
    return tuple(_score(rated, scoring.aggregate, counted) for rated in ratings)


def _score(rated: Sequence[Judgement], aggregate: Aggregate, weights: Mapping[str, float]) -> float | None:
    said = {one.aspect: one.value for one in rated}
    values = [said.get(name) for name in weights]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    if aggregate == "min":
        return min(known)
    if aggregate == "first":
        return known[0]
    total = sum(value * weight for value, weight in zip(known, weights.values(), strict=True))
    return total / sum(weights.values()) if aggregate == "mean" else total
