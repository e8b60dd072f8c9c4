"""Judged answers: models write candidates, a judge rates or compares them, pairs are formed by what it says."""

from collections.abc import Mapping

from pairwright.annotators._votes import Rule
from pairwright.builders import ConstructAsking, ModelBuilder, Run
from pairwright.builders._guarding import (
    guard_codes,
    guard_marks,
    guard_models,
    settle_guarded,
)
from pairwright.builders._judged_answers import Judgeable, prepare_judging
from pairwright.builders._jury import JudgeSettings, judge_marks, judge_models
from pairwright.builders._parts import codes_of
from pairwright.builders._writers import writer_models
from pairwright.samplers import Model


class JudgedAnswers(Judgeable):
    """Parameters of the builder."""

    judge: JudgeSettings
    """Who judges."""
    jury: tuple[JudgeSettings, ...] = ()
    """Further judges of the same kind. A rating is then the mean of all; a verdict is what enough of them say."""
    vote: Rule = "majority"
    """How many of several judges must give a rating, or the same verdict: more than half, or all (``unanimous``)."""


def prepare(settings: JudgedAnswers, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a judge, a pairing rule, a guard or a perturbation.
        UnknownPartError: a perturbation that does not exist.
        MissingExtraError: a verifier needs a package that is not there.
    """
    return prepare_judging(settings, run, _judges(settings), settings.vote, builder="judged")


def _judges(settings: JudgedAnswers) -> dict[str, JudgeSettings]:
    return {"judge": settings.judge} | {f"jury.{number}": one for number, one in enumerate(settings.jury)}


def _models(settings: JudgedAnswers) -> Mapping[str, Model]:
    return {**writer_models(settings), **judge_models(_judges(settings)), **guard_models(settings)}


def _marks(settings: JudgedAnswers) -> Mapping[str, str]:
    return {**judge_marks(_judges(settings)), **guard_marks(settings)}


def _runs_code(settings: JudgedAnswers) -> Mapping[str, str]:
    return {**codes_of(_judges(settings)), **guard_codes(settings)}


PART = ModelBuilder(
    settings=JudgedAnswers,
    models=_models,
    prepare=prepare,
    summary="models write answers, a judge rates or compares them, pairs are formed by what it says",
    source="Silkie (arXiv 2312.10665), LLaVA-Hound (2404.01258), SIMA (2405.15973), 3D-CT-GPT++, INTERACTIVECOT",
    settle=settle_guarded,
    marks=_marks,
    runs_code=_runs_code,
)
