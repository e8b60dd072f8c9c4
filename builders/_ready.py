"""Pairs that somebody made before: the row has both sides, in text or in pictures."""

from dataclasses import replace

from pairwright.builders import Built
from pairwright.builders._candidates import Line
from pairwright.builders._guarding import Catch, guarded_anew
from pairwright.builders._text_pair import Group, Judged, Making, row_reject, text_pair
from pairwright.correctors._spans import changed
from pairwright.pairings import Chosen
from pairwright.pairings._forming import Formed, FormPairs
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.pair import Pair, pair_id
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow

READY = "ready"
"""What stands for the rule in the provenance of such pairs."""


def ready_pair(row: SourceRow, form: FormPairs, catch: Catch, making: Making, weight: float | None) -> Built:
    """Return the pair of a row that has one.

    Args:
        row: with chosen and rejected answer, or with chosen answer and rejected pictures.
        form: forms pairs by sides.
        catch: the guards.
        making: what is the same for all pairs.
        weight: of the spans of what a correction changed; None where the chosen answer is no correction.
    """
    if row.chosen is None or (row.rejected is None and row.rejected_images is None):
        missing = "chosen" if row.chosen is None else "rejected"
        told = f"the row has no {missing} answer, and no candidates"
        return Built(
            rejects=(row_reject(row, RowError("too_few_answers", missing, told)),), candidates=(row,)
        )
    if row.rejected_images is not None:
        return Built((_with_pictures(row, making),), record_id=row.record_id)
    judged = _judged(row, weight)
    formed = form(judged.candidates, (), generator(making.run.seed, row.record_id, "pairing"))
    made = guarded_anew(catch, making, judged, Group(formed), rejects=())
    pairs = tuple(_told(pair, row) for pair in made.pairs)
    return replace(made, pairs=pairs, candidates=(), record_id=row.record_id)


def _judged(row: SourceRow, weight: float | None) -> Judged:
    better, worse = (row.chosen or "").strip(), (row.rejected or "").strip()
    spans = changed(worse, better, weight) if weight is not None else ((), ())
    rejected_spans, chosen_spans = spans
    candidates = (
        Candidate(
            better,
            row.chosen_model,
            "chosen",
            score=row.score_chosen,
            spans=row.chosen_spans or chosen_spans,
        ),
        Candidate(
            worse,
            row.rejected_model,
            "rejected",
            score=row.score_rejected,
            spans=row.rejected_spans or rejected_spans,
        ),
    )
    # Sources check both sides of a pair as in_line checks candidates, so that there is nothing to put in order.
    return Judged(row, Line(candidates, different=2, usable=2, comparisons=(), rejects=()), candidates)


def _with_pictures(row: SourceRow, making: Making) -> Pair:
    """Return a pair whose sides have different pictures, and perhaps different answers."""
    worse = row.chosen if row.rejected is None else row.rejected
    judged = _judged(replace(row, rejected=worse), None)
    first = text_pair(making, judged, Chosen(0, 1, None), Group(Formed((), ())))
    return _told(
        replace(
            first,
            id=pair_id(row.record_id, row.prompt, first.chosen, first.rejected, row.rejected_images),
            rejected_images=row.rejected_images,
            kind="image" if first.chosen == first.rejected else "both",
        ),
        row,
    )


def _told(pair: Pair, row: SourceRow) -> Pair:
    """Return a pair with what was said of it in the source."""
    return replace(pair, scores=(*row.scores, *pair.scores)) if row.scores else pair
