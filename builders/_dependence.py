"""What a pair owes to its picture, by the log-probabilities of its own answers with the picture and without.

The fall of the chosen answer's log-probability when the true picture goes is the image dependence of a row: near 0, the model
would have said the same without looking. mDPO (arXiv 2406.11839) found that preference training may ignore the picture
altogether; V-DPO (2411.02712) rests its loss on the same ratio, of an answer's likelihood with the picture and without.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import fsum
from typing import Literal

from pairwright.builders import Asks
from pairwright.builders._at_once import all_at_once
from pairwright.builders._blind import lasting
from pairwright.builders._blind_text import verdict
from pairwright.builders._changed import without_images
from pairwright.samplers import Model, check_scoring
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Ask, scoring

DEPENDENCE, FLUENCY = "dependence", "blind.fluency"
"""Where they stand in the parameters."""

LOGPROB, PER_TOKEN, SUM, MARGIN = "logprob", "dependence", "dependence_sum", "dependence_margin"
"""Aspects: log-probability of an answer with the true picture; by how much it falls without, per token and in all; and by how
much the picture moves the odds towards the chosen answer. In nats."""

FLUENT = "fluent"
"""Aspect: 1 where the chosen answer is the likelier one per token without the picture, 0 where the rejected one is."""

Without = Literal["none", "rejected"]


class Dependence(Model):
    """Whose log-probabilities tell how much the answers owe to the picture: a model that can be asked how likely a given
    answer is."""

    without: Without = "none"
    """What the model is shown in place of the true pictures: none, or the row's rejected ones."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely an answer is."""

    total: float
    """Natural logarithm of its probability, without that of its end."""
    tokens: int

    @property
    def per_token(self) -> float:
        """Mean of its tokens."""
        return self.total / self.tokens


def check_able(model: Model, place: str) -> None:
    """Check that a model can tell how likely a given answer is, as far as that is known without asking it.

    Raises:
        ParameterError: it cannot, or there is no such sampler; the message names the place.
    """
    try:
        check_scoring(model)
    except (ParameterError, UnknownPartError) as error:
        raise ParameterError(f"{place}.{error}") from error


async def dependence_of(
    settings: Dependence, prompt: Prompt, pair: Pair, asks: Asks
) -> tuple[Judgement, ...]:
    """Return the image dependence of both answers; of one that stands on both sides, once.

    Where it is not defined (no picture, no rejected pictures, a prompt that the model does not take) the value is None.

    Raises:
        RowError: a call failed, for a reason that may be gone at the next run.
    """
    scorer = settings.model or "unknown"
    sides = (
        {"chosen": pair.chosen}
        if pair.chosen == pair.rejected
        else {"chosen": pair.chosen, "rejected": pair.rejected}
    )
    try:
        other = _other(settings.without, prompt, pair)
        asked = [(seen, text) for text in sides.values() for seen in (prompt, other)]
        found = await all_at_once(partial(likelihood, asks[DEPENDENCE], seen, text) for seen, text in asked)
    except RowError as error:
        return _undefined(scorer, sides, lasting(error).message)
    told = [
        one
        for target, place in zip(sides, range(0, len(found), 2), strict=True)
        for one in _side(target, scorer, found[place], found[place + 1])
    ]
    if len(found) > 2:
        seen_chosen, blind_chosen, seen_rejected, blind_rejected = (one.total for one in found)
        margin = _rounded(seen_chosen - seen_rejected - blind_chosen + blind_rejected)
        told.append(Judgement("pair", scorer, MARGIN, margin))
    return tuple(told)


async def fluency_of(model: Model, prompt: Prompt, pair: Pair, asks: Asks) -> tuple[Judgement, ...]:
    """Return whether a model that sees no picture finds the chosen answer the likelier one, token by token.

    Raises:
        RowError: as :func:`dependence_of` does.
    """
    scorer = model.model or "unknown"
    try:
        bare = without_images(prompt)
        texts = (pair.chosen, pair.rejected)
        one, other = await all_at_once(partial(likelihood, asks[FLUENCY], bare, text) for text in texts)
    except RowError as error:
        return (verdict("pair", scorer, FLUENT, None, lasting(error).message),)
    told = f"{one.per_token:.3f} over {other.per_token:.3f} per token"
    return (verdict("pair", scorer, FLUENT, one.per_token - other.per_token, told),)


async def likelihood(ask: Ask, prompt: Prompt, text: str) -> Likelihood:
    """Return how likely a text is as the answer to a prompt.

    Raises:
        RowError: ``call_refused`` where the model takes no such prompt or knows no token of the text, or as ``ask`` raises.
    """
    (answer,) = await ask(scoring(prompt, text))
    if not answer.tokens:
        raise RowError("call_refused", None, "the model told no log-probability of any token of the answer")
    return Likelihood(fsum(token.logprob for token in answer.tokens), len(answer.tokens))


def _other(without: Without, prompt: Prompt, pair: Pair) -> Prompt:
    """Return the prompt without the true pictures."""
    if not prompt.images:
        raise RowError("no_image", "images", "the prompt has no picture to depend on")
    if without == "none":
        return without_images(prompt)
    if pair.rejected_images is None:
        raise RowError("no_image", "rejected_images", "the row has no rejected pictures")
    return replace(prompt, images=pair.rejected_images)


def _side(target: str, scorer: str, seen: Likelihood, blind: Likelihood) -> tuple[Judgement, ...]:
    fall = seen.total - blind.total
    told = f"{seen.total:.3f} with the picture, {blind.total:.3f} without, {seen.tokens} tokens"
    return (
        Judgement(target, scorer, LOGPROB, _rounded(seen.total), None, 0.0),
        Judgement(target, scorer, PER_TOKEN, _rounded(fall / seen.tokens), rationale=told),
        Judgement(target, scorer, SUM, _rounded(fall)),
    )


def _undefined(scorer: str, sides: Mapping[str, str], why: str) -> tuple[Judgement, ...]:
    """Return every measure without a value, so that none of an earlier run is left beside them."""
    told = [
        Judgement(target, scorer, aspect, None, rationale=why)
        for target in sides
        for aspect in (LOGPROB, PER_TOKEN, SUM)
    ]
    return (*told, *([Judgement("pair", scorer, MARGIN, None, rationale=why)] if len(sides) > 1 else []))


def _rounded(value: float) -> float:
    """Return a value to the sixth place: what lies behind it is noise of the arithmetic."""
    return round(value, 6)
