"""Claims at work: every answer of a prompt taken apart, every claim asked about, and a score made of what was found."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pairwright.annotators import Case
from pairwright.annotators._claims import (
    RANGES,
    Aggregate,
    Splitter,
    Splitting,
    Unknown,
    prepare_splitter,
    splitter_marks,
    tally,
)
from pairwright.annotators._judging import together
from pairwright.annotators._yes_no import Labeler, Labelling, labeler_marks, prepare_labeler
from pairwright.builders import Asks
from pairwright.builders._parts import prepared
from pairwright.builders._roles import played
from pairwright.builders._writers import Written
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.claim import Claim
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement

T = TypeVar("T")

SPLITTER, LABELER = "splitter", "labeler"
"""Where they stand in the parameters."""


class SplitterSettings(Model):
    """Who takes answers apart into claims, and how. It sees no picture. Without ``model`` it is that of ``samplers.0``."""

    params: Splitting = Splitting()
    """How it is asked."""


class LabelerSettings(Model):
    """Who answers the yes/no question of each claim, and how. Without ``model`` it is that of ``samplers.0``."""

    params: Labelling = Labelling()
    """How it is asked."""


class Claimable(Written):
    """Parameters of every builder that goes by claims."""

    splitter: SplitterSettings = SplitterSettings()
    """Who takes answers apart into claims; candidates that come with claims are not taken apart again."""
    labeler: LabelerSettings = LabelerSettings()
    """Who says of each claim whether it is right."""
    aggregate: Aggregate = "wrong_count"
    """Score of an answer: minus the number of its wrong claims (``wrong_count``), the ``mean`` of p(yes) - p(no), or the
    ``share`` of right ones."""
    unknown: Unknown = "left_out"
    """What claims count as of which the labeler says neither yes nor no: ``left_out``, ``right`` or ``wrong``."""
    ask_again: bool = False
    """Whether claims of the source that come with a finding are asked about again."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The candidates of a case with their claims."""

    candidates: tuple[Candidate, ...]
    """In the order of the case, with claims, score and judgement; score None where there is a fault."""
    faults: tuple[RowError | None, ...]
    """For each candidate why it has no score: ``no_claims``, ``cannot_judge``, ``call_refused``."""

    def why_too_few(self) -> RowError | None:
        """Return the first fault where fewer than two candidates have a score."""
        faults = [fault for fault in self.faults if fault is not None]
        scored = len(self.faults) - len(faults)
        if not faults or scored > 1:
            return None
        first = faults[0]
        told = f"{scored} of {len(self.faults)} answers have a score by their claims; {first.message}"
        return RowError(first.reason, first.field, told)


@dataclass(frozen=True, slots=True)
class Claiming:
    """Splitter and labeler of a recipe, checked."""

    check: Callable[[Case], None]
    """Raises RowError where a row lacks what the labeler goes by; called before anything is asked."""
    judge: Callable[[Case, Asks], Awaitable[Claimed]]
    """Takes the candidates of a case apart and has their claims labelled, all calls at the same time. Raises RowError where
    a model cannot be asked."""
    label: Callable[[Case, Sequence[Claim], Asks], Awaitable[tuple[Claim, ...]]]
    """Has claims labelled, all at the same time; one that the server refuses stays ``unknown``. Raises RowError where
    it refuses all of them, or as ``Ask`` does."""
    judged_by: tuple[Mapping[str, str], ...]
    """Name, kind and prompt of splitter and labeler, for provenance."""


def prepare_claiming(settings: Claimable) -> Claiming:
    """Check splitter and labeler once.

    Raises:
        ParameterError: a prompt cannot be used, or a block says how a model is reached but not which one.
    """
    models = claiming_models(settings)
    splitter = prepared(partial(prepare_splitter, settings.splitter.params), SPLITTER)
    labeler = prepared(partial(prepare_labeler, settings.labeler.params), LABELER)
    scorer = models[LABELER].model or LABELER
    return Claiming(
        labeler.check,
        partial(_judge, settings, splitter, labeler, scorer),
        partial(_labelled, labeler),
        (
            {"name": models[SPLITTER].model or SPLITTER, "kind": SPLITTER, "prompt": splitter.mark},
            {"name": scorer, "kind": LABELER, "prompt": labeler.mark},
        ),
    )


def claiming_models(settings: Claimable) -> dict[str, Model]:
    """Return the models that split and label, by where they stand in the parameters. Raises ParameterError as ``played``."""
    return {
        SPLITTER: played(settings.splitter, settings.samplers, SPLITTER),
        LABELER: played(settings.labeler, settings.samplers, LABELER),
    }


def claiming_marks(settings: Claimable) -> dict[str, str]:
    """Return the SHA-256 of each prompt file, by the key that names it. Raises ParameterError for one that cannot be read."""
    found = {
        SPLITTER: prepared(partial(splitter_marks, settings.splitter.params), SPLITTER),
        LABELER: prepared(partial(labeler_marks, settings.labeler.params), LABELER),
    }
    return {
        f"{place}.params.{key}": digest for place, marks in found.items() for key, digest in marks.items()
    }


async def _judge(
    settings: Claimable, splitter: Splitter, labeler: Labeler, scorer: str, case: Case, asks: Asks
) -> Claimed:
    """Return the candidates with what was found; each goes on to its labels as soon as it is taken apart."""

    async def claims_of(candidate: Candidate) -> tuple[Claim, ...]:
        claims = candidate.claims or await _by(SPLITTER, splitter.split(case, candidate.text, asks[SPLITTER]))
        if settings.ask_again:
            claims = tuple(
                replace(one, finding="unknown", probability=None) if one.question else one for one in claims
            )
        return await _by(LABELER, _labelled(labeler, case, claims, asks))

    found = await together([claims_of(one) for one in case.candidates])
    judged = [
        _scored(settings, scorer, candidate, claims)
        for candidate, claims in zip(case.candidates, found, strict=True)
    ]
    return Claimed(tuple(candidate for candidate, _ in judged), tuple(fault for _, fault in judged))


async def _by(place: str, asked: Awaitable[T]) -> T:
    """Await an answer; an error says whose it is."""
    try:
        return await asked
    except RowError as error:
        raise RowError(error.reason, place, error.message) from error


async def _labelled(labeler: Labeler, case: Case, claims: Sequence[Claim], asks: Asks) -> tuple[Claim, ...]:
    """Return claims with what was found; those that are known, or that have no question, stay as they are."""
    asked = [one for one in claims if one.finding == "unknown" and one.question]
    said = await together([labeler.label(case, one, asks[LABELER]) for one in asked])
    found = iter(said)
    labelled = []
    for claim in claims:
        told = next(found) if claim.finding == "unknown" and claim.question else claim
        labelled.append(claim if isinstance(told, RowError) else told)
    return tuple(labelled)


def _scored(
    settings: Claimable, scorer: str, candidate: Candidate, claims: tuple[Claim, ...] | RowError
) -> tuple[Candidate, RowError | None]:
    """Return a candidate with its claims and score, and why it has none."""
    if isinstance(claims, RowError):
        return replace(candidate, score=None), claims
    if not claims:
        told = "no statement in it that the pictures could show to be true or false"
        return replace(candidate, score=None), RowError("no_claims", SPLITTER, told)
    counted = tally(claims, settings.aggregate, settings.unknown)
    if counted.score is None:
        told = f"the labeler can tell of none of its claims: {counted.told}"
        return replace(candidate, claims=claims, score=None), RowError("cannot_judge", LABELER, told)
    low, high = RANGES[settings.aggregate]
    judgement = Judgement(
        "candidate", scorer, f"claims_{settings.aggregate}", counted.score, low, high, counted.told
    )
    before = (one for one in candidate.judgements if one.scorer != scorer)
    judged = replace(candidate, claims=claims, score=counted.score, judgements=(*before, judgement))
    return judged, None
