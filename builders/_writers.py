"""Writers: which models write candidates, how they are asked, and what comes back."""

import json
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from pairwright.builders import Asks, Run
from pairwright.builders._at_once import at_once
from pairwright.builders._changed import Changed, Seen, changed_aside, prepare_change, without_images
from pairwright.builders._negative import Negative
from pairwright.builders._roles import played
from pairwright.samplers import Model, model_id
from pairwright.schemas.candidate import Candidate, Side
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.schemas.reject import Reject
from pairwright.schemas.request import (
    Answer,
    Message,
    ModelId,
    Request,
    Sampling,
    Token,
    messages_of,
    request_key,
    sampling_seed,
)
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

_QUESTION = "{question}"


class Writer(Model):
    """Who writes candidates, and how."""

    n: Annotated[int, Field(ge=1, le=1024)] = 1
    """Answers per temperature. Temperature 0 gives one: all would be the same."""
    temperatures: Annotated[tuple[Annotated[float, Field(ge=0, le=5)], ...], Field(min_length=1)] = (1.0,)
    """Temperatures, each asked for on its own."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Draw among the likeliest tokens that together have this probability."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Draw among this many tokens; all if not given. Not every endpoint knows it."""
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    """Longest answer, in tokens."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer."""
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    """Alternatives per token whose log-probabilities are kept in the response store."""
    system: str | None = None
    """System text in place of the prompt's own."""
    ask: str | Annotated[tuple[str, ...], Field(min_length=1)] = _QUESTION
    """Template of the last user turn, with ``{question}`` once, or several of which one is drawn per prompt. Pairs keep the
    row's own question."""
    prefill: str | None = None
    """Beginning of the answer, which the model continues; it is part of the candidate."""
    images: Literal["same", "none"] | Changed = "same"
    """What the model sees: the prompt's images, none, or each of them changed by a perturbation."""
    side: Side = "any"
    """On which side of a pair these answers may stand."""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often it is drawn, against the others, where ``pick`` draws."""

    @property
    def templates(self) -> tuple[str, ...]:
        """All that ``ask`` names."""
        return (self.ask,) if isinstance(self.ask, str) else self.ask

    @model_validator(mode="after")
    def _can_be_asked(self) -> "Writer":
        if any(template.count(_QUESTION) != 1 for template in self.templates):
            raise ValueError(f"ask must hold {_QUESTION} exactly once")
        if len(set(self.templates)) != len(self.templates):
            raise ValueError("ask has one template twice")
        if any(MARKER in text for text in (*self.templates, self.system or "")):
            raise ValueError(f"{MARKER} stands in the question; ask and system cannot hold it")
        if len(set(self.temperatures)) != len(self.temperatures):
            raise ValueError(f"temperatures {list(self.temperatures)} has one twice; raise n instead")
        return self


Count = Annotated[int, Field(ge=1)]


class PickBySide(Settings):
    """How many of the samplers of each side write for a prompt; all of those whose side is not named."""

    any: Count | None = None
    """Of those that write for any side."""
    chosen: Count | None = None
    """Of those that write for the chosen side."""
    rejected: Count | None = None
    """Of those that write for the rejected side."""


class Written(Settings):
    """Parameters of every builder whose candidates are written."""

    samplers: tuple[Writer, ...] = ()
    """Who writes candidates. Those that the source has are there in any case. Without ``model`` it is the first one's."""
    pick: Count | PickBySide | None = None
    """How many of the samplers write for a prompt, drawn per prompt by their weights: of all of them, or by side
    (``{chosen: 1, rejected: 1}``). All if not given, or if there are no more."""
    truncated: Literal["drop", "keep"] = "drop"
    """What becomes of answers that reached ``max_tokens`` or ended in a loop."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """What the writers gave for one prompt."""

    candidates: tuple[Candidate, ...] = ()
    """In the order of samplers, temperatures and samples."""
    rejects: tuple[Reject, ...] = ()
    """One for each request that failed, with scope ``candidate``."""
    negatives: Mapping[str, tuple[Negative, ...]] = field(default_factory=dict)
    """By key of the request: the changed pictures that its candidates were written from, where they were changed."""
    tokens: Mapping[tuple[str, int], tuple[Token, ...]] = field(default_factory=dict)
    """By key of the request and number of the sample: tokens of the answers, where log-probabilities were asked for and
    told. A prefill is not among them."""

    def lost(self) -> RowError | None:
        """Return the first failure of a call that may succeed later: with its answers, the row would give other pairs."""
        failed = (one for one in self.rejects if one.reason == "call_failed")
        return next((RowError(one.reason, one.field, one.message) for one in failed), None)


Write = Callable[[SourceRow, Asks], Awaitable[Wrote]]
"""Has candidates written for one row, all requests at the same time."""


@dataclass(frozen=True, slots=True)
class _Pen:
    """A writer that was checked."""

    place: str
    """Where it stands in the parameters: ``samplers.0``."""
    writer: Writer
    identity: Callable[[], ModelId]
    see: Callable[[SourceRow], Awaitable[Seen]]


@dataclass(frozen=True, slots=True)
class Task:
    """What a writer is asked about a row, before it is: one request."""

    pen: _Pen
    request: Request
    seen: Seen
    template: str
    """By which the prompt is asked."""

    def key(self, request: Request) -> str:
        """Return the store's key of this request, or of another one to the same model."""
        return request_key(self.pen.identity(), request)

    def said(self) -> dict[str, object]:
        """Return how answers are written, for provenance: all that was set or drawn, and the images if not the prompt's."""
        return dict(_said(self.pen, self.request.sampling, self.seen, self.template))


Plan = Callable[[SourceRow], Awaitable[tuple[tuple[Task, ...], tuple[Reject, ...]]]]
"""Returns what is to be asked about a row, and a reject for each writer that cannot be shown its prompt. Asks nobody."""


def prepare_tasks(settings: Written, run: Run) -> Plan:
    """Check the writers once, for a builder that asks by itself. Raises as :func:`prepare_writers` does."""
    pens = _pens(settings, run)

    async def plan(row: SourceRow) -> tuple[tuple[Task, ...], tuple[Reject, ...]]:
        at_work = _picked(pens, settings.pick, run.seed, row.record_id)
        found = await at_once(partial(_tasks, pen, row, run) for pen in at_work)
        refused = [(pen, one) for pen, one in zip(at_work, found, strict=True) if isinstance(one, RowError)]
        tasks = tuple(task for one in found if not isinstance(one, RowError) for task in one)
        return tasks, tuple(_reject(row, pen, one) for pen, one in refused)

    return plan


def prepare_writers(settings: Written, run: Run) -> Write:
    """Check the writers once.

    Raises:
        ParameterError: a change of images that cannot be made; a side to pick of that nobody writes for; a way to reach
            a model that is not named.
        UnknownPartError: a perturbation that does not exist.
    """
    pens = _pens(settings, run)

    async def write(row: SourceRow, asks: Asks) -> Wrote:
        at_work = _picked(pens, settings.pick, run.seed, row.record_id)
        wrote = await at_once(partial(_written, pen, row, asks, run) for pen in at_work)
        candidates: list[Candidate] = []
        rejects: list[Reject] = []
        negatives: dict[str, tuple[Negative, ...]] = {}
        tokens: dict[tuple[str, int], tuple[Token, ...]] = {}
        for pen, one in zip(at_work, wrote, strict=True):
            if isinstance(one, RowError):
                rejects.append(_reject(row, pen, one))
            else:
                candidates += one.candidates
                rejects += one.rejects
                negatives |= one.negatives
                tokens |= one.tokens
        return Wrote(tuple(candidates), tuple(rejects), negatives, tokens)

    return write


def writer_models(settings: Written) -> dict[str, Model]:
    """Return the models that write, by where they stand in the parameters. Raises as :func:`prepare_writers` does."""
    return {**_by_place(settings)}


def _by_place(settings: Written) -> dict[str, Writer]:
    """Return the samplers by where they stand, each with its model."""
    places = {f"samplers.{number}": writer for number, writer in enumerate(settings.samplers)}
    return {place: played(writer, settings.samplers, place) for place, writer in places.items()}


def _check_pick(settings: Written) -> None:
    if not isinstance(settings.pick, PickBySide):
        return
    sides = {writer.side for writer in settings.samplers}
    for side in get_args(Side):
        if getattr(settings.pick, side) is not None and side not in sides:
            raise ParameterError(f"pick.{side}: no sampler has side: {side}")


def _pens(settings: Written, run: Run) -> list[_Pen]:
    _check_pick(settings)
    return [_pen(place, writer, run) for place, writer in _by_place(settings).items()]


def _pen(place: str, writer: Writer, run: Run) -> _Pen:
    shown = writer.images
    change = prepare_change(place, shown, run.seed) if isinstance(shown, Changed) else None

    async def see(row: SourceRow) -> Seen:
        if change is not None:
            return await changed_aside(change, row.record_id, row.prompt)
        return Seen(row.prompt if shown == "same" else without_images(row.prompt))

    # A packaged recipe names no model: who it is, is first asked for when it is asked.
    return _Pen(place, writer, cache(partial(model_id, writer)), see)


def _picked(pens: Sequence[_Pen], pick: int | PickBySide | None, seed: int, record_id: str) -> Sequence[_Pen]:
    """Return who writes for a prompt, drawn by weight without replacement (Efraimidis and Spirakis 2006)."""
    if pick is None:
        return pens
    # By random() alone: it is the one method that gives the same numbers in every release of Python.
    rng = generator(seed, record_id, "samplers")
    lots = [-math.log(1 - rng.random()) / pen.writer.weight for pen in pens]
    order = sorted(range(len(pens)), key=lots.__getitem__)
    if isinstance(pick, int):
        drawn = order[:pick]
    else:
        by_side = {side: [n for n in order if pens[n].writer.side == side] for side in get_args(Side)}
        drawn = [n for side, ones in by_side.items() for n in ones[: getattr(pick, side)]]
    return [pens[number] for number in sorted(drawn)]


def _asked(pen: _Pen, seed: int, record_id: str) -> str:
    """Return the template by which a prompt is asked, drawn where there are several."""
    templates = pen.writer.templates
    if len(templates) == 1:
        return templates[0]
    drawn = generator(seed, record_id, f"{pen.place}.ask").random()
    return templates[int(drawn * len(templates))]


async def _tasks(pen: _Pen, row: SourceRow, run: Run) -> list[Task]:
    """Return what a writer is asked; raises RowError where it cannot be shown the prompt."""
    seen = await pen.see(row)
    template = _asked(pen, run.seed, row.record_id)
    asked = replace(seen.prompt, question=template.replace(_QUESTION, seen.prompt.question))
    return [
        Task(pen, _request(pen, one, asked, _seed(pen, one, row, run.seed)), seen, template)
        for one in pen.writer.temperatures
    ]


async def _written(pen: _Pen, row: SourceRow, asks: Asks, run: Run) -> Wrote:
    """Return what one writer gives; raises RowError where it cannot be shown the prompt."""
    tasks = await _tasks(pen, row, run)
    replies = await at_once(partial(asks[pen.place], task.request) for task in tasks)
    candidates: list[Candidate] = []
    rejects: list[Reject] = []
    negatives: dict[str, tuple[Negative, ...]] = {}
    tokens: dict[tuple[str, int], tuple[Token, ...]] = {}
    for task, reply in zip(tasks, replies, strict=True):
        if isinstance(reply, RowError):
            rejects.append(_reject(row, pen, _of_all(task.request, reply)))
            continue
        key = task.key(task.request)
        candidates += _candidates(task, key, reply, number=run.round)
        tokens |= {(key, sample): one.tokens for sample, one in enumerate(reply) if one.tokens}
        negatives |= {key: task.seen.negatives} if task.seen.negatives else {}
    return Wrote(tuple(candidates), tuple(rejects), negatives, tokens)


def _of_all(request: Request, error: RowError) -> RowError:
    what = "1 answer" if request.n == 1 else f"{request.n} answers"
    told = f"{what} at temperature {request.sampling.temperature:g}: {error.message}"
    return RowError(error.reason, error.field, told)


def _reject(row: SourceRow, pen: _Pen, error: RowError) -> Reject:
    return Reject(row.record_id, error.reason, "candidate", pen.place, error.message, row.source_id)


def _seed(pen: _Pen, temperature: float, row: SourceRow, seed: int) -> int:
    return sampling_seed(seed, row.record_id, f"{pen.place}@{temperature:g}")


def _request(pen: _Pen, temperature: float, prompt: Prompt, seed: int) -> Request:
    writer = pen.writer
    asked = prompt if writer.system is None else replace(prompt, system=writer.system)
    begun = (Message("assistant", (writer.prefill,)),) if writer.prefill else ()
    sampling = Sampling(
        temperature=temperature,
        top_p=writer.top_p,
        top_k=writer.top_k,
        max_tokens=writer.max_tokens,
        stop=writer.stop,
        seed=seed,
        logprobs=writer.logprobs,
    )
    return Request((*messages_of(asked), *begun), sampling, n=writer.n if temperature else 1)


def _candidates(task: Task, key: str, answers: Sequence[Answer], *, number: int) -> Iterator[Candidate]:
    writer, params = task.pen.writer, json.dumps(task.said(), ensure_ascii=False)
    for sample, answer in enumerate(answers, task.request.first):
        text = (writer.prefill or "") + answer.text
        yield Candidate(text, writer.model, writer.side, answer.finish, key, sample, params, round=number)


def _said(pen: _Pen, sampling: Sampling, seen: Seen, ask: str) -> Iterator[tuple[str, object]]:
    yield "sampler", pen.place
    for name in ("temperature", "top_p", "top_k", "max_tokens", "seed"):
        yield name, getattr(sampling, name)
    writer = pen.writer
    if writer.stop:
        yield "stop", list(writer.stop)
    if writer.system is not None:
        yield "system", writer.system
    if ask != _QUESTION:
        yield "ask", ask
    if writer.prefill:
        yield "prefill", writer.prefill
    if writer.images == "none":
        yield "images", "none"
    if seen.negatives:
        yield "images", seen.told()
