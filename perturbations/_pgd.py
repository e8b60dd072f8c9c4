"""Adversarial pictures: a few grey levels per pixel that move what a vision encoder sees, and that nobody else sees.

Projected gradient (PGD, arXiv 1706.06083) inside an L-infinity ball. Untargeted, it maximises the squared distance of
the encoder's features from those of the clean picture, which needs no label: the inner problem of FARE (arXiv
2402.12336), and the rejected pictures of AdPO (arXiv 2504.01735: 10 steps, radius 2/255, and 4/255 in its stronger form).
Targeted, it maximises the cosine with the features of a text or of another picture. AdPO does not tell its step; FARE's
code takes 1/255 with 10 steps at both radii. Here it is a quarter of the radius: the same at 4/255, and 2.5 radii in all.
FARE also keeps a momentum of 0.9 and starts at the clean picture, where the gradient of a distance is zero but for
rounding; here there is no momentum, and the start is drawn from the ball.

Published attacks change the encoder's input, a square of fixed size that no file holds. Here gradients flow through the
encoder's own preprocessing back to the pixels of the picture at its own size, and what comes out is rounded to 8 bits and
encoded again the way every other picture is: the figures in :class:`Figures` hold for the file that is stored, as long
as it is stored without loss. JPEG of quality 95 leaves the ball; of a picture as small as the encoder's input it undoes
two thirds of the distance at radius 2, of one five times as large little, because there the attack has no fine detail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from pairwright.perturbations._random_fields import LEVELS, uniform
from pairwright.schemas.attack import Budget, Figures, VisionEncoder
from pairwright.schemas.errors import ModelError
from pairwright.schemas.image import Pixels


@dataclass(frozen=True, slots=True)
class Attacked:
    """An attacked picture, and what it does to the encoder."""

    pixels: Pixels
    figures: Figures


def attack(
    pictures: Sequence[Pixels],
    seeds: Sequence[int],
    encoder: VisionEncoder,
    budget: Budget | Sequence[Budget],
    *,
    target: NDArray[np.float32] | None = None,
) -> list[Attacked]:
    """Return attacked copies of pictures, which may differ in size; all go through the encoder at once.

    The same picture and seed give the same result on the same CPU with the same batch. In another batch the features
    differ in their last bits, and with them the sign of gradients near zero: some pixels come out differently, what is
    achieved hardly. PyTorch's gradient of a bicubic resize on GPUs adds up in any order, with the same effect.

    Args:
        pictures: uint8, height × width × 3, RGB.
        seeds: one for each picture; decides where in the ball it starts.
        encoder: whose features are moved.
        budget: radius and steps: one for all pictures, or one for each, of which all have as many steps.
        target: features to go towards, of any length but zero: one vector for each picture, pictures × size. None goes
            away from the clean picture's.

    Raises:
        ModelError: the encoder gives numbers that are not finite.
    """
    import torch

    budgets = [budget] * len(pictures) if isinstance(budget, Budget) else budget
    with torch.inference_mode(False), torch.no_grad():
        clean = [_as_tensor(picture, encoder.device) for picture in pictures]
        goal = None if target is None else torch.tensor(target, device=encoder.device)
        smooth, stored = _features(clean, encoder), _stored_features(pictures, encoder)
        drawn = zip(clean, seeds, budgets, strict=True)
        start = [_started(picture, seed, own.radius) for picture, seed, own in drawn]
        moved = _climbed(clean, start, encoder, budgets, lambda found: _objective(found, smooth, goal))
        rounded = [_as_pixels(picture) for picture in moved]
        found = _stored_features(rounded, encoder)
        figures = [
            _objective(found, stored, goal),
            _objective(_features(moved, encoder), smooth, goal),
            _objective(stored, stored, goal),
            torch.nn.functional.cosine_similarity(found, stored),
        ]
        if not all(bool(figure.isfinite().all()) for figure in figures):
            raise ModelError(
                "the vision encoder gives features that are not finite; take precision fp32 or bf16"
            )
    rows = zip(*(figure.tolist() for figure in figures), strict=True)
    return [Attacked(pixels, Figures(*row)) for pixels, row in zip(rounded, rows, strict=True)]


def _climbed(
    clean: Sequence[Any],
    start: Sequence[Any],
    encoder: VisionEncoder,
    budgets: Sequence[Budget],
    objective: Callable[[Any], Any],
) -> list[Any]:
    """Return the pictures after all steps, unrounded. Pixels that the encoder never looked at are as they were."""
    import torch

    bounds = [
        ((picture - own.radius).clamp_(min=0), (picture + own.radius).clamp_(max=255))
        for picture, own in zip(clean, budgets, strict=True)
    ]
    moved = [x.clamp(*ends) for x, ends in zip(start, bounds, strict=True)]
    seen = [torch.zeros_like(picture, dtype=torch.bool) for picture in clean]
    [steps] = {own.steps for own in budgets}
    for _ in range(steps):
        with torch.enable_grad():
            leaves = [picture.detach().requires_grad_() for picture in moved]
            gradients = torch.autograd.grad(objective(_features(leaves, encoder)).sum(), leaves)
        for index, (gradient, ends) in enumerate(zip(gradients, bounds, strict=True)):
            moved[index] = (moved[index] + budgets[index].stride * gradient.sign()).clamp_(*ends)
            seen[index] |= gradient != 0
    return [torch.where(mask, x, picture) for mask, x, picture in zip(seen, moved, clean, strict=True)]


def _objective(found: Any, clean: Any, goal: Any) -> Any:
    """Return what is to be maximised, one number for each picture."""
    import torch

    if goal is None:
        return (found - clean).square().sum(dim=-1)
    return torch.nn.functional.cosine_similarity(found, goal)


def _as_tensor(picture: Pixels, device: str) -> Any:
    """Return a picture as float32, 3 × height × width, in grey levels of 255."""
    import torch

    return torch.tensor(np.ascontiguousarray(picture.transpose(2, 0, 1)), dtype=torch.float32, device=device)


def _as_pixels(picture: Any) -> Pixels:
    """Return a tensor of grey levels as a picture. The ends of the ball are whole numbers, so rounding stays inside."""
    return np.ascontiguousarray(picture.round().cpu().numpy().astype(np.uint8).transpose(1, 2, 0))


def _started(picture: Any, seed: int, radius: int) -> Any:
    """Return the picture plus noise that is even over the ball."""
    import torch

    noise = (uniform(tuple(picture.shape), seed) + np.float32(0.5)) * np.float32(2 / LEVELS) - 1
    return picture + radius * torch.tensor(noise, dtype=torch.float32, device=picture.device)


def _features(pictures: Sequence[Any], encoder: VisionEncoder) -> Any:
    """Return features of pictures in grey levels, float32, pictures × size; gradients flow back to the pixels."""
    import torch

    views = torch.stack([_viewed(picture, encoder.transform) for picture in pictures])
    return encoder.features(views.to(encoder.dtype or torch.float32)).float()


def _viewed(picture: Any, transform: Any) -> Any:
    """Run the encoder's preprocessing on a tensor.

    In grey levels up to the last step, because that is the scale of the colour that pads; and a bicubic resize goes
    beyond black and white, where Pillow stops.
    """
    *geometry, normalise = transform.transforms
    for step in geometry:
        picture = _resized(picture, step) if hasattr(step, "interpolation") else step(picture)
    return normalise(picture.clamp(0, 255) / 255)


def _resized(picture: Any, step: Any) -> Any:
    """Do to a tensor what a step of preprocessing that resizes does to a Pillow picture; not all of them take tensors."""
    import torch

    height, width = picture.shape[1:]
    width, height = step(PIL.Image.new("L", (width, height))).size
    resize = torch.nn.functional.interpolate
    return resize(picture[None], (height, width), mode=step.interpolation.value, antialias=True)[0]


def _stored_features(pictures: Sequence[Pixels], encoder: VisionEncoder) -> Any:
    """Return features of pictures as they are computed for any file, float32, pictures × size."""
    import torch

    views = torch.stack([encoder.transform(PIL.Image.fromarray(picture)) for picture in pictures])
    return encoder.features(views.to(device=encoder.device, dtype=encoder.dtype)).float()
