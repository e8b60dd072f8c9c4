"""Another picture of the source in the place of this one.

CHiP takes any other picture as one of its image negatives. A data set often holds a picture twice (flipped, resized,
re-encoded), and a copy is no negative; so the first candidate is taken that is no near copy
(:mod:`pairwright.perturbations._near_copies`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

from pairwright.perturbations import Retrieval
from pairwright.perturbations._near_copies import all_ways, distance, min_distance
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    min_distance: Annotated[int, min_distance()]
    tries: Annotated[int, Knob(default=10, low=1, high=1000, unit="pictures", about="how many are looked at")]


def choose(image: Pixels, others: Iterable[Pixels], params: Params) -> int | None:
    """Return the position of the first of ``others`` that is no near copy of ``image``, None if there is none.

    No more than ``tries`` of them are looked at, and none after the one that is chosen. The pictures may have been
    reduced before, each by another factor.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> one, two = (rng.integers(0, 256, (40, 60, 3), np.uint8) for _ in range(2))
    >>> choose(one, [one, one[:, ::-1], two], Params(min_distance=12, tries=10))
    2
    """
    ways = all_ways(image)
    for position, other in enumerate(islice(others, params.tries)):
        if distance(ways, other) >= params.min_distance:
            return position
    return None


PART = Retrieval(
    params=Params,
    choose=choose,
    summary="takes another picture of the source that is no near copy",
    source="CHiP (arXiv 2501.16629): any other picture",
)
