"""Perturbations: image in, image out, one operation per file.

A part binds ``PART`` to a :class:`Perturbation` (changes the picture itself), a :class:`Retrieval` (chooses another
picture), or one of those that need an encoder: an :class:`Adversary` (misleads it) or a :class:`Nearest` (chooses another
picture by its vectors). Parameters are drawn first, recorded, and passed to a pure function::

    from pairwright.perturbations import gaussian_blur
    blurred = gaussian_blur.apply(pixels, gaussian_blur.Params(radius=30.0))
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pairwright.schemas.attack import Budget
from pairwright.schemas.codec import Reduction
from pairwright.schemas.image import Pixels
from pairwright.schemas.room import Room

P = TypeVar("P")

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reduced(Generic[P]):
    """A cheaper way to the same picture, for operations that leave no fine detail behind."""

    factor: Callable[[P], Reduction]
    """How many times smaller the picture may be decoded for these parameters."""
    change: Callable[[Pixels, tuple[int, int], P, Reduction], Pixels]
    """Takes the picture reduced by the factor, the full (height, width), the parameters and the factor; returns what
    is left of the picture, as small as the operation makes it."""
    enlarge: Callable[[Pixels, tuple[int, int], P, int], Pixels]
    """Takes what ``change`` returned, a (height, width), the parameters, and how many pixels of that size each pixel
    of the reduced picture stands for; returns the changed picture at that size. Treats the three channels alike."""

    def apply(self, small: Pixels, size: tuple[int, int], params: P, factor: Reduction) -> Pixels:
        """Return the changed picture of ``size`` (height, width) from its reduction by ``factor``."""
        return self.enlarge(self.change(small, size, params, factor), size, params, factor)


@dataclass(frozen=True, slots=True)
class Perturbation(Generic[P]):
    """An operation that changes a picture."""

    params: type[P]
    """Frozen dataclass of the drawn values, each field with its knob."""
    apply: Callable[[Pixels, P], Pixels]
    """Pure: uint8 RGB height × width × 3 in, the same type out; never changes its input."""
    summary: str
    """One line for ``pairwright list``."""
    source: str
    """Paper or system that the operation and its default numbers come from."""
    reduced: Reduced[P] | None = None


@dataclass(frozen=True, slots=True)
class Retrieval(Generic[P]):
    """An operation that puts another picture of the source in the place of this one."""

    params: type[P]
    choose: Callable[[Pixels, Iterable[Pixels], P], int | None]
    """Takes the picture and others in drawn order; returns the position of the first that will do, or None."""
    summary: str
    source: str


@dataclass(frozen=True, slots=True)
class Adversary(Generic[P]):
    """An operation that changes a picture so that an encoder sees something else; it needs the encoder."""

    params: type[P]
    budget: Callable[[P], Budget]
    """How far and how often, from the drawn values."""
    summary: str
    source: str


@dataclass(frozen=True, slots=True)
class Nearest(Generic[P]):
    """An operation that puts the most similar other picture in the place of this one; it needs an encoder."""

    params: type[P]
    order: Callable[[Vector, Vectors, AbstractSet[int], P], Sequence[int]]
    """Takes the vector of the picture, those of a set's pictures (number × width, rows of length 1, float32), the positions of
    the picture itself and of others that are out of the question, and the parameters; returns the positions of those that may
    do, the most similar first."""
    near_copy: Callable[[Pixels, Pixels, P], bool]
    """Tells whether another picture is a near copy of this one: a copy is no negative."""
    summary: str
    source: str


AnyPerturbation = Perturbation[Any] | Retrieval[Any] | Adversary[Any] | Nearest[Any]

ROOM: Room[AnyPerturbation] = Room(__name__, __path__, (Perturbation, Retrieval, Adversary, Nearest))
"""All perturbations, by file name."""
