"""Corrupted input: the rejected answer is one that a model gave to a spoilt picture, or to a prompt that leads it astray.

Steps: have candidates written, each for its side; form pairs by side; look at them with guards. The pair keeps the row's
own question and pictures, or, with ``keep_image``, has the spoilt pictures beside the rejected answer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pairwright.annotators import Case
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._by_sides import BySides, prepare_by_sides
from pairwright.builders._candidates import gold_for
from pairwright.builders._changed import Changed, without_images
from pairwright.builders._guarding import (
    GuardChoice,
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._kept import Kept, kept_pictures
from pairwright.builders._pairer import Pairer
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._sided import OF_SPOILT, Answered, sided_pairs
from pairwright.builders._text_pair import Making, row_reject
from pairwright.builders._writers import Write, Writer, Written, prepare_writers, writer_models
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Comparison, Side
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.source_row import SourceRow


class CorruptedInput(Written, Shown, Guarded):
    """Parameters of the builder."""

    gold: Literal["none", "chosen"] = "none"
    """``chosen``: the row's own answer stands on the chosen side. ``none``: samplers of side ``chosen`` write it."""
    keep_image: bool = False
    """Whether the pictures that a rejected answer was written from stand beside it in the pair, which is then of kind
    ``both``."""
    guards: tuple[GuardChoice, ...] = OF_SPOILT
    """What each pair is looked at for; naming some replaces those that are there by default."""
    pairing: BySides = BySides()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: CorruptedInput
    write: Write
    pairer: Pairer[Comparison]


def prepare(settings: CorruptedInput, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: samplers that leave a side without answers, or parameters that do not fit a guard, the pairing
            rule or a perturbation.
        UnknownPartError: a perturbation that does not exist.
    """
    _check(settings)
    write = prepare_writers(_sided(settings), run)
    form = prepare_by_sides(settings.pairing, run.round)
    pairer = Pairer(Making("corrupted_input", settings.pairing.rule, run), form, prepare_guards(settings))
    bench = _Bench(settings, write, pairer)

    async def construct(row: SourceRow, asks: Asks) -> Built:
        case = case_of(settings, row, run)
        try:
            gold = (gold_for(row, "chosen"),) if settings.gold == "chosen" else ()
            _check_row(settings, row)
            bench.pairer.guarding.check(case)
            earlier = await _earlier(bench, row)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, gold, case, asks, earlier=earlier)

    return construct


def side_of(writer: Writer, place: str) -> Side:
    """Return on which side a writer's answers stand: answers from changed pictures are rejected ones.

    Raises:
        ParameterError: it says otherwise, or sees the pictures as they are and says nothing.

    >>> side_of(Writer(images="none"), "samplers.0")
    'rejected'
    >>> side_of(Writer(), "samplers.0")
    Traceback (most recent call last):
    pairwright.schemas.errors.ParameterError: samplers.0.side: it sees the pictures as they are; say chosen or rejected
    """
    if writer.images != "same":
        if writer.side == "chosen":
            raise ParameterError(
                f"{place}.side: it does not see the pictures as they are, so its answers are rejected ones"
            )
        return "rejected"
    if writer.side == "any":
        raise ParameterError(f"{place}.side: it sees the pictures as they are; say chosen or rejected")
    return writer.side


def _sides(settings: CorruptedInput) -> list[Side]:
    return [side_of(writer, f"samplers.{number}") for number, writer in enumerate(settings.samplers)]


def _sided(settings: CorruptedInput) -> CorruptedInput:
    """Return the settings with the side of every sampler filled in."""
    writers = zip(settings.samplers, _sides(settings), strict=True)
    sided = tuple(writer.model_copy(update={"side": side}) for writer, side in writers)
    return settings.model_copy(update={"samplers": sided})


def _check(settings: CorruptedInput) -> None:
    """Raise ParameterError where no row, or some rows by chance, could not give a pair."""
    sides = set(_sides(settings))
    if "rejected" not in sides:
        raise ParameterError(
            "samplers: nobody writes the rejected side; give one of them other images, or a misleading ask and side: rejected"
        )
    if settings.gold == "none" and "chosen" not in sides:
        raise ParameterError(
            "samplers: nobody writes the chosen side; add one with side: chosen, or set gold: chosen"
        )
    if isinstance(settings.pick, int) and len(sides) > 1:
        raise ParameterError(
            "pick: a number draws from both sides at once and may leave one empty; say how many of each: {chosen: 1, rejected: 1}"
        )
    if settings.keep_image and not any(isinstance(writer.images, Changed) for writer in settings.samplers):
        raise ParameterError("keep_image: no sampler sees changed pictures, so there are none to keep")


def _check_row(settings: CorruptedInput, row: SourceRow) -> None:
    """Raise RowError where a row lacks the pictures that the recipe goes by."""
    if not row.prompt.images and any(writer.images != "same" for writer in settings.samplers):
        raise RowError(
            "no_image", "images", "the row has no picture, and the recipe spoils it or takes it away"
        )
    if any(writer.images == "none" for writer in settings.samplers):
        without_images(row.prompt)


async def _earlier(bench: _Bench, row: SourceRow) -> Kept:
    """Return the pictures that an earlier round kept beside the answers which the row has already."""
    if not bench.settings.keep_image or not row.candidates:
        return {}
    return await asyncio.to_thread(kept_pictures, row.prompt, row.candidates)


async def _construct(
    bench: _Bench, row: SourceRow, gold: tuple[Candidate, ...], case: Case, asks: Asks, *, earlier: Kept
) -> Built:
    settings = bench.settings
    wrote = await bench.write(row, asks)
    kept = {**earlier, **wrote.negatives} if settings.keep_image else {}
    answered = Answered(wrote, gold, kept)
    return await sided_pairs(bench.pairer, row, answered, truncated=settings.truncated, case=case, asks=asks)


def _models(settings: CorruptedInput) -> Mapping[str, Model]:
    return {**writer_models(settings), **guard_models(settings)}


PART = ModelBuilder(
    settings=CorruptedInput,
    models=_models,
    prepare=prepare,
    summary="the rejected answer was written from a spoilt picture, from none, or under a misleading prompt",
    source="STIC (arXiv 2405.19716), BPO (2403.08730), POVID stage 2 (2402.11411), AdPO (2504.01735)",
    settle=settle_guarded,
    marks=guard_marks,
    runs_code=guard_codes,
)
