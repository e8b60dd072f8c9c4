"""Requests as vLLM takes them, and its outputs as answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import PIL.Image

from pairwright.samplers._scored import answer_tokens, with_answer
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Answer, Finish, Request, Token

_FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "abort": "aborted",
    "repetition": "repetition",
}
"""vLLM's word for how an answer ended, and ours. Its ``error`` is a failed try and never gets here."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the engine takes it."""

    prompt: Any
    """vLLM's ``EngineInput``: token ids, and pictures as the model's processor left them."""
    tokens: int
    images: int
    """How many pictures went in."""


def identity(image: Image, max_side: int | None) -> str:
    """Return the name under which vLLM caches a picture: all that decides its pixels.

    vLLM believes it: another picture under the same name would get the first one's answer.
    """
    return image.sha256 if max_side is None else f"{image.sha256}-{max_side}"


def conversation(
    request: Request, pictures: Mapping[str, PIL.Image.Image], max_side: int | None
) -> list[Any]:
    """Return the messages of a request with their pictures, in the order given, and the answer that is to be scored."""

    def part(one: str | Image) -> dict[str, Any]:
        if isinstance(one, str):
            return {"type": "text", "text": one}
        name = identity(one, max_side)
        return {"type": "image_pil", "image_pil": pictures[one.sha256], "uuid": name}

    return [
        {"role": message.role, "content": [part(one) for one in message.parts]}
        for message in (request.messages if request.scored is None else with_answer(request))
    ]


def rendered(prompt: Any, image_token: int | None) -> Rendered:
    """Return what vLLM made of a conversation, with what went in counted.

    Raises:
        RowError: the text holds the model's own image marker. vLLM would let a picture that is not there go by.
    """
    ids = prompt["prompt_token_ids"]
    places = prompt.get("mm_placeholders", {}).get("image", [])
    if image_token is not None:
        inside = sum(ids[place.offset : place.offset + place.length].count(image_token) for place in places)
        if ids.count(image_token) != inside:
            raise RowError("call_refused", None, "the text holds the model's own marker for an image")
    return Rendered(prompt, len(ids), len(places))


def sampling_params(request: Request) -> Any:
    """Return vLLM's sampling parameters. All are named here, so the model's own defaults never mix in.

    ``n`` samples are one request: the image is encoded once. vLLM draws sample ``k`` of it with seed + k, which is
    pairwright's rule as well; samples that come later start with the seed of their own number.

    Raises:
        RowError: ``call_refused``, a value that vLLM does not take.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    drawn, scored = request.sampling, request.scored is not None
    try:
        return SamplingParams(
            n=1 if drawn.temperature == 0 else request.n,  # greedy samples are all the same
            temperature=drawn.temperature,
            top_p=drawn.top_p,
            top_k=drawn.top_k or 0,
            max_tokens=drawn.max_tokens,
            stop=list(drawn.stop),
            seed=None if drawn.seed is None else drawn.seed + request.first,
            logprobs=None if scored else drawn.logprobs,
            prompt_logprobs=0 if scored else None,
            output_kind=RequestOutputKind.FINAL_ONLY,
            structured_outputs=(
                StructuredOutputsParams(json=json.loads(request.schema)) if request.schema else None
            ),
        )
    except ValueError as error:
        raise RowError("call_refused", None, str(error)) from error


def answers(output: Any, request: Request) -> tuple[Answer, ...]:
    """Return the answers in a finished output, sample ``first`` first.

    Raises:
        RowError: ``call_refused``, the prompt does not end with the answer that is to be scored.
    """
    if request.scored is not None:
        own = (
            next(iter(place.values())) for place in output.prompt_logprobs if place
        )  # nothing of the first
        tokens = [Token(one.decoded_token or "", one.logprob) for one in own]
        return (Answer(request.scored, "stop", answer_tokens(tokens, request.scored)),)
    wanted = request.sampling.logprobs
    made = tuple(
        Answer(one.text, _FINISHES[str(one.finish_reason)], None if wanted is None else _tokens(one, wanted))
        for one in sorted(output.outputs, key=lambda one: one.index)
    )
    return made * request.n if len(made) == 1 else made


def _tokens(completion: Any, alternatives: int) -> tuple[Token, ...]:
    """Return the tokens of an answer. vLLM gives the drawn token and the likeliest ones in one dict by id."""
    tokens = []
    for drawn, places in zip(completion.token_ids, completion.logprobs, strict=True):
        likeliest = sorted(places.values(), key=lambda place: -place.logprob)[:alternatives]
        others = tuple((place.decoded_token or "", place.logprob) for place in likeliest)
        tokens.append(Token(places[drawn].decoded_token or "", places[drawn].logprob, others))
    return tuple(tokens)
