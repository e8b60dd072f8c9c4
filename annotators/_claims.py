"""Claims of an answer: how a text model takes it apart, and how what was found of them becomes one number.

Steps after RLAIF-V (arXiv 2405.17220): a text model that sees no picture lists the statements of an answer, opinions left
out, and writes a yes/no question for each that keeps its negations. Who answers the questions is in ``_yes_no.py``.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators import Case, Range
from pairwright.annotators._judging import Asking, closed_object, request_of, verdict_of, view_of
from pairwright.annotators._prompts import ReadyPrompt, read_prompt, ready_prompt
from pairwright.annotators._reading import exact_keys, json_object, quoted, text_of, unusable
from pairwright.schemas.claim import Claim
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.image import digest
from pairwright.schemas.request import Ask

SPLITTER = "claims_splitter"
"""Name of the packaged prompt, and what its head says it is for."""

_FORM = '{"claims": [{"claim": "…", "question": "…"}, …]}'


class Splitting(Asking):
    """How answers are taken apart."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the model to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""
    most: Annotated[int, Field(ge=1, le=200)] = 50
    """Most claims of one answer."""


Split = Callable[[Case, str, Ask], Awaitable[tuple[Claim, ...]]]
"""Takes an answer to a case's prompt apart: claims with a question each, and finding ``unknown``; none where it makes no
statement. Raises RowError ``cannot_judge`` where the model does not keep the form, or as ``Ask`` does."""


@dataclass(frozen=True, slots=True)
class Splitter:
    """A splitter that was checked."""

    split: Split
    mark: str
    """Name, version and hash of its prompt file."""


def prepare_splitter(settings: Splitting) -> Splitter:
    """Check the settings once.

    Raises:
        ParameterError: the prompt cannot be used, or needs what a splitter is not shown.
    """
    prompt = text_prompt(settings.prompt, SPLITTER, {"most": settings.most, "form": _FORM})
    return Splitter(partial(_split, settings, prompt), prompt.mark)


def splitter_marks(settings: Splitting) -> Mapping[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return {"prompt": read_prompt(settings.prompt or SPLITTER, SPLITTER).digest}


def text_prompt(where: str | None, name: str, rules: Mapping[str, object]) -> ReadyPrompt:
    """Return the prompt of a model that is shown texts only, tried.

    Args:
        where: what the settings name; the packaged prompt if None.
        name: name of the packaged prompt, which is also what a prompt's head must say it is for.
        rules: what the system part may name.

    Raises:
        ParameterError: the prompt cannot be used, or says that it needs something.
    """
    prompt = ready_prompt(read_prompt(where or name, name), rules)
    if prompt.head.needs:
        raise ParameterError(
            f"prompt: {prompt.head.name} needs {', '.join(prompt.head.needs)}; a prompt for {name} can need nothing"
        )
    return prompt


def list_schema(key: str, item: dict[str, object], most: int) -> dict[str, object]:
    """Return the JSON schema of an object with one list of at most ``most`` items under ``key``."""
    return closed_object({key: {"type": "array", "items": item, "maxItems": most}})


def listed(found: Mapping[str, object], key: str, most: int) -> list[object]:
    """Return the list under a key.

    Raises:
        RowError: ``cannot_judge`` where there is none, or more than ``most`` items in it.
    """
    items = found[key]
    if not isinstance(items, list):
        raise unusable(f"{key}: expected a list, found {quoted(json.dumps(items))}")
    if len(items) > most:
        raise unusable(f"{len(items)} {key}, where at most {most} were asked for")
    return items


async def _split(
    settings: Splitting, prompt: ReadyPrompt, case: Case, text: str, ask: Ask
) -> tuple[Claim, ...]:
    # The seed goes by the text: an answer has the same claims when others are added or taken away.
    part = f"claims {digest(text.encode('utf-8', 'surrogatepass'))}"
    view = view_of(case, answers=[text], labels=["A"])
    request = request_of(settings, prompt, view, case, part=part)
    if settings.output == "schema":
        item = closed_object({"claim": {"type": "string"}, "question": {"type": "string"}})
        request = replace(request, schema=json.dumps(list_schema("claims", item, settings.most)))
    return await verdict_of(settings, ask, request, partial(_read, settings))


def _read(settings: Splitting, text: str) -> tuple[Claim, ...]:
    found = json_object(text, settings.output)
    exact_keys(found, ["claims"], "the splitter's object")
    claims: dict[str, Claim] = {}
    for number, item in enumerate(listed(found, "claims", settings.most), 1):
        claim = _claim(item, f"claim {number}")
        claims.setdefault(
            " ".join((claim.question or "").casefold().split()), claim
        )  # what is said twice counts once
    return tuple(claims.values())


def _claim(item: object, what: str) -> Claim:
    if not isinstance(item, dict):
        raise unusable(f"{what}: expected an object with a claim and its question, found {quoted(str(item))}")
    exact_keys(item, ["claim", "question"], what)
    claim, question = text_of(item, "claim", what), text_of(item, "question", what)
    if claim is None or question is None:
        raise unusable(f"{what} is empty, or its question is")
    return Claim(claim, question=question)


Aggregate = Literal["wrong_count", "mean", "share"]
Unknown = Literal["left_out", "right", "wrong"]

RANGES: Mapping[Aggregate, Range] = {
    "wrong_count": (None, 0.0),
    "mean": (-1.0, 1.0),
    "share": (0.0, 1.0),
}
"""Smallest and largest score, None where there is no bound."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found of the claims of one answer, in numbers."""

    score: float | None
    """None where nothing is known of any claim."""
    told: str
    """How many claims there are, and how many of them are right, wrong, or nobody knows."""


def tally(claims: Sequence[Claim], aggregate: Aggregate, unknown: Unknown) -> Tally:
    """Return the score of an answer by its claims; higher is better.

    Args:
        claims: what was found. ``invented`` ones are wrong; ``missing`` ones are no statements of the answer.
        aggregate: ``wrong_count``, minus the number of wrong claims (RLAIF-V); ``mean``, the mean of p(yes) - p(no), with
            1 and 0 where there are no probabilities (TPO, arXiv 2411.17265); ``share``, that of right ones.
        unknown: what ``unknown`` claims count as.

    >>> claims = [Claim("A cup.", "right", probability=0.9), Claim("It is red.", "wrong", probability=0.3), Claim("Hot.")]
    >>> tally(claims, "wrong_count", "left_out")
    Tally(score=-1.0, told='1 of 3 claims right, 1 wrong, 1 unknown')
    >>> round(tally(claims, "mean", "left_out").score, 2), tally(claims, "wrong_count", "wrong").score
    (0.2, -2.0)
    """
    said = [one for one in claims if one.finding != "missing"]
    findings = [one.finding for one in said]
    right, mute = findings.count("right"), findings.count("unknown")
    told = f"{right} of {len(said)} claims right, {len(said) - right - mute} wrong, {mute} unknown"
    counted = [one for one in said if one.finding != "unknown" or unknown != "left_out"]
    if not counted:
        return Tally(None, told)
    yes = [_yes(one, unknown) for one in counted]
    is_right = [
        one.finding == "right" or (one.finding == "unknown" and unknown == "right") for one in counted
    ]
    match aggregate:
        case "wrong_count":
            return Tally(float(is_right.count(True) - len(is_right)), told)
        case "share":
            return Tally(fmean(is_right), told)
        case "mean":
            return Tally(fmean(2 * share - 1 for share in yes), told)


def _yes(claim: Claim, unknown: Unknown) -> float:
    """Return the probability that a claim is right, 1 or 0 where the server gave none."""
    if claim.finding == "unknown":
        return float(unknown == "right")
    return claim.probability if claim.probability is not None else float(claim.finding == "right")
