"""Answers ranked by encoders: how well each fits the picture, by CLIP or its kin; no model is asked to judge.

Steps: have the pictures encoded, have candidates written, score all of them, leave out what an encoder cannot score, form
pairs with a gap, drop those on which the encoders disagree.

A rendered text in a picture makes every answer that repeats it score high. ``rendered_text`` has pictures looked at for
that, and tags such rows or leaves them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from pairwright.annotators._encoding import encoder_marks
from pairwright.builders import Asks, Built, ConstructEncoding, Encodes, EncodingBuilder, Neighbours, Run
from pairwright.builders._candidates import candidate_rejects, in_line
from pairwright.builders._encoded import (
    Encoded,
    Scored,
    encoders_by_place,
    names_of,
    scored_by,
    seen_by,
    why_unscored,
)
from pairwright.builders._fitting import check_by_scores, check_sides
from pairwright.builders._guarding import (
    Guarded,
    Guarding,
    guard_codes,
    guard_marks,
    guard_models,
    guarded,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._looking import LookAt, Looking, prepare_looking
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Group, Judged, Making, row_reject
from pairwright.builders._writers import Write, Written, prepare_writers, writer_models
from pairwright.pairings import Chosen
from pairwright.pairings._forming import Dropped, Formed, FormPairs, PairingSettings
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.pairings._similarity import contains
from pairwright.samplers import Model
from pairwright.schemas.candidate import Comparison
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow


class WideGap(PairingSettings):
    """How pairs are formed, with the defaults of this builder."""

    rule: str = "margin"
    """Which answers make a pair; ``pairwright list pairings`` shows the rules."""
    params: dict[str, Any] = {"at_least": 2.0}
    """Parameters of the rule: by default a gap of 2 in 100 × cosine."""
    per_prompt: Annotated[int, Field(ge=1)] | None = 1
    """Most pairs of one prompt; ``null`` for all."""
    keep: Literal["drawn", "widest"] = "widest"
    """Which pairs stay under the cap: the widest gap, or drawn ones."""


class ClipRanked(Written, Encoded, Looking, Shown, Guarded):
    """Parameters of the builder."""

    agree: Annotated[int, Field(ge=1)] | None = None
    """How many encoders must put the chosen answer over the rejected one; all if not given."""
    generic_questions: tuple[str, ...] = ()
    """Words by which a question is known that any picture could be asked; rows with one are left out."""
    pairing: WideGap = WideGap()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: ClipRanked
    making: Making
    names: Mapping[str, str]
    write: Write
    form: FormPairs
    guarding: Guarding
    look: LookAt

    @property
    def needed(self) -> int:
        """How many encoders must agree with a pair."""
        return self.settings.agree or len(self.names)


def prepare(settings: ClipRanked, run: Run) -> ConstructEncoding:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit an encoder, a pairing rule or a perturbation; more encoders that must
            agree than there are.
        UnknownPartError: a perturbation that does not exist.
    """
    try:
        form = prepare_forming(settings.pairing, run.round)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    names = names_of(settings)
    _check_fit(settings)
    making = Making("clip_ranked", settings.pairing.rule, run)
    bench = _Bench(
        settings,
        making,
        names,
        prepare_writers(settings, run),
        form,
        prepare_guards(settings),
        prepare_looking(settings),
    )

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        return await _construct(bench, row, asks, encodes)

    return construct


def _check_fit(settings: ClipRanked) -> None:
    """Raise ParameterError for what no row could give a pair with."""
    check_by_scores(settings.pairing)
    check_sides(settings.pairing, [one.side for one in settings.samplers])
    if settings.agree is not None and settings.agree > len(settings.encoders):
        raise ParameterError(
            f"agree: {settings.agree} encoders are to agree, and there are {len(settings.encoders)}"
        )


async def _construct(bench: _Bench, row: SourceRow, asks: Asks, encodes: Encodes) -> Built:
    settings, case = bench.settings, case_of(bench.settings, row, bench.making.run)
    try:
        _check_question(settings, row)
        bench.guarding.check(case)
        looked = await bench.look(row)
        seen = await seen_by(row, encodes)
    except RowError as error:  # told before anything is paid for
        return Built(rejects=(row_reject(row, error),), candidates=(row,))
    row = looked.row
    wrote = await bench.write(row, asks)
    line = in_line(row, written=wrote.candidates, truncated=settings.truncated)
    running = line.candidates[: line.usable]
    scored = await scored_by(settings, bench.names, row, running, seen=seen, encodes=encodes)
    rng = generator(bench.making.run.seed, row.record_id, "pairing")
    agreed = _agreed(bench, bench.form(scored.candidates, (), rng), scored)
    judged = Judged(
        row,
        line,
        scored.candidates,
        (*line.comparisons, *_orders(bench.names, agreed, scored)),
        _judged_by(settings, bench.names),
        scored.agreement,
        of_images=looked.judgements,
    )
    return await guarded(
        bench.guarding,
        bench.making,
        judged,
        [Group(agreed)],
        case=case,
        asks=asks,
        rejects=[*wrote.rejects, *line.rejects, *candidate_rejects(row, scored.faults)],
        why_none=why_unscored(line, wrote.rejects, scored),
    )


def _check_question(settings: ClipRanked, row: SourceRow) -> None:
    for words in settings.generic_questions:
        if contains(row.prompt.question, words):
            raise RowError("generic_question", "question", f"it holds {words!r}")


def _agreed(bench: _Bench, formed: Formed, scored: Scored) -> Formed:
    """Return what was formed without the pairs on which too few encoders agree."""
    told: list[Dropped] = []
    left: list[Chosen] = []
    for pair in formed.pairs:
        count = scored.agreeing(pair.chosen, pair.rejected)
        if count >= bench.needed:
            left.append(pair)
            continue
        message = f"answers {pair.chosen} over {pair.rejected}: {count} of {len(bench.names)} encoders agree"
        told.append(Dropped("encoders_disagree", message, (pair.chosen, pair.rejected)))
    return replace(formed, pairs=tuple(left), dropped=(*formed.dropped, *told))


def _orders(names: Mapping[str, str], formed: Formed, scored: Scored) -> list[Comparison]:
    """Return in which order each of several encoders has the two answers of each pair."""
    if len(names) < 2:
        return []
    return [
        Comparison(
            pair.chosen,
            pair.rejected,
            "first"
            if (apart := column[pair.chosen] - column[pair.rejected]) > 0
            else "second"
            if apart
            else "tie",
            name,
            strength=1.0 if apart else 0.0,
        )
        for pair in formed.pairs
        for name, column in zip(names.values(), scored.columns, strict=True)
    ]


def _judged_by(settings: ClipRanked, names: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
    """Return who scored, for provenance."""
    how = settings.per if settings.per == "text" else f"{settings.per}, {settings.sentences}"
    chosen = encoders_by_place(settings)
    return tuple({"name": name, "kind": chosen[place].kind, "per": how} for place, name in names.items())


def _models(settings: ClipRanked) -> Mapping[str, Model]:
    return {**writer_models(settings), **guard_models(settings)}


def _marks(settings: ClipRanked) -> Mapping[str, str]:
    return {**encoder_marks(encoders_by_place(settings)), **guard_marks(settings)}


PART = EncodingBuilder(
    settings=ClipRanked,
    models=_models,
    encoders=encoders_by_place,
    prepare=prepare,
    summary="answers scored by how well they fit the picture, by CLIP or its kin; pairs with a gap, on which encoders agree",
    source="CLIP-DPO (arXiv 2408.10433); by sentence as in CSR (2405.14622)",
    settle=settle_guarded,
    marks=_marks,
    runs_code=guard_codes,
)
