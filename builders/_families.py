"""Families of texts: which ones of a row belong together, so that they may make a pair, and where they differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pairwright.correctors._spans import WEIGHT, changed
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.span import Span

Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Tie:
    """A text and what was made of it, by their numbers."""

    original: int
    new: int
    original_spans: Spans = ()
    """What the original alone has."""
    new_spans: Spans = ()
    """What the new text alone has."""


@dataclass(frozen=True, slots=True)
class Kin:
    """Which texts of a row may make pairs."""

    ties: tuple[Tie, ...]
    gold: int | None = None
    """Number of the row's own answer, where it makes pairs with texts that were not made of it."""
    others: tuple[int, ...] = ()
    """Numbers of these."""

    def families(self) -> tuple[tuple[int, ...], ...]:
        """Return numbers of texts by family: each original with what was made of it, then the gold answer with the others.

        >>> Kin((Tie(1, 3), Tie(1, 4), Tie(2, 5)), 0, (1, 2)).families()
        ((1, 3, 4), (2, 5), (0, 1, 2))
        """
        found: dict[int, list[int]] = {}
        for tie in self.ties:
            found.setdefault(tie.original, [tie.original]).append(tie.new)
        under_gold = [(self.gold, *self.others)] if self.gold is not None and self.others else []
        return (*map(tuple, found.values()), *under_gold)

    def members(self) -> list[int]:
        """Return the numbers of all texts that may stand in a pair, in order.

        >>> Kin((Tie(2, 3),), 0, (1,)).members()
        [0, 1, 2, 3]
        """
        return sorted({number for family in self.families() for number in family})

    def spans(self, candidates: Sequence[Candidate]) -> dict[tuple[int, int], tuple[Spans, Spans]]:
        """Return the spans of chosen and rejected text, by both numbers, of every two texts that may make a pair.

        Where neither was made of the other, the rejected text keeps what is wrong in it, and the chosen one has none: that
        a third text puts some of its words in another way is no reason to weigh them here.
        """
        made = dict(_by_sides(tie, candidates) for tie in self.ties)
        return {pair: ((), candidates[pair[1]].spans) for pair in self._unrelated(candidates)} | made

    def spanned(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates with their spans, but for those that differ from several texts, from each in its own way."""
        found: dict[int, list[Spans]] = {}
        for tie in self.ties:
            found.setdefault(tie.original, []).append(tie.original_spans)
            found.setdefault(tie.new, []).append(tie.new_spans)
        alone = {number: spans[0] for number, spans in found.items() if len(spans) == 1}
        return tuple(
            replace(one, spans=alone.get(number, ())) if number in found else one
            for number, one in enumerate(candidates)
        )

    def _unrelated(self, candidates: Sequence[Candidate]) -> Iterator[tuple[int, int]]:
        """Yield chosen and rejected number of the gold answer's pairs with texts that were not made of it."""
        if self.gold is not None:
            for other in self.others:
                yield (other, self.gold) if candidates[other].side == "chosen" else (self.gold, other)


def restyled(kin: Kin, where: Mapping[tuple[int, int], int], texts: Sequence[str]) -> list[Kin]:
    """Return the kin of the texts in another style, one for each variant: variant pairs with equal variant.

    Args:
        kin: of the texts as they were.
        where: number of a text in its new style, by its old number and the variant.
        texts: all, by number.
    """
    return [_variant(kin, where, texts, variant) for variant in sorted({variant for _, variant in where})]


def _variant(kin: Kin, where: Mapping[tuple[int, int], int], texts: Sequence[str], variant: int) -> Kin:
    def moved() -> Iterator[Tie]:
        for tie in kin.ties:
            original, new = where.get((tie.original, variant)), where.get((tie.new, variant))
            if original is not None and new is not None:
                yield Tie(original, new, *changed(texts[original], texts[new], _weight(tie)))

    gold = None if kin.gold is None else where.get((kin.gold, variant))
    others = tuple(where[one, variant] for one in kin.others if (one, variant) in where)
    return Kin(tuple(moved()), gold, others)


def _weight(tie: Tie) -> float:
    """Return the weight that all spans of a tie have; the usual one where they differ, or there are none."""
    found = {span.weight for span in (*tie.original_spans, *tie.new_spans)}
    return found.pop() if len(found) == 1 else WEIGHT


def _by_sides(tie: Tie, candidates: Sequence[Candidate]) -> tuple[tuple[int, int], tuple[Spans, Spans]]:
    if candidates[tie.new].side == "chosen":
        return (tie.new, tie.original), (tie.new_spans, tie.original_spans)
    return (tie.original, tie.new), (tie.original_spans, tie.new_spans)
