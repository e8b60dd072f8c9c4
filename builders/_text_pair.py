"""From judged candidates to pairs of kind ``text``: the records, where they come from, and what was dropped."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pairwright.annotators._votes import Agreement
from pairwright.builders import Built, Run
from pairwright.builders._candidates import Line
from pairwright.builders._negative import Negative
from pairwright.builders._told import read_told
from pairwright.pairings import Chosen
from pairwright.pairings._forming import Dropped, Formed
from pairwright.pairings._lengths import balanced, length
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.reasons import Reason
from pairwright.schemas.reject import Reject, Scope
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span

PREFERENCE = "preference"
"""Aspect of a verdict on two answers side by side."""


@dataclass(frozen=True, slots=True)
class Making:
    """What is the same for all pairs of a run."""

    builder: str
    rule: str
    run: Run


@dataclass(frozen=True, slots=True)
class Group:
    """Pairs of one prompt that were formed together."""

    formed: Formed
    tags: tuple[str, ...] = ()
    """Tags that its pairs have beside the row's."""
    margins: bool = True
    """Whether the margins are differences of scores; not where an answer without a score was given one to be paired."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The candidates of a row with all that is known of them."""

    row: SourceRow
    line: Line
    candidates: tuple[Candidate, ...]
    """The first of ``line.candidates``, judged; all that pairs were formed from."""
    comparisons: tuple[Comparison, ...] = ()
    judged_by: tuple[Mapping[str, str], ...] = ()
    """Who judged, for provenance."""
    agreement: Agreement | None = None
    """How far several judges agree about the row's answers, for provenance."""
    negatives: Mapping[str, tuple[Negative, ...]] = field(default_factory=dict)
    """By key of the request: changed pictures that stand beside a rejected answer which was written from them. Such pairs
    are of kind ``both``."""
    of_images: tuple[Judgement, ...] = ()
    """What was found in the row's pictures, with targets ``images[0]`` and so on."""
    spans: Mapping[tuple[int, int], tuple[tuple[Span, ...], tuple[Span, ...]]] = field(default_factory=dict)
    """By numbers of chosen and rejected: the spans of both texts in this very pair, where an answer stands in several pairs
    and differs from each other text in another way; elsewhere those of the candidates."""

    def source_row(self) -> SourceRow:
        """Return the row as it goes to the config ``candidates``."""
        everyone = self.line.followed_by_the_rest(self.candidates)
        return replace(
            self.row,
            candidates=everyone,
            comparisons=self.comparisons,
            annotations=self.line.annotations,
        )


def built(
    making: Making,
    judged: Judged,
    groups: Sequence[Group],
    *,
    rejects: Sequence[Reject],
    why_none: RowError | None = None,
) -> Built:
    """Return what a row gave.

    Args:
        making: what is the same for all pairs.
        judged: the row and its candidates.
        groups: what was formed, the main group first.
        rejects: what was refused before, of scope ``candidate`` or ``pair``.
        why_none: the reason if there are no pairs, where it is known better than forming knows it.
    """
    pairs: dict[str, Pair] = {}
    told = list(rejects)
    for group in groups:
        for chosen in group.formed.pairs:
            pair = text_pair(making, judged, chosen, group)
            pairs.setdefault(pair.id, pair)
        # Every group is formed of the same candidates, so each tells of the same repeated ones.
        told += [one for one in _dropped(judged.row, group.formed) if one.scope == "pair" or one not in told]
    if not pairs:
        told.append(row_reject(judged.row, why_none or _why_none(groups[0].formed, making.rule)))
    return Built(tuple(pairs.values()), tuple(told), (judged.source_row(),))


def refused(judged: Judged, why: RowError, rejects: Sequence[Reject]) -> Built:
    """Return a row of which no pair could be formed at all."""
    return Built((), (*rejects, row_reject(judged.row, why)), (judged.source_row(),))


def text_pair(making: Making, judged: Judged, chosen: Chosen, group: Group) -> Pair:
    """Return the record of a pair."""
    row, prompt = judged.row, judged.row.prompt
    better, worse = judged.candidates[chosen.chosen], judged.candidates[chosen.rejected]
    negatives = judged.negatives.get(worse.request or "", ())
    pictures = tuple(one.image for one in negatives) or None
    chosen_spans, rejected_spans = judged.spans.get(
        (chosen.chosen, chosen.rejected), (better.spans, worse.spans)
    )
    return Pair(
        id=pair_id(row.record_id, prompt, better.text, worse.text, pictures),
        prompt=prompt,
        chosen=better.text,
        rejected=worse.text,
        rejected_images=pictures,
        kind="both" if pictures else "text",
        source=row.source,
        source_id=row.source_id,
        group_id=group_id(prompt),
        scores=(*_scores(judged, chosen), *judged.of_images, *_measures(negatives)),
        score_chosen=better.score,
        score_rejected=worse.score,
        ground_truth=row.ground_truth,
        chosen_model=better.model,
        rejected_model=worse.model,
        chosen_spans=chosen_spans,
        rejected_spans=rejected_spans,
        license=row.license,
        language=row.language,
        tags=tuple(dict.fromkeys((*row.tags, *group.tags))),
        provenance=_provenance(making, judged, chosen, group),
        extra=row.extra,
    )


def row_reject(row: SourceRow, why: RowError) -> Reject:
    """Return the reject of a whole row."""
    return Reject(row.record_id, why.reason, "row", why.field, why.message, row.source_id)


def length_balance(built: Sequence[Built]) -> list[Built]:
    """Drop pairs so that chosen and rejected answers of a shard are about equally long on average.

    Each pair that is left out is a reject ``length_balance`` of scope ``pair``; a row that loses its last one is a
    reject itself.
    """
    lengths = [(length(pair.chosen), length(pair.rejected)) for one in built for pair in one.pairs]
    kept = iter(balanced(lengths))
    told = [[None if next(kept) else _lengths(pair) for pair in one.pairs] for one in built]
    return [drop_pairs(one, gone, "length_balance", "pairing") for one, gone in zip(built, told, strict=True)]


def drop_pairs(one: Built, told: Sequence[str | None], reason: Reason, field: str) -> Built:
    """Return what a row gave without the pairs of which something is told: each is a reject of scope ``pair``.

    A row that loses its last pair is a reject itself.
    """
    pairs = tuple(pair for pair, why in zip(one.pairs, told, strict=True) if why is None)
    if len(pairs) == len(one.pairs):
        return one
    rejects = [
        Reject(_record_id(one), reason, "pair", field, f"{pair.id}: {why}", pair.source_id)
        for pair, why in zip(one.pairs, told, strict=True)
        if why is not None
    ]
    if not pairs:
        rejects.append(replace(rejects[0], scope="row", message=f"all {len(rejects)} pairs of the row"))
    return replace(one, pairs=pairs, rejects=(*one.rejects, *rejects))


def _record_id(one: Built) -> str:
    """Return the record id of a row that gave pairs: of ready pairs no candidates are written."""
    found = one.candidates[0].record_id if one.candidates else one.record_id
    if found is None:
        raise AssertionError("pairs without candidates and without the row's record id")
    return found


def _lengths(pair: Pair) -> str:
    return f"{length(pair.chosen)} words over {length(pair.rejected)}"


def _dropped(row: SourceRow, formed: Formed) -> Iterator[Reject]:
    """Yield what forming dropped; the last entry of a prompt without pairs is not among it, it is the row's."""
    for one in formed.dropped if formed.pairs else formed.dropped[:-1]:
        scope: Scope = "candidate" if one.reason == "repeated_answer" else "pair"
        yield Reject(row.record_id, one.reason, scope, "pairing", one.message, row.source_id)


def _why_none(formed: Formed, rule: str) -> RowError:
    why = formed.why_none or Dropped("no_contrast", "", ())
    return RowError(why.reason, f"pairing.{rule}", why.message)


def _scores(judged: Judged, chosen: Chosen) -> Iterator[Judgement]:
    for target, number in (("chosen", chosen.chosen), ("rejected", chosen.rejected)):
        for one in judged.candidates[number].judgements:
            yield replace(one, target=target)
    for verdict in judged.comparisons:
        if {verdict.first, verdict.second} == {chosen.chosen, chosen.rejected}:
            value = strength_for(verdict, chosen.chosen)
            yield Judgement("pair", verdict.scorer, PREFERENCE, value, rationale=verdict.rationale)


def _measures(negatives: Sequence[Negative]) -> Iterator[Judgement]:
    for number, negative in enumerate(negatives):
        yield from negative.judgements(f"rejected_images[{number}]")


def strength_for(verdict: Comparison, chosen: int) -> float | None:
    """Return by how much a verdict is for the chosen side: below 0 where it is for the other one, None where for neither."""
    if verdict.outcome == "cannot_judge":
        return None
    if verdict.outcome == "tie":
        return 0.0
    winner = verdict.first if verdict.outcome == "first" else verdict.second
    return verdict.strength if winner == chosen else -verdict.strength


def _provenance(making: Making, judged: Judged, chosen: Chosen, group: Group) -> str:
    told: dict[str, object] = {
        "builder": making.builder,
        "pairwright": making.run.version,
        "recipe": making.run.recipe,
        "seed": making.run.seed,
        "record_id": judged.row.record_id,
        "rule": making.rule,
    }
    if group.margins and chosen.margin is not None:
        told["margin"] = chosen.margin
    told["chosen"] = _side(judged.candidates[chosen.chosen])
    told["rejected"] = _side(judged.candidates[chosen.rejected])
    if judged.judged_by:
        told["judged_by"] = [dict(one) for one in judged.judged_by]
    if judged.agreement:
        told["agreement"] = {"agreed": judged.agreement.agreed, "compared": judged.agreement.compared}
    if judged.row.provenance:
        told["of_source"] = judged.row.provenance
    return json.dumps(told, ensure_ascii=False)


def _side(candidate: Candidate) -> dict[str, object]:
    """Return how one side was written, as far as that is known."""
    told: dict[str, object] = {
        "request": candidate.request,
        "sample": candidate.sample,
        "finish": candidate.finish,
    }
    told["answer"] = candidate.answer
    told["round"] = candidate.round
    if candidate.params is not None:
        told["params"] = read_told(candidate.params)
    return {name: value for name, value in told.items() if value is not None}
