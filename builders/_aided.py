"""One image negative made with an encoder at hand: an attack, the most similar picture, or a strength searched by what the
encoder sees. Perturbations that need none go their usual way.

Pictures are decoded anew at each step, in a thread, and forgotten: many rows wait for an encoder at the same time, and a
decoded photograph takes a hundred times the memory of its file.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Literal, TypeGuard

from pairwright.annotators.pixels import MeasureName
from pairwright.builders import Encodes, Neighbours
from pairwright.builders._attacking import Attacker, Victim, attacked_image, target_of
from pairwright.builders._encoded import Fitting
from pairwright.builders._encoder_measures import RANGES, EncoderMeasure, EncoderMeasures, compared
from pairwright.builders._nearest import Galleries, Looked
from pairwright.builders._negative import (
    Finish,
    Negative,
    Operation,
    View,
    changed_by,
    check_bands,
    make_negative,
    not_reached,
    taken,
    tried,
)
from pairwright.perturbations import Nearest
from pairwright.perturbations._search import Target, halvings
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.knobs import Knob, Plan
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow

AnyMeasure = Literal[MeasureName, EncoderMeasure]


def of_encoders(name: AnyMeasure) -> TypeGuard[EncoderMeasure]:
    """Tell whether a measure is one of encoders, and not of pixels.

    >>> of_encoders("image_text_drop"), of_encoders("ssim")
    (True, False)
    """
    return name in RANGES


def of_pixels(name: AnyMeasure) -> TypeGuard[MeasureName]:
    """Tell whether a measure is one of pixels."""
    return not of_encoders(name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a strength is searched for."""

    measure: AnyMeasure
    target: Target
    strength: str
    """The parameter on which it is searched."""
    knob: Knob


@dataclass(frozen=True, slots=True)
class Retriever:
    """A :class:`Nearest` as a recipe set it, checked."""

    part: Nearest[Any]
    galleries: Galleries
    """Of the encoder that it goes by."""


@dataclass(frozen=True, slots=True)
class Aided:
    """A perturbation as a recipe set it, checked."""

    key: str
    """What seeds are drawn for."""
    name: str
    weight: float
    plan: Plan[Any]
    how: Operation | Attacker | Retriever
    until: Wanted | None
    """Search the weakest strength that reaches this. What an :class:`Operation` can search by pixels alone stands in it."""
    place: str
    """The encoder that an attack misleads, or the most similar picture goes by."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """The encoders, and how they look."""

    settings: Fitting
    names: Mapping[str, str]
    """Name of each encoder's model, by its place."""
    encodes: Encodes

    async def compared(self, image: Image, negative: Image, text: str) -> EncoderMeasures:
        """Return what all of them say of a negative; ``text`` is the chosen answer as it is scored."""
        return await compared(
            image, negative, text, settings=self.settings, names=self.names, encodes=self.encodes
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """One picture of a row, of which a negative is made."""

    row: SourceRow
    image: Image
    number: int
    text: str
    """The chosen answer as it is scored."""
    seed: int
    """Seed of the run."""
    neighbours: Neighbours


async def aided_negative(aided: Aided, subject: Subject, *, eyes: Eyes, finish: Finish) -> Negative:
    """Return the negative of one picture.

    Raises:
        RowError: as :func:`make_negative`, and ``attack_failed``.
    """
    rng = generator(subject.seed, subject.row.record_id, f"{aided.key}[{subject.number}]")
    how = aided.how
    if isinstance(how, Attacker):
        return await _attacked(aided, how, subject, rng, eyes, finish)
    if isinstance(how, Retriever):
        return await _nearest(aided, how, subject, rng, eyes, finish)
    if aided.until is None:
        return await asyncio.to_thread(_unaided, how, subject, rng, finish)

    async def image_for(params: Any) -> Image:
        return await asyncio.to_thread(lambda: tried(View(subject.image), how, params, finish))

    params = await _weakest(aided.name, aided.until, aided.plan.draw(rng), subject, eyes, image_for)
    return await asyncio.to_thread(lambda: changed_by(View(subject.image), how, params, finish))


def _unaided(operation: Operation, subject: Subject, rng: Random, finish: Finish) -> Negative:
    return make_negative(
        View(subject.image),
        operation,
        rng=rng,
        finish=finish,
        neighbours=subject.neighbours,
        record_id=subject.row.record_id,
    )


async def _attacked(
    aided: Aided, attacker: Attacker, subject: Subject, rng: Random, eyes: Eyes, finish: Finish
) -> Negative:
    params = aided.plan.draw(rng)
    victim = Victim(eyes.encodes[aided.place], eyes.names[aided.place])
    target = await target_of(
        attacker, subject.row, subject.image, rng=rng, victim=victim, neighbours=subject.neighbours
    )
    attack = partial(attacked_image, attacker, subject.image, target=target, victim=victim)

    if aided.until is not None:
        params = await _weakest(aided.name, aided.until, params, subject, eyes, attack)
    negative = await attack(params)
    check_bands(aided.name, negative.measures, finish.accept)
    return negative


async def _nearest(
    aided: Aided, retriever: Retriever, subject: Subject, rng: Random, eyes: Eyes, finish: Finish
) -> Negative:
    params = aided.plan.draw(rng)
    looked = await retriever.galleries.look(
        subject.image,
        retriever.part,
        params,
        record_id=subject.row.record_id,
        neighbours=subject.neighbours,
        encode=eyes.encodes[aided.place],
    )
    if not looked.found:
        raise RowError("no_other_image", aided.name, _none_found(looked))
    [one] = looked.found
    other = (one.record_id, one.image)
    return await asyncio.to_thread(
        lambda: taken(View(subject.image), aided.name, aided.plan, params, other, finish)
    )


def _none_found(looked: Looked) -> str:
    """Return why no picture was taken."""
    if not looked.others:
        return "the shard has no other picture"
    copies = ", each of them a near copy" if looked.looked_at else ""
    return f"of {looked.others} other pictures {looked.looked_at} are as similar as wanted{copies}"


async def _weakest(
    name: str,
    wanted: Wanted,
    drawn: Any,
    subject: Subject,
    eyes: Eyes,
    made: Callable[[Any], Awaitable[Negative | Image]],
) -> Any:
    """Return the drawn values with the weakest strength that gives what is wanted, measured on the file to be stored.

    Raises:
        RowError: ``target_not_reached``, or a broken picture.
    """
    search = halvings(drawn, wanted.strength, wanted.knob, wanted.target)
    params = next(search)
    while True:
        value = await _value(wanted.measure, subject, eyes, partial(made, params))
        try:
            params = search.send(value)
        except StopIteration as done:
            if done.value is None:
                raise not_reached(name, wanted.strength, wanted.knob, wanted.measure, wanted.target) from None
            return done.value


async def _value(
    measure: AnyMeasure, subject: Subject, eyes: Eyes, made: Callable[[], Awaitable[Negative | Image]]
) -> float:
    """Return the measure of a negative that is tried; NaN where it has none, or is an attack that failed."""
    try:
        negative = await made()
    except RowError as error:
        if error.reason != "attack_failed":
            raise
        return math.nan
    if of_encoders(measure):
        image = negative.image if isinstance(negative, Negative) else negative
        return (await eyes.compared(subject.image, image, subject.text)).value(measure)
    if not isinstance(negative, Negative):
        raise TypeError(f"{measure} is searched where pixels are at hand")
    value: float | None = getattr(negative.measures, measure)
    return math.nan if value is None else value
