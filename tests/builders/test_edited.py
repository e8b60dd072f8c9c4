"""edited: something else is painted into a picture, and each picture's answer and each picture stand over the other."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pairwright.builders import ROOM, Built, EncodingBuilder, Neighbours, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.arrow import to_table
from pairwright.schemas.candidate_table import to_candidate_table
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.pair import group_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate import check_table

COFFEE, ROCKS = "A cup of coffee stands there.", "A pile of rocks lies there."
QUESTION = "What is on the table?"
OBJECTS = {"objects": [{"name": "cup", "left": 250, "top": 250, "right": 750, "bottom": 750}]}
PROPOSED = {
    "object": 1,
    "replacement": "a pile of rocks",
    "question": QUESTION,
    "answer": COFFEE,
    "edited_answer": ROCKS,
}
FIRST = {"params": {"model": "ViT-B-32", "pretrained": "first"}}
SECOND = {"params": {"model": "ViT-B-32", "pretrained": "second"}}
MODELS = {"lister": {"model": "looker"}, "proposer": {"model": "thinker"}}
SCORES = {COFFEE: 90.0, ROCKS: 10.0}
"""With the edited picture 80 degrees away, the first answer fits 1.54 times as well, the second almost ten times."""


def inverted(picture: bytes, box: tuple[int, int, int, int]) -> bytes:
    pixels = decode(read_image(picture)).copy()
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = 255 - pixels[top:bottom, left:right]
    return encode(pixels, "png")


class Painter:
    """A module of editors that keep what they were given."""

    def __init__(self) -> None:
        self.given: list[tuple[bytes, tuple[int, int, int, int], str, int]] = []
        self.under_way = self.most_under_way = 0
        self._lock = Lock()

    def invert(self, picture: bytes, box: tuple[int, int, int, int], instruction: str, seed: int) -> bytes:
        with self._lock:
            self.given.append((picture, box, instruction, seed))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        made = inverted(picture, box)
        with self._lock:
            self.under_way -= 1
        return made


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    """The module `my_editors`, with the editor `invert` and those of the tests."""
    module, made = ModuleType("my_editors"), Painter()
    module.invert = made.invert  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_editors", module)
    return made


@pytest.fixture
def edited(
    row: Callable[..., SourceRow], model: Any, scripted: Any, alone: Neighbours, picture: Image, painter: Painter
) -> Callable[..., Built]:  # fmt: skip
    """Return a way to run a row through the builder, by default with the editor that inverts the box."""

    def run(
        *encoders: Any,
        asks: Mapping[str, Any] = {},
        fields: Mapping[str, Any] = {},
        counting: bool = False,
        **parameters: Any,
    ) -> Built:
        part = ROOM.get("edited")
        assert isinstance(part, EncodingBuilder)
        settings = part.settings.model_validate(
            {
                "encoders": [FIRST, SECOND][: len(encoders)],
                "editor": "my_editors:invert",
                **MODELS,
                **parameters,
            }
        )
        construct = part.prepare(settings, Run("test", 0, "0", counting=counting))
        encodes = dict(zip(part.encoders(settings), encoders, strict=True))
        for one in encoders:
            one.turned[_inverted_hash(picture)] = 80.0
        models = {"lister": model([json.dumps(OBJECTS)]), "proposer": model([json.dumps(PROPOSED)])}

        async def built() -> Built:
            return await construct(row(**fields), alone, {**models, **asks}, encodes)

        made = asyncio.run(built())
        assert check_table(to_table(made.pairs)) == [] if made.pairs else True
        assert to_candidate_table(made.candidates).num_rows == len(made.candidates)
        assert len([one for one in made.rejects if one.scope == "row"]) == (0 if made.pairs else 1)
        return made

    return run


def box_of(image: Image) -> tuple[int, int, int, int]:
    width, height = image.header.width, image.header.height
    return width // 4, height // 4, 3 * width // 4, 3 * height // 4


@cache
def _inverted_hash(image: Image) -> str:
    return read_image(inverted(image.data, box_of(image))).sha256


def editors(**functions: Any) -> None:
    for name, function in functions.items():
        setattr(sys.modules["my_editors"], name, function)


def told(built: Built) -> list[tuple[str, str | None, str]]:
    return [(one.reason, one.field, one.scope) for one in built.rejects]


def test_each_answer_stands_over_the_other_and_each_picture_too(
    edited: Any, scripted: Any, picture: Image, painter: Painter
) -> None:
    built = edited(scripted(SCORES))
    assert built.rejects == ()
    sides = [(pair.kind, pair.chosen, pair.rejected, pair.tags[-1]) for pair in built.pairs]
    assert sides == [
        ("text", ROCKS, COFFEE, "edited"),
        ("image", ROCKS, ROCKS, "edited"),
        ("text", COFFEE, ROCKS, "original"),
        ("image", COFFEE, COFFEE, "original"),
    ]
    assert {pair.prompt.question for pair in built.pairs} == {f"<image>\n{QUESTION}"}
    after = _inverted_hash(picture)
    shown = [[one.sha256 for one in pair.prompt.images] for pair in built.pairs]
    assert shown == [[after], [after], [picture.sha256], [picture.sha256]]
    against = [pair.rejected_images and pair.rejected_images[0].sha256 for pair in built.pairs]
    assert against == [None, picture.sha256, None, after]
    assert built.pairs[2].prompt.images[0].data == picture.data
    instruction = "Replace the cup with a pile of rocks."
    assert built.pairs[0].prompt.images[0].edit == f"editor {instruction}"
    assert built.pairs[0].prompt.images[0].license == "cc0-1.0"
    assert {pair.group_id for pair in built.pairs} == {group_id(Prompt("<image>", (picture,)))}
    ((given, box, words, seed),) = painter.given
    assert (given, box, words) == (picture.data, box_of(picture), instruction)
    assert 0 <= seed < 2**31


def test_what_is_told_of_an_edit(edited: Any, scripted: Any, picture: Image) -> None:
    text, image, *_ = edited(scripted(SCORES)).pairs
    ((target, scorer, aspect, value, rationale),) = [
        (one.target, one.scorer, one.aspect, one.value, one.rationale) for one in text.scores
    ]
    assert (target, scorer, aspect) == ("chosen", "ViT-B-32/first", "image_text_ratio")
    assert (value, rationale) == (9.97, "99.72 with its picture, 10 with the other")
    assert {one.aspect for one in image.scores if one.target == "rejected_images[0]"} == {
        "changed", "psnr", "ssim", "entropy_ratio", "image_image", "image_text_drop",
    }  # fmt: skip
    edit = json.loads(text.provenance)["chosen"]["params"]["edit"]
    assert edit["box"] == list(box_of(picture))
    assert (text.chosen_model, text.rejected_model) == ("thinker", "thinker")
    (negative,) = json.loads(image.provenance)["negatives"]
    assert (negative["perturbation"], negative["picture"], negative["editor"]) == (
        "editor",
        "original",
        "my_editors:invert",
    )


def test_prompts_made_of_a_row_are_kept(edited: Any, scripted: Any) -> None:
    kept = edited(scripted(SCORES)).candidates
    assert [one.record_id for one in kept] == ["t.jsonl:0", "t.jsonl:0#1", "t.jsonl:0#2"]
    assert [[one.text for one in prompt.candidates] for prompt in kept] == [[], [ROCKS, COFFEE], [COFFEE, ROCKS]]  # fmt: skip


def test_only_what_an_encoder_sees_is_kept(edited: Any, scripted: Any) -> None:
    built = edited(scripted(SCORES), min_ratio=1.6)
    assert {pair.tags[-1] for pair in built.pairs} == {"edited"}
    assert told(built) == [("edit_not_seen", "min_ratio", "pair")]
    assert built.rejects[0].message == (
        "#2: ViT-B-32/first: 90 with its picture, 58.56 with the other; 1.6 times as much is wanted"
    )
    built = edited(scripted(SCORES), min_ratio=20)
    assert told(built)[-1] == ("edit_not_seen", "min_ratio", "row")


def test_several_encoders_must_see_it(edited: Any, scripted: Any) -> None:
    blind = scripted({COFFEE: 90.0, ROCKS: 90.0})
    built = edited(scripted(SCORES), blind)
    assert {pair.tags[-1] for pair in built.pairs} == {"original"}
    built = edited(scripted(SCORES), scripted({COFFEE: 90.0, ROCKS: 90.0}), agree=1)
    assert len(built.pairs) == 4
    assert [(one.scorer, one.value) for one in built.pairs[0].scores] == [
        ("ViT-B-32/first", 9.97),
        ("ViT-B-32/second", 0.65),
    ]


def test_a_text_that_does_not_fit_the_other_picture_at_all_is_seen(edited: Any, scripted: Any) -> None:
    built = edited(scripted({COFFEE: 90.0, ROCKS: -10.0}), about="edited", kinds=["text"])
    (pair,) = built.pairs
    assert pair.scores[0].value is None
    built = edited(scripted({COFFEE: -20.0, ROCKS: 10.0}), about="original")
    assert told(built)[-1] == ("edit_not_seen", "min_ratio", "row")


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({"about": "edited"}, [("text", ROCKS, COFFEE), ("image", ROCKS, ROCKS)]),
        ({"about": "original", "kinds": ["both"]}, [("both", COFFEE, ROCKS)]),
        ({"kinds": ["text"]}, [("text", ROCKS, COFFEE), ("text", COFFEE, ROCKS)]),
    ],
)
def test_which_pairs_there_are(edited: Any, scripted: Any, parameters: Any, wanted: Any) -> None:
    built = edited(scripted(SCORES), **parameters)
    assert [(pair.kind, pair.chosen, pair.rejected) for pair in built.pairs] == wanted


def test_the_question_may_be_that_of_the_row(
    edited: Any, scripted: Any, model: Any, picture: Image, painter: Painter
) -> None:
    proposed = {key: value for key, value in PROPOSED.items() if key != "question"}
    thinker = model([json.dumps(proposed)])
    prompt = Prompt("<image><image>\nWhat is it?", (picture, picture), "Be brief.")
    built = edited(
        scripted(SCORES),
        asks={"proposer": thinker},
        fields={"prompt": prompt},
        question="row",
        about="edited",
    )
    for pair in built.pairs:
        assert (pair.prompt.question, pair.prompt.system) == (prompt.question, prompt.system)
        assert [one.sha256 for one in pair.prompt.images] == [_inverted_hash(picture), picture.sha256]


def test_an_upright_picture_is_edited(edited: Any, scripted: Any, painter: Painter) -> None:
    import io

    import PIL.Image

    lying = PIL.Image.fromarray(
        np.arange(200 * 300 * 3, dtype=np.uint32).astype(np.uint8).reshape(200, 300, 3)
    )
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    lying.save(file, "JPEG", exif=exif)
    image = read_image(file.getvalue())
    edited(scripted(SCORES), fields={"prompt": Prompt("<image>", (image,))})
    ((given, box, _, _),) = painter.given
    assert read_image(given).header.format == "PNG"
    assert (read_image(given).header.width, box) == (200, (50, 75, 150, 225))


@pytest.mark.parametrize(
    ("function", "reason", "message"),
    [
        (lambda *given: 1 / 0, "edit_failed", "my_editors:mine raised ZeroDivisionError: division by zero"),
        (lambda *given: b"no", "edit_failed", "my_editors:mine gave no picture: "),
        (lambda *given: given[0][:900], "edit_failed", "my_editors:mine gave no picture: "),
        (
            lambda *given: encode(np.zeros((8, 8, 3), np.uint8), "png"),
            "edit_failed",
            "my_editors:mine gave a picture of 8 × 8 pixels for one of ",
        ),
        (lambda *given: given[0], "no_op", "both pictures look the same"),
    ],
)
def test_an_editor_that_fails_costs_its_row(
    edited: Any, scripted: Any, painter: Painter, function: Any, reason: str, message: str
) -> None:
    editors(mine=function)
    built = edited(scripted(SCORES), editor="my_editors:mine")
    assert told(built) == [(reason, "editor", "row")]
    assert built.rejects[0].message.startswith(message)


def test_an_editor_that_gives_something_else_stops_the_run(edited: Any, scripted: Any, painter: Painter) -> None:  # fmt: skip
    editors(mine=lambda *given: np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ModelError, match="editor: my_editors:mine gave ndarray, not bytes"):
        edited(scripted(SCORES), editor="my_editors:mine")

    def gone(*given: Any) -> bytes:
        raise ModelError("no GPU")

    editors(mine=gone)
    with pytest.raises(ModelError, match="no GPU"):
        edited(scripted(SCORES), editor="my_editors:mine")


def test_an_editor_is_given_one_picture_at_a_time(
    row: Any, model: Any, scripted: Any, alone: Any, painter: Painter
) -> None:
    part = ROOM.get("edited")
    settings = part.settings.model_validate({"editor": "my_editors:invert", "encoders": [FIRST], **MODELS})
    construct: Any = part.prepare(settings, Run("test", 0, "0"))
    asks = {"lister": model([json.dumps(OBJECTS)]), "proposer": model([json.dumps(PROPOSED)])}

    async def built() -> list[Built]:
        rows = [row(record_id=f"t.jsonl:{number}") for number in range(6)]
        encodes = {"encoders.0": scripted(SCORES)}
        return await asyncio.gather(*(construct(one, alone, asks, encodes) for one in rows))

    asyncio.run(built())
    assert (len(painter.given), painter.most_under_way) == (6, 1)
    assert len({seed for _, _, _, seed in painter.given}) == 6


@pytest.mark.parametrize(
    ("fields", "asks", "reason"),
    [
        ({"prompt": Prompt("What is it?")}, {}, ("no_image", "images", "row")),
        ({}, {"lister": '{"objects": []}'}, ("bad_proposal", "lister", "row")),
        ({}, {"proposer": "{}"}, ("bad_proposal", "proposer", "row")),
    ],
)
def test_rows_that_cannot_be_edited(
    edited: Any, scripted: Any, model: Any, painter: Painter, fields: Any, asks: Any, reason: Any
) -> None:
    encoder = scripted({})
    built = edited(encoder, fields=fields, asks={name: model([said]) for name, said in asks.items()})
    assert told(built) == [reason]
    assert (painter.given, encoder.texts) == ([], [])


def test_a_failed_call_may_succeed_later(edited: Any, scripted: Any, model: Any) -> None:
    def fails(request: Any) -> list[str]:
        raise RowError("call_failed", None, "down")

    built = edited(scripted({}), asks={"proposer": model(fails)})
    assert told(built) == [("call_failed", "proposer", "row")]


def test_a_forecast_calls_no_editor(edited: Any, scripted: Any, painter: Painter) -> None:
    built = edited(encoder := scripted({}), counting=True)
    assert painter.given == []
    assert len(built.pairs) == 4  # so that whoever has to agree with them is counted
    assert (len(set(encoder.images)), set(encoder.texts)) == (2, {COFFEE, ROCKS})


def test_editors_of_packages_are_found_by_name(
    edited: Any, scripted: Any, painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint, EntryPoints

    offered = EntryPoints([EntryPoint("inverse", "my_editors:invert", "pairwright.editors")])
    monkeypatch.setattr("pairwright.builders._editor.entry_points", lambda group: offered.select(group=group))
    assert len(edited(scripted(SCORES), editor="inverse").pairs) == 4
    with pytest.raises(ParameterError, match=r"editor: no 'inverts' among editors \(inverse\)"):
        edited(scripted(SCORES), editor="inverts")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"editor": "my_editors:none"}, "editor: my_editors:none cannot be imported"),
        ({"editor": "none"}, r"editor: no 'none' among editors \(none is installed\); or write module:function"),
        ({"agree": 2}, "agree: 2 encoders are to agree, and there are 1"),
        ({"lister": {"params": {"prompt": "proposer"}}}, r"lister\.params\.proposer\.md: this prompt is for the judge proposer"),
        ({"pairing": {"rule": "margin"}}, r"pairing\.rule: margin goes by scores"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_told_beforehand(
    parameters: dict[str, Any], message: str, painter: Painter
) -> None:
    part = ROOM.get("edited")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate({"encoders": [FIRST], **parameters}), Run("test", 0, "0"))


def test_the_recipe_has_the_numbers_of_the_paper_and_no_editor(painter: Painter) -> None:
    named = ["lister.model=looker", "editor=my_editors:invert"]
    recipe = load_recipe("v_dpo", named)
    parameters: Any = recipe.parameters
    assert (parameters.min_ratio, parameters.kinds) == (1.5, ("text", "image"))
    models = {place: model.model for place, model in recipe.models().items()}
    assert models == {"lister": "looker", "proposer": "looker"}
    assert recipe.runs_code() == {"editor": "my_editors:invert"}
    with pytest.raises(ParameterError, match="editor: none is named, and none comes with pairwright"):
        load_recipe("v_dpo", ["lister.model=looker"]).models()
