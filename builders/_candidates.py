"""The candidates of a prompt in line: those that may be judged and paired first, those set aside last."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pairwright.pairings._forming import among_rounds, distinct
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Comparison, Side
from pairwright.schemas.errors import RowError
from pairwright.schemas.reasons import Reason
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.special_tokens import special_token

Truncated = Literal["drop", "keep"]


@dataclass(frozen=True, slots=True)
class Line:
    """All candidates of a row, numbered anew: first what may run, so that a judge's numbers are those of the row."""

    candidates: tuple[Candidate, ...]
    """Different answers, then answers that repeat one of them or are of an earlier round that may not pair, then answers
    that can be on no side of a pair; without white space around their texts."""
    different: int
    """How many stand before the first repeated one, or the first of an earlier round."""
    usable: int
    """How many stand before the first that can be on no side."""
    comparisons: tuple[Comparison, ...]
    """What the source said of two of them."""
    rejects: tuple[Reject, ...]
    """One for each answer that can be on no side, with scope ``candidate``. Forming tells of repeated ones."""
    annotations: tuple[Annotation, ...] = ()
    """How each person came to what they said of the source's candidates."""

    def followed_by_the_rest(self, judged: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return all candidates, the first ones as they were judged, the others without a score: nobody judged them."""
        return (*judged, *(replace(one, score=None) for one in self.candidates[len(judged) :]))


def in_line(
    row: SourceRow,
    *,
    gold: Sequence[Candidate] = (),
    written: Sequence[Candidate] = (),
    truncated: Truncated = "keep",
    similarity: float | None = None,
    latest: int | None = None,
) -> Line:
    """Return the candidates of a row in line.

    Args:
        row: with the candidates and comparisons of its source.
        gold: candidates made of the row's own answer; of two equal texts the first stays, so they come first.
        written: candidates that samplers wrote.
        truncated: what becomes of answers that reached ``max_tokens`` or ended in a loop.
        similarity: from which similarity on an answer repeats another one; None to leave that to forming, where
            copies cost nothing because no judge is asked.
        latest: the round that alone may pair, if any: nobody needs to judge the answers of earlier ones.
    """
    everyone = [replace(one, text=one.text.strip()) for one in (*gold, *row.candidates, *written)]
    faults = [_fault(one, truncated) for one in everyone]
    usable = [number for number, fault in enumerate(faults) if fault is None]
    running = usable
    if latest is not None:
        taken = among_rounds([everyone[number] for number in usable], "latest", latest)
        running = [usable[place] for place in taken]
    if similarity is not None:
        kept, _ = distinct([everyone[number] for number in running], similarity)
        running = [running[place] for place in kept]
    aside = [number for number in usable if number not in set(running)]
    order = [*running, *aside, *(number for number, fault in enumerate(faults) if fault is not None)]
    place = {number: position for position, number in enumerate(order)}
    return Line(
        candidates=tuple(everyone[number] for number in order),
        different=len(running),
        usable=len(usable),
        comparisons=tuple(
            replace(one, first=place[len(gold) + one.first], second=place[len(gold) + one.second])
            for one in row.comparisons
        ),
        rejects=tuple(
            candidate_reject(row, place[number], fault)
            for number, fault in enumerate(faults)
            if fault is not None
        ),
        annotations=tuple(
            replace(one, shown=tuple(place[len(gold) + number] for number in one.shown))
            for one in row.annotations
        ),
    )


def candidate_reject(row: SourceRow, number: int, fault: RowError) -> Reject:
    """Return the reject of one candidate, with its number in the message."""
    field = fault.field or "candidates"
    return Reject(
        row.record_id, fault.reason, "candidate", field, f"answer {number}: {fault.message}", row.source_id
    )


def gold_of(row: SourceRow) -> Candidate:
    """Return the row's own answer as a candidate.

    Raises:
        RowError: ``no_answer`` where it has none.
    """
    if row.chosen is None:
        raise RowError(
            "no_answer", "chosen", "the recipe takes the row's own answer as a candidate, and it has none"
        )
    return Candidate(row.chosen, row.chosen_model, params='{"from": "chosen"}')


def candidate_rejects(row: SourceRow, faults: Sequence[RowError | None]) -> list[Reject]:
    """Return the rejects of a row's candidates; ``faults`` has for each what is wrong with it, if anything."""
    return [candidate_reject(row, number, fault) for number, fault in enumerate(faults) if fault is not None]


def gold_for(row: SourceRow, side: Side) -> Candidate:
    """Return the row's own answer as a candidate for one side, where no pair can do without it.

    Raises:
        RowError: ``no_answer`` where it has none; ``empty_answer`` or ``special_token`` where it can be on no side.
    """
    gold = gold_of(row)
    gold = replace(gold, text=gold.text.strip(), side=side)
    fault = _fault(gold, "keep")
    if fault is not None:
        raise RowError(fault.reason, "chosen", f"the row's own answer: {fault.message}")
    return gold


def why_too_few(line: Line, failed: Sequence[Reject]) -> RowError | None:
    """Return why fewer than two answers are left, if for another reason than that they are the same.

    Requests that failed come first: the row may give pairs when it is tried again.

    Args:
        line: the answers there are.
        failed: rejects of requests for more of them.
    """
    left = f"{line.usable} usable answers"
    if failed:
        return RowError(failed[0].reason, failed[0].field, f"{left}; {failed[0].message}")
    if line.rejects:
        (reason, _), *_ = Counter(one.reason for one in line.rejects).most_common(1)
        told = next(one.message for one in line.rejects if one.reason == reason)
        return RowError(reason, "candidates", f"{left} of {len(line.candidates)}; {told}")
    if not line.candidates:
        return RowError(
            "too_few_answers", "candidates", "the row has no candidates, and the recipe no samplers"
        )
    return None


def _fault(candidate: Candidate, truncated: Truncated) -> RowError | None:
    """Return why an answer can be on no side of a pair."""

    def of(reason: Reason, message: str) -> RowError:
        return RowError(reason, None, message)

    match candidate.finish:
        case "aborted":
            return of("answer_cut", "the server broke it off")  # and it is stored: no later try gives another
        case "filtered":
            return of("call_refused", "stopped by the provider's content filter")
        case "length" if truncated == "drop":
            return of("answer_cut", "reached max_tokens")
        case "repetition" if truncated == "drop":
            return of("answer_cut", "stopped because it went round in circles")
    if not candidate.text:
        return of("empty_answer", "no text")
    token = special_token(candidate.text)
    return of("special_token", f"the text holds {token}") if token else None
