"""Pictures with rendered text: measured, tagged or left out before anything is encoded or paid for."""

import asyncio
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt

BUILDERS = {"clip_ranked": {}, "sentence_tree": {"search": "whole", "logprob_weight": 0}}
ANSWERS = (Candidate("A cup stands here."), Candidate("A rug lies here."))
SCORES = {"A cup stands here.": 30.0, "A rug lies here.": 20.0}


@pytest.fixture(scope="module")
def sign() -> Image:
    """A picture with a line of text."""
    pixels = np.full((300, 500, 3), 200, np.uint8)
    cv2.putText(
        pixels, "Best coffee in town", (40, 150), cv2.FONT_HERSHEY_SIMPLEX, 1, (20, 20, 20), 2, cv2.LINE_AA
    )
    return read_image(encode(pixels, "png"))


@pytest.fixture(params=list(BUILDERS))
def ranked(request: Any, row: Any, alone: Any) -> Callable[..., Built]:
    """Return a way to rank two answers about pictures, by each builder that does."""

    def run(images: tuple[Image, ...], encoder: Any, **chosen: Any) -> Built:
        part = ROOM.get(request.param)
        settings = part.settings.model_validate({**BUILDERS[request.param], "rendered_text": chosen})
        construct = part.prepare(settings, Run("test", 0, "0"))
        source = row(prompt=Prompt("<image>\n" * len(images) + "What is it?", images), candidates=ANSWERS)

        async def built() -> Built:
            made: Built = await construct(source, alone, {}, {"encoders.0": encoder})
            return made

        return asyncio.run(built())

    return run


def found(built: Built) -> list[tuple[str, str, bool]]:
    """Return what was said of pictures: target, aspect, and whether it is more than nothing."""
    [pair] = built.pairs
    return [(one.target, one.aspect, bool(one.value)) for one in pair.scores if one.scorer == "rendered_text"]


def test_a_picture_with_text_is_tagged(ranked: Any, scripted: Any, sign: Image, picture: Image) -> None:
    built = ranked((sign,), scripted(SCORES))
    assert built.pairs[0].tags == ("food", "rendered_text")
    assert built.candidates[0].tags == ("food", "rendered_text")
    assert found(built) == [("images[0]", "rendered_text", True), ("images[0]", "text_lines", True)]
    built = ranked((picture,), scripted(SCORES))
    assert built.pairs[0].tags == ("food",)
    assert found(built) == [("images[0]", "rendered_text", False), ("images[0]", "text_lines", False)]


def test_one_picture_of_several_is_enough(ranked: Any, scripted: Any, sign: Image, picture: Image) -> None:
    built = ranked((picture, sign), scripted(SCORES))
    assert built.pairs[0].tags == ("food", "rendered_text")
    assert [one for one in found(built) if one[1] == "rendered_text"] == [
        ("images[0]", "rendered_text", False),
        ("images[1]", "rendered_text", True),
    ]


def test_it_may_be_kept_or_left_out(ranked: Any, scripted: Any, sign: Image, picture: Image) -> None:
    built = ranked((sign,), scripted(SCORES), then="keep")
    assert built.pairs[0].tags == ("food",)
    assert found(built)[0] == ("images[0]", "rendered_text", True)
    built = ranked((sign,), encoder := scripted(SCORES), then="drop")
    [reject] = built.rejects
    assert (reject.reason, reject.scope, reject.field) == ("rendered_text", "row", "rendered_text")
    assert reject.message.endswith("is above 0.002")
    assert (encoder.images, encoder.texts) == ([], [])
    assert ranked((sign,), scripted(SCORES), then="drop", at_most=0.9).pairs
    assert ranked((picture,), scripted(SCORES), then="drop").pairs


def test_off_by_default_nothing_is_said(row: Any, alone: Any, scripted: Any, sign: Image) -> None:
    part = ROOM.get("clip_ranked")
    construct = part.prepare(part.settings(), Run("test", 0, "0"))
    source = row(prompt=Prompt("<image>\nWhat is it?", (sign,)), candidates=ANSWERS)

    async def built() -> Built:
        made: Built = await construct(source, alone, {}, {"encoders.0": scripted(SCORES)})
        return made

    assert found(asyncio.run(built())) == []


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"kind": "clip"}, r"rendered_text\.kind: clip does not look at pictures by themselves"),
        ({"kind": "render"}, r"rendered_text\.kind: no 'render' among annotators"),
        ({"params": {"letter": 3}}, r"rendered_text\.params: no 'letter'"),
    ],
)
def test_what_cannot_look_is_told_beforehand(chosen: dict[str, Any], message: str) -> None:
    part = ROOM.get("clip_ranked")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate({"rendered_text": chosen}), Run("test", 0, "0"))


def test_a_check_of_pictures_is_no_judge() -> None:
    part = ROOM.get("judged")
    settings = part.settings.model_validate({"judge": {"kind": "rendered_text", "model": "m"}})
    with pytest.raises(ParameterError, match="rendered_text looks at pictures, not at answers"):
        part.prepare(settings, Run("test", 0, "0"))


def test_clip_dpo_leaves_such_pictures_out() -> None:
    parameters: Any = load_recipe("clip_dpo").parameters
    assert (parameters.rendered_text.at_most, parameters.rendered_text.then) == (0.002, "drop")
