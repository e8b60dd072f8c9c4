"""Answers grown sentence by sentence: a model continues what it wrote, and of each level the likeliest and the unlikeliest go on.

CSR (arXiv 2405.14622) searches such a tree with a diverse beam search inside the model. Servers have none: here several
continuations of each beginning are drawn, each is cut behind its first sentence, and equal ones are one.
"""

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated

from pydantic import Field, model_validator

from pairwright.builders import Asks, Run
from pairwright.builders._at_once import all_at_once, at_once
from pairwright.builders._cutting import added_to
from pairwright.builders._sentence_ranks import Step, mean_logprobs
from pairwright.builders._writers import Plan, Task
from pairwright.correctors._sentences import sentences
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ModelError, RowError
from pairwright.schemas.image import digest
from pairwright.schemas.reject import Reject
from pairwright.schemas.request import Answer, Finish, Message, Request, sampling_seed
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

_SHOWN = 40
"""Characters of a beginning that messages show."""


class Tree(Settings):
    """How answers grow."""

    best: Annotated[int, Field(ge=0)] = 1
    """How many of a level's sentences go on that are likeliest with all before them."""
    worst: Annotated[int, Field(ge=0)] = 2
    """How many of the unlikeliest go on besides, so that there is something to reject."""
    narrow_at: Annotated[int, Field(ge=2)] = 5
    """From how many sentences of a level on only those go on; fewer all do."""
    longest: Annotated[int, Field(ge=1)] = 1024
    """Characters from which on an answer is not continued; it then counts as cut (``truncated``)."""

    @model_validator(mode="after")
    def _can_grow(self) -> "Tree":
        if not 1 <= self.best + self.worst <= self.narrow_at:
            raise ValueError(
                f"best {self.best} and worst {self.worst} must be 1 together at least, and narrow_at at most"
            )
        return self


@dataclass(frozen=True, slots=True)
class Grown:
    """What came of a row's trees."""

    candidates: tuple[Candidate, ...] = ()
    """Answers that came to an end, in the order in which they did."""
    steps: Mapping[tuple[str, int], tuple[Step, ...]] = field(default_factory=dict)
    """The sentences of each, by its key of the request and number of the sample."""
    groups: tuple[tuple[Step, ...], ...] = ()
    """Sentences that follow the same beginning, also of answers that were not continued."""
    rejects: tuple[Reject, ...] = ()
    """One for each continuation that cannot be used, and each request that failed, with scope ``candidate``."""


Grow = Callable[[SourceRow, Asks], Awaitable[Grown]]
"""Has answers to a row grow: all requests of a level at the same time. Raises RowError ``call_failed`` where a request did:
with its answers others would go on. Raises ModelError where the model tells no log-probabilities."""


def prepare_growing(tree: Tree, plan: Plan, run: Run) -> Grow:
    """Return what lets answers grow.

    Args:
        tree: how.
        plan: what is asked first; with log-probabilities, and for several samples.
        run: the run.
    """

    async def grow(row: SourceRow, asks: Asks) -> Grown:
        tasks, refused = await plan(row)
        trees = await all_at_once(_Tree(tree, run, row, task, asks).grown for task in tasks)
        return Grown(
            tuple(answer for one in trees for answer in one.candidates),
            {place: steps for one in trees for place, steps in one.steps.items()},
            tuple(group for one in trees for group in one.groups),
            (*refused, *(reject for one in trees for reject in one.rejects)),
        )

    return grow


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A sentence with all that stands before it; the root has none."""

    text: str = ""
    """The answer so far."""
    steps: tuple[Step, ...] = ()
    total: float = 0.0
    """Sum of what its sentences' tokens have on average."""
    finish: Finish | None = None
    """Why the answer may end here; None where it did not."""
    goes_on: bool = True
    """Whether the model wrote more."""
    keys: tuple[str, ...] = ()
    """Keys of the requests along the way."""
    sample: int = 0


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree of one row."""

    tree: Tree
    run: Run
    row: SourceRow
    task: Task
    asks: Asks

    async def grown(self) -> Grown:
        """Return all answers."""
        level: list[_Node] = [_Node()]
        ended: dict[tuple[str, int], _Node] = {}
        groups: list[tuple[Step, ...]] = []
        rejects: list[Reject] = []
        while level:
            found = await at_once(partial(self._continued, node) for node in level)
            opened: list[_Node] = []
            for node, one in zip(level, found, strict=True):
                if isinstance(one, RowError):
                    rejects.append(self._refused(node, one))
                    continue
                children, ends_here, faults = one
                rejects += [self._reject(node, fault) for fault in faults]
                groups += [tuple(child.steps[-1] for child in children)] if children else []
                here = [replace(node, finish="stop")] if ends_here and node.steps else []
                here += [child for child in children if child.finish]
                ended |= {(one.keys[-1], one.sample): one for one in here}
                opened += [child for child in children if child.goes_on]
            level = narrowed(opened, self.tree)
        steps = {place: node.steps for place, node in ended.items()}
        candidates = tuple(self._candidate(node) for node in ended.values())
        return Grown(candidates, steps, tuple(groups), tuple(rejects))

    async def _continued(self, node: _Node) -> tuple[list[_Node], bool, list[RowError]]:
        """Return the sentences that follow, whether the answer may end before them, and what cannot be used."""
        request = self._request(node.text)
        answers = await self.asks[self.task.pen.place](request)
        key = self.task.key(request)
        children: dict[str, _Node] = {}
        faults: list[RowError] = []
        ends_here = False
        for sample, answer in enumerate(answers, request.first):
            try:
                child = self._child(node, answer)
            except RowError as fault:
                if fault.reason == "call_failed":
                    raise
                faults.append(fault)
                continue
            if child is None:
                ends_here = True
            else:
                child = replace(child, keys=(*node.keys, key), sample=sample)
                children[child.text] = _merged(children.get(child.text), child)
        if ends_here and not node.steps:
            faults.append(RowError("empty_answer", None, "no text"))
        return list(children.values()), ends_here, faults

    def _request(self, begun: str) -> Request:
        first = self.task.request
        if not begun:
            return first
        part = f"{self.task.pen.place}@{first.sampling.temperature:g} {digest(begun.encode('utf-8', 'surrogatepass'))}"
        seed = sampling_seed(self.run.seed, self.row.record_id, part)
        messages = (*first.messages, Message("assistant", (begun,)))
        return replace(first, messages=messages, sampling=replace(first.sampling, seed=seed))

    def _child(self, node: _Node, answer: Answer) -> _Node | None:
        """Return the node of the first sentence that was added; None where the answer ended before any.

        Raises:
            RowError: ``call_failed``, ``call_refused``, ``answer_cut`` or ``cut_word``: nothing usable came.
        """
        _check(answer)
        rest = added_to(node.text, answer.text) if node.text else answer.text
        found = sentences(rest)
        if not found:
            if answer.finish == "stop":
                return None
            raise RowError("answer_cut", None, "nothing but blanks before max_tokens")
        (start, end), *more = found
        whole = bool(more) or answer.finish == "stop" or len(sentences(f"{rest} A")) > 1
        if not whole:
            raise RowError(
                "answer_cut", None, f"reached max_tokens before the sentence ended: {rest[-_SHOWN:]!r}"
            )
        step = Step(rest[start:end], self._logprob(answer, node.text, rest, end))
        text = node.text + (rest[:end] if node.text else step.text)
        total = node.total + (step.logprob if step.logprob is not None else -math.inf)
        goes_on = (bool(more) or answer.finish != "stop") and len(text) < self.tree.longest
        finish: Finish | None = (
            None if goes_on else "stop" if not more and answer.finish == "stop" else "length"
        )
        return _Node(text, (*node.steps, step), total, finish, goes_on)

    def _logprob(self, answer: Answer, begun: str, rest: str, end: int) -> float | None:
        """Return the mean log-probability of a sentence's tokens; what was said again of the beginning does not count."""
        if not answer.tokens:
            raise ModelError(untold(self.task.pen.place))
        said_again = len(answer.text) - len(rest)
        *_, own = mean_logprobs(answer.tokens, answer.text, [said_again, said_again + end])
        return own

    def _refused(self, node: _Node, error: RowError) -> Reject:
        """Return the reject of a request that the model will not answer; raises what may be answered later."""
        if error.reason == "call_failed":
            raise error
        return self._reject(node, error)

    def _reject(self, node: _Node, error: RowError) -> Reject:
        where = f"after {node.text[-_SHOWN:]!r}" if node.text else "at the beginning"
        row = self.row
        told = f"{where}: {error.message}"
        return Reject(row.record_id, error.reason, "candidate", self.task.pen.place, told, row.source_id)

    def _candidate(self, node: _Node) -> Candidate:
        writer = self.task.pen.writer
        told = self.task.said()
        told.pop("seed", None)
        told |= {"requests": list(node.keys), "sentences": len(node.steps)}
        return Candidate(
            text=node.text,
            model=writer.model,
            side=writer.side,
            finish=node.finish,
            request=node.keys[-1],
            sample=node.sample,
            params=json.dumps(told, ensure_ascii=False),
            round=self.run.round,
        )


def narrowed(nodes: Sequence[_Node], tree: Tree) -> list[_Node]:
    """Return the nodes of a level that go on: the likeliest and the unlikeliest, or all where they are few."""
    if len(nodes) < tree.narrow_at:
        return list(nodes)
    order = sorted(nodes, key=lambda node: -node.total)  # stable: equal ones in the order in which they came
    return [*order[: tree.best], *order[len(order) - tree.worst :]]


def untold(place: str) -> str:
    """Return what is said of a model that tells no log-probabilities."""
    return (
        f"{place}: the model tells no log-probabilities of its answers, by which sentences are ranked; "
        "set logprob_weight: 0 and search: whole, or take a model that does"
    )


def _merged(known: _Node | None, child: _Node) -> _Node:
    """Return a sentence that may have been written before: it may both end the answer and be gone on from."""
    if known is None:
        return child
    finish: Finish | None = "stop" if "stop" in (known.finish, child.finish) else known.finish or child.finish
    return replace(known, finish=finish, goes_on=known.goes_on or child.goes_on)


def _check(answer: Answer) -> None:
    match answer.finish:
        case "aborted":
            raise RowError("call_failed", None, "the server broke it off")
        case "filtered":
            raise RowError("call_refused", None, "stopped by the provider's content filter")
        case "repetition":
            raise RowError("answer_cut", None, "stopped because it went round in circles")
