"""Attacks: what a perturbation, an encoder and a builder tell each other about a picture that is to mislead the encoder."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from pairwright.schemas.image import Image

_METHOD = 2
"""Raised whenever the same attack would come out otherwise, since attacked pictures are stored under their keys."""


@dataclass(frozen=True, slots=True)
class VisionEncoder:
    """A model's picture tower with the preprocessing that belongs to it, as open_clip returns them."""

    features: Callable[[Any], Any]
    """Takes a float tensor, pictures × 3 × height × width, normalised; returns pictures × size, not scaled to length 1:
    ``model.encode_image`` of a model in evaluation mode."""
    transform: Any
    """The encoder's preprocessing: a ``torchvision.transforms.Compose`` that takes a Pillow picture and ends in
    ``Normalize``. But for those that resize, its steps must take tensors as well, as open_clip's for evaluation do."""
    device: str = "cpu"
    dtype: Any = None
    """What ``features`` takes, a ``torch.dtype``; None for float32."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How far and how often an attack may go."""

    radius: int = 2
    """Grey levels of 255 that a channel of a pixel may change by, 1 to 255."""
    steps: int = 10
    step: float | None = None
    """Grey levels of 255 per step, more than 0; None takes a quarter of the radius."""

    @property
    def stride(self) -> float:
        """Return the grey levels per step.

        >>> Budget(radius=4).stride
        1.0
        """
        return self.radius / 4 if self.step is None else self.step


@dataclass(frozen=True, slots=True)
class Figures:
    """What an attack does to the encoder.

    The objective is the squared distance from the clean picture's features, or the cosine with the target's.
    """

    objective: float
    """Of the attacked picture, rounded to 8 bits, through the encoder's own preprocessing. What counts."""
    unrounded: float
    """Before the pixels were rounded, through preprocessing without rounding."""
    clean: float
    """Of the clean picture: 0 for the distance."""
    cosine: float
    """Between the features of the attacked and of the clean picture, through the encoder's own preprocessing."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One picture that is to be attacked."""

    image: Image
    seed: int
    """Decides where in the ball it starts."""
    budget: Budget
    target: tuple[float, ...] | None = None
    """Features to go towards; None goes away from the clean picture's."""

    @property
    def key(self) -> str:
        """Return 64 hex digits over all that decides the attacked picture, but for the encoder."""
        told = [_METHOD, self.image.sha256, self.seed, asdict(self.budget), self.target]
        return sha256(json.dumps(told).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AttackedImage:
    """A picture that was attacked."""

    image: Image
    """PNG, of the size of the clean one, upright."""
    figures: Figures
