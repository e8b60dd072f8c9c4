"""The corrector that goes sentence by sentence, as OPA-DPO does."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pairwright.correctors import ROOM, Task
from pairwright.schemas.errors import RowError
from pairwright.schemas.span import Span

TEXT = "The cat is red.  It sits on a mat, e.g. a rug.\nTwo dogs watch it. It naps."
FINE = {"reason": "seen", "error": "correct", "score": 4, "text": "-"}
RED = {"reason": "it is black", "error": "image_recognition", "score": 2, "text": "The cat is black."}
DOGS = {"reason": "no dogs", "error": "image_recognition", "score": 1, "text": ""}
NAPS = {"reason": "not asked", "error": "language_comprehension", "score": 3, "text": "It naps there."}


def said(*sentences: object, added: str = "", **more: object) -> str:
    numbered = {str(number): one for number, one in enumerate(sentences, 1)}
    return json.dumps({"sentences": numbered, "added": added, **more})


@pytest.fixture
def told(task: Task) -> Task:
    return replace(task, text=TEXT)


def spelled(text: str, spans: tuple[Span, ...]) -> list[tuple[str, float, str | None]]:
    return [(text[one.start : one.end], one.weight, one.label) for one in spans]


def test_each_sentence_is_mended_in_its_place(rewrite, told: Task) -> None:
    made = rewrite("sentences", told, [said(RED, FINE, DOGS, NAPS, added="The mat is grey.")]).rewritten
    assert made.text == "The cat is black.  It sits on a mat, e.g. a rug. It naps there. The mat is grey."
    assert spelled(made.text, made.spans) == [
        ("The cat is black.", 3.0, "image_recognition"),
        ("It naps there.", 1.5, "language_comprehension"),
        ("The mat is grey.", 1.0, "added"),
    ]
    assert spelled(TEXT, made.original_spans) == [
        ("The cat is red.", 3.0, "image_recognition"),
        ("Two dogs watch it.", 3.0, "image_recognition"),
        ("It naps.", 1.5, "language_comprehension"),
    ]
    report = json.loads(made.notes or "")
    assert report["sentences"]["3"] == DOGS
    assert report["added"] == "The mat is grey."


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, [3.0, 3.0, 1.5]),
        ({"image_error_weight": None}, [2.0, 2.5, 1.5]),
        ({"weights": [9, 8, 7, 6], "image_error_weight": 5}, [5.0, 5.0, 7.0]),
    ],
)
def test_weights_are_settings(rewrite, told: Task, settings: dict[str, object], weights: list[float]) -> None:
    made = rewrite("sentences", told, [said(RED, FINE, DOGS, NAPS)], **settings).rewritten
    assert [one.weight for one in made.original_spans] == weights


def test_sentences_are_numbered_and_each_has_its_place_in_the_schema(rewrite, told: Task) -> None:
    made = rewrite("sentences", told, [said(RED, FINE, DOGS, NAPS)])
    assert (
        "[1] The cat is red.\n[2] It sits on a mat, e.g. a rug.\n[3] Two dogs watch it.\n[4] It naps.\n==="
        in made.user()
    )
    assert "=== begin reference " in made.user()
    schema = json.loads(made.requests[0].schema or "")
    assert schema["properties"]["sentences"]["required"] == ["1", "2", "3", "4"]
    assert made.requests[0].sampling.max_tokens == 3000
    assert made.requests[0].sampling.temperature == 0.0


def test_a_number_that_is_copied_is_no_part_of_the_sentence(rewrite, told: Task) -> None:
    naps = {**NAPS, "text": "[4] It naps there."}
    made = rewrite("sentences", told, [said(RED, FINE, {**DOGS, "text": "[3]"}, naps)]).rewritten
    assert made.text == "The cat is black.  It sits on a mat, e.g. a rug. It naps there."
    mended = {**RED, "text": "[1] is a blue cat."}  # here the answer has it
    made = rewrite("sentences", replace(told, text="[1] is a red cat."), [said(mended)]).rewritten
    assert made.text == "[1] is a blue cat."


def test_nothing_is_added_where_it_may_not(rewrite, told: Task) -> None:
    answer = json.dumps({"sentences": {"1": RED, "2": FINE, "3": FINE, "4": FINE}})
    made = rewrite("sentences", told, [answer], may_add=False)
    assert made.rewritten.text == TEXT.replace("red", "black")
    assert '"added"' not in made.system()
    with pytest.raises(RowError, match="lacks added"):
        rewrite("sentences", told, [answer])


def test_every_sentence_correct_is_no_correction(rewrite, told: Task) -> None:
    with pytest.raises(RowError) as error:
        rewrite("sentences", told, [said(FINE, FINE, FINE, FINE)])
    assert error.value.reason == "no_correction"
    added = rewrite("sentences", told, [said(FINE, FINE, FINE, FINE, added="It is warm.")]).rewritten
    assert added.text == f"{TEXT} It is warm."
    assert added.original_spans == ()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (said(RED, FINE, DOGS), "sentences lacks 4"),
        (said(RED, FINE, DOGS, NAPS, FINE), "sentences has '5'"),
        (said(RED, FINE, DOGS, {**NAPS, "text": "It naps!"}), "sentence 4 is called wrong and left as it is"),
        (said(RED, FINE, DOGS, {**NAPS, "score": 5}), "score 5"),
        (said(RED, FINE, DOGS, {**NAPS, "score": True}), "score True"),
        (said(RED, FINE, DOGS, {**NAPS, "error": "typo"}), "error 'typo'"),
        (said(RED, FINE, DOGS, {**NAPS, "more": ""}), "sentence 4 has 'more'"),
        (said(RED, FINE, DOGS, "fine"), "sentence 4 is no object"),
        (said(DOGS, DOGS, DOGS, DOGS), "is empty"),
        (said(DOGS, DOGS, DOGS, DOGS, added=TEXT), "all of them together say the same"),
        (said(RED, FINE, FINE, NAPS, added="It naps there!"), "last sentence stands there twice"),
        (said({**RED, "text": "red " * 31}, FINE, FINE, FINE), "'red' stands there 31 times"),
        (said({**RED, "text": "The <image> is black."}, FINE, FINE, FINE), "<image>"),
    ],
)
def test_what_cannot_be_used(rewrite, told: Task, answer: str, why: str) -> None:
    with pytest.raises(RowError, match=why) as error:
        rewrite("sentences", told, [answer])
    assert error.value.reason == "bad_rewrite"
    assert rewrite("sentences", told, [answer, said(RED, FINE, DOGS, NAPS)]).rewritten.spans


def test_weights_are_positive_and_four() -> None:
    part = ROOM.get("sentences")
    for weights in ((1, 2, 3), (0, 1, 1, 1), (float("inf"), 1, 1, 1)):
        with pytest.raises(ValidationError):
            part.settings(weights=weights)
