"""Pairs from what people said: votes on answers, ratings, rankings, corrections; or pairs that somebody made before.

Nothing that was said is lost: every vote stands in the config ``candidates`` under the id of who gave it. What becomes of
several votes, ties and disagreement is this builder's choice and can be made anew at no cost, because it only reads.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from pairwright.annotators._votes import voices
from pairwright.builders import Builder, Built, Construct, Neighbours, Run
from pairwright.builders._ballot import Decided, Votes, decide, strengths
from pairwright.builders._candidates import Line, candidate_reject, in_line, why_too_few
from pairwright.builders._guarding import Catch, Watched, guarded_anew, prepare_catch, settle_guarded
from pairwright.builders._kept import kept_pictures
from pairwright.builders._ready import READY, ready_pair
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._text_pair import Group, Judged, Making, row_reject
from pairwright.correctors._spans import WEIGHT
from pairwright.pairings import ROOM as PAIRINGS
from pairwright.pairings._forming import FormPairs, PairingSettings
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow


class ByPeople(PairingSettings):
    """How pairs are formed, with the default of people's votes."""

    rule: str = "preferences"
    """``preferences`` goes by votes; ``ranks`` by rankings; the others by scores. ``pairwright list pairings`` shows them."""


class Labelled(Watched):
    """Parameters of the builder."""

    pairing: ByPeople = ByPeople()
    """How pairs are formed of candidates. Ready pairs go through its filters, and through no rule."""
    votes: Votes = Votes()
    """How several people's votes on the same two answers become one verdict."""
    score: Scoring | None = None
    """Make scores of the ratings that people gave, each person's first, then their mean; the candidates' own scores count if
    not given, and the ratings where there are none."""
    scores_from: Literal["ratings", "votes"] = "ratings"
    """``votes``: make the scores of votes instead, by the model of Bradley and Terry; pair them by a rule that goes by scores."""
    disagreement: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """Largest range between two people's scores of an answer; above it the answer waits for somebody to decide. Any if not
    given."""
    corrections: bool = False
    """Whether the chosen answer of a ready pair is a correction of the rejected one: what was changed becomes spans."""
    weight: Annotated[FiniteFloat, Field(gt=0)] = WEIGHT
    """Weight of such spans: 5 in RLHF-V's paper, 3 in the code of its successor."""


def prepare(settings: Labelled, run: Run) -> Construct:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit the pairing rule or a guard.
    """
    form = _forming(settings.pairing, run)
    sides = settings.pairing.model_copy(update={"rule": "sides", "params": {}})
    form_ready = _forming(sides, run)
    basis = PAIRINGS.get(settings.pairing.rule).basis
    if settings.scores_from == "votes" and basis != "scores":
        told = (
            f"{settings.pairing.rule} goes by {basis}; with scores of votes take a rule that goes by scores"
        )
        raise ParameterError(f"pairing.rule: {told}")
    catch = prepare_catch(settings)
    making = Making("labelled", settings.pairing.rule, run)
    weight = settings.weight if settings.corrections else None

    def construct(row: SourceRow, neighbours: Neighbours) -> Built:
        if row.candidates:
            return _of_candidates(row, settings, form, catch, making)
        return ready_pair(row, form_ready, catch, replace(making, rule=READY), weight)

    return construct


def _forming(pairing: PairingSettings, run: Run) -> FormPairs:
    try:
        return prepare_forming(pairing, run.round)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error


def _of_candidates(
    row: SourceRow, settings: Labelled, form: FormPairs, catch: Catch, making: Making
) -> Built:
    """Return what the candidates of a row gave."""
    line = in_line(row)
    basis = PAIRINGS.get(settings.pairing.rule).basis
    decided = _decided(line, settings.votes)
    rejects = list(line.rejects)
    try:
        candidates, doubtful = _scored(line, settings)
        negatives = kept_pictures(row.prompt, candidates)
    except RowError as error:
        return Built(rejects=(*line.rejects, row_reject(row, error)), candidates=(row,))
    rejects += [candidate_reject(row, number, why) for number, why in doubtful]
    formed = form(candidates, decided.comparisons, generator(making.run.seed, row.record_id, "pairing"))
    judged = Judged(row, line, candidates, line.comparisons, negatives=negatives)
    why = why_too_few(line, ()) if line.usable < 2 else None
    if basis == "comparisons" and line.usable >= 2:
        told = list(decided.undecided)
        if not formed.pairs and told:
            *_, why = told.pop(0)
        rejects += [_between(row, first, second, one) for first, second, one in told]
    if why is None and not formed.pairs and doubtful:
        why = doubtful[0][1]
    return guarded_anew(catch, making, judged, Group(formed), rejects=rejects, why_none=why)


def _between(row: SourceRow, first: int, second: int, why: RowError) -> Reject:
    told = f"answers {first} and {second}: {why.message}"
    return Reject(row.record_id, why.reason, "pair", why.field, told, row.source_id)


def _decided(line: Line, votes: Votes) -> Decided:
    counted = voices(one.scorer for one in line.comparisons)
    running = [
        one for one in line.comparisons if one.scorer in counted and max(one.first, one.second) < line.usable
    ]
    return decide(running, votes)


def _scored(line: Line, settings: Labelled) -> tuple[tuple[Candidate, ...], list[tuple[int, RowError]]]:
    """Return the usable candidates with the scores that pairing goes by, and those about which people disagree."""
    usable = line.candidates[: line.usable]
    if settings.scores_from == "votes":
        counted = voices(one.scorer for one in line.comparisons)
        said = [one for one in line.comparisons if one.scorer in counted]
        fitted = strengths(said, len(usable), settings.votes)
        return tuple(replace(one, score=score) for one, score in zip(usable, fitted, strict=True)), []
    rated = any(one.judgements for one in usable)
    if not rated or (settings.score is None and any(one.score is not None for one in usable)):
        return usable, []
    return _mean_scores(usable, settings.score or Scoring(), settings)


def _mean_scores(
    usable: Sequence[Candidate], scoring: Scoring, settings: Labelled
) -> tuple[tuple[Candidate, ...], list[tuple[int, RowError]]]:
    weights = settings.votes.weights
    raters = voices(one.scorer for candidate in usable for one in candidate.judgements)
    counted = [rater for rater in raters if weights.get(rater, 1.0)]
    try:
        columns = {
            rater: scores_of([_by(one, rater) for one in usable], scoring, "score") for rater in counted
        }
    except ParameterError as error:  # here what was judged is the row's affair, not the recipe's
        raise RowError("no_score", "score", str(error)) from error
    scored, doubtful = [], []
    for number, one in enumerate(usable):
        known = [(column[number], weights.get(rater, 1.0)) for rater, column in columns.items()]
        values = [(value, weight) for value, weight in known if value is not None]
        score = _weighted(values) if values and len(values) == len(known) else None
        span = max((value for value, _ in values), default=0) - min((value for value, _ in values), default=0)
        if settings.disagreement is not None and span > settings.disagreement:
            told = f"people's scores lie {span:g} apart, more than {settings.disagreement:g}"
            doubtful.append((number, RowError("no_agreement", "disagreement", told)))
            score = None
        scored.append(replace(one, score=score))
    return tuple(scored), doubtful


def _by(candidate: Candidate, scorer: str) -> tuple[Judgement, ...]:
    return tuple(one for one in candidate.judgements if one.scorer == scorer)


def _weighted(values: Sequence[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)


PART = Builder(
    settings=Labelled,
    prepare=prepare,
    uses_neighbours=lambda settings: False,
    summary="pairs from what people said: votes, ratings, rankings, corrections, or ready pairs",
    source="LLaVA-RLHF (arXiv 2309.14525), RLHF-V (arXiv 2312.00849), MM-RLHF (arXiv 2502.10391), "
    "align-anything (arXiv 2412.15838)",
    settle=settle_guarded,
)
