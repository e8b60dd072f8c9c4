"""Ratings: aspects on a scale, as a form that the judge fills and as judgements read from it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pairwright.annotators import Range
from pairwright.annotators._judging import closed_object, reason_schema
from pairwright.annotators._reading import Json, exact_keys, json_object, quoted, text_of, unusable
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.settings import Settings

_STEPS = 100
"""Most steps of a scale: every value is listed in the schema."""


class Aspect(Settings):
    """One thing that answers are rated on."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """Small letters, digits and underscores; the ``aspect`` of its judgements."""
    description: Annotated[str, Field(min_length=1)]
    """What it is, as the judge reads it."""
    levels: tuple[str, ...] = ()
    """What each rating means, the lowest first: none, or as many as the scale has steps."""


def _ordered(scale: tuple[int, int]) -> tuple[int, int]:
    low, high = scale
    if not low < high <= low + _STEPS:
        raise ValueError(f"the first number must be the lower one, by at most {_STEPS}")
    return scale


def _distinct(aspects: tuple[Aspect, ...]) -> tuple[Aspect, ...]:
    if len({aspect.name for aspect in aspects}) < len(aspects):
        raise ValueError("two aspects have the same name")
    return aspects


Scale = Annotated[tuple[int, int], AfterValidator(_ordered)]
"""Lowest and highest rating, whole numbers."""

Aspects = Annotated[tuple[Aspect, ...], Field(min_length=1), AfterValidator(_distinct)]


@dataclass(frozen=True, slots=True)
class Rubric:
    """What an answer is rated on, and in which form."""

    aspects: tuple[Aspect, ...]
    low: int
    high: int
    rationale: int
    """Most characters of a reason; 0 for none."""

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of one answer's ratings: for each aspect a reason and a rating, or null."""
        ratings = [*range(self.low, self.high + 1), None]
        rating: dict[str, object] = {"type": ["integer", "null"], "enum": ratings}
        reason = {"rationale": reason_schema(self.rationale)} if self.rationale else {}
        return closed_object(
            {aspect.name: closed_object({**reason, "rating": rating}) for aspect in self.aspects}
        )

    def example(self) -> str:
        """Return the form of one answer's ratings, for the prompt."""
        reason = '"rationale": "…", ' if self.rationale else ""
        return "{" + ", ".join(f'"{aspect.name}": {{{reason}"rating": …}}' for aspect in self.aspects) + "}"

    def read(self, found: Json, scorer: str, what: str) -> tuple[Judgement, ...]:
        """Return the judgements of one answer; a rating of null is a judgement without a value.

        Raises:
            RowError: ``cannot_judge`` where the form was not kept.
        """
        exact_keys(found, [aspect.name for aspect in self.aspects], what)
        return tuple(
            self._judgement(found[aspect.name], aspect.name, scorer, f"{what}, {aspect.name}")
            for aspect in self.aspects
        )

    def _judgement(self, cell: object, aspect: str, scorer: str, what: str) -> Judgement:
        if not isinstance(cell, dict):
            raise unusable(f"{what}: expected an object with a rating, found {quoted(str(cell))}")
        exact_keys(cell, ["rationale", "rating"] if self.rationale else ["rating"], what)
        rating = cell["rating"]
        if rating is not None and (type(rating) is not int or not self.low <= rating <= self.high):
            raise unusable(f"{what}: the rating {rating!r} is no whole number from {self.low} to {self.high}")
        return Judgement(
            target="candidate",
            scorer=scorer,
            aspect=aspect,
            value=None if rating is None else float(rating),
            low=float(self.low),
            high=float(self.high),
            rationale=text_of(cell, "rationale", what),
        )


def rubric_of(aspects: tuple[Aspect, ...], scale: tuple[int, int], rationale: int) -> Rubric:
    """Return the rubric of a judge's settings.

    Raises:
        ParameterError: an aspect explains another number of ratings than the scale has.
    """
    low, high = scale
    for aspect in aspects:
        if aspect.levels and len(aspect.levels) != high - low + 1:
            told = f"{len(aspect.levels)} levels for the {high - low + 1} ratings from {low} to {high}"
            raise ParameterError(f"aspects: {aspect.name} has {told}")
    return Rubric(aspects, low, high, rationale)


def scales_of(aspects: tuple[Aspect, ...], scale: tuple[int, int]) -> dict[str, Range]:
    """Return aspects with their scale, as ``Judge.aspects`` tells them."""
    low, high = map(float, scale)
    return {aspect.name: (low, high) for aspect in aspects}


def rules_of(rubric: Rubric) -> dict[str, object]:
    """Return what the system part of a rating prompt may name."""
    return {
        "aspects": rubric.aspects,
        "low": rubric.low,
        "high": rubric.high,
        "rationale": rubric.rationale,
        "form": rubric.example(),
    }


def read_ratings(
    text: str, output: Literal["schema", "text"], rubric: Rubric, *, labels: list[str], scorer: str
) -> dict[str, tuple[Judgement, ...]]:
    """Return the judgements of each answer, by its label, from an object that has the labels as keys.

    Raises:
        RowError: ``cannot_judge`` where the form was not kept: a label that does not exist, a missing aspect, a rating
            off the scale.
    """
    found = json_object(text, output)
    exact_keys(found, labels, "the judge's object")
    read: dict[str, tuple[Judgement, ...]] = {}
    for label in labels:
        if not isinstance(found[label], dict):
            raise unusable(f"answer {label}: expected an object, found {quoted(str(found[label]))}")
        read[label] = rubric.read(found[label], scorer, f"answer {label}")
    return read


def unrated(judgements: tuple[Judgement, ...]) -> bool:
    """Return whether a judge could rate an answer on no aspect at all."""
    return all(judgement.value is None for judgement in judgements)
