"""An adversarial picture: a few grey levels per pixel, which nobody sees, mislead a vision encoder.

Projected gradient steps inside an L-infinity ball, through an encoder that the recipe names: away from what it sees, or towards
a text or another picture. What is done in detail, and where it differs from published code, is told in
:mod:`pairwright.perturbations._pgd`; a builder with an encoder has it done (:mod:`pairwright.builders._attacking`).
"""

from dataclasses import dataclass
from typing import Annotated

from pairwright.perturbations import Adversary
from pairwright.schemas.attack import Budget
from pairwright.schemas.knobs import Knob, noise_seed


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    radius: Annotated[
        int,
        Knob(
            default=2,
            low=1,
            high=64,
            unit="grey levels of 255",
            about="how far a channel of a pixel may move",
            stronger="up",
        ),
    ]
    steps: Annotated[int, Knob(default=10, low=1, high=1000, unit="steps", about="how often it moves")]
    step: Annotated[
        float, Knob(default=0.25, low=0.001, high=2.0, unit="radii", about="how far it moves at a time")
    ]
    noise_seed: Annotated[int, noise_seed()]


def budget(params: Params) -> Budget:
    """Return how far and how often the attack may go.

    >>> budget(Params(radius=4, steps=10, step=0.25, noise_seed=7))
    Budget(radius=4, steps=10, step=1.0)
    """
    return Budget(params.radius, params.steps, params.step * params.radius)


PART = Adversary(
    params=Params,
    budget=budget,
    summary="misleads an encoder by changes that nobody sees; away from what it sees, or towards a text or another picture",
    source="PGD (arXiv 1706.06083) on features as in FARE (2402.12336); AdPO (2504.01735): radius 2, 4 in its stronger form, "
    "10 steps; the step is ours",
)
