"""A judge that counts: what an answer leaves out, what it gets wrong and what it invents, against a reference text.

A judge that only punishes wrong statements lets short answers win. Here the reference is taken apart into its events,
once for all answers, and each answer is held against them, so what it leaves out costs as much as what it gets wrong.
After video-SALMONN 2 (arXiv 2506.15220): missing rate + (wrong + invented) rate, each over the events of the reference.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal, cast, get_args

from pydantic import Field

from pairwright.annotators import Case, Decide, Judge, Range, Verdict
from pairwright.annotators._claims import list_schema, listed, text_prompt
from pairwright.annotators._judging import (
    Judging,
    check_case,
    closed_object,
    failure,
    marks_of,
    prepared,
    reason_schema,
    request_of,
    together,
    verdict_of,
    view_of,
)
from pairwright.annotators._prompts import ReadyPrompt, read_prompt
from pairwright.annotators._reading import Json, exact_keys, json_object, quoted, text_of, unusable
from pairwright.schemas.claim import Claim
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import digest
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.request import Ask

SPLITTER = "events_splitter"
"""Name of the packaged prompt for the reference, and what its head says it is for."""

Heard = Literal["right", "wrong", "missing"]
"""What an answer makes of an event."""

ASPECTS: dict[str, Range] = {"missing": (-1.0, 0.0), "wrong": (-1.0, 0.0), "invented": (None, 0.0)}
"""Minus the share of each error, over the events of the reference; their sum is minus the total error."""

_SPLIT_FORM = '{"events": ["…", …]}'


class Events(Judging):
    """Settings of the judge."""

    look: Literal["pictures", "evidence", "both"] = "evidence"
    """Which text is the reference: the row's evidence (``evidence``, ``both``) and, where ``reference`` says so, its right
    answer. With ``pictures`` and ``both`` answers are held against the pictures besides."""
    rationale: Annotated[int, Field(ge=0, le=4000)] = 0
    """Most characters of the reason for each event; 0 for no reasons."""
    splitter_prompt: str | None = None
    """A prompt file of your own for taking the reference apart, or the name of another packaged one."""
    most: Annotated[int, Field(ge=1, le=200)] = 60
    """Most events of a reference, and most invented statements of an answer."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the judge to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: Events
    splitter: ReadyPrompt
    matcher: ReadyPrompt
    scorer: str


@dataclass(frozen=True, slots=True)
class _Held:
    """What came of one answer."""

    claims: tuple[Claim, ...]
    """The events in order, then what was invented."""
    reasons: tuple[str | None, ...]
    """Why, for each event."""


def prepare(settings: Events, scorer: str) -> Decide:
    """Return the judge.

    Raises:
        ParameterError: a prompt cannot be used, or there may be no text that events could be taken from.
    """
    if settings.look == "pictures" and settings.reference != "require":
        raise ParameterError(
            "look: no text to take events from; set look: evidence or both, or reference: require"
        )
    splitter = text_prompt(settings.splitter_prompt, SPLITTER, {"most": settings.most, "form": _SPLIT_FORM})
    form = {"form": _form(settings), "most": settings.most, "rationale": settings.rationale}
    matcher = prepared(settings, "events", dict(form))
    return partial(_decide, _Bench(settings, splitter, matcher, scorer))


def marks(settings: Events) -> dict[str, str]:
    """Return the SHA-256 of both prompt files, by the settings that name them. Raises ParameterError as ``marks_of``."""
    where = settings.splitter_prompt or SPLITTER
    return marks_of("events", settings) | {"splitter_prompt": read_prompt(where, SPLITTER).digest}


async def _decide(bench: _Bench, case: Case, ask: Ask) -> Verdict:
    check_case(bench.settings, case)
    said = f"{bench.splitter.mark}, {bench.matcher.mark}"
    if not case.candidates:
        return Verdict(prompt=said)
    try:
        events = await _events(bench, case, ask)
    except RowError as error:
        if error.reason != "cannot_judge":
            raise
        return Verdict(failures=(failure(error, range(len(case.candidates))),), prompt=said)
    if not events:
        raise RowError("no_claims", "evidence", "the reference text tells of nothing that can be seen")
    outcomes = await together([_held(bench, case, events, one.text, ask) for one in case.candidates])
    return Verdict(
        ratings=tuple(() if isinstance(one, RowError) else _ratings(bench, one) for one in outcomes),
        failures=tuple(failure(one, [n]) for n, one in enumerate(outcomes) if isinstance(one, RowError)),
        claims=tuple(() if isinstance(one, RowError) else one.claims for one in outcomes),
        prompt=said,
    )


async def _events(bench: _Bench, case: Case, ask: Ask) -> tuple[str, ...]:
    """Return the events of the reference: one request, whatever the answers are."""
    settings = bench.settings
    view = view_of(
        case,
        reference=case.reference if settings.reference != "none" else None,
        evidence=case.evidence if settings.look != "pictures" else None,
    )
    request = request_of(settings, bench.splitter, view, case, part="events of the reference")
    if settings.output == "schema":
        schema = list_schema("events", {"type": "string"}, settings.most)
        request = replace(request, schema=json.dumps(schema))

    def read(text: str) -> tuple[str, ...]:
        found = json_object(text, settings.output)
        exact_keys(found, ["events"], "the splitter's object")
        return _texts(found, "events", settings.most)

    return await verdict_of(settings, ask, request, read)


async def _held(bench: _Bench, case: Case, events: Sequence[str], text: str, ask: Ask) -> _Held:
    """Return what one answer makes of the events."""
    settings = bench.settings
    images = () if settings.look == "evidence" else case.prompt.images
    shown = "\n".join(f"{number}. {event}" for number, event in enumerate(events, 1))
    view = view_of(case, answers=[text], labels=["A"], reference=shown, pictures=len(images))
    part = f"events {digest(text.encode('utf-8', 'surrogatepass'))}"
    request = request_of(settings, bench.matcher, view, case, part=part, images=images)
    if settings.output == "schema":
        request = replace(request, schema=json.dumps(_schema(settings, len(events))))
    return await verdict_of(settings, ask, request, partial(_read, settings, events))


def _form(settings: Events) -> str:
    reason = '"rationale": "…", ' if settings.rationale else ""
    return f'{{"events": {{"1": {{{reason}"verdict": "…"}}, …}}, "invented": ["…", …]}}'


def _schema(settings: Events, count: int) -> dict[str, object]:
    reason = {"rationale": reason_schema(settings.rationale)} if settings.rationale else {}
    cell = closed_object({**reason, "verdict": {"type": "string", "enum": list(get_args(Heard))}})
    invented = {"type": "array", "items": {"type": "string"}, "maxItems": settings.most}
    events = closed_object({str(number): cell for number in range(1, count + 1)})
    return closed_object({"events": events, "invented": invented})


def _read(settings: Events, events: Sequence[str], text: str) -> _Held:
    found = json_object(text, settings.output)
    exact_keys(found, ["events", "invented"], "the judge's object")
    cells = found["events"]
    if not isinstance(cells, dict):
        raise unusable(f"events: expected an object, found {quoted(json.dumps(cells))}")
    exact_keys(cells, [str(number) for number in range(1, len(events) + 1)], "events")
    read = [_verdict(settings, cells[str(number)], f"event {number}") for number in range(1, len(events) + 1)]
    told = [Claim(event, heard) for event, (heard, _) in zip(events, read, strict=True)]
    invented = [Claim(one, "invented") for one in _texts(found, "invented", settings.most)]
    return _Held((*told, *invented), tuple(reason for _, reason in read))


def _verdict(settings: Events, cell: object, what: str) -> tuple[Heard, str | None]:
    if not isinstance(cell, dict):
        raise unusable(f"{what}: expected an object with a verdict, found {quoted(str(cell))}")
    exact_keys(cell, ["rationale", "verdict"] if settings.rationale else ["verdict"], what)
    if cell["verdict"] not in get_args(Heard):
        raise unusable(
            f"{what}: the verdict {quoted(str(cell['verdict']))} is none of {', '.join(get_args(Heard))}"
        )
    return cast(Heard, cell["verdict"]), text_of(cell, "rationale", what)


def _texts(found: Json, key: str, most: int) -> tuple[str, ...]:
    """Return the texts under a key, each once, empty ones left out."""
    items = listed(found, key, most)
    for item in items:
        if not isinstance(item, str):
            raise unusable(f"{key}: expected texts, found {quoted(json.dumps(item))}")
    # On one line each: they are shown as a numbered list.
    return tuple(dict.fromkeys(line for item in items if (line := " ".join(str(item).split()))))


def _ratings(bench: _Bench, held: _Held) -> tuple[Judgement, ...]:
    """Return minus the share of each error. Invented statements may be more than there are events."""
    counts = Counter[str](claim.finding for claim in held.claims)
    total = len(held.reasons)
    return tuple(
        Judgement(
            "candidate",
            bench.scorer,
            aspect,
            -counts[aspect] / total if counts[aspect] else 0.0,  # never -0.0
            low,
            high,
            _told(held, aspect, counts[aspect], total),
        )
        for aspect, (low, high) in ASPECTS.items()
    )


def _told(held: _Held, aspect: str, count: int, total: int) -> str:
    reasons = [
        f"event {number}: {reason}"
        for number, (claim, reason) in enumerate(zip(held.claims, held.reasons, strict=False), 1)
        if reason and claim.finding == aspect
    ]
    return "; ".join([f"{count} over {total} events", *reasons])


PART = Judge(
    settings=Events,
    prepare=prepare,
    gives="scores",
    summary="counts what each answer leaves out, gets wrong and invents, against the events of a reference text",
    source="video-SALMONN 2 (arXiv 2506.15220): total error = missing rate + rate of wrong and invented events",
    aspects=lambda settings: ASPECTS,
    marks=marks,
)
