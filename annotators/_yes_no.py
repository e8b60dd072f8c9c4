"""Yes/no questions about pictures: one token of a vision model, and the probability of yes against no.

After RLAIF-V (arXiv 2405.17220): the probabilities of the first token that mean yes are added up, and those that mean
no; a claim is right if yes has more. Where the server gives no probabilities, the word itself decides.
"""

import math
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from pairwright.annotators import Case
from pairwright.annotators._judging import Asking, request_of, view_of
from pairwright.annotators._prompts import ReadyPrompt, read_prompt, ready_prompt
from pairwright.schemas.claim import Claim, Finding
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import digest
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Ask, Finish, Request
from pairwright.schemas.settings import Settings

LABELER = "claims_labeler"
"""Name of the packaged prompt, and what its head says it is for."""

_AROUND = " \t\n\r▁ĠĊ\"'`*.,:;!()"
"""What may stand around the word in a token: blanks as tokenizers spell them, quotes, bold type, points."""

_WORDS: Mapping[str, Finding] = {"yes": "right", "no": "wrong"}

_BROKEN: frozenset[Finish] = frozenset({"filtered", "aborted"})
"""Ends after which nothing that was written counts. One token is cut at ``max_tokens`` as a rule."""


class Labelling(Settings):
    """How yes/no questions are asked."""

    look: Literal["pictures", "evidence", "both"] = "pictures"
    """What the labeler goes by: the pictures; the row's evidence (a caption, a report) in their place; or both."""
    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    logprobs: Annotated[int, Field(ge=1, le=20)] | None = 20
    """Likeliest first tokens among which yes and no are looked for; ``null`` for servers without log-probabilities: then the
    word that is written decides."""
    max_tokens: Annotated[int, Field(ge=1)] = 1
    """Tokens it may write. More than one for servers that want it so; all must be the one word."""


Label = Callable[[Case, Claim, Ask], Coroutine[Any, Any, Claim]]
"""Returns a claim with what was found: ``right``, ``wrong``, or ``unknown`` where the model says neither yes nor no. Raises
RowError as ``Ask`` does."""


@dataclass(frozen=True, slots=True)
class Labeler:
    """A labeler that was checked."""

    check: Callable[[Case], None]
    """Raises RowError where a row lacks what the labeler goes by: ``no_image`` or ``no_evidence``."""
    label: Label
    mark: str
    """Name, version and hash of its prompt file."""


def prepare_labeler(settings: Labelling) -> Labeler:
    """Check the settings once.

    Raises:
        ParameterError: the prompt cannot be used, or needs what the settings withhold.
    """
    prompt = ready_prompt(read_prompt(settings.prompt or LABELER, LABELER), {"look": settings.look})
    withheld = {
        "pictures": settings.look == "evidence",
        "evidence": settings.look == "pictures",
        "reference": True,
    }
    for need in prompt.head.needs:
        if withheld[need]:
            raise ParameterError(f"look: the prompt {prompt.head.name} needs {need}, which is not shown")
    return Labeler(partial(_check, settings), partial(_label, settings, prompt), prompt.mark)


def labeler_marks(settings: Labelling) -> Mapping[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return {"prompt": read_prompt(settings.prompt or LABELER, LABELER).digest}


def probability_of_yes(answer: Answer) -> float | None:
    """Return the probability of yes against no in an answer's first token, 0 to 1.

    Those of all ways to write it are summed: ``Yes``, `` yes`` and ``YES`` mean the same. None where the server gave no
    probabilities, or none of the likeliest tokens is a yes or a no.

    >>> from pairwright.schemas.request import Token
    >>> first = Token("Yes", math.log(0.6), (("Yes", math.log(0.6)), (" no", math.log(0.2)), ("The", math.log(0.1))))
    >>> round(probability_of_yes(Answer("Yes", "length", (first,))), 2)
    0.75
    """
    first = next((token for token in answer.tokens or () if token.text.strip(_AROUND)), None)
    if first is None:
        return None
    mass = {"yes": 0.0, "no": 0.0}
    for text, logprob in {first.text: first.logprob, **dict(first.alternatives)}.items():
        if _word(text) in mass:
            mass[_word(text)] += math.exp(logprob)
    either = sum(mass.values())
    return mass["yes"] / either if either else None


def finding_of(answer: Answer) -> tuple[Finding, float | None]:
    """Return what an answer to a yes/no question means, and the probability of yes where that decided.

    Without probabilities the word decides, for an answer that is the word and nothing else.

    >>> [finding_of(Answer(text, "stop"))[0] for text in ("no.", "**Yes**", "Yes, a cup.", "Perhaps")]
    ['wrong', 'right', 'unknown', 'unknown']
    """
    if answer.finish in _BROKEN:
        return "unknown", None
    share = probability_of_yes(answer)
    if share is None:
        return _WORDS.get(_word(answer.text), "unknown"), None
    return "right" if share > 0.5 else "wrong", share


def _word(text: str) -> str:
    return text.strip(_AROUND).casefold()


def _check(settings: Labelling, case: Case) -> None:
    if settings.look != "evidence" and not case.prompt.images:
        raise RowError(
            "no_image", "image", "the labeler answers questions about pictures, and the row has none"
        )
    if settings.look != "pictures" and not case.evidence:
        raise RowError("no_evidence", "evidence", "the labeler reads evidence, and this row has none")


async def _label(settings: Labelling, prompt: ReadyPrompt, case: Case, claim: Claim, ask: Ask) -> Claim:
    (answer,) = await ask(_request(settings, prompt, case, claim.question or claim.text))
    finding, share = finding_of(answer)
    return replace(claim, finding=finding, probability=share)


def _request(settings: Labelling, prompt: ReadyPrompt, case: Case, question: str) -> Request:
    """Return the question as a request: the same one whichever answer it comes from, so it is asked once per row."""
    asked = replace(case, prompt=Prompt(question))
    images = () if settings.look == "evidence" else case.prompt.images
    evidence = case.evidence if settings.look != "pictures" else None
    view = view_of(asked, evidence=evidence, pictures=len(images))
    asking = Asking(temperature=0.0, max_tokens=settings.max_tokens)
    part = f"claim {digest(question.encode('utf-8', 'surrogatepass'))}"
    request = request_of(asking, prompt, view, case, images=images, part=part)
    return replace(request, sampling=replace(request.sampling, logprobs=settings.logprobs))
