"""Forming pairs: the ``pairing`` block of a recipe, and what holds whichever rule it names.

Steps: answers of earlier rounds are left out where that is wanted, repeated answers are dropped, the rule forms pairs,
pairs of too different length or with contained final answers are dropped, and what is over the prompt's cap. Whatever is
dropped is told; where nothing is left, also why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from pairwright.pairings import ROOM, Basis, Chosen, Pairing
from pairwright.pairings._contrasts import widest_first
from pairwright.pairings._explaining import why_none
from pairwright.pairings._lengths import length, ratio
from pairwright.pairings._similarity import contains, normalised, repeats
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, UnknownPartError
from pairwright.schemas.reasons import Reason
from pairwright.schemas.settings import Settings, parsed


class PairingSettings(Settings):
    """How pairs are formed: the ``pairing`` block of a recipe."""

    rule: str = "best_worst"
    """Which answers make a pair; ``pairwright list pairings`` shows the rules."""
    params: dict[str, Any] = {}
    """Parameters of the rule. Missing ones keep their defaults."""
    per_prompt: Annotated[int, Field(ge=1)] | None = None
    """Most pairs of one prompt. All if not given."""
    keep: Literal["drawn", "widest"] = "drawn"
    """Which pairs stay under the cap: ``drawn`` from all by chance, or those of the ``widest`` margin, equal ones drawn."""
    similarity: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Answers this similar are the same answer, and one of them is dropped. 1: equal but for space and case. Below, the
    share of neighbouring word pairs in common; a small correction in a long answer may then count as a repeat."""
    length_ratio: Annotated[FiniteFloat, Field(ge=1)] | None = None
    """Pairs in which one answer is more than so many times as long as the other, in words, are dropped."""
    balance_length: bool = False
    """Drop pairs so that chosen and rejected answers are about equally long on average, in each shard."""
    skip_contained: bool = False
    """Drop pairs in which the chosen answer's final answer is a part of the rejected one's, and may mean the same."""
    rounds: Literal["all", "latest"] = "all"
    """``latest``: only answers of the latest round of self-training may pair, and those that no model wrote for the run."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An answer or pairs that were left out, or why there are no pairs at all."""

    reason: Reason
    message: str
    candidates: tuple[int, ...]
    """Numbers of the answers concerned: of a repeated one its own, of pairs those in any of them, in order; none where
    it concerns the whole prompt."""


@dataclass(frozen=True, slots=True)
class Formed:
    """What came of the answers to one prompt."""

    pairs: tuple[Chosen, ...]
    """The widest margin first; numbers are those of the list that was handed in."""
    dropped: tuple[Dropped, ...]
    """One entry for each repeated answer, and one for each step that dropped pairs. Where there are no pairs, the last
    entry says why."""

    @property
    def why_none(self) -> Dropped | None:
        """Why there are no pairs; None where there are some."""
        return None if self.pairs else self.dropped[-1]


FormPairs = Callable[[Sequence[Candidate], Sequence[Comparison], Random], Formed]
"""Forms the pairs of one prompt. The generator is only drawn from where pairs are over the cap."""

FormWithin = Callable[[Sequence[Candidate], Sequence[Sequence[int]], Random], Formed]
"""The same among the members of each family only, which are given by their numbers."""


def prepare(settings: PairingSettings, latest: int = 1) -> FormPairs:
    """Check the settings and return the function that the answers to every prompt go through.

    Args:
        settings: the ``pairing`` block.
        latest: round of the run, for ``rounds: latest``; a prompt with answers of a later one goes by that.

    Raises:
        ParameterError: there is no such rule, or its parameters do not fit; the message has every problem.

    >>> form_pairs = prepare(PairingSettings(rule="margin", params={"at_least": 2}))
    >>> answers = [Candidate("A cat.", score=5), Candidate("A dog.", score=3), Candidate("a cat.", score=1)]
    >>> formed = form_pairs(answers, (), Random(0))
    >>> formed.pairs, formed.dropped[0].message
    ((Chosen(chosen=0, rejected=1, margin=2.0),), 'answer 2 repeats answer 0')
    """
    part = _rule(settings.rule)
    params = parsed(part.settings, settings.params, where="params", owner=settings.rule)
    form = part.prepare(params)

    def form_pairs(candidates: Sequence[Candidate], comparisons: Sequence[Comparison], rng: Random) -> Formed:
        taken = among_rounds(candidates, settings.rounds, latest)
        same = _repeated(candidates, taken, settings.similarity)
        kept = [number for number in taken if number not in same]
        dropped = [_repeat(number, first, settings.similarity) for number, first in sorted(same.items())]
        answers = [candidates[number] for number in kept]
        verdicts = _renumbered(comparisons, kept, same)
        pairs = _numbered(form(answers, verdicts) if len(answers) > 1 else (), kept)
        if not pairs:
            told, earlier = _told(settings.rule, params), len(candidates) - len(taken)
            reason, message = why_none(
                part.basis, answers, verdicts, rule=told, repeats=len(same), earlier=earlier
            )
            return Formed((), (*dropped, Dropped(reason, message, ())))
        return _filtered(pairs, dropped, candidates, settings=settings, rng=rng)

    return form_pairs


def prepare_within(settings: PairingSettings, latest: int = 1) -> FormWithin:
    """Return what :func:`prepare` does, where not every two answers may make a pair: only members of the same family.

    An answer and its correction are a family; corrections of two answers are none. A candidate may belong to several, and
    answers of different families do not repeat each other, pairs of two equal texts do. The cap holds over all of them.

    Raises:
        ParameterError: as :func:`prepare`.

    >>> form_within = prepare_within(PairingSettings(rule="sides"))
    >>> own, better = Candidate("A dog.", side="rejected"), Candidate("A cat.", side="chosen")
    >>> other, best = Candidate("A tree.", side="rejected"), Candidate("A bush.", side="chosen")
    >>> [(one.chosen, one.rejected) for one in form_within([own, better, other, best], [(0, 1), (2, 3)], Random(0)).pairs]
    [(1, 0), (3, 2)]
    """
    part = _rule(settings.rule)
    params = parsed(part.settings, settings.params, where="params", owner=settings.rule)
    form = part.prepare(params)

    def form_within(
        candidates: Sequence[Candidate], families: Sequence[Sequence[int]], rng: Random
    ) -> Formed:
        taken = set(among_rounds(candidates, settings.rounds, latest))
        same: dict[int, int] = {}
        found: dict[Chosen, None] = {}
        for family in ([number for number in given if number in taken] for given in families):
            repeated = _repeated(candidates, family, settings.similarity)
            same |= repeated
            kept = [number for number in family if number not in repeated]
            if len(kept) > 1:
                found |= dict.fromkeys(_numbered(form([candidates[number] for number in kept], ()), kept))
        paired = {number for pair in found for number in (pair.chosen, pair.rejected)}
        dropped = [
            _repeat(number, first, settings.similarity)
            for number, first in sorted(same.items())
            if number not in paired  # in another family it may be the only one
        ]
        if not found:
            everyone = set().union(*families)
            answers = [candidates[number] for number in sorted((everyone & taken) - set(same))]
            told, earlier = _told(settings.rule, params), len(everyone - taken)
            reason, message = why_none(part.basis, answers, (), rule=told, repeats=len(same), earlier=earlier)
            return Formed((), (*dropped, Dropped(reason, message, ())))
        pairs, twice = _once(widest_first(found), candidates)
        return _filtered(pairs, [*dropped, *twice], candidates, settings=settings, rng=rng)

    return form_within


def goes_by(settings: PairingSettings) -> dict[Basis, str]:
    """Return what the rule goes by, each with the key that makes it so; for settings that ``prepare`` took.

    >>> goes_by(PairingSettings(rule="sides", params={"min_margin": 1}))
    {'sides': 'rule', 'scores': 'params.min_margin'}
    """
    part = _rule(settings.rule)
    key = (
        part.scores_by(parsed(part.settings, settings.params, where="params", owner=settings.rule))
        if part.scores_by
        else None
    )
    return {part.basis: "rule"} | ({"scores": f"params.{key}"} if key else {})


def distinct(
    candidates: Sequence[Candidate], at_least: float, numbers: Sequence[int] | None = None
) -> tuple[tuple[int, ...], tuple[Dropped, ...]]:
    """Return the numbers of the answers that differ, and those dropped; ``at_least`` as ``PairingSettings.similarity``.

    The same as forming does first: doing it before a judge is asked saves the calls for repeated answers. With ``numbers``,
    only answers with these are looked at.

    >>> answers = [Candidate("A cat."), Candidate("a  cat."), Candidate("A dog.")]
    >>> distinct(answers, 1.0)[0], distinct(answers, 1.0, (1, 2))[0]
    ((0, 2), (1, 2))
    """
    among = range(len(candidates)) if numbers is None else numbers
    same = _repeated(candidates, among, at_least)
    kept = tuple(number for number in among if number not in same)
    return kept, tuple(_repeat(number, first, at_least) for number, first in sorted(same.items()))


def among_rounds(
    candidates: Sequence[Candidate], rounds: Literal["all", "latest"], latest: int
) -> Sequence[int]:
    """Return the numbers of the answers that may pair: all, or those of the latest round and those without one.

    >>> answers = [Candidate("gold"), Candidate("a", round=1), Candidate("b", round=2)]
    >>> list(among_rounds(answers, "all", 2)), among_rounds(answers, "latest", 2), among_rounds(answers, "latest", 3)
    ([0, 1, 2], [0, 2], [0])
    """
    if rounds == "all":
        return range(len(candidates))
    newest = max([latest, *(one.round for one in candidates if one.round is not None)])
    return [number for number, one in enumerate(candidates) if one.round in (None, newest)]


def _rule(name: str) -> Pairing[Any]:
    try:
        return ROOM.get(name)
    except UnknownPartError as error:
        raise ParameterError(f"rule: {error}") from error


def _repeated(candidates: Sequence[Candidate], numbers: Sequence[int], at_least: float) -> dict[int, int]:
    """Return which answer repeats which, of those with these numbers.

    The first one stays, one with a score before one without. Before that, one that the source has before one that was
    written, and one of a later round before one of an earlier round: the latest model writes it too, so it is on-policy.
    """

    def place(number: int) -> tuple[bool, int, bool]:
        one = candidates[number]
        return one.round is not None, -(one.round or 0), one.score is None

    order = sorted(numbers, key=place)
    found = repeats([candidates[number].text for number in order], at_least)
    return {order[place]: order[first] for place, first in found.items()}


def _repeat(number: int, first: int, at_least: float) -> Dropped:
    nearly = "" if at_least == 1 else ", or nearly"
    return Dropped("repeated_answer", f"answer {number} repeats answer {first}{nearly}", (number,))


def _renumbered(
    comparisons: Sequence[Comparison], kept: Sequence[int], same: dict[int, int]
) -> tuple[Comparison, ...]:
    """Return comparisons of the answers that stay; what was said of a repeated answer is said of the one that stays."""
    places = {number: place for place, number in enumerate(kept)}
    places |= {number: places[first] for number, first in same.items()}
    moved = (
        replace(one, first=places[one.first], second=places[one.second])
        for one in comparisons
        if one.first in places and one.second in places
    )
    return tuple(one for one in moved if one.first != one.second)


def _numbered(pairs: Sequence[Chosen], kept: Sequence[int]) -> tuple[Chosen, ...]:
    """Return pairs with the numbers of the whole list."""
    return tuple(Chosen(kept[pair.chosen], kept[pair.rejected], pair.margin) for pair in pairs)


def _told(rule: str, params: Settings) -> str:
    """Return the rule in words, for messages: ``margin (at_least 1)``."""
    values = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in params.model_dump().items()
        if value is not None
    )
    return f"{rule} ({values})" if values else rule


def _filtered(
    pairs: tuple[Chosen, ...],
    dropped: list[Dropped],
    candidates: Sequence[Candidate],
    *,
    settings: PairingSettings,
    rng: Random,
) -> Formed:
    """Return the pairs that pass every filter, with what was dropped on the way."""
    left, told = pairs, list(dropped)
    limit = settings.length_ratio
    if limit is not None:
        words = [length(one.text) for one in candidates]
        before, left = (
            left,
            tuple(pair for pair in left if ratio(words[pair.chosen], words[pair.rejected]) <= limit),
        )
        told += _lost("length_ratio", before, left, f"have a length ratio above {limit:g}")
    if settings.skip_contained:
        before, left = left, tuple(pair for pair in left if not _contained(pair, candidates))
        told += _lost("contained_answer", before, left, "have the right final answer inside the wrong one")
    if settings.per_prompt is not None and len(left) > settings.per_prompt:
        before, left = left, _capped(left, settings.per_prompt, keep=settings.keep, rng=rng)
        told += _lost("over_cap", before, left, f"are over the cap of {settings.per_prompt}")
    return Formed(left, tuple(told))


def _once(
    pairs: Sequence[Chosen], candidates: Sequence[Candidate]
) -> tuple[tuple[Chosen, ...], list[Dropped]]:
    """Return the pairs without those of which both texts are an earlier pair's, and what is told of these."""
    first: dict[tuple[str, str], Chosen] = {}
    dropped = []
    for pair in pairs:
        numbers = (pair.chosen, pair.rejected)
        better, worse = (normalised(candidates[number].text) for number in numbers)
        same = first.setdefault((better, worse), pair)
        if same is not pair:
            told = "answers {} over {} repeat answers {} over {}".format(*numbers, same.chosen, same.rejected)
            dropped.append(Dropped("repeated_answer", told, numbers))
    return tuple(first.values()), dropped


def _lost(reason: Reason, before: Sequence[Chosen], left: Sequence[Chosen], why: str) -> list[Dropped]:
    """Return the entry of a step, if it dropped anything: one for all its pairs, of which there can be hundreds."""
    kept = set(left)
    gone = [pair for pair in before if pair not in kept]
    if not gone:
        return []
    concerned = sorted({number for pair in gone for number in (pair.chosen, pair.rejected)})
    return [Dropped(reason, f"{len(gone)} of {len(before)} pairs {why}", tuple(concerned))]


def _contained(pair: Chosen, candidates: Sequence[Candidate]) -> bool:
    right, wrong = candidates[pair.chosen].answer, candidates[pair.rejected].answer
    return right is not None and wrong is not None and contains(wrong, right)


def _capped(
    pairs: tuple[Chosen, ...], cap: int, *, keep: Literal["drawn", "widest"], rng: Random
) -> tuple[Chosen, ...]:
    """Return ``cap`` pairs in their order."""
    lots = [rng.random() for _ in pairs]  # of Random only random() is the same in every release

    def place(number: int) -> tuple[bool, float, float]:
        margin = pairs[number].margin if keep == "widest" else 0.0
        return margin is None, -(margin or 0.0), lots[number]

    return tuple(pairs[number] for number in sorted(sorted(range(len(pairs)), key=place)[:cap]))
