"""Adversarial pictures: the rejected answer is what a model says of a picture that misleads a vision encoder.

Steps: have the pictures attacked; have every sampler answer about the clean and about the attacked ones; answers to the clean
ones, or the row's own, stand over answers to the attacked ones, which stay beside them. With ``robust`` the same two
answers also make a pair about the attacked pictures alone.

Nothing is paid for a picture whose attack failed: it would only teach that equal pictures have unequal answers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from pairwright.annotators import Case
from pairwright.annotators._encoding import EncoderSettings, encoder_marks, encoder_name
from pairwright.builders import Asks, Built, ConstructEncoding, Encodes, EncodingBuilder, Neighbours, Run
from pairwright.builders._at_once import all_at_once
from pairwright.builders._attacking import Attacker, Attacking, Victim, attacked_images, prepare_attack
from pairwright.builders._by_sides import BySides, prepare_by_sides
from pairwright.builders._candidates import gold_for
from pairwright.builders._guarding import (
    GuardChoice,
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._kept import kept_as_made
from pairwright.builders._negative import Negative
from pairwright.builders._pairer import Pairer
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._sided import OF_SPOILT, Answered, sided_pairs
from pairwright.builders._text_pair import Making, row_reject
from pairwright.builders._writers import Write, Written, Wrote, prepare_writers, writer_models
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.pair import Pair, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow

_ENCODER = "encoder"
ROBUST = "robust"
"""Tag of pairs about the attacked pictures alone."""


class Adversarial(Written, Shown, Guarded):
    """Parameters of the builder."""

    encoder: EncoderSettings = EncoderSettings()
    """The encoder that is misled: best the one that the model itself sees through."""
    attack: Attacking = Attacking()
    """How pictures are attacked."""
    gold: Literal["none", "chosen"] = "none"
    """``chosen``: the row's own answer stands on the chosen side. ``none``: what the samplers say of the clean pictures."""
    robust: bool = False
    """Whether each pair comes once more as one of kind ``text`` about the attacked pictures: there, too, the answer to the clean
    ones is the better one."""
    guards: tuple[GuardChoice, ...] = OF_SPOILT
    """What each pair is looked at for; naming some replaces those that are there by default."""
    pairing: BySides = BySides()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: Adversarial
    run: Run
    attacker: Attacker
    encoder: str
    """Name of the encoder's model."""
    write: Write
    pairer: Pairer[Comparison]


def prepare(settings: Adversarial, run: Run) -> ConstructEncoding:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: no samplers, one that has a side or other pictures, or parameters that do not fit the attack, the
            encoder, a guard or the pairing rule.
    """
    _check_samplers(settings)
    form = prepare_by_sides(settings.pairing, run.round)
    making = Making("adversarial", settings.pairing.rule, run)
    bench = _Bench(
        settings,
        run,
        attacker=prepare_attack(settings.attack, "attack"),
        encoder=encoder_name(settings.encoder, _ENCODER),
        write=prepare_writers(settings, run),
        pairer=Pairer(making, form, prepare_guards(settings)),
    )

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        return await _construct(bench, row, neighbours, asks, encodes)

    return construct


def _check_samplers(settings: Adversarial) -> None:
    """Raise ParameterError where samplers could not answer about both pictures."""
    if not settings.samplers:
        raise ParameterError("samplers: nobody answers; name a model")
    for number, one in enumerate(settings.samplers):
        if one.side != "any":
            raise ParameterError(
                f"samplers.{number}.side: it answers about clean and attacked pictures, so both sides are its own; leave side out"
            )
        if one.images != "same":
            raise ParameterError(
                f"samplers.{number}.images: it sees clean and attacked pictures; leave images out"
            )


async def _construct(
    bench: _Bench, row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes
) -> Built:
    settings, case = bench.settings, case_of(bench.settings, row, bench.run)
    victim = Victim(encodes[_ENCODER], bench.encoder)
    try:
        gold = (gold_for(row, "chosen"),) if settings.gold == "chosen" else ()
        bench.pairer.guarding.check(case)
        attacked = await attacked_images(
            bench.attacker, row, seed=bench.run.seed, victim=victim, neighbours=neighbours
        )
        earlier = kept_as_made(row.candidates, attacked)
    except RowError as error:  # told before anything is paid for
        return Built(rejects=(row_reject(row, error),), candidates=(row,))
    wrote = await _wrote(bench, row, attacked, asks)
    answered = Answered(wrote, gold, {**earlier, **wrote.negatives})
    return await _pairs(bench, row, answered, attacked, case=case, asks=asks)


async def _pairs(
    bench: _Bench,
    row: SourceRow,
    answered: Answered,
    attacked: tuple[Negative, ...],
    *,
    case: Case,
    asks: Asks,
) -> Built:
    built = await sided_pairs(
        bench.pairer, row, answered, truncated=bench.settings.truncated, case=case, asks=asks
    )
    if not bench.settings.robust:
        return built
    prompt = _attacked_prompt(row, attacked)
    more = [_robust(pair, row, prompt, attacked) for pair in built.pairs if pair.kind == "both"]
    return replace(built, pairs=(*built.pairs, *more))


async def _wrote(bench: _Bench, row: SourceRow, attacked: tuple[Negative, ...], asks: Asks) -> Wrote:
    """Return the answers about the clean pictures, if they are wanted, and about the attacked ones, each with its side."""
    misled = replace(row, prompt=_attacked_prompt(row, attacked))
    rows = [misled] if bench.settings.gold == "chosen" else [row, misled]
    *clean, worse = await all_at_once(partial(bench.write, one, asks) for one in rows)
    candidates: list[Candidate] = [replace(one, side="chosen") for wrote in clean for one in wrote.candidates]
    candidates += (replace(one, side="rejected") for one in worse.candidates)
    rejects = [reject for wrote in clean for reject in wrote.rejects]
    rejects += (replace(one, message=f"about the attacked picture: {one.message}") for one in worse.rejects)
    negatives = {one.request: attacked for one in worse.candidates if one.request}
    return Wrote(tuple(candidates), tuple(rejects), negatives)


def _attacked_prompt(row: SourceRow, attacked: tuple[Negative, ...]) -> Prompt:
    return replace(row.prompt, images=tuple(one.image for one in attacked))


def _robust(pair: Pair, row: SourceRow, prompt: Prompt, attacked: tuple[Negative, ...]) -> Pair:
    """Return the pair about the attacked pictures. Its split key stays: it must not part from the pair about the clean ones."""
    told = json.loads(pair.provenance or "{}") | {"images": [one.told() for one in attacked]}
    return replace(
        pair,
        id=pair_id(row.record_id, prompt, pair.chosen, pair.rejected, None),
        prompt=prompt,
        rejected_images=None,
        kind="text",
        scores=tuple(one for one in pair.scores if not one.target.startswith("rejected_images")),
        tags=(*pair.tags, ROBUST),
        provenance=json.dumps(told, ensure_ascii=False),
    )


def _models(settings: Adversarial) -> Mapping[str, Model]:
    return {**writer_models(settings), **guard_models(settings)}


def _encoders(settings: Adversarial) -> Mapping[str, EncoderSettings]:
    return {_ENCODER: settings.encoder}


def _marks(settings: Adversarial) -> Mapping[str, str]:
    return {**encoder_marks(_encoders(settings)), **guard_marks(settings)}


def _uses_neighbours(settings: Adversarial) -> bool:
    return settings.attack.towards == "other_image"


PART = EncodingBuilder(
    settings=Adversarial,
    models=_models,
    encoders=_encoders,
    prepare=prepare,
    uses_neighbours=_uses_neighbours,
    summary="the rejected answer was written from a picture that misleads an encoder, which stays beside it",
    source="AdPO (arXiv 2504.01735)",
    settle=settle_guarded,
    marks=_marks,
    runs_code=guard_codes,
    kin="a rejected answer stands beside its attacked picture, made by the encoder alone",
)
