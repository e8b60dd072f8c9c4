"""Randomness that depends on what is drawn for, never on when or where it is drawn."""

from hashlib import blake2b
from random import Random


def seed_for(seed: int, record_id: str, part: str) -> int:
    """Return the 64-bit seed of one draw.

    The same (run seed, record id, part name) gives the same number on every machine, with any number of workers,
    in one go or after a resume; another value of any of the three gives an unrelated one.

    >>> seed_for(0, "train.csv:12", "gaussian_blur") == seed_for(0, "train.csv:12", "gaussian_blur")
    True
    >>> seed_for(0, "train.csv:12", "gaussian_blur") == seed_for(0, "train.csv:13", "gaussian_blur")
    False
    """
    key = f"{seed}\x1f{record_id}\x1f{part}".encode()
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


def generator(seed: int, record_id: str, part: str) -> Random:
    """Return the random generator of one draw, seeded by :func:`seed_for`.

    It is Python's own because of its promise: the same seed gives the same ``random()`` in every release.
    """
    return Random(seed_for(seed, record_id, part))  # noqa: S311  # chance, not secrets
