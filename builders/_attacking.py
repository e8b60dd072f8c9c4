"""Pictures that are attacked: settings as a recipe has them, draws, targets, and what is no attack.

Everything is drawn first and recorded: the perturbation's values, and where another picture is the target, which one. The
encoder's service does the attack; what comes back is measured, and refused where the encoder still sees what it saw.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field

from pairwright.annotators import Encode
from pairwright.annotators.pixels import measure
from pairwright.builders import Neighbours
from pairwright.builders._at_once import all_at_once
from pairwright.builders._negative import Negative, View, edit_of, units_of
from pairwright.builders._reached import Reached
from pairwright.perturbations import ROOM as PERTURBATIONS
from pairwright.perturbations import Adversary
from pairwright.schemas.attack import Attack, AttackedImage
from pairwright.schemas.codec import shrink
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.image import Image
from pairwright.schemas.knobs import Plan, plan
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow


class TowardsText(Settings):
    """A text that pictures are to look like to the encoder."""

    text: Annotated[str, Field(min_length=1)]
    """The text."""


Towards = Literal["rejected", "other_image"] | TowardsText
"""What an attack goes towards: the row's own rejected text, another picture of the shard, or a text."""


class Attacking(Settings):
    """How pictures are attacked."""

    name: str = "pgd"
    """A perturbation that misleads an encoder; ``pairwright list perturbations`` shows them."""
    params: dict[str, float | int | list[float | int]] = {}
    """Its parameters: a value, or a range [low, high] drawn from per record. Missing ones keep their defaults."""
    towards: Towards | None = None
    """What pictures are to look like to the encoder: ``{text: "…"}``, the row's ``rejected`` text, or ``other_image``, a picture
    of the shard drawn per record. Away from what they show, if not given."""
    max_cosine: Annotated[float, Field(gt=-1, le=1)] = 0.95
    """An attack has failed where the encoder still finds both pictures more alike than this (cosine of their features)."""


@dataclass(frozen=True, slots=True)
class Attacker:
    """An attack that was checked."""

    place: str
    """Where it stands in the parameters: ``attack``. For seeds and rejects."""
    name: str
    part: Adversary[Any]
    plan: Plan[Any]
    towards: Towards | None
    max_cosine: float


@dataclass(frozen=True, slots=True)
class Victim:
    """The encoder that is misled."""

    encode: Encode
    name: str
    """Name of its model."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an attack goes towards."""

    features: tuple[float, ...]
    told: Mapping[str, str]
    cut: bool = False
    """Whether it is a text that is longer than the encoder reads."""


def prepare_attack(settings: Attacking, place: str) -> Attacker:
    """Check once how pictures are attacked.

    Raises:
        ParameterError: no perturbation of this name, one that is no attack, or parameters that do not fit it.
    """
    try:
        part = PERTURBATIONS.get(settings.name)
    except UnknownPartError as error:
        raise ParameterError(f"{place}.name: {error}") from error
    if not isinstance(part, Adversary):
        raise ParameterError(f"{place}.name: {settings.name} misleads no encoder; take pgd")
    try:
        checked = plan(settings.name, part.params, settings.params)
    except ParameterError as error:
        raise ParameterError(f"{place}.params: {error}") from error
    return Attacker(place, settings.name, part, checked, settings.towards, settings.max_cosine)


def check_lossless(encoding: str, place: str) -> None:
    """Check the file format that a recipe wants of attacked pictures.

    Raises:
        ParameterError: another one than PNG: an attack is exact to the grey level, and what is encoded again has lost it.

    >>> check_lossless("jpeg", "encoding")
    Traceback (most recent call last):
    pairwright.schemas.errors.ParameterError: encoding: attacked pictures are stored as PNG, without loss; leave jpeg out
    """
    if encoding not in ("auto", "png"):
        raise ParameterError(
            f"{place}: attacked pictures are stored as PNG, without loss; leave {encoding} out"
        )


def check_attackable(attacker: Attacker, row: SourceRow) -> None:
    """Check what is known of a row before anything is encoded.

    Raises:
        RowError: ``no_image`` where it has no picture, ``no_answer`` where it lacks the rejected text to go towards.
    """
    if not row.prompt.images:
        raise RowError(
            "no_image", "images", f"the row has no picture that {attacker.name} could mislead an encoder with"
        )
    if attacker.towards == "rejected" and row.rejected is None:
        raise RowError(
            "no_answer",
            "rejected",
            "the attack goes towards the row's rejected text, and it has none: name its column (source.columns.rejected)",
        )


async def attacked_images(
    attacker: Attacker,
    row: SourceRow,
    *,
    seed: int,
    victim: Victim,
    neighbours: Neighbours,
) -> tuple[Negative, ...]:
    """Return the attacked copy of each picture of a row; all are attacked at the same time.

    Args:
        attacker: how.
        row: whose pictures.
        seed: seed of the run; values are drawn by it, the record id, the attacker's place and the picture's number.
        victim: the encoder that is misled.
        neighbours: the other rows of the shard.

    Raises:
        RowError: as :func:`check_attackable` and :func:`attacked_image` do; ``no_other_image`` where the shard has no other one.
    """
    check_attackable(attacker, row)
    places = [f"{attacker.place}[{number}]" for number in range(len(row.prompt.images))]
    rngs = [generator(seed, row.record_id, place) for place in places]
    drawn = [attacker.plan.draw(rng) for rng in rngs]

    async def attacked(image: Image, params: Any, rng: Random) -> Negative:
        target = await target_of(attacker, row, image, rng=rng, victim=victim, neighbours=neighbours)
        return await attacked_image(attacker, image, params, target, victim=victim)

    pictures = zip(row.prompt.images, drawn, rngs, strict=True)
    return tuple(await all_at_once(partial(attacked, *one) for one in pictures))


async def attacked_image(
    attacker: Attacker, image: Image, params: Any, target: Target | None, *, victim: Victim
) -> Negative:
    """Return the attacked copy of one picture.

    Args:
        attacker: how.
        image: the picture.
        params: drawn values of the perturbation.
        target: what :func:`target_of` returned.
        victim: the encoder that is misled.

    Raises:
        RowError: ``attack_failed`` where the encoder finds both pictures more alike than ``max_cosine``, or the target no
            nearer than before; or for a broken picture.
    """
    budget = attacker.part.budget(params)
    features = None if target is None else target.features
    attacked = await victim.encode.attacked(Attack(image, params.noise_seed, budget, features))
    reached = Reached(
        victim.name, attacked.figures, target.told if target else {}, bool(target and target.cut)
    )
    _check_reached(attacker, reached)
    return await asyncio.to_thread(_negative, attacker, image, params, attacked, reached)


async def target_of(
    attacker: Attacker, row: SourceRow, image: Image, *, rng: Random, victim: Victim, neighbours: Neighbours
) -> Target | None:
    """Return what a picture is attacked towards; None for an attack that only goes away.

    Raises:
        RowError: ``no_answer`` where the row lacks the text, ``no_other_image`` where the shard has no other picture.
    """
    if attacker.towards is None:
        return None
    if attacker.towards == "other_image":
        return await _other_image(attacker, row, image, rng, victim, neighbours)
    check_attackable(attacker, row)
    text = row.rejected or "" if attacker.towards == "rejected" else attacker.towards.text
    encoded = await victim.encode.text(text)
    told = {"rejected" if attacker.towards == "rejected" else "text": text}
    return Target(tuple(encoded.vector.tolist()), told, encoded.cut)


async def _other_image(
    attacker: Attacker, row: SourceRow, image: Image, rng: Random, victim: Victim, neighbours: Neighbours
) -> Target:
    others = neighbours.images(row.record_id, rng)
    while found := await asyncio.to_thread(next, others, None):  # read from the source one by one
        other_id, other = found
        if other.sha256 == image.sha256:
            continue
        try:
            vector = await victim.encode.image(other)
        except RowError:
            continue  # a broken picture: its own row is rejected for it
        return Target(tuple(vector.tolist()), {"other_image": other_id})
    raise RowError(
        "no_other_image", attacker.place, "the shard has no other picture that could be gone towards"
    )


def _check_reached(attacker: Attacker, reached: Reached) -> None:
    """Raise RowError where the encoder was not misled."""
    figures = reached.figures
    if figures.cosine > attacker.max_cosine:
        message = f"{reached.encoder} finds both pictures alike (cosine {figures.cosine:.3f}, more than {attacker.max_cosine:g})"
        raise RowError("attack_failed", attacker.place, message)
    if reached.towards and figures.objective <= figures.clean:
        message = f"no nearer to the target (cosine {figures.objective:.3f}, {figures.clean:.3f} before)"
        raise RowError("attack_failed", attacker.place, message)


def _negative(
    attacker: Attacker, image: Image, params: Any, attacked: AttackedImage, reached: Reached
) -> Negative:
    """Measure an attacked picture. Both are decoded in full: a reduced decode of one would be a difference of its own."""
    views = View(image), View(attacked.image)
    factor = views[0].measured_at
    clean, changed = (shrink(view.at(1), factor) for view in views)
    values = asdict(params)
    edit = f"{edit_of(attacker.name, attacker.plan, values)} on {reached.encoder}"
    return Negative(
        image=attacked.image.with_edit(edit),
        measures=measure(clean, changed),
        perturbation=attacker.name,
        params=values,
        units=units_of(attacker.plan),
        reached=reached,
    )
