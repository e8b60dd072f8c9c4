"""Photographs for the perturbations' tests: they come with scikit-image, so nothing is downloaded."""

import numpy as np
import pytest
import skimage.data

from pairwright.schemas.image import Pixels


@pytest.fixture(scope="session")
def photos() -> dict[str, Pixels]:
    """Photographs and a page of text by name; ``odd`` has sides that no power of two divides."""
    page = np.repeat(skimage.data.page()[..., None], 3, axis=2)
    return {
        "astronaut": skimage.data.astronaut(),
        "coffee": skimage.data.coffee(),
        "cat": skimage.data.chelsea(),
        "page": np.ascontiguousarray(page),
        "odd": np.ascontiguousarray(skimage.data.astronaut()[:301, 100:305]),
    }


@pytest.fixture(scope="session")
def photo(photos: dict[str, Pixels]) -> Pixels:
    """One photograph, 512 × 512."""
    return photos["astronaut"]
