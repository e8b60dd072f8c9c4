"""Pairs for the tests of the schema room."""

from collections.abc import Callable

import numpy as np
import pytest

from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.pair import Pair, PairKind, group_id, pair_id
from pairwright.schemas.prompt import Prompt


@pytest.fixture(scope="session")
def make_pairs() -> Callable[..., list[Pair]]:
    """Function that makes ``count`` different pairs of a kind, numbered from ``start``."""

    def make(count: int, kind: PairKind = "text", start: int = 0) -> list[Pair]:
        return [_pair(number, kind) for number in range(start, start + count)]

    return make


def _pair(number: int, kind: PairKind) -> Pair:
    rng = np.random.default_rng(number)
    clean, other = (read_image(encode(rng.integers(0, 256, (16, 20, 3), np.uint8), "jpeg")) for _ in range(2))
    prompt = Prompt(f"<image>\nWhat is in picture {number}?", (clean,))
    rejected = "A cat." if kind == "image" else "A dog."
    negatives = None if kind == "text" else (other,)
    return Pair(
        id=pair_id(f"set.csv:{number}", prompt, "A cat.", rejected, negatives),
        prompt=prompt,
        chosen="A cat.",
        rejected=rejected,
        rejected_images=negatives,
        kind=kind,
        source="set",
        source_id=str(number),
        group_id=group_id(prompt),
    )
