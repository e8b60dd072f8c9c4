"""Edited pictures: something unexpected is painted into a picture, and each of the two pictures has an answer of its own.

Steps: a vision model lists things with boxes; a text model proposes what could stand in the place of one of them, and writes the
answers that belong to the picture before and after; an editor of the user's paints it; encoders say whether each answer fits its
own picture well enough better than the other one; the pairs are formed and guarded, and given the kinds that are wanted.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from pairwright.annotators import Case
from pairwright.annotators._edits import (
    LISTER,
    PROPOSER,
    List,
    Listing,
    Proposal,
    Propose,
    Proposing,
    listing_marks,
    prepare_lister,
    prepare_proposer,
    proposing_marks,
)
from pairwright.annotators._encoding import encoder_marks
from pairwright.annotators._similarity import ratio
from pairwright.builders import Asks, Built, ConstructEncoding, Encodes, EncodingBuilder, Neighbours, Run
from pairwright.builders._at_once import all_at_once
from pairwright.builders._by_sides import BySides, prepare_by_sides
from pairwright.builders._candidates import in_line, why_too_few
from pairwright.builders._derived import derived, together
from pairwright.builders._editor import FIELD, Edit, check_named, prepare_editor
from pairwright.builders._encoded import Fitting, encoders_by_place, names_of, scored_text
from pairwright.builders._encoder_measures import EncoderMeasures, compared
from pairwright.builders._guarding import (
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
)
from pairwright.builders._pairer import Pairer
from pairwright.builders._parts import prepared
from pairwright.builders._pictured import TARGET, Kinds, Rival, of_kinds, pixel_measures, settle_pictured
from pairwright.builders._roles import played
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.samplers import Model, model_id
from pairwright.schemas.candidate import Candidate, Comparison, Side
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import group_id
from pairwright.schemas.request import ModelId, request_key
from pairwright.schemas.seeds import seed_for
from pairwright.schemas.source_row import SourceRow

RATIO = "image_text_ratio"
"""Aspect of how many times as well a text fits its own picture as the other one."""

About = Literal["edited", "original"]

_NUMBERS: dict[About, int] = {"edited": 1, "original": 2}
"""Numbers of the prompts that are made of a row."""


class Lister(Model):
    """Who lists things with their boxes; sees the picture."""

    params: Listing = Listing()
    """How it is asked."""


class Proposer(Model):
    """Who proposes what could stand there instead, and writes the answers. Without ``model`` it is the lister's model."""

    params: Proposing = Proposing()
    """How it is asked."""


class EditedPictures(Shown, Guarded, Fitting, Kinds):
    """Parameters of the builder."""

    lister: Lister = Lister()
    """Who lists things with their boxes; sees the picture."""
    proposer: Proposer = Proposer()
    """Who proposes what could stand in the place of one of them, and writes the answers; sees no picture."""
    editor: str | None = None
    """Who paints it: a function of yours, as ``module:function``, or an editor that a package offers by name. It is code, and is
    imported when the recipe is read. None comes with pairwright, so it has to be named."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 1
    """How many pictures the editor is given at the same time, each in a thread of its own."""
    question: Literal["written", "row"] = "written"
    """Which question the answers answer: one that the proposer writes for the edit, or the row's own."""
    about: Literal["both", "edited", "original"] = "both"
    """Which picture pairs speak of: the ``edited`` one, whose answer nobody would guess, the ``original``, or each of them."""
    min_ratio: Annotated[FiniteFloat, Field(gt=0)] = 1.5
    """A pair is kept if the score of its answer with its own picture is so many times that with the other picture."""
    agree: Annotated[int, Field(ge=1)] | None = None
    """To how many encoders that must be so; all if not given."""
    pairing: BySides = BySides()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: EditedPictures
    run: Run
    names: Mapping[str, str]
    list: List
    propose: Propose
    marks: Mapping[str, str]
    """Of the prompt files, by role."""
    proposer: Callable[[], ModelId]
    edit: Edit
    pairer: Pairer[Comparison]

    @property
    def views(self) -> tuple[About, ...]:
        """Which pictures pairs speak of."""
        about = self.settings.about
        return ("edited", "original") if about == "both" else (about,)

    @property
    def needed(self) -> int:
        """How many encoders must see the edit."""
        return self.settings.agree or len(self.names)


@dataclass(frozen=True, slots=True)
class _Edited:
    """A picture that was edited."""

    proposal: Proposal
    pictures: Mapping[About, Image]
    seed: int


def prepare(settings: EditedPictures, run: Run) -> ConstructEncoding:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit an encoder, a guard, a judge or the pairing rule; a prompt that cannot be
            used; an editor that cannot be imported; more encoders that must agree than there are.
        MissingExtraError: the second opinion needs a package that is not there.
    """
    if settings.agree is not None and settings.agree > len(settings.encoders):
        raise ParameterError(
            f"agree: {settings.agree} encoders are to agree, and there are {len(settings.encoders)}"
        )
    lister, of_lister = prepared(partial(prepare_lister, settings.lister.params), LISTER)
    propose = partial(
        prepare_proposer, settings.proposer.params, with_question=settings.question == "written"
    )
    proposer, of_proposer = prepared(propose, PROPOSER)
    form = prepare_by_sides(settings.pairing, run.round)
    bench = _Bench(
        settings=settings,
        run=run,
        names=names_of(settings),
        list=lister,
        propose=proposer,
        marks={LISTER: of_lister, PROPOSER: of_proposer},
        proposer=cache(partial(model_id, _proposer(settings))),
        edit=prepare_editor(settings.editor, settings.at_once, counting=run.counting),
        pairer=Pairer(Making("edited", settings.pairing.rule, run), form, prepare_guards(settings)),
    )

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        case = case_of(settings, row, run)
        try:
            if not row.prompt.images:
                raise RowError("no_image", "images", "the row has no picture that could be edited")
            bench.pairer.guarding.check(case)
            edited = await _edit(bench, row, case, asks)
        except RowError as error:
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        made = await all_at_once(
            partial(_view, bench, row, about, edited, case, asks=asks, encodes=encodes)
            for about in bench.views
        )
        return together(row, made, ())

    return construct


async def _edit(bench: _Bench, row: SourceRow, case: Case, asks: Asks) -> _Edited:
    """Have a picture edited.

    Raises:
        RowError: ``bad_proposal``, ``edit_failed``, ``no_op``, or as models raise.
    """
    image = row.prompt.images[0]
    things = await bench.list(case, asks[LISTER])
    proposal = await bench.propose(case, things, asks[PROPOSER])
    seed = seed_for(bench.run.seed, row.record_id, FIELD)
    edited = await bench.edit(image, proposal.thing.box, proposal.instruction, seed)
    await asyncio.to_thread(pixel_measures, image, edited, FIELD)
    edited = edited.with_edit(f"{FIELD} {proposal.instruction}")
    return _Edited(proposal, {"edited": edited, "original": image}, seed)


async def _view(
    bench: _Bench,
    row: SourceRow,
    about: About,
    edited: _Edited,
    case: Case,
    *,
    asks: Asks,
    encodes: Encodes,
) -> tuple[SourceRow, Built]:
    """Return the prompt about one of the two pictures, and the pairs that it gives."""
    own, other = edited.pictures[about], edited.pictures[_OTHER[about]]
    prompt = _prompt(bench, row, about, edited)
    chosen, rejected = (_candidate(bench, edited, side, about) for side in ("chosen", "rejected"))
    text = scored_text(bench.settings.scored, prompt.prompt.question, chosen.text)
    measured = await compared(own, other, text, settings=bench.settings, names=bench.names, encodes=encodes)
    chosen = replace(chosen, judgements=_ratios(measured))
    line = in_line(prompt, written=(chosen, rejected))
    judged = Judged(prompt, line, line.candidates[: line.usable], line.comparisons)
    fault = _fault(bench, measured)
    if fault is not None:
        return prompt, refused(judged, fault, line.rejects)
    built = await bench.pairer.pairs(
        judged,
        case=replace(case, record_id=prompt.record_id, prompt=prompt.prompt),
        asks=asks,
        rejects=line.rejects,
        why_none=why_too_few(line, ()) if line.usable < 2 else None,
        tags=(about,),
    )
    # Both pictures show the same scene, so a split must not part them.
    built = replace(built, pairs=tuple(replace(one, group_id=group_id(row.prompt)) for one in built.pairs))
    if not bench.settings.pictured or not built.pairs:
        return prompt, built
    pixels = await asyncio.to_thread(pixel_measures, own, other, FIELD)
    scores = (*pixels.judgements(TARGET), *measured.judgements(TARGET))
    rival = Rival(other, scores, _told(bench, edited, _OTHER[about]))
    rivals = {(pair.chosen, pair.rejected): rival for pair in built.pairs}
    return prompt, of_kinds(built, bench.settings, prompt.record_id, rivals)


_OTHER: dict[About, About] = {"edited": "original", "original": "edited"}


def _prompt(bench: _Bench, row: SourceRow, about: About, edited: _Edited) -> SourceRow:
    """Return the prompt about one of the two pictures; pictures behind the first one stay."""
    images = (edited.pictures[about], *row.prompt.images[1:])
    asked = edited.proposal.question
    made = derived(row, _NUMBERS[about], asked or row.prompt.question, evidence=None)
    prompt = replace(row.prompt if asked is None else made.prompt, images=images)
    return replace(made, prompt=prompt)


def _candidate(bench: _Bench, edited: _Edited, side: Side, about: About) -> Candidate:
    proposal, identity = edited.proposal, bench.proposer()
    after = (about == "edited") == (side == "chosen")
    said = {
        "from": PROPOSER,
        "prompts": dict(bench.marks),
        "temperature": proposal.request.sampling.temperature,
        "seed": proposal.request.sampling.seed,
        "edit": _edit_told(bench, edited),
    }
    return Candidate(
        text=proposal.edited_answer if after else proposal.answer,
        model=identity.model,
        side=side,
        finish="stop",
        request=request_key(identity, proposal.request),
        sample=proposal.request.first,
        params=json.dumps(said, ensure_ascii=False),
        round=bench.run.round,
    )


def _edit_told(bench: _Bench, edited: _Edited) -> dict[str, object]:
    proposal = edited.proposal
    return {
        "editor": bench.settings.editor,
        "instruction": proposal.instruction,
        "box": list(proposal.thing.box),
        "seed": edited.seed,
    }


def _told(bench: _Bench, edited: _Edited, negative: About) -> dict[str, object]:
    """Return what provenance tells of a picture on the rejected side."""
    return {"perturbation": FIELD, "picture": negative, **_edit_told(bench, edited)}


def _ratios(measured: EncoderMeasures) -> tuple[Judgement, ...]:
    """Return for each encoder how many times as well the answer fits its own picture."""
    return tuple(
        Judgement(
            "candidate",
            one.scorer,
            RATIO,
            None if (times := ratio(one.fits.value, one.fits_negative.value)) is None else round(times, 2),
            rationale=f"{one.fits.value:g} with its picture, {one.fits_negative.value:g} with the other",
        )
        for one in measured.by_encoder
    )


def _fault(bench: _Bench, measured: EncoderMeasures) -> RowError | None:
    """Return why too few encoders see the edit."""
    least = bench.settings.min_ratio
    # By the product: a text that does not fit the other picture at all has no ratio, and is as good as can be.
    sees = [
        one.fits.value > 0 and one.fits.value >= least * one.fits_negative.value
        for one in measured.by_encoder
    ]
    if sum(sees) >= bench.needed or bench.run.counting:
        return None
    told = ", ".join(
        f"{one.scorer}: {one.fits.value:g} with its picture, {one.fits_negative.value:g} with the other"
        for one in measured.by_encoder
    )
    return RowError("edit_not_seen", "min_ratio", f"{told}; {least:g} times as much is wanted")


def _proposer(settings: EditedPictures) -> Proposer:
    return played(settings.proposer, (settings.lister,), PROPOSER)


def _models(settings: EditedPictures) -> Mapping[str, Model]:
    check_named(settings.editor)  # as models are: a packaged recipe names neither
    return {LISTER: settings.lister, PROPOSER: _proposer(settings), **guard_models(settings)}


def _marks(settings: EditedPictures) -> Mapping[str, str]:
    lists = {f"{LISTER}.params.{key}": mark for key, mark in listing_marks(settings.lister.params).items()}
    proposes = {
        f"{PROPOSER}.params.{key}": mark for key, mark in proposing_marks(settings.proposer.params).items()
    }
    return {**encoder_marks(encoders_by_place(settings)), **lists, **proposes, **guard_marks(settings)}


def _codes(settings: EditedPictures) -> Mapping[str, str]:
    return {**({FIELD: settings.editor} if settings.editor else {}), **guard_codes(settings)}


PART = EncodingBuilder(
    settings=EditedPictures,
    models=_models,
    encoders=encoders_by_place,
    prepare=prepare,
    summary="something unexpected is painted into a picture by an editor of yours; each picture's answer over the other's, and "
    "each picture over the other",
    source="V-DPO (arXiv 2411.02712): unconventional replacements, CLIPScore ratio of 1.5 or more, contrasts of answers and of "
    "pictures",
    settle=settle_pictured,
    marks=_marks,
    runs_code=_codes,
    kin="each answer belongs to one of two pictures",
)
