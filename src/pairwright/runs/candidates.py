"""Counting the config ``candidates``: who wrote the answers, how they were judged, and how far judges agree.

Only scores, names and outcomes are read: no picture, no answer's text, no rationale.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isfinite
from statistics import fmean
from typing import Any, TypeVar

import pyarrow as pa

from pairwright.annotators._votes import voices
from pairwright.builders._checking import CORRECT
from pairwright.builders._sentence_ranks import RANK
from pairwright.runs.agreement import AgreementSummary, Voting, add_votes, agreement_summary
from pairwright.runs.on_policy import RoundTally, add_answer
from pairwright.runs.spread import Axis, Spread, Tally, axis_of

_ANSWER = "candidates.list.element"
_SAID = f"{_ANSWER}.judgements.list.element"
_COMPARED = "comparisons.list.element"
COLUMNS = (
    *(f"{_ANSWER}.{name}" for name in ("model", "score", "finish", "round")),
    *(f"{_SAID}.{name}" for name in ("scorer", "aspect", "value", "min", "max")),
    *(f"{_COMPARED}.{name}" for name in ("first", "second", "outcome", "scorer")),
    *(f"annotations.list.element.{name}" for name in ("annotator", "seconds")),
    "annotations.list.element.shown.list.element",
)
"""Parts of columns that are read for it."""

MOST_SHOWN = 10
"""Models and scorers that are told one by one."""

_MOST_KEPT = 1000
"""Models, scorers and pairs of scorers that are counted apart: a source may have a name of its own in every row."""

_MOST_TOGETHER = 32
"""Answers of a prompt that are looked at two by two, where judges are held against each other."""

K = TypeVar("K")
V = TypeVar("V")

Row = Mapping[str, Any]
"""A candidate, a judgement or a comparison as Arrow gives it."""


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """The answers of one model."""

    model: str | None
    """None for answers of which nobody knows who wrote them."""
    answers: int
    mean_score: float | None
    """None where none of them has a score."""
    scores: Spread | None
    win_rate: float | None
    """Share of the answers of other models, or of unknown origin, to the same prompts over which its answers stand, 0
    to 1; ties count half. None where there was nothing to compare."""
    met: int
    """How many such pairs of answers there were."""


@dataclass(frozen=True, slots=True)
class Rated:
    """What one scorer said of answers on one aspect."""

    scorer: str
    aspect: str
    answers: int
    """Answers with a value."""
    mute: int
    """Answers of which the scorer could not tell."""
    mean: float | None
    low: float | None
    """The range, where the scorer has one."""
    high: float | None
    right: int | None
    """Answers found right, where the scorer is a verifier; the others are wrong."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What one scorer said of answers side by side."""

    scorer: str
    decided: int
    ties: int
    cannot_judge: int

    @property
    def verdicts(self) -> int:
        """All that it said, or could not say."""
        return self.decided + self.ties + self.cannot_judge


@dataclass(frozen=True, slots=True)
class Agreeing:
    """How often two scorers prefer the same of two answers, where both prefer one."""

    one: str
    other: str
    agreed: int
    compared: int


@dataclass(frozen=True, slots=True)
class CandidateSummary:
    """The config ``candidates``."""

    prompts: int
    answers: int
    scored: int
    """Answers with a score."""
    scores: Spread | None
    models: tuple[ModelAnswers, ...]
    """Who wrote most first, :data:`MOST_SHOWN` at most; as many of the next three."""
    more_models: int
    """Answers of all other models."""
    rated: tuple[Rated, ...]
    compared: tuple[Compared, ...]
    agreeing: tuple[Agreeing, ...]
    agreement: AgreementSummary | None
    """How far those who voted or rated agree, beyond chance; None where no two said anything of the same answers."""
    finishes: tuple[tuple[str, int], ...]
    """(why answers ended, answers), where that is known."""


@dataclass(slots=True)
class _Writer:
    answers: int = 0
    total: float = 0.0
    scores: Tally = field(default_factory=lambda: Tally(1e-6))
    wins: float = 0.0
    met: int = 0


@dataclass(slots=True)
class _Rating:
    low: float | None
    high: float | None
    values: int = 0
    total: float = 0.0
    right: int = 0
    mute: int = 0


@dataclass(slots=True)
class Candidates:
    """Counts over all batches that were added."""

    right_at: float
    """From which value of a verifier on an answer is right."""
    prompts: int = 0
    answers: int = 0
    scores: Tally = field(default_factory=lambda: Tally(1e-6))
    writers: dict[str | None, _Writer] = field(default_factory=dict)
    ratings: dict[tuple[str, str], _Rating] = field(default_factory=dict)
    comparisons: dict[str, Counter[str]] = field(default_factory=dict)
    agreeing: dict[tuple[str, str], Counter[bool]] = field(default_factory=dict)
    finishes: Counter[str] = field(default_factory=Counter)
    rounds: dict[int | None, RoundTally] = field(default_factory=dict)
    voting: Voting = field(default_factory=Voting)


def add_candidates(counts: Candidates, batch: pa.RecordBatch) -> None:
    """Count the rows of a batch that has the :data:`COLUMNS`."""
    rows = batch.num_rows
    # Files of earlier releases have no annotations.
    annotations = batch["annotations"].to_pylist() if "annotations" in batch.schema.names else [None] * rows
    for answers, comparisons, annotated in zip(
        batch["candidates"].to_pylist(), batch["comparisons"].to_pylist(), annotations, strict=True
    ):
        _add_prompt(counts, answers or (), comparisons or ())
        add_votes(counts.voting, answers or (), comparisons or (), annotated or ())


def candidate_summary(counts: Candidates) -> CandidateSummary | None:
    """Return what was counted, or None where there are no candidates."""
    if not counts.answers:
        return None
    axis = axis_of([counts.scores])
    writers = sorted(counts.writers.items(), key=lambda one: (-one[1].answers, one[0] or ""))
    shown = writers[:MOST_SHOWN]
    ratings = sorted(counts.ratings.items(), key=lambda one: -(one[1].values + one[1].mute))
    compared = (
        Compared(scorer, said["first"] + said["second"], said["tie"], said["cannot_judge"])
        for scorer, said in counts.comparisons.items()
    )
    agreeing = (
        Agreeing(one, other, said[True], said.total()) for (one, other), said in counts.agreeing.items()
    )
    return CandidateSummary(
        prompts=counts.prompts,
        answers=counts.answers,
        scored=counts.scores.total,
        scores=counts.scores.spread(axis),
        models=tuple(_model(name, writer, axis) for name, writer in shown),
        more_models=counts.answers - sum(writer.answers for _, writer in shown),
        rated=tuple(_rated(name, rating) for name, rating in ratings[:MOST_SHOWN]),
        compared=tuple(sorted(compared, key=lambda one: -one.verdicts)[:MOST_SHOWN]),
        agreeing=tuple(sorted(agreeing, key=lambda one: -one.compared)[:MOST_SHOWN]),
        agreement=agreement_summary(counts.voting),
        finishes=tuple(counts.finishes.most_common(MOST_SHOWN)),
    )


def _model(name: str | None, writer: _Writer, axis: Axis) -> ModelAnswers:
    scored = writer.scores.total
    return ModelAnswers(
        model=name,
        answers=writer.answers,
        mean_score=writer.total / scored if scored else None,
        scores=writer.scores.spread(axis),
        win_rate=writer.wins / writer.met if writer.met else None,
        met=writer.met,
    )


def _rated(name: tuple[str, str], rating: _Rating) -> Rated:
    scorer, aspect = name
    verifier = aspect == CORRECT and (rating.low, rating.high) == (0.0, 1.0)
    return Rated(
        scorer=scorer,
        aspect=aspect,
        answers=rating.values,
        mute=rating.mute,
        mean=rating.total / rating.values if rating.values else None,
        low=rating.low,
        high=rating.high,
        right=rating.right if verifier else None,
    )


def _add_prompt(counts: Candidates, answers: Sequence[Row], comparisons: Sequence[Row]) -> None:
    counts.prompts += 1
    counts.answers += len(answers)
    counts.finishes.update(one["finish"] for one in answers if one["finish"] is not None)
    for answer in answers:
        writer = _kept(counts.writers, answer["model"], _Writer())
        score = _number(answer["score"])
        counts.scores.add(score)
        add_answer(counts.rounds, answer.get("round"), score)  # files of earlier releases have no rounds
        if writer is not None:
            writer.answers += 1
            writer.scores.add(score)
            writer.total += score or 0.0
        for said in answer["judgements"] or ():
            _add_rating(counts, said)
    for compared in comparisons:
        outcomes = _kept(counts.comparisons, str(compared["scorer"]), Counter[str]())
        if outcomes is not None:
            outcomes[compared["outcome"]] += 1
    _add_wins(counts, answers, comparisons)
    _add_agreement(counts, answers[:_MOST_TOGETHER], comparisons)


def _add_rating(counts: Candidates, said: Row) -> None:
    name = (str(said["scorer"]), str(said["aspect"]))
    rating = _kept(counts.ratings, name, _Rating(said["min"], said["max"]))
    if rating is None:
        return
    value = _number(said["value"])
    if value is None:
        rating.mute += 1
        return
    rating.values += 1
    rating.total += value
    rating.right += value >= counts.right_at


def _add_wins(counts: Candidates, answers: Sequence[Row], comparisons: Sequence[Row]) -> None:
    """Count wins over answers of other models: by scores, and by verdicts where a side has no score."""
    by_model: dict[str | None, list[float]] = {}
    for answer in answers:
        if (score := _number(answer["score"])) is not None:
            by_model.setdefault(answer["model"], []).append(score)
    everyone = sorted(score for scores in by_model.values() for score in scores)
    for model, scores in by_model.items():
        own = sorted(scores)
        for score in own:
            wins = _stands_over(everyone, score) - _stands_over(own, score)
            _add_meetings(counts, model, wins, len(everyone) - len(own))
    for said in comparisons:
        sides = _sides(answers, said)
        points = {"first": 1.0, "second": 0.0, "tie": 0.5}.get(said["outcome"])
        if sides is None or points is None or all(_number(side["score"]) is not None for side in sides):
            continue
        first, second = (side["model"] for side in sides)
        if first != second:
            _add_meetings(counts, first, points, 1)
            _add_meetings(counts, second, 1 - points, 1)


def _stands_over(ordered: Sequence[float], score: float) -> float:
    """Return over how many scores one stands, ties counted half."""
    return (bisect_left(ordered, score) + bisect_right(ordered, score)) / 2


def _add_meetings(counts: Candidates, model: str | None, wins: float, met: int) -> None:
    writer = counts.writers.get(model)
    if writer is not None:
        writer.wins += wins
        writer.met += met


def _sides(answers: Sequence[Row], said: Row) -> tuple[Row, Row] | None:
    """Return the two answers of a comparison, or None where there is none of such a number."""
    first, second = said["first"], said["second"]
    inside = all(number is not None and 0 <= number < len(answers) for number in (first, second))
    return (answers[first], answers[second]) if inside else None


def _add_agreement(counts: Candidates, answers: Sequence[Row], comparisons: Sequence[Row]) -> None:
    preferred = _preferences(answers, comparisons)
    for one, other in combinations(sorted(preferred), 2):
        if len(voices((one, other))) == 1:
            continue  # a panel and one who sits on it
        shared = preferred[one].keys() & preferred[other].keys()
        said = _kept(counts.agreeing, (one, other), Counter[bool]()) if shared else None
        if said is not None:
            said.update(preferred[one][pair] == preferred[other][pair] for pair in shared)


def _preferences(
    answers: Sequence[Row], comparisons: Sequence[Row]
) -> dict[str, dict[tuple[int, int], bool]]:
    """Return, by scorer and two answers, whether the one with the lower number is preferred."""
    preferred: dict[str, dict[tuple[int, int], bool]] = {}
    for said in comparisons:
        if said["outcome"] in ("first", "second") and _sides(answers, said) is not None:
            first, second = said["first"], said["second"]
            better = (said["outcome"] == "first") == (first < second)
            preferred.setdefault(str(said["scorer"]), {})[min(first, second), max(first, second)] = better
    levels = list(levels_of(answers))
    for scorer in {scorer for scorer, _, _ in levels} if _several(levels, preferred) else ():
        own = [(number, level) for name, number, level in levels if name == scorer]
        for (first, one), (second, other) in combinations(own, 2):
            if one != other:
                preferred.setdefault(scorer, {})[first, second] = one > other
    return preferred


def _several(levels: Sequence[tuple[str, int, float]], preferred: Mapping[str, object]) -> bool:
    return len({*preferred, *(scorer for scorer, _, _ in levels)}) > 1


def levels_of(answers: Sequence[Row]) -> Iterator[tuple[str, int, float]]:
    """Yield scorer, number of an answer and the mean of what it said of it, where no aspect lacks a value. Of places in a
    ranking the lower one is the better: they count below 0."""
    for number, answer in enumerate(answers):
        said: dict[str, list[float | None]] = {}
        for one in answer["judgements"] or ():
            value = _number(one["value"])
            better = -value if value is not None and one["aspect"] == RANK else value
            said.setdefault(str(one["scorer"]), []).append(better)
        for scorer, values in said.items():
            known = [value for value in values if value is not None]
            if known and len(known) == len(values):
                yield scorer, number, fmean(known)


def _number(value: float | None) -> float | None:
    """Return a number, or None for what is none."""
    return value if value is not None and isfinite(value) else None


def _kept(known: dict[K, V], key: K, new: V) -> V | None:
    """Return the entry of a name, made new where there are few enough; None beyond that."""
    if key not in known and len(known) >= _MOST_KEPT:
        return None
    return known.setdefault(key, new)
