"""Answers rewritten by correctors: what is ordered, what came of it, and how it is told."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pairwright.builders import Asks, Run
from pairwright.builders._at_once import at_once
from pairwright.builders._correcting import CorrectorSettings, Desk, prepare_corrector
from pairwright.builders._told import read_told, told_of
from pairwright.correctors import Rewritten, Task
from pairwright.pairings._similarity import normalised
from pairwright.schemas.candidate import Candidate, Side
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import digest
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span
from pairwright.schemas.special_tokens import special_token

_CORRECTOR = "corrector"
"""Key of a candidate's params that names the place of the corrector which made it."""

_MARK = 16
"""Hex digits by which a draw knows the text that it is made for."""


@dataclass(frozen=True, slots=True)
class Rewriter:
    """A corrector of a recipe, checked."""

    place: str
    """Where it stands in the parameters: ``correctors.0``."""
    desk: Desk
    model: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """An answer that is to be rewritten."""

    rewriter: Rewriter
    number: int
    """Its number among the row's candidates."""
    candidate: Candidate
    side: Side
    """Where the new text will stand."""
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """What came of an order."""

    order: Order
    candidate: Candidate
    """The new answer, with its spans."""
    original_spans: tuple[Span, ...] = ()
    """What stood in the old one and is gone."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An order that came to nothing."""

    order: Order
    error: RowError

    def told(self) -> RowError:
        """Return what went wrong, with the answer that it went wrong with."""
        message = f"rewriting answer {self.order.number}: {self.error.message}"
        return RowError(self.error.reason, self.order.rewriter.place, message)

    def reject(self, row: SourceRow) -> Reject:
        """Return it as a reject of the answer that was to be made."""
        told = self.told()
        return Reject(row.record_id, told.reason, "candidate", told.field, told.message, row.source_id)


@dataclass(frozen=True, slots=True)
class Rewrites:
    """What came of all orders, in their order."""

    made: tuple[Made, ...] = ()
    lost: tuple[Lost, ...] = ()


def prepare_rewriter(settings: CorrectorSettings, place: str, *, same: bool = False) -> Rewriter:
    """Check a corrector once; ``same`` for one that changes the style only.

    Raises:
        ParameterError: there is no such corrector, it makes the wrong side, or its parameters do not fit.
    """
    desk = prepare_corrector(settings, place, ("same",) if same else ("better", "worse"))
    return Rewriter(place, desk, settings.model)


def is_made(candidate: Candidate) -> bool:
    """Tell whether an answer is what a corrector made, in this run or in an earlier one."""
    return _CORRECTOR in told_of(candidate)


async def rewritten(orders: Sequence[Order], task: Task, asks: Asks, run: Run) -> Rewrites:
    """Have answers rewritten, all at the same time.

    Args:
        orders: what is to be rewritten, and by whom.
        task: the row, without a text.
        asks: ways to ask the models.
        run: the run.

    Raises:
        RowError: ``call_failed`` where a call failed that may succeed later: without its text, the row would give other
            pairs.
    """
    outcomes = await at_once(partial(_made, order, task, asks, run) for order in orders)
    both = list(zip(orders, outcomes, strict=True))
    lost = tuple(Lost(order, one) for order, one in both if isinstance(one, RowError))
    for one in lost:
        if one.error.reason == "call_failed":
            raise one.told()
    return Rewrites(tuple(one for _, one in both if isinstance(one, Made)), lost)


async def _made(order: Order, task: Task, asks: Asks, run: Run) -> Made:
    desk, old = order.rewriter.desk, order.candidate
    # By its text, not its number: that changes with the answers before it.
    name = digest(old.text.encode("utf-8", "surrogatepass"))[:_MARK]
    part = f"{order.rewriter.place} {name}"
    try:
        new = await desk.rewrite(replace(task, part=part, text=old.text, variant=order.variant), asks)
    except RowError as error:
        if error.reason != "no_correction" or desk.makes != "same":
            raise
        new = Rewritten(old.text)  # it has the style that is wanted
    new = _trimmed(new)
    _check(new.text, old.text, may_be_same=desk.makes == "same")
    candidate = Candidate(
        new.text,
        order.rewriter.model,
        order.side,
        params=json.dumps(dict(_said(order, new)), ensure_ascii=False),
        # What is made of an answer of an earlier round is no more the latest model's own than that answer is.
        round=run.round if old.round is None else old.round,
        spans=new.spans,
    )
    return Made(order, candidate, new.original_spans)


def _trimmed(new: Rewritten) -> Rewritten:
    """Return a rewritten text without white space around it, its spans moved along."""
    text = new.text.strip()
    if text == new.text:
        return new
    ahead = len(new.text) - len(new.text.lstrip())
    moved = (
        replace(one, start=max(one.start - ahead, 0), end=min(one.end - ahead, len(text)))
        for one in new.spans
    )
    return replace(new, text=text, spans=tuple(one for one in moved if one.start < one.end))


def _check(text: str, old: str, *, may_be_same: bool) -> None:
    if not text:
        raise RowError("bad_rewrite", None, "the new text is empty")
    token = special_token(text)
    if token:
        raise RowError("special_token", None, f"the new text holds {token}")
    if not may_be_same and normalised(text) == normalised(old):
        raise RowError("no_correction", None, "the new text is the old one")


def _said(order: Order, new: Rewritten) -> Iterator[tuple[str, object]]:
    """Yield how a text was made, and how the one was written that it was made of."""
    yield _CORRECTOR, order.rewriter.place
    yield "kind", order.rewriter.desk.kind
    yield "of", order.number
    yield "variant", order.variant
    if new.prompt is not None:
        yield "prompt", new.prompt
    if new.notes is not None:
        yield "notes", read_told(new.notes)
    if order.candidate.params is not None:
        yield "before", read_told(order.candidate.params)
