"""Continuing answers blindly: a model is given the beginning of an answer, and writes the rest without the pictures."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Annotated, Literal

from pydantic import Field

from pairwright.builders import Asks, Run
from pairwright.builders._at_once import at_once
from pairwright.builders._changed import Changed, Seen, changed_aside, prepare_change, without_images
from pairwright.builders._cutting import added_to, drawn_part, finished, share_of, turned
from pairwright.builders._roles import played
from pairwright.correctors._sentences import sentences
from pairwright.pairings._similarity import profile, similarity
from pairwright.samplers import Model, model_id
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import digest
from pairwright.schemas.request import (
    Answer,
    Ask,
    Finish,
    Message,
    ModelId,
    Request,
    Sampling,
    messages_of,
    request_key,
    sampling_seed,
)
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

CONTINUER = "continuer"
"""Where it stands in the parameters."""
_HALF = 0.5


class Continuer(Model):
    """Who continues, and how its tokens are drawn."""

    temperature: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Temperature."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Draw among the likeliest tokens that together have this probability."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Draw among this many tokens; all if not given. Not every endpoint knows it."""
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    """Longest continuation, in tokens; of unit ``sentence`` for each sentence."""


class Continuing(Settings):
    """Parameters of how answers are continued."""

    continuer: Continuer = Continuer()
    """Who continues: a model that can be given the beginning of its answer. Without ``model`` it is the first sampler's."""
    images: Literal["none"] | Changed = "none"
    """What it sees: no pictures, or each of them changed by a perturbation."""
    unit: Literal["answer", "sentence"] = "answer"
    """``answer``: the first part of the answer is given, and the rest continued. ``sentence``: each sentence is cut at a
    drawn place; its first part is given with the true sentences before it, and the sentence is finished."""
    keep: Annotated[float, Field(gt=0, lt=1)] = _HALF
    """Share of an answer's words that is given, for the unit ``answer``."""
    tries: Annotated[int, Field(ge=1, le=100)] = 1
    """Most guided continuations: another one is drawn while the result is too similar to the answer."""
    redraw_above: Annotated[float, Field(gt=0, le=1)] = 0.97
    """Similarity from which on it is too similar: share of neighbouring word pairs in common, 0 to 1."""
    unguided: bool = False
    """Whether, where all tries were too similar, an answer without a given beginning is written; the last try stays
    otherwise."""
    flip_yes_no: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How often, of answers of one sentence that begin with yes or no (English), the other word is the given beginning; an
    answer of that word alone is turned without asking anybody."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A continuer that was checked."""

    see: Callable[[SourceRow], Awaitable[Seen]]
    """Returns a prompt as it is shown. Raises RowError where nothing is left of it, or it cannot be changed."""
    go_on: "GoOn"


GoOn = Callable[[SourceRow, Seen, Candidate, Asks], Awaitable[Candidate]]
"""Continues an answer to a row; returns a candidate of side ``rejected``. Raises RowError: ``short_answer``,
``cut_word``, ``answer_cut``, or as ``Ask`` does."""


def prepare_continuing(settings: Continuing, samplers: Sequence[Model], run: Run) -> Hand:
    """Check the settings once.

    Args:
        settings: how answers are continued.
        samplers: who writes them, the first of whom continues where nobody is named.
        run: the run.

    Raises:
        ParameterError: settings that do not go together, a perturbation's parameters, or a way to reach a model that is
            not named.
        UnknownPartError: there is no such perturbation.
    """
    if settings.unit == "sentence" and settings.keep != _HALF:
        raise ParameterError(
            "keep: each sentence is cut at a drawn place; leave keep out, or set unit: answer"
        )
    model = played(settings.continuer, samplers, CONTINUER)
    if settings.unit == "answer" and settings.tries > 1 and model.temperature == 0:
        raise ParameterError(
            "tries: at continuer.temperature 0 every try would be the same; raise the temperature"
        )
    shown = settings.images
    change = prepare_change(CONTINUER, shown, run.seed) if isinstance(shown, Changed) else None
    identity = cache(partial(model_id, model))  # a packaged recipe names no model

    async def see(row: SourceRow) -> Seen:
        if change is None:
            return Seen(without_images(row.prompt))
        return await changed_aside(change, row.record_id, row.prompt)

    async def go_on(row: SourceRow, seen: Seen, answer: Candidate, asks: Asks) -> Candidate:
        # Draws go by the text: an answer is continued alike when others are added or taken away.
        part = f"{CONTINUER} {digest(answer.text.encode('utf-8', 'surrogatepass'))}"
        task = _Task(settings, model, run, row, seen, answer.text, part, asks[CONTINUER])
        made = _candidate(task, await _drafted(task), identity())
        # What goes on from an answer of an earlier round is no more the latest model's own than that answer is.
        return made if answer.round is None else replace(made, round=answer.round)

    return Hand(see, go_on)


@dataclass(frozen=True, slots=True)
class _Task:
    """An answer that is to be continued."""

    settings: Continuing
    model: Continuer
    run: Run
    row: SourceRow
    seen: Seen
    text: str
    part: str
    """Name of the draws."""
    ask: Ask

    def chance(self, name: str) -> float:
        """Return a drawn number from 0 to 1."""
        return generator(self.run.seed, self.row.record_id, f"{self.part}.{name}").random()


@dataclass(frozen=True, slots=True)
class _Draft:
    """What came of a try."""

    text: str
    prefix: str = ""
    """Beginning of the text that was given."""
    finish: Finish | None = None
    requests: tuple[Request, ...] = ()
    told: Mapping[str, object] = field(default_factory=dict)
    """More of how it was written."""


async def _drafted(task: _Task) -> _Draft:
    settings = task.settings
    other = turned(task.text) if settings.flip_yes_no else None
    if other is not None and task.chance("flip") < settings.flip_yes_no:
        return await _flipped(task, other)
    way = _by_sentence if settings.unit == "sentence" else _as_a_whole
    answer = profile(task.text)
    for attempt in range(settings.tries):
        draft = await way(task, attempt)
        if similarity(answer, profile(draft.text)) <= settings.redraw_above:
            return draft
    if not settings.unguided:
        return draft
    request, written = await _written(task, "", "unguided")
    return _Draft(written.text, "", written.finish, (request,), {"unguided": True})


async def _flipped(task: _Task, other: str) -> _Draft:
    """Return the answer that begins with the other word."""
    if share_of(task.text, _HALF) is None:  # it was that word alone
        return _Draft(other, told={"flipped": True})
    request, written = await _written(task, other, "flipped")
    text = finished(other, added_to(other, written.text), whole=written.finish == "stop")
    return _Draft(text, other, "stop", (request,), {"flipped": True})


async def _as_a_whole(task: _Task, attempt: int) -> _Draft:
    prefix = share_of(task.text, task.settings.keep)
    if prefix is None:
        raise _too_short(task)
    request, written = await _written(task, prefix, str(attempt))
    return _Draft(prefix + added_to(prefix, written.text), prefix, written.finish, (request,))


async def _by_sentence(task: _Task, attempt: int) -> _Draft:
    """Return the answer with each sentence finished anew; one that cannot be, stays as it is."""
    text = task.text
    rng = generator(task.run.seed, task.row.record_id, f"{task.part}.{attempt}.cuts")
    spans = sentences(text)
    parts = [drawn_part(text[start:end], rng) for start, end in spans]
    given = {n: text[: spans[n][0]] + part for n, part in enumerate(parts) if part is not None}
    if not given:
        raise _too_short(task)
    replies = await at_once(partial(_written, task, given[n], f"{attempt}.{n}") for n in given)
    made: dict[int, str] = {}
    requests: list[Request] = []
    faults: list[RowError] = []
    for number, reply in zip(given, replies, strict=True):
        if isinstance(reply, RowError):
            raise reply
        requests.append(reply[0])
        try:
            made[number] = _finished(given[number], spans[number][0], reply[1])
        except RowError as fault:
            faults.append(fault)
    if not made:
        told = f"none of {len(given)} sentences could be finished; {faults[0].message}"
        raise RowError(faults[0].reason, CONTINUER, told)
    stayed = [number for number in range(len(spans)) if number not in made]
    more = {"unfinished": stayed} if stayed else {}
    return _Draft(_glued(text, spans, made), given[min(made)], "stop", tuple(requests), more)


def _finished(given: str, start: int, written: Answer) -> str:
    """Return the sentence that begins at ``start`` of what was given."""
    return finished(given[start:], added_to(given, written.text), whole=written.finish == "stop")


def _glued(text: str, spans: Sequence[tuple[int, int]], made: Mapping[int, str]) -> str:
    """Return a text with some of its sentences replaced."""
    pieces: list[str] = []
    at = 0
    for number, (start, end) in enumerate(spans):
        pieces += [text[at:start], made.get(number, text[start:end])]
        at = end
    return "".join((*pieces, text[at:]))


async def _written(task: _Task, prefix: str, name: str) -> tuple[Request, Answer]:
    """Ask for what follows a beginning; raises RowError where nothing usable came."""
    model = task.model
    seed = sampling_seed(task.run.seed, task.row.record_id, f"{task.part}.{name}")
    sampling = Sampling(model.temperature, model.top_p, model.top_k, model.max_tokens, seed=seed)
    begun = (Message("assistant", (prefix,)),) if prefix else ()
    request = Request((*messages_of(task.seen.prompt), *begun), sampling)
    (answer,) = await task.ask(request)
    if answer.finish == "aborted":
        raise RowError("call_failed", CONTINUER, "the server broke it off")
    if answer.finish == "filtered":
        raise RowError("call_refused", CONTINUER, "stopped by the provider's content filter")
    return request, answer


def _too_short(task: _Task) -> RowError:
    return RowError("short_answer", CONTINUER, f"fewer than two words to cut between: {task.text[:80]!r}")


def _candidate(task: _Task, draft: _Draft, identity: ModelId) -> Candidate:
    keys = [request_key(identity, request) for request in draft.requests]
    return Candidate(
        text=draft.text.strip(),
        model=task.model.model if keys else None,
        side="rejected",
        finish=draft.finish,
        request=keys[0] if keys else None,
        sample=0 if keys else None,
        params=json.dumps(_said(task, draft, keys), ensure_ascii=False),
        round=task.run.round,
    )


def _said(task: _Task, draft: _Draft, keys: Sequence[str]) -> dict[str, object]:
    """Return how a continuation was written, for provenance."""
    told: dict[str, object] = {"sampler": CONTINUER}
    if keys:
        told |= {name: getattr(task.model, name) for name in ("temperature", "top_p", "top_k", "max_tokens")}
        told["images"] = task.seen.told() or "none"
    if len(keys) == 1:
        told["seed"] = draft.requests[0].sampling.seed
    if draft.prefix:
        told |= {"unit": task.settings.unit, "prefix": draft.prefix}
    if len(keys) > 1:
        told["requests"] = list(keys)
    return {**told, **draft.told}
