"""A judge that sees two answers side by side and says which is better.

SIMA's judge always saw the sampled answer first, so its liking for a place became a preference. Here each two answers
are shown in both orders, and only what the judge says both times is a verdict.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators import Case, Decide, Failure, Judge, Verdict
from pairwright.annotators._judging import (
    Judging,
    check_case,
    failure,
    marks_of,
    prepared,
    request_for,
    shuffled,
    together,
    verdict_of,
)
from pairwright.annotators._prompts import ReadyPrompt
from pairwright.annotators._ratings import Aspect, Aspects
from pairwright.annotators._sides import (
    Output,
    Said,
    agreed,
    form_of,
    mirrored,
    read_side,
    side_labels,
    side_schema,
)
from pairwright.schemas.candidate import Comparison
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import digest
from pairwright.schemas.request import Ask
from pairwright.schemas.seeds import generator

CRITERIA = (
    Aspect(
        name="truth",
        description="what the answer says of the pictures is there to be seen; nothing is invented",
    ),
    Aspect(name="help", description="the answer does what was asked, neither less nor much more"),
)


class Pairwise(Judging):
    """Settings of the judge."""

    criteria: Aspects = CRITERIA
    """What the judge is to weigh, the weightiest first."""
    orders: Literal["both", "one"] = "both"
    """Show each two answers in both orders and ask for agreement, or in one order that is drawn."""
    tie_and_verdict: Literal["cannot_judge", "tie", "verdict"] = "cannot_judge"
    """What holds when one order gives a tie and the other a verdict."""
    strength: bool = False
    """Also ask whether the better answer is much better. With ``output: bracket`` the judge always says."""
    most_comparisons: Annotated[int, Field(ge=1, le=1000)] = 10
    """Of more pairs of answers than this, as many are drawn. Each takes two calls with ``orders: both``."""
    output: Output = "schema"
    """Form of the verdict: JSON to a schema that the server enforces (``schema``), JSON that the prompt asks for
    (``text``), words that end in ``[[A>>B]]``, ``[[A>B]]``, ``[[A=B]]``, ``[[B>A]]`` or ``[[B>>A]]`` (``bracket``, as
    Arena-Hard and WildVision have it), or ``(1)`` or ``(2)`` and nothing else (``number``, without ties)."""


def prepare(settings: Pairwise, scorer: str) -> Decide:
    """Return the judge.

    Raises:
        ParameterError: the prompt cannot be used, or a setting does not go with another.
    """
    if settings.strength and settings.output == "number":
        raise ParameterError("strength: the output number cannot say it; take schema, text or bracket")
    rules = {"criteria": settings.criteria, **form_of(settings.output, settings.strength, settings.rationale)}
    return partial(_decide, settings, prepared(settings, "pairwise", rules), scorer)


async def _decide(settings: Pairwise, prompt: ReadyPrompt, scorer: str, case: Case, ask: Ask) -> Verdict:
    check_case(settings, case)
    pairs = _drawn(case, settings.most_comparisons)
    outcomes = await together([_compare(settings, prompt, case, ask, pair) for pair in pairs])
    failures: list[Failure] = []
    comparisons: list[Comparison] = []
    for (first, second), outcome in zip(pairs, outcomes, strict=True):
        if isinstance(outcome, RowError):
            failures.append(failure(outcome, (first, second)))
        else:
            comparisons.append(
                Comparison(first, second, outcome.outcome, scorer, outcome.strength, outcome.rationale)
            )
    return Verdict(comparisons=tuple(comparisons), failures=tuple(failures), prompt=prompt.mark)


def _drawn(case: Case, most: int) -> list[tuple[int, int]]:
    """Return the pairs of candidates to compare, by number."""
    pairs = list(combinations(range(len(case.candidates)), 2))
    if len(pairs) <= most:
        return pairs
    order = shuffled(len(pairs), generator(case.seed, case.record_id, "pairwise pairs"))
    return [pairs[number] for number in sorted(order[:most])]


async def _compare(
    settings: Pairwise, prompt: ReadyPrompt, case: Case, ask: Ask, pair: tuple[int, int]
) -> Said:
    """Return what the judge says of two candidates, the lower number first."""
    texts = [case.candidates[number].text for number in pair]
    if settings.orders == "one":
        rng = generator(case.seed, case.record_id, f"pairwise order {_name(texts)}")
        if rng.random() < 0.5:
            return await _side(settings, prompt, case, ask, texts)
        return mirrored(await _side(settings, prompt, case, ask, texts[::-1]))
    straight, swapped = await together(
        [_side(settings, prompt, case, ask, texts), _side(settings, prompt, case, ask, texts[::-1])]
    )
    if isinstance(straight, RowError):
        raise _told("first", straight)
    if isinstance(swapped, RowError):
        raise _told("second", swapped)
    return agreed(straight, mirrored(swapped), settings.tie_and_verdict)


async def _side(settings: Pairwise, prompt: ReadyPrompt, case: Case, ask: Ask, texts: Sequence[str]) -> Said:
    """Return what the judge says of two answers in the order shown."""
    labels = side_labels(settings.output)
    part = f"pairwise {_name(texts)}"
    request = request_for(settings, prompt, case, answers=texts, labels=labels, part=part)
    if settings.output == "schema":
        schema = side_schema(strength=settings.strength, rationale=settings.rationale)
        request = replace(request, schema=json.dumps(schema))
    read = partial(
        read_side,
        output=settings.output,
        strength=settings.strength,
        rationale=settings.rationale,
        answers=texts,
    )
    return await verdict_of(settings, ask, request, read)


def _told(order: str, error: RowError) -> RowError:
    return RowError(error.reason, error.field, f"in the {order} order: {error.message}")


def _name(texts: Sequence[str]) -> str:
    """Return what a seed knows two answers by: their texts, not their numbers, which change with the others'."""
    return " ".join(digest(text.encode("utf-8", "surrogatepass")) for text in texts)


PART = Judge(
    settings=Pairwise,
    prepare=prepare,
    gives="comparisons",
    summary="compares answers two by two, in both orders, and wants the same verdict both times",
    source="SIMA (arXiv 2405.15973), which shows one order only; WildVision (arXiv 2406.11069): five levels in brackets",
    marks=partial(marks_of, "pairwise"),
)
