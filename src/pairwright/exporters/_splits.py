"""Splits by group: no picture and no prompt stands on both sides, each source has its share on both.

Pairs with a picture in common, on whichever side, or with the same text of the prompt, are one group. Groups are drawn,
seeded, source by source; a group whose pairs are of several sources counts to the one with most of them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from pairwright.exporters import PairRow
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.prompt import MARKER
from pairwright.schemas.seeds import generator

TRAIN = "train"
"""The split of what no other one takes."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")

Apart = Literal["all", "pictures"]
"""What may not stand on both sides: pictures and texts of prompts, or pictures, and texts only where there are none."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A split that was asked for."""

    name: str
    share: float | None
    """Of all pairs, above 0 and below 1; None where a number was given."""
    count: int | None
    """Pairs."""

    def quota(self, pairs: int) -> float:
        """Return how many of so many pairs it should get."""
        return self.share * pairs if self.share is not None else float(self.count or 0)


def wishes(texts: Iterable[str]) -> tuple[Wish, ...]:
    """Parse what ``--splits`` says: names with a share of the pairs or a number of them.

    >>> wishes(["test=0.05,validation=100"])
    (Wish(name='test', share=0.05, count=None), Wish(name='validation', share=None, count=100))

    Raises:
        ParameterError: for anything else, and for shares of 1 or more in sum.
    """
    found = [_wish(part.strip()) for text in texts for part in text.split(",")]
    names = [wish.name for wish in found]
    for name in names:
        if name == TRAIN or names.count(name) > 1:
            what = "gets what the others leave" if name == TRAIN else "is named twice"
            raise ParameterError(f"--splits: {name} {what}")
    if sum(wish.share or 0 for wish in found) >= 1:
        raise ParameterError(f"--splits: the shares leave nothing to {TRAIN}")
    return tuple(found)


def _wish(text: str) -> Wish:
    name, _, value = text.partition("=")
    if _NAME.fullmatch(name):
        if re.fullmatch(r"[1-9]\d*", value):
            return Wish(name, None, int(value))
        if re.fullmatch(r"0?\.\d+", value) and float(value) > 0:
            return Wish(name, float(value), None)
    raise ParameterError(
        f"--splits: expected NAME=SHARE or NAME=COUNT, as test=0.05 or test=200, got {text!r}"
    )


@dataclass(slots=True)
class Groups:
    """Joins pairs that have something in common, as they come."""

    apart: Apart
    _parents: list[int] = field(default_factory=list)
    _first: dict[int, int] = field(default_factory=dict)
    """The first pair with a picture or text, by a hash of it."""

    def add(self, row: PairRow) -> None:
        """Add the next pair."""
        number = len(self._parents)
        self._parents.append(number)
        for key in _keys(row, self.apart):
            other = self._root(self._first.setdefault(key, number))
            self._parents[self._root(number)] = other

    def roots(self) -> list[int]:
        """Return the group of each pair, as the number of one of its pairs."""
        return [self._root(number) for number in range(len(self._parents))]

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number


def _keys(row: PairRow, apart: Apart) -> Iterable[int]:
    pictures = (*row.images, *(row.rejected_images or ()))
    for picture in pictures:
        yield _hash(f"picture {picture.sha256}")
    if apart == "all" or not pictures:
        yield _hash(prompt_text(row))


def prompt_text(row: PairRow) -> str:
    """Return the text of a prompt without places of pictures, spaces folded: what two prompts are compared by."""
    texts = [text for turn in row.history for text in turn]
    return " ".join("\n".join([*texts, row.question]).replace(MARKER, " ").split())


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def assign(roots: Sequence[int], sources: Sequence[str], asked: Sequence[Wish], seed: int) -> list[int]:
    """Return the number of the split of each pair: 0 for train, else 1 and on in the order of ``asked``.

    Raises:
        ParameterError: a split would stay empty or far from what was asked, because groups are too large.
    """
    sizes = Counter(roots)
    home = _homes(roots, sources)
    drawn = generator(seed, TRAIN, "splits")
    order = sorted(sizes, key=lambda root: drawn.random())
    by_source: dict[str, list[int]] = defaultdict(list)
    for root in order:
        by_source[home[root]].append(root)
    taken: dict[int, int] = {}
    for groups in by_source.values():
        share = sum(sizes[root] for root in groups) / len(roots)
        for number, wish in enumerate(asked, 1):
            _fill(taken, number, groups, sizes, wish.quota(len(roots)) * share)
    for number, wish in enumerate(asked, 1):  # what single sources were too small for
        got = sum(sizes[root] for root, split in taken.items() if split == number)
        _fill(taken, number, order, sizes, wish.quota(len(roots)) - got, nearest=True)
    split_of = [taken.get(root, 0) for root in roots]
    _require_near(Counter(split_of), asked, len(roots), max(sizes.values()))
    return split_of


def _homes(roots: Sequence[int], sources: Sequence[str]) -> Mapping[int, str]:
    """Return the source that most pairs of each group are of."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for root, source in zip(roots, sources, strict=True):
        counts[root][source] += 1
    return {root: min(found, key=lambda name: (-found[name], name)) for root, found in counts.items()}


def _fill(
    taken: dict[int, int],
    number: int,
    groups: Sequence[int],
    sizes: Mapping[int, int],
    quota: float,
    *,
    nearest: bool = False,
) -> None:
    """Give those of the groups to a split that fit into its quota of pairs; ``nearest``: one more, where too many are nearer to it."""
    for root in groups:
        if root not in taken and sizes[root] <= quota:
            taken[root] = number
            quota -= sizes[root]
    if nearest:
        rest = [root for root in groups if root not in taken]
        smallest = min(rest, key=lambda root: sizes[root], default=None)
        if smallest is not None and sizes[smallest] < 2 * quota:
            taken[smallest] = number


def _require_near(got: Mapping[int, int], asked: Sequence[Wish], pairs: int, largest: int) -> None:
    for number, wish in enumerate(asked, 1):
        quota = wish.quota(pairs)
        if got.get(number, 0) < 0.5 * quota or not got.get(number, 0) or not got.get(0, 0):
            raise ParameterError(
                f"--splits: {wish.name} should have {quota:,.0f} of {pairs:,} pairs, but gets {got.get(number, 0):,}, "
                f"{TRAIN} {got.get(0, 0):,}: pairs with a picture or a prompt in common stay together, and the largest "
                f"such group has {largest:,}. Ask for more pairs, or keep only pictures apart with --apart pictures"
            )
