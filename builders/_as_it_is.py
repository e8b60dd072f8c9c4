"""The pair that a source row is already, unchanged but for what was measured of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair, PairKind, group_id, pair_id
from pairwright.schemas.source_row import SourceRow

MEASURED = "measured"
"""Key of a pair's provenance: one entry for each time it was measured."""


def pair_as_it_is(row: SourceRow) -> Pair:
    """Return the pair that a row is: pictures, texts, spans, scores and provenance are the source's.

    The id is that of the source where pairwright wrote it; any other source gives its pairs new ones.

    Raises:
        RowError: ``no_answer`` where a side has neither a text nor pictures of its own.
    """
    chosen = row.chosen
    if chosen is None:
        raise RowError("no_answer", "chosen", "the row has no chosen answer, so it is no pair")
    rejected = chosen if row.rejected is None and row.rejected_images is not None else row.rejected
    if rejected is None:
        raise RowError("no_answer", "rejected", "the row has no rejected side, so it is no pair")
    kind: PairKind = "text" if row.rejected_images is None else "image" if chosen == rejected else "both"
    return Pair(
        id=row.pair_id or pair_id(row.record_id, row.prompt, chosen, rejected, row.rejected_images),
        prompt=row.prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=row.rejected_images,
        kind=kind,
        source=row.source,
        source_id=row.source_id,
        group_id=group_id(row.prompt),
        scores=row.scores,
        score_chosen=row.score_chosen,
        score_rejected=row.score_rejected,
        ground_truth=row.ground_truth,
        chosen_model=row.chosen_model,
        rejected_model=row.rejected_model,
        chosen_spans=row.chosen_spans,
        rejected_spans=row.rejected_spans,
        license=row.license,
        language=row.language,
        tags=row.tags,
        provenance=row.provenance,
        extra=row.extra,
    )


def with_measures(pair: Pair, measures: Sequence[Judgement]) -> Pair:
    """Return a pair with measures at the end of its scores, in place of what the same scorer said of the same before.

    >>> from pairwright.schemas.prompt import Prompt
    >>> pair = Pair("0", Prompt("?"), "a", "b", None, "text", "s", "1", "g", (Judgement("pair", "text", "longer", 1.0),))
    >>> [one.value for one in with_measures(pair, [Judgement("pair", "text", "longer", 0.0)]).scores]
    [0.0]
    """
    said = {(one.target, one.scorer, one.aspect) for one in measures}
    kept = (one for one in pair.scores if (one.target, one.scorer, one.aspect) not in said)
    return replace(pair, scores=(*kept, *measures))


def with_note(pair: Pair, note: Mapping[str, object]) -> Pair:
    """Return a pair whose provenance is the source's and says besides how it was measured, the latest time last."""
    try:
        told = json.loads(pair.provenance or "{}")
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        told = {"of_source": pair.provenance}
    before = told.get(MEASURED)
    told[MEASURED] = [*(before if isinstance(before, list) else []), dict(note)]
    return replace(pair, provenance=json.dumps(told, ensure_ascii=False))
