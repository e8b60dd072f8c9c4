"""From columns to prompt and answers: layouts, markers, and every reason for a reject."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.schemas.errors import RowError
from pairwright.schemas.source_row import SourceRow

Parse = Callable[..., SourceRow]

QA = {"question": "What is it?", "answer": "A cat."}
PAIR = {"question": "What is it?", "chosen": "A cat.", "rejected": "A dog."}
ONE, TWO = "imgs/0.jpeg", "imgs/1.png"


def human(text: str) -> dict[str, str]:
    return {"from": "human", "value": text}


def gpt(text: str) -> dict[str, str]:
    return {"from": "gpt", "value": text}


def message(role: str, *parts: Any) -> dict[str, Any]:
    made = [{"type": "image", "text": None} if p is None else {"type": "text", "text": p} for p in parts]
    return {"role": role, "content": made}


SAME_PAIR: dict[str, dict[str, Any]] = {
    "flat": PAIR | {"image": ONE},
    "flat, marker in the text": PAIR | {"question": "<image>\nWhat is it?", "image": ONE},
    "prompt as text": {"prompt": "What is it?", "chosen": "A cat.", "rejected": "A dog.", "images": [ONE]},
    "messages with parts (trl)": {
        "images": [ONE],
        "prompt": [message("user", None, "What is it?")],
        "chosen": [message("assistant", "A cat.")],
        "rejected": [message("assistant", "A dog.")],
    },
    "messages with text": {
        "images": [ONE],
        "prompt": [{"role": "user", "content": "What is it?"}],
        "chosen": [{"role": "assistant", "content": "A cat."}],
        "rejected": [{"role": "assistant", "content": "A dog."}],
    },
    "implicit prompt (trl)": {
        "images": [ONE],
        "chosen": [message("user", None, "What is it?"), message("assistant", "A cat.")],
        "rejected": [message("user", None, "What is it?"), message("assistant", "A dog.")],
    },
    "twin conversations (povid)": {
        "image": ONE,
        "conversations": [human("<image>\nWhat is it?"), gpt("A cat.")],
        "rejected_conversations": [human("<image>\nWhat is it?"), gpt("A dog.")],
    },
    "conversations and answers (llama-factory)": {
        "images": [ONE],
        "conversations": [human("<image>What is it?")],
        "chosen": gpt("A cat."),
        "rejected": gpt("A dog."),
    },
    "messages and rejected_response (ms-swift)": {
        "images": [ONE],
        "messages": [
            {"role": "user", "content": "<image>\nWhat is it?"},
            {"role": "assistant", "content": "A cat."},
        ],
        "rejected_response": "A dog.",
    },
    "struct of lists (datasets)": {
        "image": ONE,
        "conversations": {"from": ["human", "gpt"], "value": ["<image>\nWhat is it?", "A cat."]},
        "rejected": "A dog.",
    },
    "json text in cells": {
        "images": json.dumps([ONE]),
        "conversations": json.dumps([human("<image>\nWhat is it?"), gpt("A cat.")]),
        "rejected": "A dog.",
    },
    "json in text (rlhf-v)": {"text": json.dumps(PAIR), "image": ONE},
    "answers in lists (ha-dpo)": {
        "question": "What is it?",
        "chosen": ["A cat."],
        "reject": ["A dog."],
        "img": ONE,
    },
    "question as a turn (image-dpo)": PAIR | {"question": human("What is it?"), "image": ONE},
    "picture inside the message": {
        "prompt": [
            {
                "role": "user",
                "content": [{"type": "image", "image": ONE}, {"type": "text", "text": "What is it?"}],
            }
        ],
        "chosen": "A cat.",
        "rejected": "A dog.",
    },
}


@pytest.mark.parametrize("fields", SAME_PAIR.values(), ids=list(SAME_PAIR))
def test_every_layout_gives_the_same_pair(
    fields: dict[str, Any], parse: Parse, pictures: tuple[bytes, ...]
) -> None:
    row = parse(fields)
    assert row.prompt.question.replace("<image>What", "<image>\nWhat") == "<image>\nWhat is it?"
    assert (row.chosen, row.rejected) == ("A cat.", "A dog.")
    assert [image.data for image in row.prompt.images] == [pictures[0]]
    assert row.prompt.history == ()
    assert row.extra is None


TURNS = [
    {"from": "system", "value": "Be short."},
    human("<image>\nWhat is it?"),
    gpt("A cat."),
    human("And this? <image>"),
    gpt("A dog."),
]


def test_the_last_answer_is_chosen_and_the_turns_before_are_history(parse: Parse) -> None:
    row = parse({"conversations": TURNS, "image": [ONE, TWO]})
    assert row.prompt.system == "Be short."
    assert row.prompt.history == (("<image>\nWhat is it?", "A cat."),)
    assert row.prompt.question == "And this? <image>"
    assert row.chosen == "A dog."
    assert row.rejected is None


def test_images_without_markers_go_before_the_first_user_turn(parse: Parse) -> None:
    row = parse({"history": [["What is it?", "A cat."]], "images": [ONE, TWO], "system": "Be short.", **QA})
    assert row.prompt.history == (("<image>\n<image>\nWhat is it?", "A cat."),)
    assert row.prompt.question == "What is it?"
    assert row.prompt.system == "Be short."


def test_image_parts_keep_their_place(parse: Parse) -> None:
    prompt = [message("system", "Be short."), message("user", "Left:", None, "Right:", None)]
    row = parse({"prompt": prompt, "answer": "Same.", "images": [ONE, TWO]})
    assert row.prompt.question == "Left:\n<image>\nRight:\n<image>"
    assert row.prompt.system == "Be short."


def test_rows_without_images_are_left_to_the_builder(parse: Parse) -> None:
    for none in ({}, {"image": None}, {"image": ""}, {"images": []}, {"images": "[]"}):
        row = parse(QA | none)
        assert row.prompt.images == ()
        assert row.prompt.question == "What is it?"


def test_image_negatives(parse: Parse, pictures: tuple[bytes, ...]) -> None:
    row = parse(
        {"good_image": ONE, "bad_image": TWO, "question": "What?", "chosen": "A cat.", "rejected": "A cat."}
    )
    assert row.rejected_images is not None
    assert [image.data for image in row.rejected_images] == [pictures[1]]
    assert row.chosen == row.rejected


def test_rejected_images_that_are_the_same_are_none(parse: Parse) -> None:
    row = parse(PAIR | {"image": ONE, "rejected_images": [ONE]})
    assert row.rejected_images is None


def test_plain_fields(parse: Parse) -> None:
    row = parse(
        PAIR
        | {"idx": 7, "chosen_model": "a", "rejected_model": "", "score_chosen": "0.5", "chosen_rating": 3}
        | {"score_rejected": 0, "tags": "ocr, chart", "license": "", "lang": "de", "ground_truth": {"x": 1}},
        license="cc0-1.0",
    )
    assert row.source_id == "7"
    assert (row.chosen_model, row.rejected_model) == ("a", None)
    assert (row.score_chosen, row.score_rejected) == (0.5, 0.0)
    assert row.tags == ("ocr", "chart")
    assert (row.license, row.language) == ("cc0-1.0", "de")
    assert row.ground_truth == '{"x": 1}'
    assert json.loads(row.extra or "") == {"chosen_rating": 3}


def test_the_licence_of_the_row_is_the_licence_of_its_pictures(parse: Parse) -> None:
    assert parse(QA | {"image": ONE, "license": "cc-by-4.0"}).prompt.images[0].license == "cc-by-4.0"
    assert parse(QA | {"image": ONE}, license="cc0-1.0").prompt.images[0].license == "cc0-1.0"


def test_columns_nobody_took_are_kept_without_raw_bytes(parse: Parse) -> None:
    row = parse(QA | {"n": 1, "thumb": b"...", "mask": {"bytes": b"...", "path": "m.png"}, "t": float("nan")})
    assert json.loads(row.extra or "") == {"n": 1, "mask": {"path": "m.png"}, "t": "nan"}


def test_the_data_set_name(parse: Parse) -> None:
    assert parse(QA).source == "t"
    assert parse(QA | {"ds_name": "vqa"}).source == "vqa"
    row = parse(QA | {"ds_name": "vqa"}, name="mine")
    assert row.source == "mine"
    assert json.loads(row.extra or "") == {"ds_name": "vqa"}


def test_a_default_question_is_used_only_where_there_is_none(parse: Parse) -> None:
    assert parse({"caption": "A cat.", "image": ONE}, question="Describe it.").prompt.question == (
        "<image>\nDescribe it."
    )
    assert parse(QA, question="Describe it.").prompt.question == "What is it?"
    assert parse(QA | {"question": ""}, question="Describe it.").prompt.question == "Describe it."


def test_a_text_that_only_looks_like_json_stays_text(parse: Parse) -> None:
    assert parse(QA | {"answer": '["a", "b"]'}).chosen == '["a", "b"]'
    assert parse(QA | {"answer": "[1] says so [2]"}).chosen == "[1] says so [2]"
    assert parse({"text": '{"a": 1}', "question": "What?"}).chosen == '{"a": 1}'


def _nested(levels: int, key: str = "a") -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = {key: value}
    return value


REJECTS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no question": ({"answer": "A cat."}, "no_question", "question"),
    "empty question": (QA | {"question": " \n"}, "no_question", "question"),
    "no user turn": ({"conversations": [gpt("A cat.")]}, "no_question", "conversations"),
    "empty answer": (QA | {"answer": ""}, "empty_answer", "answer"),
    "blank rejected": (PAIR | {"rejected": " \n"}, "empty_answer", "rejected"),
    "equal answers": (PAIR | {"rejected": "A cat."}, "equal_answers", "rejected"),
    "equal sides": (
        PAIR | {"rejected": "A cat.", "image": ONE, "bad_image": ONE},
        "equal_answers",
        "rejected",
    ),
    "answers equal but for line breaks": (PAIR | {"rejected": "A cat.\n"}, "equal_answers", "rejected"),
    "a column of 600 levels": (QA | {"deep": _nested(600)}, "bad_value", "deep"),
    "ground truth of 600 levels": (QA | {"ground_truth": _nested(600)}, "bad_value", "ground_truth"),
    "image of 600 levels": (QA | {"image": _nested(600, "path")}, "bad_value", "image"),
    "images of 600 levels": (QA | {"image": json.dumps(_nested(600))}, "bad_value", "image"),
    "too many markers": (QA | {"question": "<image><image>What?", "image": ONE}, "marker_mismatch", "image"),
    "a marker without an image": (QA | {"question": "<image>What?"}, "marker_mismatch", "images"),
    "too few markers": (QA | {"question": "<image>What?", "images": [ONE, TWO]}, "marker_mismatch", "images"),
    "a number too many": (
        QA | {"question": "<image1> or <image2>?", "image": ONE},
        "marker_mismatch",
        "question",
    ),
    "too few negatives": (PAIR | {"images": [ONE, TWO], "bad_image": TWO}, "marker_mismatch", "bad_image"),
    "a marker in the system text": (QA | {"system": "<image>"}, "marker_mismatch", "system"),
    "a marker in an answer": (QA | {"answer": "<image> A cat."}, "special_token", "answer"),
    "a video marker": (QA | {"question": "<video>What?"}, "special_token", "question"),
    "chat token in an answer": (PAIR | {"rejected": "A dog.<|im_end|>"}, "special_token", "rejected"),
    "end token in an answer": (QA | {"answer": "A cat.</s>"}, "special_token", "answer"),
    "end of text in a dialogue": (
        {"conversations": [human("What?"), gpt("A cat.<|endoftext|>")]},
        "special_token",
        "conversations",
    ),
    "token in an earlier answer": (QA | {"history": [["a", "b<|im_end|>"]]}, "special_token", "history"),
    "question of a wrong type": (QA | {"question": 3}, "bad_value", "question"),
    "answer of a wrong type": (QA | {"answer": 42}, "bad_value", "answer"),
    "two answers in a list": (QA | {"answer": ["a", "b"]}, "bad_value", "answer"),
    "half a surrogate pair": (QA | {"answer": "\ud800"}, "bad_value", "answer"),
    "score of a wrong type": (PAIR | {"score_chosen": "high"}, "bad_value", "score_chosen"),
    "endless score": (PAIR | {"score_chosen": float("inf")}, "bad_value", "score_chosen"),
    "true is no score": (PAIR | {"score_chosen": True}, "bad_value", "score_chosen"),
    "id of a wrong type": (QA | {"id": [1]}, "bad_value", "id"),
    "tags of a wrong type": (QA | {"tags": 3}, "bad_value", "tags"),
    "history of a wrong type": (QA | {"history": "before"}, "bad_value", "history"),
    "history of three": (QA | {"history": [["a", "b", "c"]]}, "bad_value", "history[0]"),
    "an empty earlier turn": (QA | {"history": [["a", ""]]}, "bad_value", "history"),
    "image of a wrong type": (QA | {"image": 3}, "bad_value", "image"),
    "image of nothing": (QA | {"image": {"bytes": None, "path": None}}, "bad_value", "image"),
    "unknown role": (
        {"conversations": [human("a"), {"from": "tool", "value": "b"}]},
        "bad_value",
        "conversations[1].role",
    ),
    "two answers at the end": (
        {"conversations": [human("a"), gpt("b"), gpt("c")]},
        "bad_value",
        "conversations",
    ),
    "two user turns": ({"conversations": [human("a"), human("b"), gpt("c")]}, "bad_value", "conversations"),
    "turns that are texts": ({"conversations": ["a", "b"]}, "bad_value", "conversations[0]"),
    "turns that are a number": ({"conversations": 3}, "bad_value", "conversations"),
    "a part of an unknown type": (
        {"prompt": [{"role": "user", "content": [{"type": "audio"}]}], "answer": "a"},
        "bad_value",
        "prompt[0].type",
    ),
    "two answers": ({"conversations": [human("a"), gpt("b")], "chosen": "c"}, "bad_value", "chosen"),
    "a twin with another question": (
        {"conversations": [human("a"), gpt("b")], "rejected_conversations": [human("x"), gpt("c")]},
        "bad_value",
        "rejected_conversations",
    ),
    "no such file": (QA | {"image": "imgs/none.png"}, "image_missing", "image"),
    "no such file in a list": (QA | {"images": [ONE, "imgs/none.png"]}, "image_missing", "images[1]"),
}


@pytest.mark.parametrize(("fields", "reason", "field"), REJECTS.values(), ids=list(REJECTS))
def test_rejects(fields: dict[str, Any], reason: str, field: str | None, parse: Parse) -> None:
    with pytest.raises(RowError) as caught:
        parse(fields)
    assert (caught.value.reason, caught.value.field) == (reason, field)
    str(caught.value).encode()  # rejects are written as UTF-8


def test_a_column_that_the_recipe_names_and_the_row_lacks(parse: Parse) -> None:
    with pytest.raises(RowError) as caught:
        parse(QA, columns={"images": "photo"})
    assert (caught.value.reason, caught.value.field) == ("missing_column", "photo")


def test_messages_say_what_was_expected_and_what_came(parse: Parse) -> None:
    with pytest.raises(RowError, match=r"question: expected text, got float 3\.5"):
        parse(QA | {"question": 3.5})


def test_line_breaks_around_texts_are_left_out(parse: Parse) -> None:
    row = parse(
        {
            "question": "\nWhat is it?\n",
            "system": "Be short.\n",
            "history": [["Hello\n", "\nHi"]],
            "chosen": "Yes\n",
            "rejected": "\nNo",
        }
    )
    assert (row.prompt.question, row.prompt.system) == ("What is it?", "Be short.")
    assert row.prompt.history == (("Hello", "Hi"),)
    assert (row.chosen, row.rejected) == ("Yes", "No")


@pytest.mark.parametrize("blank", ["", " ", "\n", " \n\t"])
def test_a_blank_system_text_is_none(blank: str, parse: Parse) -> None:
    assert parse(QA | {"system": blank}).prompt.system is None
    turns = [{"from": "system", "value": blank}, human("What?"), gpt("A cat.")]
    assert parse({"conversations": turns}).prompt.system is None


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_blank_names_are_none(blank: str, parse: Parse) -> None:
    row = parse(QA | {"source": blank, "id": blank, "license": blank}, license="cc0-1.0")
    assert (row.source, row.source_id, row.license) == ("t", "t.jsonl:0", "cc0-1.0")


def test_a_hundred_levels_are_kept(parse: Parse) -> None:
    assert json.loads(parse(QA | {"deep": _nested(99)}).extra or "") == {"deep": _nested(99)}


def test_numbered_markers_name_the_images(parse: Parse) -> None:
    row = parse(QA | {"question": "Is <image2> like <image1>, or <image2>?", "images": [ONE, TWO]})
    assert row.prompt.question == "Is <image> like <image>, or <image>?"
    one, two = parse(QA | {"question": "Is <image> like <image>?", "images": [ONE, TWO]}).prompt.images
    assert row.prompt.images == (two, one, two)


def test_numbered_markers_become_plain_ones(parse: Parse) -> None:
    row = parse(QA | {"question": "Is <image1> like <image 2>?", "images": [ONE, TWO]})
    assert row.prompt.question == "Is <image> like <image>?"
    assert row.prompt.markers() == 2


@pytest.mark.parametrize(
    "fields",
    [{"question": "What?"}, {"question": "What?", "answer": None}, {"conversations": [human("What?")]}],
    ids=["no column", "null", "no answer in the dialogue"],
)
def test_a_row_without_an_answer_is_a_prompt(fields: dict[str, Any], parse: Parse) -> None:
    row = parse(fields)
    assert (row.prompt.question, row.chosen) == ("What?", None)


def test_candidates_of_others(parse: Parse) -> None:
    told = [
        "A cat.",
        {"response": "A dog.", "model": "m7", "reward": 0.5, "legal": 1, "kind": "x"},
    ]
    row = parse({"question": "What?", "candidates": told, "evidence": "A cat sleeps.", "gt": "cat"})
    plain, scored = row.candidates
    assert (plain.text, plain.model, plain.score) == ("A cat.", None, None)
    assert (scored.text, scored.model, scored.score) == ("A dog.", "m7", 0.5)
    assert {(one.scorer, one.aspect, one.value) for one in scored.judgements} == {
        ("source", "reward", 0.5),
        ("source", "legal", 1.0),
    }
    assert (row.evidence, row.ground_truth) == ("A cat sleeps.", "cat")


@pytest.mark.parametrize(
    ("candidates", "field"),
    [
        ("A cat.", "candidates"),
        ([3], "candidates[0]"),
        (["A cat.", {"model": "m"}], "candidates[1]"),
        ([{"text": "A", "score": float("nan")}], "candidates[0].score"),
    ],
)
def test_broken_candidates(candidates: object, field: str, parse: Parse) -> None:
    with pytest.raises(RowError) as caught:
        parse({"question": "What?", "candidates": candidates})
    assert (caught.value.reason, caught.value.field) == ("bad_value", field)
