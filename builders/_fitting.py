"""Whether the blocks of a recipe fit each other: judges among themselves, with the weights, and with the pairing rule.

Where they do not, every call would be paid and no row could give a pair. So it is told before the first one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pairwright.annotators import Judge, Range, Verifier
from pairwright.annotators._votes import Rule, enough
from pairwright.builders._checking import CORRECT, bounds_of
from pairwright.builders._parts import annotator, settings_of
from pairwright.pairings._forming import PairingSettings, goes_by
from pairwright.schemas.candidate import Side
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.room import unknown

_ADVICE = {
    "scores": "take all_unequal or another rule that goes by scores",
    "comparisons": "take preferences",
}


@dataclass(frozen=True, slots=True)
class Giving:
    """What a judge or verifier gives, as far as that is known before it is asked."""

    place: str
    """Where it stands in the parameters: ``jury.0``."""
    kind: str
    gives: Literal["scores", "comparisons"]
    aspects: Mapping[str, Range] | None
    """Aspects with their scales; None where that is not known."""
    may_rank: bool
    """Whether its scores may be ranks, 1 the best."""

    def __str__(self) -> str:
        """Return who it is, for messages."""
        return f"{self.place}.kind {self.kind}"


def giving_of(kind: str, params: dict[str, Any], place: str) -> Giving:
    """Return what a judge or verifier gives.

    Raises:
        ParameterError: there is none of this kind, or its parameters do not fit.
    """
    part = annotator(kind, place)
    if isinstance(part, Verifier):
        return Giving(place, kind, "scores", {CORRECT: bounds_of(part)}, part.may_rank)
    return Giving(place, kind, part.gives, _aspects(part, params, kind, place), may_rank=False)


def check_judges(judges: Sequence[Giving], vote: Rule, weights: Mapping[str, float] | None) -> None:
    """Check that judges fit each other and the weights of their aspects.

    Raises:
        ParameterError: some rate and others compare; two rate the same aspect on different scales; a weight is for an
            aspect that nobody rates; too few rate an aspect that counts.
    """
    first = judges[0]
    for one in judges:
        if one.gives != first.gives:
            raise ParameterError(
                f"{one.place}.kind: {one.kind} gives {one.gives}, and {first} gives {first.gives}; take one kind"
            )
    if first.gives == "comparisons":
        if weights:
            raise ParameterError(f"score.weights: {first} compares answers and rates no aspect")
        return
    known = [(one, one.aspects) for one in judges if one.aspects is not None]
    _check_scales(known)
    if len(known) == len(judges):
        _check_aspects(known, vote, weights)


def check_rule(pairing: PairingSettings, judges: Sequence[Giving]) -> None:
    """Check that the judges give what the pairing rule goes by.

    Raises:
        ParameterError: one of them never says what the rule wants to know, or means the opposite by it.
    """
    for basis, key in goes_by(pairing).items():
        for one in judges:
            if why := _misfit(basis, one):
                advice = _ADVICE[one.gives] if key == "rule" else "leave it out"
                raise ParameterError(
                    f"pairing.{key}: {pairing.rule} goes by {basis}, and {one} {why}; {advice}"
                )


def check_by_scores(pairing: PairingSettings) -> None:
    """Check a pairing rule for answers that encoders score: the higher score is the better one, and there is nothing else.

    Raises:
        ParameterError: the rule goes by comparisons, or by ranks of people.

    >>> check_by_scores(PairingSettings(rule="ranks"))
    Traceback (most recent call last):
    pairwright.schemas.errors.ParameterError: pairing.rule: ranks goes by ranks, and encoders give scores; take margin
    """
    for basis, key in goes_by(pairing).items():
        if basis in ("comparisons", "ranks"):
            raise ParameterError(
                f"pairing.{key}: {pairing.rule} goes by {basis}, and encoders give scores; take margin"
            )


def check_sides(pairing: PairingSettings, sides: Sequence[Side]) -> None:
    """Check that answers which are paid for can be paired; ``sides`` are those that the samplers write for.

    Raises:
        ParameterError: the rule pairs answers by their sides, and no sampler writes for one.
    """
    if "sides" in goes_by(pairing) and sides and set(sides) == {"any"}:
        raise ParameterError(
            f"pairing.rule: {pairing.rule} pairs answers by the side they are written for, and every sampler writes for "
            "any; set samplers.0.side, or take a rule that goes by scores"
        )


def _aspects(part: Judge[Any], params: dict[str, Any], kind: str, place: str) -> Mapping[str, Range] | None:
    if part.gives == "comparisons":
        return {}
    return part.aspects(settings_of(part, params, kind, place)) if part.aspects else None


def _check_scales(judges: Sequence[tuple[Giving, Mapping[str, Range]]]) -> None:
    seen: dict[str, tuple[Giving, Range]] = {}
    for one, aspects in judges:
        for aspect, scale in aspects.items():
            other, before = seen.setdefault(aspect, (one, scale))
            if scale != before:
                raise ParameterError(
                    f"{one.place}.params: {aspect} is rated {_scale(scale)}, and by {other.place} {_scale(before)}; "
                    "give all judges the same scale"
                )


def _check_aspects(
    judges: Sequence[tuple[Giving, Mapping[str, Range]]], vote: Rule, weights: Mapping[str, float] | None
) -> None:
    rated = list(dict.fromkeys(aspect for _, aspects in judges for aspect in aspects))
    for name in weights or ():
        if name not in rated:
            raise ParameterError(f"score.weights: {unknown('aspects that are judged', name, rated)}")
    raters = {name: [one.place for one, aspects in judges if name in aspects] for name in weights or rated}
    lacking = {name: who for name, who in raters.items() if not enough(len(who), len(judges), vote)}
    if lacking:
        told = ", ".join(f"{name} ({', '.join(who)})" for name, who in lacking.items())
        raise ParameterError(
            f"jury: of {len(judges)} judges too few for the vote {vote} rate {told}, so no answer would have a score; "
            "give all judges the same aspects, or name those they share in score.weights"
        )


def _scale(scale: Range) -> str:
    low, high = ("no bound" if bound is None else format(bound, "g") for bound in scale)
    return f"from {low} to {high}"


def _misfit(basis: str, one: Giving) -> str | None:
    """Return what somebody gives where a rule of this basis can do nothing with it; None where it can."""
    if basis in ("scores", "ranks") and one.gives == "comparisons":
        return "compares"
    if basis == "comparisons" and one.gives == "scores":
        return "rates"
    if basis == "ranks" and not one.may_rank:
        return "gives the better answer the higher score, where 1 is the best rank"
    return None
