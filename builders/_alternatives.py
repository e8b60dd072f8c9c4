"""Alternatives: what a model says of the topics of claims when it is asked openly, without any answer before it.

Steps: a text model makes an open question of each claim, the model answers it by the pictures, and the labeler says
of each answer whether it is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from pairwright.annotators import Case
from pairwright.annotators._open_questions import Interview
from pairwright.builders import Asks
from pairwright.builders._at_once import at_once
from pairwright.builders._claiming import SPLITTER, Claiming
from pairwright.builders._topics import Statement, key_of, statements
from pairwright.schemas.claim import Claim
from pairwright.schemas.errors import RowError

T = TypeVar("T")

QUESTIONS, ANSWERS = "overwrite.questions", "overwrite.answers"
"""Where the settings stand in the parameters."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What was said when a claim's open question was answered."""

    statement: Statement
    of: str
    """Key of the claim that the question was made of."""


@dataclass(frozen=True, slots=True)
class Alternatives:
    """All of them, by key, and what was lost on the way."""

    found: Mapping[str, Alternative] = field(default_factory=dict)
    lost: tuple[RowError, ...] = ()


async def asked_again(
    interview: Interview,
    claiming: Claiming,
    place: str,
    said: Mapping[str, Statement],
    *,
    case: Case,
    asks: Asks,
) -> Alternatives:
    """Return what is said of the claims' topics that no answer says, checked by the labeler.

    Args:
        interview: how open questions are asked for and answered.
        claiming: whose splitter's model writes the questions, and whose labeler checks what is said.
        place: of the model that answers, in the parameters.
        said: what the answers say, by key.
        case: the row as models are shown it.
        asks: ways to ask the models.

    Raises:
        RowError: ``call_failed`` where a call failed that may succeed later.
    """
    questions, unasked = await _open_questions(interview, said, case, asks)
    replies = await at_once(partial(interview.reply, case, one, asks[place]) for one in questions)
    lost = [*unasked, *_losses(replies, "answers to open questions", ANSWERS)]
    origin: dict[str, str] = {}
    texts: dict[str, str] = {}
    for key, reply in zip(questions.values(), replies, strict=True):
        if not isinstance(reply, RowError) and key_of(reply) not in said:
            texts.setdefault(key_of(reply), reply)
            origin.setdefault(key_of(reply), key)
    claims = [Claim(text, question=_yes_no_question(text)) for text in texts.values()]
    try:
        labelled = await claiming.label(case, claims, asks)
    except RowError as error:
        raise_failed(error)
        return Alternatives(lost=(*lost, error))
    checked = statements(labelled, alternative=True)
    return Alternatives({key: Alternative(one, origin[key]) for key, one in checked.items()}, tuple(lost))


async def _open_questions(
    interview: Interview, said: Mapping[str, Statement], case: Case, asks: Asks
) -> tuple[dict[str, str], list[RowError]]:
    """Return open questions, each with the key of the first claim that it was made of, and what was lost."""
    keys, size = list(said), interview.batch
    batches = [keys[start : start + size] for start in range(0, len(keys), size)]
    posed = await at_once(
        partial(interview.pose, case, [said[key].text for key in batch], asks[SPLITTER]) for batch in batches
    )
    lost = _losses(posed, "calls for open questions", QUESTIONS)
    questions: dict[str, str] = {}
    for batch, made in zip(batches, posed, strict=True):
        for key, question in zip(batch, () if isinstance(made, RowError) else made, strict=False):
            if question is not None:
                questions.setdefault(question, key)
    return questions, lost


def raise_failed(error: RowError) -> None:
    """Raise an error of a call that may succeed later."""
    if error.reason == "call_failed":
        raise error


def _losses(outcomes: Sequence[T | RowError], what: str, place: str) -> list[RowError]:
    """Return what was lost, one entry for each reason. Raises RowError where a call failed that may succeed later."""
    by_reason: dict[str, list[RowError]] = {}
    for one in outcomes:
        if isinstance(one, RowError):
            raise_failed(one)
            by_reason.setdefault(one.reason, []).append(one)
    return [
        RowError(same[0].reason, place, f"{len(same)} of {len(outcomes)} {what}: {same[0].message}")
        for same in by_reason.values()
    ]


def _yes_no_question(sentence: str) -> str:
    """Return the yes/no question that is asked about a sentence.

    >>> _yes_no_question("The cup is blue.")
    'Is this statement true of what the pictures show: The cup is blue.'
    """
    return f"Is this statement true of what the pictures show: {sentence}"
