"""Pairs from candidates that were judged before: by an earlier run, by people, or by whoever made the source.

Reads a run's config ``candidates``, or any source whose candidates have scores or comparisons, so that another rule,
margin or weighting costs no call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from pairwright.annotators._votes import voices
from pairwright.builders import Builder, Built, Construct, Neighbours, Run
from pairwright.builders._candidates import Line, candidate_reject, in_line, why_too_few
from pairwright.builders._guarding import Watched, guarded_anew, prepare_catch, settle_guarded
from pairwright.builders._kept import kept_pictures
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._text_pair import Group, Judged, Making, row_reject
from pairwright.pairings import ROOM as PAIRINGS
from pairwright.pairings._forming import Formed
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow


class Rescoring(Scoring):
    """How a new score is made of the judgements that candidates have."""

    scorer: str | None = None
    """Whose judgements, and whose comparisons; if not given, the mean of the scores that each scorer's judgements make. Of
    several judges that voted, their common word counts, and a single one's only where it is named here."""


class PairedAnswers(Watched):
    """Parameters of the builder."""

    score: Rescoring | None = None
    """Make new scores of the candidates' judgements; their own scores count if not given."""


def prepare(settings: PairedAnswers, run: Run) -> Construct:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit the pairing rule or a guard.
    """
    try:
        form = prepare_forming(settings.pairing, run.round)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    catch = prepare_catch(settings)
    making = Making("paired", settings.pairing.rule, run)
    by_scores = PAIRINGS.get(settings.pairing.rule).basis in ("scores", "ranks")

    def construct(row: SourceRow, neighbours: Neighbours) -> Built:
        line = in_line(row)
        try:
            candidates = _scored(line, settings.score)
            negatives = kept_pictures(row.prompt, candidates)
        except RowError as error:
            return Built(rejects=(*line.rejects, row_reject(row, error)), candidates=(row,))
        rng = generator(run.seed, row.record_id, "pairing")
        group = Group(form(candidates, _running(line, settings.score), rng))
        rejects = [*line.rejects, *(_unscored(row, candidates, group.formed) if by_scores else ())]
        judged = Judged(row, line, candidates, line.comparisons, negatives=negatives)
        why = why_too_few(line, ()) if line.usable < 2 else None
        return guarded_anew(catch, making, judged, group, rejects=rejects, why_none=why)

    return construct


def _running(line: Line, rescoring: Rescoring | None) -> tuple[Comparison, ...]:
    """Return the comparisons that count, of two usable candidates."""
    named = rescoring.scorer if rescoring else None
    counted = voices(one.scorer for one in line.comparisons) if named is None else (named,)
    return tuple(
        one for one in line.comparisons if one.scorer in counted and max(one.first, one.second) < line.usable
    )


def _unscored(row: SourceRow, candidates: Sequence[Candidate], formed: Formed) -> Iterator[Reject]:
    """Yield the candidates that nobody gave a score, but for those that repeat another one."""
    repeated = {n for one in formed.dropped if one.reason == "repeated_answer" for n in one.candidates}
    for number, one in enumerate(candidates):
        if one.score is None and number not in repeated:
            yield candidate_reject(row, number, RowError("no_score", None, "it has no score"))


def _scored(line: Line, rescoring: Rescoring | None) -> tuple[Candidate, ...]:
    """Return the usable candidates with the scores that pairing goes by."""
    usable = line.candidates[: line.usable]
    if rescoring is None:
        return usable
    raters = list(dict.fromkeys(one.scorer for candidate in usable for one in candidate.judgements))
    known = dict.fromkeys([*raters, *(one.scorer for one in line.comparisons)])
    if rescoring.scorer is not None and known and rescoring.scorer not in known:
        told = f"{rescoring.scorer} judged none of the answers; there are judgements of {', '.join(known)}"
        raise RowError("no_score", "score.scorer", told)
    taken = [rescoring.scorer] if rescoring.scorer is not None else voices(raters)
    try:
        columns = [scores_of([_by(one, scorer) for one in usable], rescoring, "score") for scorer in taken]
    except ParameterError as error:  # here what was judged is the row's affair, not the recipe's
        raise RowError("no_score", "score", str(error)) from error
    return tuple(
        replace(one, score=_mean([column[number] for column in columns])) for number, one in enumerate(usable)
    )


def _by(candidate: Candidate, scorer: str) -> tuple[Judgement, ...]:
    return tuple(one for one in candidate.judgements if one.scorer == scorer)


def _mean(scores: Sequence[float | None]) -> float | None:
    """Return the mean of all scorers' scores; None where one of them has none."""
    known = [score for score in scores if score is not None]
    return fmean(known) if known and len(known) == len(scores) else None


PART = Builder(
    settings=PairedAnswers,
    prepare=prepare,
    uses_neighbours=lambda settings: False,
    summary="pairs from candidates that have scores or comparisons already: an earlier run's, or a source's",
    source="VLFeedback (arXiv 2312.10665) and its second pairing in LLaVA-NeXT: best over worst by helpfulness alone",
    settle=settle_guarded,
)
