"""One misleading question: the correction, the answers that go along with it, and the pairs of them."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pairwright.annotators import Case
from pairwright.annotators._questions import Posed, Question
from pairwright.builders import Asks, Built, Run
from pairwright.builders._candidates import Truncated, candidate_reject, in_line, why_too_few
from pairwright.builders._pairer import Pairer
from pairwright.builders._premise import disputed
from pairwright.builders._rewriting import Order, Rewriter, rewritten
from pairwright.builders._text_pair import Judged, refused
from pairwright.builders._writers import Write, Wrote
from pairwright.correctors import Task
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.request import ModelId, request_key
from pairwright.schemas.source_row import SourceRow

QUESTIONER, INJECT = "questioner", "inject"
"""Where they stand in the parameters."""


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a question is answered and paired with, checked."""

    mark: str
    """Of the questioner's prompt file."""
    identity: Callable[[], ModelId]
    """Of the questioner."""
    write: Write
    truncated: Truncated
    rewriter: Rewriter | None
    """Who puts errors in, where there are plain questions."""
    pairer: Pairer[Comparison]

    @property
    def run(self) -> Run:
        """The run."""
        return self.pairer.making.run


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of which a prompt was made."""

    prompt: SourceRow
    question: Question
    posed: Posed
    """What the questioner wrote with it."""


async def answered(bench: Bench, asked: Asked, case: Case, asks: Asks) -> Built:
    """Return what one question gives; its rejects are those of its own prompt.

    Args:
        bench: what was checked.
        asked: the question.
        case: its row, as a second opinion is shown it but for the question.
        asks: ways to ask the models.

    Raises:
        RowError: ``call_failed`` where the errors could not be put in for a reason that may be gone later.
    """
    if asked.question.kind == "plain":
        good, wrote = await _injected(bench, asked, asks)
    elif asked.question.yes_man is None:
        good, wrote = _corrected(bench, asked), await bench.write(asked.prompt, asks)
    else:
        good = _corrected(bench, asked)
        wrote = Wrote((replace(good, text=asked.question.yes_man, side="rejected"),))
    judged, rejects = await asyncio.to_thread(_told_apart, bench, asked, good, wrote)
    if lost := wrote.lost():
        return refused(judged, lost, rejects)
    return await bench.pairer.pairs(
        judged,
        case=replace(case, record_id=asked.prompt.record_id, prompt=asked.prompt.prompt),
        asks=asks,
        rejects=rejects,
        why_none=_why_none(judged, rejects, wrote),
        tags=(asked.question.kind,),
    )


def _corrected(bench: Bench, asked: Asked) -> Candidate:
    """Return the questioner's answer as a candidate."""
    request = asked.posed.request
    said = {
        "from": QUESTIONER,
        "kind": asked.question.kind,
        "prompt": bench.mark,
        "temperature": request.sampling.temperature,
        "seed": request.sampling.seed,
    }
    return Candidate(
        text=asked.question.answer,
        model=bench.identity().model,
        side="chosen",
        finish="stop",
        request=request_key(bench.identity(), request),
        sample=request.first,
        params=json.dumps(said, ensure_ascii=False),
        round=bench.run.round,
    )


async def _injected(bench: Bench, asked: Asked, asks: Asks) -> tuple[Candidate, Wrote]:
    """Return the answer to a plain question, and itself with errors put in."""
    if bench.rewriter is None:
        raise AssertionError("a plain question, and nobody to put errors into its answer")
    good, row = _corrected(bench, asked), asked.prompt
    task = Task(row.record_id, bench.run.seed, INJECT, row.prompt, "", good.text, row.evidence)
    came = await rewritten([Order(bench.rewriter, 0, good, "rejected")], task, asks, bench.run)
    for one in came.made:
        good = replace(good, spans=one.original_spans)
    return good, Wrote(tuple(one.candidate for one in came.made), tuple(one.reject(row) for one in came.lost))


def _told_apart(bench: Bench, asked: Asked, good: Candidate, wrote: Wrote) -> tuple[Judged, list[Reject]]:
    """Return the answers in line; those that dispute a false premise are set aside, on no side of a pair."""
    written = [replace(one, side="rejected") for one in wrote.candidates]
    line = in_line(asked.prompt, gold=(good,), written=written, truncated=bench.truncated)
    rejects = [*wrote.rejects, *line.rejects]
    candidates = list(line.candidates[: line.usable])
    for number, one in enumerate(candidates):
        if asked.question.kind == "plain" or one.side == "chosen":
            continue
        if (words := disputed(one.text)) is not None:
            why = RowError(
                "rejected_as_good", "premise", f"it does not go along with the question: {words!r}"
            )
            rejects.append(candidate_reject(asked.prompt, number, why))
            candidates[number] = replace(one, side="any")
    return Judged(asked.prompt, line, tuple(candidates), line.comparisons), rejects


def _why_none(judged: Judged, rejects: Sequence[Reject], wrote: Wrote) -> RowError | None:
    """Return why a question gave no pair, where forming does not know it."""
    if judged.line.usable < 2:
        return why_too_few(judged.line, wrote.rejects)
    told = next((one for one in rejects if one.reason == "rejected_as_good"), None)
    return None if told is None else RowError(told.reason, told.field, told.message)
