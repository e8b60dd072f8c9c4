"""The answers of a row before any is rewritten: which ones will be, and which ones pair without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pairwright.builders._candidates import Line, Truncated, in_line
from pairwright.builders._rewriting import is_made
from pairwright.builders._writers import Wrote
from pairwright.pairings._forming import PairingSettings, among_rounds, distinct
from pairwright.schemas.candidate import Candidate, Side
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow

OPPOSITE: Mapping[Side, Side] = {"chosen": "rejected", "rejected": "chosen"}


@dataclass(frozen=True, slots=True)
class Sides:
    """On which side what stands."""

    of: Literal["own", "chosen"]
    """What is rewritten: own answers, or the row's good one."""
    original: Side
    """What is rewritten."""
    new: Side
    """What is made of it."""
    gold: Side | None
    """The row's own good answer; None where it is no candidate."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a row."""

    row: SourceRow
    gold: tuple[Candidate, ...]
    wrote: Wrote
    line: Line
    sided: tuple[Candidate, ...]
    """Those that may stand in a pair, on their sides; the first of ``line.candidates``."""
    gold_at: int | None
    """Number of the gold answer, where it may stand in a pair."""
    originals: tuple[int, ...]
    """Numbers of those that are rewritten."""
    under_gold: tuple[int, ...]
    """Numbers of those that pair with the gold answer without being rewritten: they were written for the other side."""
    repeats: tuple[Reject, ...]
    """One for each answer that repeats another one, and so is not rewritten."""


def texts_of(
    row: SourceRow,
    gold: tuple[Candidate, ...],
    wrote: Wrote,
    sides: Sides,
    truncated: Truncated,
    pairing: PairingSettings,
    latest: int,
) -> Texts:
    """Return what a row has.

    What a corrector made in an earlier run is there, and neither rewritten again nor paired again.

    Args:
        row: with the candidates of its source. Of these, answers for any side and for that of the originals are rewritten
            where own answers are.
        gold: its good answer, where that is a candidate.
        wrote: what samplers wrote. Only answers for any side are rewritten.
        sides: where what stands.
        truncated: what becomes of answers that reached ``max_tokens`` or ended in a loop.
        pairing: from which similarity on an answer repeats another one, and of which rounds answers may pair.
        latest: round of the run.
    """
    own = sides.of == "own"
    given = replace(row, candidates=tuple(_open(one, sides) if own else one for one in row.candidates))
    line = in_line(given, gold=gold, written=wrote.candidates, truncated=truncated)
    usable = line.candidates[: line.usable]
    taken = [number for number in among_rounds(usable, pairing.rounds, latest) if not is_made(usable[number])]
    kept, repeats = distinct(usable, pairing.similarity, taken)
    gold_at = _place_of(gold, usable)
    open_ones = tuple(number for number in kept if usable[number].side == "any" and number != gold_at)
    opposite = OPPOSITE[sides.gold] if sides.gold else None
    return Texts(
        row=given,
        gold=gold,
        wrote=wrote,
        line=line,
        sided=tuple(
            replace(one, side=sides.original) if own and one.side == "any" else one for one in usable
        ),
        gold_at=gold_at,
        originals=open_ones if own else (() if gold_at is None else (gold_at,)),
        under_gold=tuple(number for number in kept if usable[number].side == opposite),
        repeats=tuple(
            Reject(row.record_id, one.reason, "candidate", "pairing", one.message, row.source_id)
            for one in repeats
        ),
    )


def _open(candidate: Candidate, sides: Sides) -> Candidate:
    """Return an answer of the source that may be rewritten as one for any side."""
    return replace(candidate, side="any") if candidate.side == sides.original else candidate


def _place_of(gold: tuple[Candidate, ...], usable: Sequence[Candidate]) -> int | None:
    """Return the number of the gold answer, which comes first where it may stand in a pair; None where it may not."""
    if gold and usable and usable[0] == replace(gold[0], text=gold[0].text.strip()):
        return 0
    return None
