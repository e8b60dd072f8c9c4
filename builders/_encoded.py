"""What encoders say of a row's answers: one score of each, by how well it fits the pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Annotated, Literal, TypeVar

from pydantic import Field, FiniteFloat, model_validator

from pairwright.annotators import Encode, Vector
from pairwright.annotators._encoding import EncoderSettings, encoder_name
from pairwright.annotators._similarity import (
    Similarity,
    agreeing,
    by_sentence,
    judgement,
    rounded,
    whole,
)
from pairwright.annotators._votes import Agreement
from pairwright.builders import Encodes
from pairwright.builders._at_once import at_once
from pairwright.builders._candidates import Line, why_too_few
from pairwright.correctors._sentences import sentences
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.prompt import MARKER
from pairwright.schemas.reject import Reject
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

T = TypeVar("T")

IMAGE_TEXT = "image_text"
"""Aspect of how well a text fits the pictures."""

_QUESTION, _ANSWER = "{question}", "{answer}"
SHORTEST = 4
"""Characters of a sentence that is scored; CSR (arXiv 2405.14622) leaves out shorter ones."""


class Encoders(Settings):
    """Parameters of a builder whose pictures and texts are encoded."""

    encoders: Annotated[tuple[EncoderSettings, ...], Field(min_length=1)] = (EncoderSettings(),)
    """Who compares texts with pictures, by 100 × cosine: one encoder or several, of which the mean counts."""


class Fitting(Encoders):
    """Parameters of a builder whose answers are compared with pictures by encoders."""

    per: Literal["text", "sentence"] = "text"
    """What is scored: the answer as a whole, or each of its sentences, so that no long answer is cut."""
    sentences: Literal["mean", "min"] = "mean"
    """What the scores of the sentences become: their mean, or the lowest of them."""
    scored: str = _ANSWER
    """The text that is scored, with ``{answer}`` once and ``{question}`` at most once: a short answer says little by itself."""

    @model_validator(mode="after")
    def _can_be_scored(self) -> "Fitting":
        if self.scored.count(_ANSWER) != 1 or self.scored.count(_QUESTION) > 1:
            raise ValueError(f"scored must hold {_ANSWER} exactly once, and {_QUESTION} at most once")
        return self


class Encoded(Fitting):
    """Parameters of a builder whose answers are scored by encoders."""

    over_context: Literal["drop", "keep"] = "drop"
    """What becomes of an answer that is longer than an encoder reads (77 tokens of most): left out, or scored by its
    beginning."""
    min_score: FiniteFloat | None = None
    """Answers of a lower score are left out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A row's pictures as the encoders have them."""

    by_encoder: Mapping[str, tuple[Vector, ...]]


@dataclass(frozen=True, slots=True)
class Scored:
    """What the encoders said of a row's answers."""

    candidates: tuple[Candidate, ...]
    """With score and judgements; without a score where the answer is left out."""
    columns: tuple[tuple[float, ...], ...]
    """For each encoder the values of all answers."""
    faults: tuple[RowError | None, ...]
    """Of each answer, why it is left out."""

    @property
    def agreement(self) -> Agreement | None:
        """How often two encoders put two answers in the same order; None with one encoder alone."""
        if len(self.columns) < 2:
            return None
        pairs = list(combinations(range(len(self.candidates)), 2))
        orders = [
            [math.copysign(1, one[a] - one[b]) * (one[a] != one[b]) for a, b in pairs] for one in self.columns
        ]
        two = list(combinations(orders, 2))
        same = sum(one == other for first, second in two for one, other in zip(first, second, strict=True))
        return Agreement(same, len(two) * len(pairs))

    def agreeing(self, better: int, worse: int) -> int:
        """Return how many encoders put one answer over another."""
        return agreeing(self.columns, better, worse)


def why_unscored(line: Line, failed: Sequence[Reject], scored: Scored) -> RowError | None:
    """Return why there are no pairs, where too few answers are left for one.

    Args:
        line: the answers there are.
        failed: rejects of requests for more of them.
        scored: what was said of the usable ones.
    """
    if line.usable < 2:
        return why_too_few(line, failed)
    faults = [fault for fault in scored.faults if fault is not None]
    left = len(scored.faults) - len(faults)
    if left > 1 or not faults:
        return None
    told = f"{left} of {line.usable} answers have a score that counts; {faults[0].message}"
    return RowError(faults[0].reason, faults[0].field, told)


def encoders_by_place(settings: Encoders) -> dict[str, EncoderSettings]:
    """Return the encoders by where they stand in the parameters."""
    return {f"encoders.{number}": one for number, one in enumerate(settings.encoders)}


def names_of(settings: Encoders) -> dict[str, str]:
    """Return the name of each encoder's model, by where it stands.

    Raises:
        ParameterError: there is no such encoder, or two have the same name.
    """
    names = {place: encoder_name(one, place) for place, one in encoders_by_place(settings).items()}
    for place, name in names.items():
        first = next(other for other, known in names.items() if known == name)
        if first != place:
            raise ParameterError(f"{place}: {name} stands at {first} already; judgements would be mixed up")
    return names


async def seen_by(row: SourceRow, encodes: Encodes) -> Seen:
    """Have a row's pictures encoded.

    Raises:
        RowError: there are none, or one cannot be decoded.
    """
    images = row.prompt.images
    if not images:
        raise RowError("no_image", "image", "the row has no picture that a text could be compared with")
    found: dict[str, tuple[Vector, ...]] = {}
    for place, encode in encodes.items():
        vectors = await at_once(partial(encode.image, image) for image in images)
        for one in vectors:
            if isinstance(one, RowError):
                raise one
        found[place] = tuple(one for one in vectors if not isinstance(one, RowError))
    return Seen(found)


async def scored_by(
    settings: Encoded,
    names: Mapping[str, str],
    row: SourceRow,
    candidates: Sequence[Candidate],
    *,
    seen: Seen,
    encodes: Encodes,
) -> Scored:
    """Return answers with their scores; the answers are encoded all at the same time."""
    texts = [scored_text(settings.scored, row.prompt.question, one.text) for one in candidates]
    by_encoder: list[list[Similarity]] = []
    for place, encode in encodes.items():
        found = await at_once(partial(fit, settings, encode, seen.by_encoder[place], text) for text in texts)
        by_encoder.append([_whole(one) for one in found])
    said = [list(column) for column in zip(*by_encoder, strict=True)]
    faults = tuple(_fault(settings, names, one) for one in said)
    return Scored(
        candidates=tuple(
            _with(one, names, found, fault)
            for one, found, fault in zip(candidates, said, faults, strict=True)
        ),
        columns=tuple(tuple(one.value for one in column) for column in by_encoder),
        faults=faults,
    )


def scored_text(template: str, question: str, answer: str) -> str:
    """Return the text that is scored: the template with question and answer in their places.

    >>> scored_text("{question} {answer}", "<image> What is it?", "A cat.")
    'What is it? A cat.'
    """
    asked = " ".join(question.replace(MARKER, " ").split())
    before, _, after = template.partition(_ANSWER)
    return before.replace(_QUESTION, asked) + answer + after.replace(_QUESTION, asked)


async def fit(settings: Fitting, encode: Encode, images: Sequence[Vector], text: str) -> Similarity:
    """Return how well a text fits pictures; of several pictures the mean counts."""
    if settings.per == "text":
        encoded = await encode.text(text)
        fits = [whole(image, encoded) for image in images]
    else:
        parts = [_whole(one) for one in await at_once(partial(encode.text, one) for one in _sentences(text))]
        fits = [by_sentence(image, parts, worst=settings.sentences == "min") for image in images]
    if len(fits) == 1:
        return fits[0]
    value = rounded(math.fsum(one.value for one in fits) / len(fits))
    return Similarity(value, any(one.cut for one in fits))


def _sentences(text: str) -> list[str]:
    """Return the sentences that are scored: those that are not too short, or the whole text if all are."""
    found = [text[start:end] for start, end in sentences(text)]
    return [one for one in found if len(one) >= SHORTEST] or [text]


def _whole(found: T | RowError) -> T:
    """Return a result that cannot be a reject: texts are always encoded."""
    if isinstance(found, RowError):
        raise found
    return found


def _score(found: Sequence[Similarity]) -> float:
    return rounded(math.fsum(one.value for one in found) / len(found))


def _fault(settings: Encoded, names: Mapping[str, str], found: Sequence[Similarity]) -> RowError | None:
    """Return why an answer is left out."""
    cut = [name for name, one in zip(names.values(), found, strict=True) if one.cut]
    if cut and settings.over_context == "drop":
        what = "the text" if settings.per == "text" else "a sentence of it"
        return RowError("over_context", "encoders", f"{what} is longer than {', '.join(cut)} reads")
    score = _score(found)
    if settings.min_score is not None and score < settings.min_score:
        return RowError("low_score", "min_score", f"{score:g} is below {settings.min_score:g}")
    return None


def _with(
    candidate: Candidate, names: Mapping[str, str], found: Sequence[Similarity], fault: RowError | None
) -> Candidate:
    """Return a candidate with what the encoders said of it, in place of what they said before."""
    before = (one for one in candidate.judgements if one.scorer not in names.values())
    said = (judgement(name, IMAGE_TEXT, one) for name, one in zip(names.values(), found, strict=True))
    score = None if fault else _score(found)
    return replace(candidate, score=score, judgements=(*before, *said))
