"""Nothing of the picture is left, whichever way it is made."""

import numpy as np
import pytest

from pairwright.perturbations.blank import PART, Params, apply
from pairwright.schemas.image import Pixels


@pytest.mark.parametrize("level", [0, 100, 255])
def test_one_grey_level_all_over(photo: Pixels, level: int) -> None:
    assert PART.reduced is not None
    whole = apply(photo, Params(level))
    assert (whole == level).all()
    reduced = PART.reduced.apply(
        photo[::8, ::8], (512, 512), Params(level), PART.reduced.factor(Params(level))
    )
    assert np.array_equal(whole, reduced)
