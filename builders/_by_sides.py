"""Pairs by sides: constructions that know, before anybody judges, on which side of a pair each answer stands."""

from collections.abc import Sequence

from pairwright.builders._writers import Writer
from pairwright.pairings._forming import FormPairs, PairingSettings, goes_by
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.schemas.candidate import Side
from pairwright.schemas.errors import ParameterError


class BySides(PairingSettings):
    """How pairs are formed, with the defaults of builders that give every answer its side."""

    rule: str = "sides"
    """``sides``, or another rule that goes by the sides of answers; ``pairwright list pairings`` shows them."""


def prepare_by_sides(pairing: BySides, latest: int = 1) -> FormPairs:
    """Check the settings and return the function that the answers to every prompt go through.

    Args:
        pairing: the ``pairing`` block.
        latest: round of the run, for ``rounds: latest``.

    Raises:
        ParameterError: there is no such rule, its parameters do not fit, or it goes by more than sides: by scores or
            comparisons, which nobody gives before pairs are formed.

    >>> prepare_by_sides(BySides(rule="margin"))
    Traceback (most recent call last):
    pairwright.schemas.errors.ParameterError: pairing.rule: margin goes by scores, and these answers have sides; take sides
    """
    try:
        form = prepare_forming(pairing, latest)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    for basis, key in goes_by(pairing).items():
        if basis != "sides":
            advice = "take sides" if key == "rule" else "leave it out"
            raise ParameterError(
                f"pairing.{key}: {pairing.rule} goes by {basis}, and these answers have sides; {advice}"
            )
    return form


def check_writers(samplers: Sequence[Writer], allowed: Sequence[Side], why: str) -> None:
    """Check the sides that samplers write for.

    Raises:
        ParameterError: one of them writes for a side where its answers cannot stand; ``why`` says so.
    """
    for number, one in enumerate(samplers):
        if one.side not in allowed:
            raise ParameterError(f"samplers.{number}.side: {why}; expected {' or '.join(allowed)}")
