"""Good pairs pass; each mistake that a trainer takes without a word, or dies of in the middle of a run, is named."""

import io
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.schemas.arrow import SCHEMA, to_row, to_table
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair, PairKind, group_id, pair_id
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.schemas.special_tokens import special_token
from pairwright.schemas.validate import FORBIDDEN_COLUMNS, check_table

Row = dict[str, Any]


def picture(seed: int, side: int = 24) -> Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + 8, 3), dtype=np.uint8)
    return read_image(encode(pixels, "png" if seed % 2 else "jpeg"))


POOL = [picture(seed) for seed in range(6)]


def pair(
    prompt: Prompt,
    chosen: str,
    rejected: str,
    negatives: tuple[Image, ...] | None = None,
    scores: tuple[Judgement, ...] = (),
) -> Pair:
    kind: PairKind = "text" if negatives is None else "image" if chosen == rejected else "both"
    return Pair(
        id=pair_id("set.csv:0", prompt, chosen, rejected, negatives),
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=negatives,
        kind=kind,
        source="set",
        source_id="0",
        group_id=group_id(prompt),
        scores=scores,
        provenance=json.dumps({"seed": 1}),
    )


ONE = Prompt(f"{MARKER}\nWhat is it?", (POOL[0],))
TWO = Prompt(f"{MARKER}\n{MARKER}\nWhat differs?", (POOL[0], POOL[1]))
TURNS = Prompt(
    f"And here? {MARKER}",
    (POOL[0], POOL[1]),
    system="Answer briefly.",
    history=((f"{MARKER}\nWhat is it?", "A cat."), ("Sure?", "Yes.")),
)
GOOD = {
    "text": pair(
        ONE, "A cat.", "A dog.", scores=(Judgement("chosen", "judge-1", "faithful", 8.0, 1.0, 10.0),)
    ),
    "several": pair(TWO, "The colour.", "The size."),
    "turns": pair(TURNS, "A cat as well.", "A dog."),
    "no images": pair(Prompt("What is the capital of France?"), "Paris.", "London."),
    "image": pair(ONE, "A cat.", "A cat.", (POOL[2],)),
    "both": pair(TWO, "The colour.", "The size.", (POOL[0], POOL[3])),
}


def table(*rows: Row) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def put(*way: str | int, value: Any) -> Callable[[Row], None]:
    """Return a mutation that sets the value at the end of a way through a row."""

    def mutate(row: Row) -> None:
        place: Any = row
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = value

    return mutate


def together(*mutations: Callable[[Row], None]) -> Callable[[Row], None]:
    def mutate(row: Row) -> None:
        for one in mutations:
            one(row)

    return mutate


def says(role: str, *parts: tuple[str, str | None]) -> Row:
    return {"role": role, "content": [{"type": kind, "text": text} for kind, text in parts]}


def file_of(image: Image) -> Row:
    return {"bytes": image.data, "path": image.path}


def spans(*places: tuple[int | None, int | None, float | None]) -> list[Row]:
    return [dict(zip(("start", "end", "weight"), place, strict=True), label=None) for place in places]


def cut(image: Image) -> bytes:
    return image.data[: len(image.data) * 2 // 3]


def as_bmp(image: Image) -> bytes:
    made = io.BytesIO()
    PIL.Image.open(io.BytesIO(image.data)).save(made, "BMP")
    return made.getvalue()


REPEATED = [
    says("user", ("image", None), ("text", "What is it?")),
    says("assistant", ("text", "A cat.")),
]

# name, good pair it starts from, mutation, column at fault, words of the message
MISTAKES: list[tuple[str, str, Callable[[Row], None], str, str]] = [
    # what a trainer that weighs segments would take for something else
    ("span beyond the text", "text", put("chosen_spans", value=spans((2, 7, 5.0))), "chosen_spans", "chosen_spans[0] is 2 to 7 in a text of 6 characters"),
    ("span of the other text", "text", put("rejected_spans", value=spans((0, 60, 5.0))), "rejected_spans", "both inside"),
    ("empty span", "text", put("chosen_spans", value=spans((2, 2, 5.0))), "chosen_spans", "start before the end"),
    ("negative span", "text", put("chosen_spans", value=spans((-2, 2, 5.0))), "chosen_spans", "both inside"),
    ("span over another", "text", put("chosen_spans", value=spans((0, 4, 5.0), (3, 5, 2.0))), "chosen_spans", "chosen_spans[1] begins before the end"),
    ("spans out of order", "text", put("chosen_spans", value=spans((3, 5, 2.0), (0, 2, 5.0))), "chosen_spans", "in order"),
    ("span without weight", "text", put("chosen_spans", value=spans((0, 2, None))), "chosen_spans", "lacks start, end or weight"),
    ("span that is null", "text", put("chosen_spans", value=[None]), "chosen_spans", "lacks start, end or weight"),
    ("weight of nothing", "text", put("chosen_spans", value=spans((0, 2, 0.0))), "chosen_spans", "weight is 0.0"),
    ("weight without bound", "text", put("chosen_spans", value=spans((0, 2, float("inf")))), "chosen_spans", "weight is inf"),
    ("weight that is no number", "text", put("chosen_spans", value=spans((0, 2, float("nan")))), "chosen_spans", "weight is nan"),
    # what TRL trains on without a word
    ("rejected is []", "text", put("rejected", value=[]), "rejected", "has no message"),
    ("rejected text empty", "text", together(put("rejected", 0, "content", 0, "text", value=""), put("rejected_text", value="")), "rejected_text", "is empty"),
    ("chosen text blank", "text", together(put("chosen", 0, "content", 0, "text", value=" \n"), put("chosen_text", value=" \n")), "chosen_text", "is empty"),
    ("chosen equals rejected", "text", together(put("rejected", 0, "content", 0, "text", value="A cat."), put("rejected_text", value="A cat.")), "rejected_text", "same as chosen_text"),
    ("equal but for line breaks", "text", together(put("rejected", 0, "content", 0, "text", value="A cat."), put("rejected_text", value="A cat.\n")), "rejected", "same message as chosen"),
    ("rejected images in a text pair", "image", together(put("pair_kind", value="text"), put("rejected_text", value="A dog."), put("rejected", 0, "content", 0, "text", value="A dog.")), "rejected_images", "most trainers ignore"),
    # what TRL dies of
    ("images null", "text", put("images", value=None), "images", "use []"),
    ("fewer placeholders than images", "text", put("prompt", 0, "content", value=[{"type": "text", "text": "What is it?"}]), "prompt", "0 image parts for 1 images"),
    ("more placeholders than images", "several", put("images", value=[file_of(POOL[0])]), "prompt", "2 image parts for 1 images"),
    ("typed <image> in the prompt", "text", put("prompt", 0, "content", 1, "text", value="<image> What is it?"), "prompt", "'<image>'"),
    ("typed <image> in an answer", "text", together(put("chosen", 0, "content", 0, "text", value="An <image>."), put("chosen_text", value="An <image>.")), "chosen", "'<image>'"),
    ("rejected null", "text", put("rejected", value=None), "rejected", "is null"),
    ("role human", "text", put("prompt", 0, "role", value="human"), "prompt", "write user for human"),
    ("placeholder in chosen", "text", put("chosen", 0, "content", value=[{"type": "image", "text": None}, {"type": "text", "text": "A cat."}]), "chosen", "image part"),
    ("prompt is []", "text", put("prompt", value=[]), "prompt", "has no message"),
    ("image by path only", "text", put("images", 0, "bytes", value=None), "images", "has no bytes"),
    ("bytes that are no image", "text", put("images", 0, "bytes", value=b"not a picture"), "images", "does not decode"),
    ("truncated JPEG", "text", put("images", 0, "bytes", value=cut(POOL[0])), "images", "does not decode"),
    ("truncated PNG", "several", put("images", 1, "bytes", value=cut(POOL[1])), "images", "images[1] does not decode"),
    ("chosen repeats the prompt", "text", put("chosen", value=REPEATED), "chosen", "repeats the prompt"),
    # messages
    ("last role assistant", "turns", lambda row: row["prompt"].pop(), "prompt", "ends with role 'assistant'"),
    ("system message later", "turns", lambda row: row["prompt"].insert(1, says("system", ("text", "x"))), "prompt", "expected it first"),
    ("part of type image_url", "text", put("prompt", 0, "content", 0, "type", value="image_url"), "prompt", "'image_url'"),
    ("text part null", "text", put("prompt", 0, "content", 1, "text", value=None), "prompt", "text part without text"),
    ("text in an image part", "text", put("prompt", 0, "content", 0, "text", value="cat.jpg"), "prompt", "image part with a text"),
    ("message without content", "turns", put("prompt", 1, "content", value=[]), "prompt", "message 1 has no content"),
    ("message null", "turns", put("prompt", 1, value=None), "prompt", "message 1 has role None"),
    ("image part of the assistant", "turns", put("prompt", 2, "content", 0, value={"type": "image", "text": None}), "prompt", "user messages"),
    ("two answers", "text", lambda row: row["chosen"].append(says("assistant", ("text", "Or a dog."))), "chosen", "expected one message"),
    ("answer of the user", "text", put("rejected", 0, "role", value="user"), "rejected", "['user']"),
    ("a model's special token", "text", together(put("rejected", 0, "content", 0, "text", value="A dog.<|im_end|>"), put("rejected_text", value="A dog.<|im_end|>")), "rejected", "'<|im_end|>'"),
    ("typed <video>", "turns", together(put("prompt", 0, "content", 0, "text", value="See <video>."), put("system", value="See <video>.")), "prompt", "'<video>'"),
    # flat mirrors
    ("question without marker", "text", put("question", value="What is it?"), "question", "0 <image> markers for 1 images"),
    ("another question", "text", put("question", value="<image>\nWhat was it?"), "question", "not the text of message 0"),
    ("another chosen text", "text", put("chosen_text", value="A bird."), "chosen_text", "not the text of chosen"),
    ("another rejected text", "text", put("rejected_text", value="A bird."), "rejected_text", "not the text of rejected"),
    ("history left out", "turns", put("history", value=None), "history", "turns of prompt"),
    ("another history", "turns", put("history", 1, 1, value="No."), "history", "message 4 of prompt"),
    ("history of three", "turns", put("history", 0, value=["<image>", "b", "c"]), "history", "not [user text, assistant text]"),
    ("another system text", "turns", put("system", value="Be rude."), "system", "message 0 of prompt"),
    # what differs
    ("rejected_images is []", "image", together(put("rejected_images", value=[]), put("rejected_images_meta", value=[])), "rejected_images", "is []"),
    ("rejected images equal", "image", together(put("rejected_images", value=[file_of(POOL[0])]), lambda row: row.update(rejected_images_meta=row["images_meta"])), "rejected_images", "byte for byte"),
    ("rejected images equal in pixels", "image", put("rejected_images", 0, "bytes", value=as_bmp(POOL[0])), "rejected_images", "same pixels"),
    ("fewer rejected images", "both", lambda row: (row["rejected_images"].pop(), row["rejected_images_meta"].pop()), "rejected_images", "1 images beside 2"),
    ("rejected images null", "image", together(put("rejected_images", value=None), put("rejected_images_meta", value=None)), "rejected_images", "is null in a pair of kind image"),
    ("kind image, texts differ", "both", put("pair_kind", value="image"), "pair_kind", "the answers differ"),
    ("kind both, texts equal", "image", put("pair_kind", value="both"), "rejected_text", "same as chosen_text"),
    ("unknown kind", "text", put("pair_kind", value="visual"), "pair_kind", "'visual'"),
    ("truncated negative", "image", put("rejected_images", 0, "bytes", value=cut(POOL[2])), "rejected_images", "does not decode"),
    # metadata of images
    ("meta missing", "several", lambda row: row["images_meta"].pop(), "images_meta", "1 entries beside 2"),
    ("meta null", "image", put("rejected_images_meta", value=None), "rejected_images_meta", "is null beside 1"),
    ("wrong hash", "text", put("images_meta", 0, "sha256", value="0" * 64), "images_meta", "sha256"),
    ("wrong width", "text", put("images_meta", 0, "width", value=99), "images_meta", "width is 99; the picture itself says 32"),
    ("wrong height", "text", put("images_meta", 0, "height", value=99), "images_meta", "height is 99"),
    ("wrong format", "text", put("images_meta", 0, "format", value="PNG"), "images_meta", "'JPEG'"),
    # the rest
    ("empty id", "text", put("id", value=""), "id", "is empty"),
    ("null group", "text", put("group_id", value=None), "group_id", "is null"),
    ("null tag", "text", put("tags", value=[None]), "tags", "null or empty tag"),
    ("score not a number", "text", put("score_chosen", value=float("nan")), "score_chosen", "finite"),
    ("judgement out of range", "text", put("scores", 0, "value", value=11.0), "scores", "outside its range"),
    ("judgement of nothing", "text", put("scores", 0, "target", value=None), "scores", "lacks target"),
    ("extra too deep for JSON", "text", put("extra", value="[" * 10**5), "extra", "not JSON"),
    ("provenance no JSON", "text", put("provenance", value="seed=1"), "provenance", "not JSON"),
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_good_row_passes(name):
    assert check_table(to_table([GOOD[name]])) == []


@pytest.mark.parametrize(("start", "mutate", "column", "words"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])  # fmt: skip
def test_mistake_is_named(start, mutate, column, words):
    good, bad = to_row(GOOD["no images"]), deepcopy(to_row(GOOD[start]))
    mutate(bad)
    problems = check_table(table(good, bad))
    assert {problem.row for problem in problems} == {1}
    assert {problem.id for problem in problems} == {bad["id"]}
    assert any(problem.column == column and words in problem.message for problem in problems), problems


def test_good_spans_are_good():
    row = to_row(GOOD["text"])
    row["chosen_spans"], row["rejected_spans"] = spans((0, 2, 0.5), (2, 6, 5.0)), []
    assert check_table(table(row)) == []


@pytest.mark.parametrize("column", FORBIDDEN_COLUMNS)
def test_forbidden_column_is_named_and_rows_are_still_checked(column):
    bad = to_row(GOOD["text"]) | {"rejected": []}
    problems = check_table(table(bad).append_column(column, pa.nulls(1)))
    assert [problem.column for problem in problems] == [column, "rejected"]
    assert problems[0].row is None
    assert "must not be a column" in problems[0].message


def test_both_image_and_images_is_refused():
    image = pa.array([file_of(POOL[3])])
    [problem] = check_table(to_table([GOOD["text"]]).append_column("image", image))
    assert problem.column == "image"
    assert "overwrites images" in problem.message


def test_unknown_column_is_sent_to_extra():
    [problem] = check_table(to_table([GOOD["text"]]).append_column("topic", pa.array(["cats"])))
    assert (problem.column, problem.message) == (
        "topic",
        "is not a column of the shared schema; put it into extra as JSON",
    )


def test_missing_column_is_named():
    [problem] = check_table(to_table([GOOD["text"]]).drop_columns(["group_id"]))
    assert (problem.row, problem.column) == (None, "group_id")


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
WRONG_TYPES = {
    "path before bytes": pa.list_(pa.struct([("path", pa.string()), ("bytes", pa.binary())])),
    "a third member": pa.list_(
        pa.struct([("bytes", pa.binary()), ("path", pa.string()), ("sha256", pa.string())])
    ),
    "large list": pa.large_list(IMAGE),
    "large binary": pa.list_(pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])),
    "element that cannot be null": pa.list_(pa.field("element", IMAGE, nullable=False)),
    "list of bytes": pa.list_(pa.binary()),
    "list of paths": pa.list_(pa.string()),
}


@pytest.mark.parametrize("type_", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_any_other_type_of_images_is_refused(type_):
    schema = SCHEMA.set(SCHEMA.get_field_index("images"), pa.field("images", type_))
    [problem] = check_table(schema.empty_table())
    assert problem.column == "images"
    assert "expected exactly" in problem.message


def test_part_with_an_image_member_is_refused():
    part = pa.struct([("type", pa.string()), ("text", pa.string()), ("image", pa.string())])
    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(part))]))
    schema = SCHEMA.set(SCHEMA.get_field_index("prompt"), pa.field("prompt", messages))
    assert [problem.column for problem in check_table(schema.empty_table())] == ["prompt"]


def test_answers_as_strings_are_refused():
    schema = SCHEMA.set(SCHEMA.get_field_index("chosen"), pa.field("chosen", pa.string()))
    assert [problem.column for problem in check_table(schema.empty_table())] == ["chosen"]


def test_column_order_is_free():
    mixed = to_table([GOOD["both"]]).select(sorted(SCHEMA.names))
    assert check_table(mixed) == []


def test_videos_may_be_a_column_but_never_null():
    good = to_table([GOOD["text"]])
    assert check_table(good.append_column("videos", pa.array([["a.mp4"]]))) == []
    [problem] = check_table(good.append_column("videos", pa.array([None], pa.list_(pa.string()))))
    assert (problem.column, problem.message) == ("videos", "is null; expected []")


def test_repeated_id_names_the_first_row():
    [problem] = check_table(to_table([GOOD["text"], GOOD["image"], GOOD["text"]]))
    assert (problem.row, problem.column) == (2, "id")
    assert "row 0" in problem.message


def test_kinds_can_be_restricted():
    [problem] = check_table(to_table([GOOD["text"], GOOD["image"]]), kinds=("text",))
    assert (problem.row, problem.column) == (1, "pair_kind")


def test_picture_above_the_limit_is_refused_before_decoding():
    [problem] = check_table(to_table([GOOD["text"]]), max_pixels=100)
    assert problem.column == "images"
    assert "more than 100" in problem.message


def test_headers_alone_do_not_find_a_truncated_picture():
    bad = deepcopy(to_row(GOOD["text"]))
    bad["images"][0]["bytes"] = cut(POOL[0])
    columns = [problem.column for problem in check_table(table(bad), decode_images=False)]
    assert columns == ["images_meta"]  # the hash still tells


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1", "I;16", "CMYK"])
def test_every_pixel_mode_that_trainers_read_passes(mode):
    made = io.BytesIO()
    PIL.Image.new(mode, (40, 30)).save(made, "JPEG" if mode == "CMYK" else "PNG")
    prompt = Prompt(f"{MARKER}\nWhat is it?", (read_image(made.getvalue()),))
    assert check_table(to_table([pair(prompt, "A cat.", "A dog.")])) == []


def test_broken_pictures_from_the_field_are_refused(shared_data):
    folder = shared_data / "bad-and-odd-images"
    broken = ["broken.png", "broken_data_stream.png", "truncated_image.png", "truncated_jpeg.jpg"]
    for name in broken:
        bad = deepcopy(to_row(GOOD["text"]))
        bad["images"][0]["bytes"] = next(folder.rglob(name)).read_bytes()
        assert any("does not decode" in problem.message for problem in check_table(table(bad))), name


words = (
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
    .filter(str.strip)
    .filter(lambda text: special_token(text) is None)
)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """Return a prompt whose user turns hold up to two markers each, anywhere."""

    def turn() -> str:
        texts = draw(st.lists(words, min_size=1, max_size=3))
        return draw(st.sampled_from([MARKER, f"{MARKER}\n", f" {MARKER} "])).join(texts)

    history = tuple((turn(), draw(words)) for _ in range(draw(st.integers(0, 2))))
    question = turn()
    count = sum(text.count(MARKER) for text in [question, *(user for user, _ in history)])
    images = tuple(draw(st.sampled_from(POOL[:3])) for _ in range(count))
    return Prompt(question, images, draw(st.none() | words.filter(lambda text: text.strip("\n"))), history)


@st.composite
def good_pairs(draw: st.DrawFn) -> Pair:
    prompt = draw(prompts())
    kind = draw(st.sampled_from(["text", "image", "both"] if prompt.images else ["text"]))
    chosen = draw(words)
    rejected = (
        chosen if kind == "image" else draw(words.filter(lambda text: text.strip("\n") != chosen.strip("\n")))
    )
    other = st.sampled_from(POOL[3:])
    negatives = None if kind == "text" else tuple(draw(other) for _ in prompt.images)
    value = st.none() | st.floats(0, 10)
    scores = tuple(Judgement("pair", "judge", "all", v, 0.0, 10.0) for v in draw(st.lists(value, max_size=2)))
    return pair(prompt, chosen, rejected, negatives, scores)


@settings(max_examples=150, deadline=None)
@given(st.lists(good_pairs(), max_size=4, unique_by=lambda one: one.id))
def test_whatever_a_builder_makes_is_valid_and_keeps_its_texts(made):
    written = to_table(made)
    assert check_table(written) == []
    for row, one in zip(written.to_pylist(), made, strict=True):
        assert (row["question"], row["chosen_text"], row["rejected_text"]) == (
            one.prompt.question,
            one.chosen,
            one.rejected,
        )
        assert [image["bytes"] for image in row["images"]] == [image.data for image in one.prompt.images]
        assert (row["rejected_images"] is None) == (one.kind == "text")
