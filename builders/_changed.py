"""What a writer sees in place of the prompt's images: none of them, or each of them changed."""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from pairwright.builders._negative import Finish, Negative, Operation, View, make_negative, unaided
from pairwright.perturbations import Retrieval
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.knobs import plan
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings

_PLACE = re.compile(rf"{MARKER}\n*")


class Changed(Settings):
    """A perturbation of all images, drawn for each prompt."""

    name: str
    """A perturbation; ``pairwright list perturbations`` shows them."""
    params: dict[str, float | int | list[float | int]] = {}
    """Its parameters: a value, or a range [low, high] drawn from per record. Missing ones keep their defaults."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A prompt as a writer sees it."""

    prompt: Prompt
    negatives: tuple[Negative, ...] = ()
    """What was done to each image, where they are changed."""

    def told(self) -> list[dict[str, object]]:
        """Return what was done to each image, as it stands in a candidate's params."""
        return [{"perturbation": one.perturbation, "params": dict(one.params)} for one in self.negatives]


def without_images(prompt: Prompt) -> Prompt:
    """Return a prompt without its images and their markers.

    Raises:
        RowError: ``no_question`` where a turn was nothing but images.

    >>> without_images(Prompt("<image>\\nWhat is it?")).question
    'What is it?'
    """

    def bare(text: str) -> str:
        left = _PLACE.sub("", text).strip()
        if not left:
            raise RowError("no_question", "question", "nothing is left of a turn without its images")
        return left

    history = tuple((bare(user), assistant) for user, assistant in prompt.history)
    return replace(prompt, question=bare(prompt.question), images=(), history=history)


def prepare_change(place: str, settings: Changed, seed: int) -> Callable[[str, Prompt], Seen]:
    """Check a change once; return what turns (record id, prompt) into what a writer sees.

    Args:
        place: where the writer stands in the parameters, for seeds and errors: ``samplers.0``.
        settings: the change.
        seed: seed of the run.

    Raises:
        ParameterError: parameters that do not fit the perturbation, or one that takes another row's picture.
        UnknownPartError: there is no such perturbation.
    """
    part = unaided(settings.name)
    if isinstance(part, Retrieval):
        raise ParameterError(
            f"{place}.images: {settings.name} takes another row's picture; name one that changes it"
        )
    operation = Operation(
        settings.name, settings.name, part, plan(settings.name, part.params, settings.params)
    )

    def changed(record_id: str, prompt: Prompt) -> Seen:
        if not prompt.images:
            raise RowError("no_image", "images", f"the prompt has no image for {settings.name} to change")
        negatives = tuple(
            make_negative(
                View(image),
                operation,
                rng=generator(seed, record_id, f"{place}.images[{number}]"),
                finish=Finish(),
                neighbours=_Nobody(),
                record_id=record_id,
            )
            for number, image in enumerate(prompt.images)
        )
        return Seen(replace(prompt, images=tuple(negative.image for negative in negatives)), negatives)

    return changed


async def changed_aside(change: Callable[[str, Prompt], Seen], record_id: str, prompt: Prompt) -> Seen:
    """Run a change in a thread: it takes tens of milliseconds, in which other rows' answers arrive."""
    return await asyncio.to_thread(change, record_id, prompt)


class _Nobody:
    """No other rows: a change is made of the picture alone."""

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        """Yield nothing."""
        return iter(())

    def every(self) -> Iterator[tuple[str, Image]]:
        """Yield nothing."""
        return iter(())

    def image_of(self, record_id: str) -> Image | None:
        """Return None."""
        return None
