"""Random fields that are made again from a recorded seed.

They use only the raw output of PCG64, which its definition fixes for good; how NumPy turns raw output into a normal
distribution may change between its releases. It is also the cheaper way: a noise field of a 640×480 picture takes
1 ms instead of 7.
"""

import math
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVELS = 1 << 16
"""Number of values that a random number takes here."""


def uniform(shape: tuple[int, ...], seed: int) -> NDArray[np.uint16]:
    """Return random numbers, each of the :data:`LEVELS` values from 0 on as likely as the others.

    >>> uniform((2, 3), seed=7).tolist() == uniform((6,), seed=7).reshape(2, 3).tolist()
    True
    """
    count = math.prod(shape)
    raw = np.random.PCG64(seed).random_raw(-(-count // 4))
    return raw.astype("<u8", copy=False).view("<u2")[:count].reshape(shape)


def normal(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Return noise of mean 0 and standard deviation 1, float32, between -4.33 and 4.33.

    Each value is one of 65,536 equally likely quantiles of the normal distribution: finer than 8-bit pictures show.
    """
    return np.take(_quantiles(), uniform(shape, seed))


@cache
def _quantiles() -> NDArray[np.float32]:
    bell = NormalDist()
    return np.array([bell.inv_cdf((i + 0.5) / LEVELS) for i in range(LEVELS)], np.float32)
