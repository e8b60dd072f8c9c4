"""Several prompts made of one source row: other questions about its pictures, and what came of them as one result."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pairwright.builders import Built
from pairwright.builders._text_pair import row_reject
from pairwright.schemas.errors import RowError
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow


def derived(row: SourceRow, number: int, question: str, *, evidence: str | None) -> SourceRow:
    """Return a prompt that was made of a row: another question, with nothing before it, about all its pictures.

    Args:
        row: gives its system text, pictures, licence, language, tags and extra; what answers its own question stays
            behind. The new prompt has no gold answer: the source gave none.
        number: tells the row's prompts apart, from 1; its record id ends in it.
        question: without image markers.
        evidence: what the question was made of.

    >>> derived(SourceRow("a.jsonl:7", "a", "7", Prompt("Why?")), 2, "What is it?", evidence=None).record_id
    'a.jsonl:7#2'
    """
    markers = f"{MARKER}\n" * len(row.prompt.images)
    return SourceRow(
        record_id=f"{row.record_id}#{number}",
        source=row.source,
        source_id=row.source_id,
        prompt=Prompt(markers + question, row.prompt.images, row.prompt.system),
        evidence=evidence,
        license=row.license,
        language=row.language,
        tags=row.tags,
        provenance=row.provenance,
        extra=row.extra,
    )


def together(row: SourceRow, made: Sequence[tuple[SourceRow, Built]], faults: Sequence[RowError]) -> Built:
    """Return what all prompts that were made of a row gave, as the result of the row.

    A prompt without pairs is a reject of scope ``pair``; the row is one where no prompt gave any. Where a call failed the row
    gives none: when it is tried again, it gives what it would have given.

    Args:
        row: the source row.
        made: its prompts, each with what it gave.
        faults: what is wrong with prompts that were not made.
    """
    candidates = (row, *(kept for _, built in made for kept in built.candidates))
    told = [
        *(Reject(row.record_id, one.reason, "pair", one.field, one.message, row.source_id) for one in faults),
        *(one for prompt, built in made for one in _told(row, prompt, built.rejects)),
    ]
    failed = next((one for one in told if one.reason == "call_failed"), None)
    if failed is not None:
        why = RowError("call_failed", failed.field, failed.message)
        return Built((), (*told, row_reject(row, why)), candidates)
    pairs = tuple(pair for _, built in made for pair in built.pairs)
    if not pairs:
        told.append(row_reject(row, _why_none(told, len(made) + len(faults))))
    return Built(pairs, tuple(told), candidates)


def _told(row: SourceRow, prompt: SourceRow, rejects: Sequence[Reject]) -> Iterator[Reject]:
    """Yield the rejects of a prompt as those of its row."""
    place = prompt.record_id.removeprefix(row.record_id)
    for one in rejects:
        yield replace(
            one,
            record_id=row.record_id,
            scope="pair" if one.scope == "row" else one.scope,
            message=f"{place}: {one.message}",
        )


def _why_none(told: Sequence[Reject], prompts: int) -> RowError:
    """Return why no prompt gave a pair: the most frequent reason, and its first message."""
    [(reason, count)] = Counter(one.reason for one in told if one.scope == "pair").most_common(1)
    first = next(one for one in told if one.scope == "pair" and one.reason == reason)
    return RowError(reason, first.field, f"{count} of {prompts} questions; {first.message}")
