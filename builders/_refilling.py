"""Refilling: an answer whose words about the picture are blanked, and filled in from other pictures until it says otherwise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from pairwright.annotators import Encode, Encoding
from pairwright.annotators._similarity import Similarity, judgement, score
from pairwright.builders import Asks, Encodes, Run
from pairwright.builders._at_once import all_at_once
from pairwright.builders._nearest import Similar
from pairwright.builders._told import read_told
from pairwright.correctors import Rewritten, Task
from pairwright.correctors._masks import FillBy, MaskBy, Masked
from pairwright.correctors._sentences import sentences
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import digest
from pairwright.schemas.span import Span

MASKER, REFILLER = "masker", "refiller"
"""Where they stand in the parameters."""

TEXT_TEXT = "text_text"
"""Aspect of how alike two texts are."""

_NAME = 16
"""Hex digits by which a draw knows the text and the picture that it is made for."""


@dataclass(frozen=True, slots=True)
class Refiller:
    """All that was checked."""

    run: Run
    mask: MaskBy
    fill: FillBy
    model: str | None
    """Who fills in."""
    names: Mapping[str, str]
    """Name of each encoder, by its place."""
    per: Literal["text", "sentence"]
    """What is encoded of a text."""
    max_similarity: float
    """100 × cosine; a completion must stay below it in every encoder."""


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer as it reads when it is filled in from another picture."""

    candidate: Candidate
    picture: Similar
    original_spans: tuple[Span, ...]
    """What of the answer came out otherwise."""
    fault: RowError | None
    """Why it is no contrast; None for one that is."""


@dataclass(frozen=True, slots=True)
class Refilled:
    """What came of one answer."""

    number: int
    """Of the answer."""
    completions: tuple[Completion, ...] = ()
    """In the order of the pictures; the last one may be a contrast, those before it are none."""
    faults: tuple[RowError, ...] = ()
    """What could not be blanked or filled in."""

    @property
    def contrast(self) -> Completion | None:
        """The completion that says otherwise than the answer; None where there is none."""
        return next((one for one in self.completions if one.fault is None), None)

    def why_none(self) -> RowError:
        """Return why there is no contrast: what befell the last picture."""
        return [*self.faults, *(one.fault for one in self.completions if one.fault)][-1]


async def refilled(
    bench: Refiller,
    number: int,
    answer: Candidate,
    pictures: Sequence[Similar],
    task: Task,
    *,
    asks: Asks,
    encodes: Encodes,
) -> Refilled:
    """Return an answer filled in from one picture after the other, up to the first that makes it say otherwise.

    Args:
        bench: what was checked.
        number: of the answer.
        answer: the answer.
        pictures: at least one, the most similar first.
        task: the row, without a text.
        asks: ways to ask the models.
        encodes: the encoders.

    Raises:
        RowError: ``call_failed`` where a call failed that may succeed later: the row would give another pair.
    """
    name = digest(answer.text.encode("utf-8", "surrogatepass"))[:_NAME]
    task = replace(task, text=answer.text, part=f"{MASKER} {name}")
    try:
        masked = await bench.mask(task, asks[MASKER])
    except RowError as error:
        return Refilled(number, faults=(_placed(error, MASKER, f"blanking answer {number}"),))
    completions: list[Completion] = []
    faults: list[RowError] = []
    for rank, picture in enumerate(pictures, 1):
        told = f"filling answer {number} in from the picture of {picture.record_id}"
        try:
            new = await _filled(bench, masked, picture, task, asks, name)
        except RowError as error:
            faults.append(_placed(error, REFILLER, told))
            continue
        likeness = await _likeness(bench, answer.text, new.text, encodes)
        most = bench.run.counting and rank == len(pictures)  # all pictures, and then whoever has to agree
        fault = None if most else _fault(bench, likeness, told)
        candidate = _candidate(bench, number, answer, new, picture, rank, likeness)
        completions.append(Completion(candidate, picture, new.original_spans, fault))
        if fault is None:
            break
    return Refilled(number, tuple(completions), tuple(faults))


async def _filled(
    bench: Refiller, masked: Masked, picture: Similar, task: Task, asks: Asks, name: str
) -> Rewritten:
    prompt = replace(task.prompt, images=(picture.image, *task.prompt.images[1:]))
    part = f"{REFILLER} {name} {picture.image.sha256[:_NAME]}"
    return await bench.fill(replace(task, prompt=prompt, part=part), masked, asks[REFILLER])


def _placed(error: RowError, place: str, doing: str) -> RowError:
    """Return an error with its place; raise it where the call may succeed later."""
    told = RowError(error.reason, place, f"{doing}: {error.message}")
    if error.reason == "call_failed":
        raise told from error
    return told


async def _likeness(bench: Refiller, answer: str, completion: str, encodes: Encodes) -> dict[str, Similarity]:
    """Return how alike two texts are to each encoder, by its name."""
    found = await all_at_once(
        partial(_alike, bench.per, encodes[place], answer, completion) for place in bench.names
    )
    return dict(zip(bench.names.values(), found, strict=True))


async def _alike(per: Literal["text", "sentence"], encode: Encode, one: str, other: str) -> Similarity:
    first, second = await all_at_once(partial(_encoded, per, encode, text) for text in (one, other))
    return Similarity(score(first.vector, second.vector), first.cut or second.cut)


async def _encoded(per: Literal["text", "sentence"], encode: Encode, text: str) -> Encoding:
    """Return the vector of a text; sentence by sentence, the direction of their mean."""
    if per == "text":
        return await encode.text(text)
    parts = await all_at_once(partial(encode.text, text[start:end]) for start, end in sentences(text))
    mean = np.sum([one.vector.astype(np.float64) for one in parts], axis=0)
    length = float(np.linalg.norm(mean)) or 1.0  # opposite sentences leave nothing, which is like nothing
    return Encoding((mean / length).astype(np.float32), any(one.cut for one in parts))


def _fault(bench: Refiller, likeness: Mapping[str, Similarity], told: str) -> RowError | None:
    alike = [f"{name} {one.value:g}" for name, one in likeness.items() if one.value >= bench.max_similarity]
    if not alike:
        return None
    return RowError(
        "near_equal",
        "max_similarity",
        f"{told}: it says the same ({', '.join(alike)}; {bench.max_similarity:g} or more)",
    )


def _candidate(
    bench: Refiller,
    number: int,
    answer: Candidate,
    new: Rewritten,
    picture: Similar,
    rank: int,
    likeness: Mapping[str, Similarity],
) -> Candidate:
    said: dict[str, object] = {
        "corrector": REFILLER,
        "kind": "refill",
        "of": number,
        "prompt": new.prompt,
        "notes": read_told(new.notes or "{}"),
        "picture": {
            "record_id": picture.record_id,
            "sha256": picture.image.sha256,
            "similarity": picture.similarity,
            "rank": rank,
        },
    }
    if answer.params is not None:
        said["before"] = read_told(answer.params)
    return Candidate(
        new.text,
        bench.model,
        "rejected",
        params=json.dumps(said, ensure_ascii=False),
        judgements=tuple(judgement(name, TEXT_TEXT, one) for name, one in likeness.items()),
        round=bench.run.round if answer.round is None else answer.round,
        spans=new.spans,
    )
