"""Self-critic: a model writes answers and judges them itself.

The steps are those of ``judged``; the critic is the model of the first sampler, so that nobody else is needed. Its liking
for the answer that it is shown first is no preference: ``pairwise`` shows every two answers in both orders, and what it
does not say both times is no verdict.
"""

from collections.abc import Mapping

from pairwright.annotators import Verifier
from pairwright.builders import ConstructAsking, ModelBuilder, Run
from pairwright.builders._guarding import (
    guard_codes,
    guard_marks,
    guard_models,
    settle_guarded,
)
from pairwright.builders._judged_answers import Judgeable, prepare_judging
from pairwright.builders._jury import JudgeSettings, judge_marks, judge_models
from pairwright.builders._parts import annotator
from pairwright.builders._roles import played
from pairwright.builders._writers import writer_models
from pairwright.pairings._forming import PairingSettings
from pairwright.samplers import Model
from pairwright.schemas.errors import ParameterError

PLACE = "critic"
"""Where the critic stands in the parameters."""


class Critic(JudgeSettings):
    """Who judges, and how. Without ``model`` it is the first sampler's model."""

    kind: str = "pairwise"
    """A judge that asks a model; ``pairwright list annotators`` shows them with their parameters."""


class ByVerdict(PairingSettings):
    """How pairs are formed, with the defaults of this builder."""

    rule: str = "preferences"
    """Which answers make a pair; ``pairwright list pairings`` shows the rules. A critic that rates instead of comparing
    needs one that goes by scores."""


class SelfCritic(Judgeable):
    """Parameters of the builder."""

    critic: Critic = Critic()
    """Who judges, and how."""
    pairing: ByVerdict = ByVerdict()
    """How pairs are formed."""


def prepare(settings: SelfCritic, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: the critic asks no model, or parameters that do not fit it, a pairing rule, a guard or a
            perturbation.
        UnknownPartError: a perturbation that does not exist.
    """
    kind = settings.critic.kind
    if isinstance(annotator(kind, PLACE), Verifier):
        raise ParameterError(
            f"{PLACE}.kind: {kind} asks no model; take pairwise, listwise or pointwise, or the builder verified"
        )
    return prepare_judging(settings, run, _critics(settings), "majority", builder="self_critic")


def _critics(settings: SelfCritic) -> dict[str, JudgeSettings]:
    return {PLACE: played(settings.critic, settings.samplers, PLACE)}


def _models(settings: SelfCritic) -> Mapping[str, Model]:
    return {**writer_models(settings), **judge_models(_critics(settings)), **guard_models(settings)}


def _marks(settings: SelfCritic) -> Mapping[str, str]:
    return {**judge_marks(_critics(settings)), **guard_marks(settings)}


PART = ModelBuilder(
    settings=SelfCritic,
    models=_models,
    prepare=prepare,
    summary="a model writes answers and compares or rates them itself, pairs are formed by what it says",
    source="SIMA (arXiv 2405.15973), whose critic sees every two answers in one order only",
    settle=settle_guarded,
    marks=_marks,
    runs_code=guard_codes,
)
