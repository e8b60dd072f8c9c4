"""Answers that grow on vLLM's own server: it goes on from a beginning, and says how likely each token was."""

import math
from typing import Any

import numpy as np
import pytest

from pairwright.annotators import Encoding, Vector
from pairwright.builders import ROOM, Built, Run
from pairwright.samplers import Model, opened
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request
from pairwright.schemas.source_row import SourceRow

BEGINNINGS = ("A cat sits.", "A dog lies.", "A car stands.", "A rug is red.")
LATER = (" It is new.", " It is old.", " It is green.")


class Lengths:
    """An encoder to which longer texts fit better."""

    async def image(self, image: Image) -> Vector:
        return np.array([1, 0], np.float32)

    async def text(self, text: str) -> Encoding:
        cosine = len(text) / 100
        return Encoding(np.array([cosine, math.sqrt(1 - cosine**2)], np.float32))


def saying(server: str, sentences: tuple[str, ...]) -> Model:
    """Return the model as one that says one of these sentences, and begins another."""
    choices = [f"{one} And" for one in sentences]
    options = {"extra_body": {"structured_outputs": {"choice": choices}}}
    return Model(model="tiny-vlm", base_url=server, options=options)


def test_sentences_have_the_log_probabilities_of_their_tokens(run: Any, server: str, image: Any) -> None:
    part = ROOM.get("sentence_tree")
    settings = part.settings.model_validate(
        {
            "samplers": [{"model": "tiny-vlm", "base_url": server, "n": 5, "max_tokens": 70}],
            "tree": {"best": 1, "worst": 1, "narrow_at": 2, "longest": 30},
            "truncated": "keep",
            "encoders": [{"params": {"model": "ViT-B-32", "pretrained": "openai"}}],
        }
    )
    prompt = Prompt("<image>\nWhat is it?", (image(1),))
    row = SourceRow("t.jsonl:0", "t", "1", prompt, license="cc0-1.0")
    requests: list[Request] = []
    said: list[Answer] = []

    async def grown() -> Built:
        async with opened(saying(server, BEGINNINGS)) as first, opened(saying(server, LATER)) as second:

            async def ask(request: Request) -> tuple[Answer, ...]:
                requests.append(request)
                writer = second if request.messages[-1].role == "assistant" else first
                answers = (await writer.sample(request)).answers
                said.extend(answers)
                return answers

            construct = part.prepare(settings, Run("test", 0, "0"))
            return await construct(row, None, {"samplers.0": ask}, {"encoders.0": Lengths()})

    built = run(grown())
    answers = built.candidates[0].candidates
    assert [len(one.messages) for one in requests] == [1, 2, 2, 2, 2]
    assert len(answers) > 2
    assert all(30 <= len(one.text) < 45 for one in answers)
    for one in said:  # the tokens make up the text, the end of the answer apart
        assert "".join(token.text for token in one.tokens or ()).startswith(one.text)
    for one in answers:
        [judged] = [judged for judged in one.judgements if judged.aspect == "logprob"]
        told = [float(value) for value in (judged.rationale or "").removeprefix("sentences: ").split(",")]
        begun = next(other for other in said if one.text.startswith(other.text.removesuffix(" And")))
        assert told[0] == pytest.approx(_by_hand(begun), abs=0.001)
        assert len(told) == 3
        assert all(value < 0 for value in told)
    assert len(built.pairs) == 1


def _by_hand(answer: Answer) -> float:
    """Return the mean of the tokens up to the first stop."""
    tokens = answer.tokens or ()
    until = [token.text for token in tokens].index(".") + 1
    return math.fsum(token.logprob for token in tokens[:until]) / until
