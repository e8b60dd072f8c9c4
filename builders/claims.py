"""Claims: answers are taken apart, a vision model says of each claim whether it is right, and what it says makes pairs.

Steps: have candidates written, set aside what can be on no side of a pair, have a text model list the claims of each,
have a vision model answer a yes/no question about each claim, make one score of what was found, form pairs, guard them.
The claims stay with the candidates. Where ``overwrite`` is set, a pair is two rewrites of one answer, if there can be any.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from pairwright.annotators import Case
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._candidates import candidate_rejects, in_line, why_too_few
from pairwright.builders._claiming import (
    Claimable,
    Claiming,
    claiming_marks,
    claiming_models,
    prepare_claiming,
)
from pairwright.builders._fitting import check_sides
from pairwright.builders._guarding import (
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    guarded,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._overwriting import (
    OVERWRITE,
    WHOLE_ANSWERS,
    Overwriter,
    Overwriting,
    overwriting_marks,
    overwriting_models,
    overwritten,
    prepare_overwriting,
)
from pairwright.builders._pairer import Pairer
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.builders._writers import Write, prepare_writers, writer_models
from pairwright.pairings._forming import PairingSettings, goes_by
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.samplers import Model
from pairwright.schemas.candidate import Comparison
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow


class FewerWrongClaims(PairingSettings):
    """How pairs are formed, with the defaults of this builder."""

    rule: str = "margin"
    """Which answers make a pair; ``pairwright list pairings`` shows the rules."""
    per_prompt: Annotated[int, Field(ge=1)] | None = 2
    """Most pairs of one prompt; ``null`` for all."""
    balance_length: bool = True
    """Drop pairs so that chosen and rejected answers are about equally long on average, in each shard."""


class ClaimedAnswers(Claimable, Shown, Guarded):
    """Parameters of the builder."""

    pairing: FewerWrongClaims = FewerWrongClaims()
    """How pairs are formed."""
    overwrite: Overwriting | None = None
    """Have one answer rewritten with the right claims of all answers, and with the wrong ones, and pair both texts; where
    that cannot be done, whole answers are paired. Not done if not given."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: ClaimedAnswers
    write: Write
    claiming: Claiming
    pairer: Pairer[Comparison]
    overwriter: Overwriter | None


def prepare(settings: ClaimedAnswers, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a prompt, a pairing rule, a guard or a perturbation.
        UnknownPartError: a perturbation that does not exist.
    """
    try:
        form = prepare_forming(settings.pairing, run.round)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    _check_fit(settings)
    claiming, overwrite = prepare_claiming(settings), settings.overwrite
    bench = _Bench(
        settings,
        prepare_writers(settings, run),
        claiming,
        Pairer(Making("claims", settings.pairing.rule, run), form, prepare_guards(settings)),
        prepare_overwriting(overwrite, settings.samplers, settings.pairing, claiming=claiming, run=run)
        if overwrite
        else None,
    )

    async def construct(row: SourceRow, asks: Asks) -> Built:
        case = case_of(settings, row, run)
        try:
            bench.claiming.check(case)
            bench.pairer.guarding.check(case)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, case, asks)

    return construct


async def _construct(bench: _Bench, row: SourceRow, case: Case, asks: Asks) -> Built:
    wrote = await bench.write(row, asks)
    line = await asyncio.to_thread(  # to compare many answers word by word takes long
        in_line,
        row,
        written=wrote.candidates,
        truncated=bench.settings.truncated,
        similarity=bench.settings.pairing.similarity,
        latest=bench.pairer.making.run.round if bench.settings.pairing.rounds == "latest" else None,
    )
    rejects = [*wrote.rejects, *line.rejects]
    rest = tuple(replace(one, score=None) for one in line.candidates[: line.usable])
    running = line.candidates[: line.different] if line.different > 1 else ()
    try:
        claimed = await bench.claiming.judge(replace(case, candidates=running), asks)
    except RowError as error:
        return refused(Judged(row, line, rest, line.comparisons), error, rejects)
    candidates = (*claimed.candidates, *rest[len(running) :])
    judged = Judged(row, line, candidates, line.comparisons, bench.claiming.judged_by)
    rejects += candidate_rejects(row, claimed.faults)
    why = claimed.why_too_few() if running else why_too_few(line, wrote.rejects)
    if bench.overwriter is None or why is not None:
        return await bench.pairer.pairs(judged, case=case, asks=asks, rejects=rejects, why_none=why)
    among = [number for number, fault in enumerate(claimed.faults) if fault is None]
    return await _overwritten(bench, bench.overwriter, judged, among, case=case, asks=asks, rejects=rejects)


async def _overwritten(
    bench: _Bench,
    overwriter: Overwriter,
    judged: Judged,
    among: Sequence[int],
    *,
    case: Case,
    asks: Asks,
    rejects: Sequence[Reject],
) -> Built:
    """Return the pair of an answer that was overwritten twice, or else those of whole answers."""
    try:
        made = await overwritten(overwriter, judged, among, case, asks)
    except RowError as error:
        return refused(judged, error, rejects)
    told = [*rejects, *made.rejects]
    if made.group is None:
        return await bench.pairer.pairs(made.judged, case=case, asks=asks, rejects=told, tags=WHOLE_ANSWERS)
    making = replace(bench.pairer.making, rule=OVERWRITE)
    return await guarded(
        bench.pairer.guarding, making, made.judged, [made.group], case=case, asks=asks, rejects=told
    )


def _check_fit(settings: ClaimedAnswers) -> None:
    """Raise ParameterError where the rule goes by what claims do not give: no row would ever give a pair."""
    pairing = settings.pairing
    for basis, key in goes_by(pairing).items():
        if basis in ("comparisons", "ranks"):
            told = f"{pairing.rule} goes by {basis}, and claims give a score, the higher the better"
            raise ParameterError(f"pairing.{key}: {told}; take margin or another rule that goes by scores")
    check_sides(pairing, [one.side for one in settings.samplers])


def _models(settings: ClaimedAnswers) -> Mapping[str, Model]:
    own = overwriting_models(settings.overwrite, settings.samplers) if settings.overwrite else {}
    return {**writer_models(settings), **claiming_models(settings), **own, **guard_models(settings)}


def _marks(settings: ClaimedAnswers) -> Mapping[str, str]:
    own = overwriting_marks(settings.overwrite) if settings.overwrite else {}
    return {**claiming_marks(settings), **own, **guard_marks(settings)}


PART = ModelBuilder(
    settings=ClaimedAnswers,
    models=_models,
    prepare=prepare,
    summary="models write answers, each is taken apart, and a vision model says which claims are right; fewer wrong ones win",
    source="RLAIF-V (arXiv 2405.17220); the mean of p(yes) - p(no), and overwriting: TPO (arXiv 2411.17265)",
    settle=settle_guarded,
    marks=_marks,
    runs_code=guard_codes,
)
