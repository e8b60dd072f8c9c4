"""What every verifier must do, whichever it is: run over all that the room finds."""

import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pairwright.annotators import ROOM, Case, Checked, EncoderPart, Judge, Measurer, PictureCheck, Verifier
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.prompt import Prompt

EVERY = ROOM.names()
VERIFIERS = [name for name in EVERY if isinstance(ROOM.get(name), Verifier)]
WITHOUT_REFERENCE = {"external", "refusal"}
"""Verifiers that compare with nothing."""
REFERENCES = [
    "A",
    "12",
    r"$\frac{1}{2}$",
    "[0, 0, 10, 10]",
    '["red", "dark red"]',
    "[",
    "the",
    "-3.5 %",
    "\\boxed{",
    "2019",
]
QUESTIONS = ["What is it?", "Which?\n(A) $1$\n(B) red", "Which? A. 1 B. 2"]
PIECES = ["\\boxed{", "}", "{", "Answer: ", "Final answer:", "<answer>", "</answer>", "<think>", "</think>", "(A)", "B.", "$",
          "12", "3.5", "%", "^", "**", "\\frac", "\\sqrt", "[1, 2, 3, 4]", "[", "]", "!", "-", ",", "\n", " ", "x", "the",
          "I can't", "\x00", "\u202e", "é", "١٢", "²", "½", "𝟚", "(", ")", "=", "1e999", "\\text{", "\\binom", "[1]"]  # fmt: skip
HOSTILE = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def check_of(name: str) -> Any:
    part = ROOM.get(name)
    return part.prepare(part.settings())


CHECKS = {name: check_of(name) for name in VERIFIERS}


def case_of(text: str, reference: str | None, question: str = "What is it?") -> tuple[Case, Candidate]:
    candidate = Candidate(text)
    return Case("rows.jsonl:7", 0, Prompt(question), (candidate,), reference), candidate


def test_the_room_has_all_kinds() -> None:
    assert len(VERIFIERS) >= 9
    assert any(isinstance(ROOM.get(name), Measurer) for name in EVERY)
    kinds = Verifier | Judge | EncoderPart | Measurer | PictureCheck
    assert all(isinstance(ROOM.get(name), kinds) for name in EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_parts_explain_themselves(name: str) -> None:
    part = ROOM.get(name)
    assert part.summary
    assert part.source
    if not isinstance(part, Measurer):
        assert part.settings.__doc__
        assert all(field.description for field in part.settings.model_fields.values())


@pytest.mark.parametrize("name", VERIFIERS)
def test_settings_have_defaults_and_are_closed(name: str) -> None:
    part = ROOM.get(name)
    assert pickle.loads(pickle.dumps(part.settings())) == part.settings()
    assert part.settings.model_validate(part.settings().model_dump(mode="json")) == part.settings()
    assert part.low < part.high
    with pytest.raises(ValidationError):
        part.settings.model_validate({"tolerence": 1})


@pytest.mark.parametrize("name", [name for name in EVERY if isinstance(ROOM.get(name), Judge)])
def test_judges_tell_aspects_and_files_beforehand(name: str) -> None:
    part = ROOM.get(name)
    assert (part.aspects is not None) == (part.gives == "scores")
    if part.aspects and "aspects" in part.settings.model_fields:
        chosen = part.settings.model_validate(
            {"scale": [0, 7], "aspects": [{"name": "x", "description": "y"}]}
        )
        assert part.aspects(chosen) == {"x": (0.0, 7.0)}
    if part.aspects:
        assert len(part.aspects(part.settings())) > 1
    assert part.marks is not None
    prompts = {key for key in part.settings.model_fields if key.endswith("prompt")}
    assert set(part.marks(part.settings())) == prompts


def test_only_scores_from_elsewhere_may_be_ranks_or_run_code() -> None:
    assert [name for name in VERIFIERS if ROOM.get(name).may_rank] == ["external"]
    assert [name for name in VERIFIERS if ROOM.get(name).runs_code] == ["external"]


@pytest.mark.parametrize("text", ["", "  \n\t", "<think>"])
@pytest.mark.parametrize("name", VERIFIERS)
def test_an_empty_text_is_unparsable(name: str, text: str) -> None:
    reference = "[0, 0, 1, 1]" if name == "iou" else "A"
    case, candidate = case_of(text, reference)
    if name == "external" and text.strip():
        pytest.skip("an external score is not taken out of the text")
    checked = CHECKS[name](case, candidate)
    assert (checked.value, checked.reason) == (None, "answer_unparsable")
    assert checked.message


@pytest.mark.parametrize("reference", [None, "", " \n"])
@pytest.mark.parametrize("name", [name for name in VERIFIERS if name not in WITHOUT_REFERENCE])
def test_a_missing_reference_is_no_ground_truth(name: str, reference: str | None) -> None:
    case, candidate = case_of("Answer: 12", reference)
    checked = CHECKS[name](case, candidate)
    assert (checked.value, checked.reason) == (None, "no_ground_truth")
    assert checked.message


@pytest.mark.parametrize("name", VERIFIERS)
@given(text=HOSTILE, reference=st.sampled_from(REFERENCES), question=st.sampled_from(QUESTIONS))
@example(text="(" * 5000, reference="12", question=QUESTIONS[0])
@example(text="\\boxed{" * 3000, reference="12", question=QUESTIONS[0])
@example(text="1" * 10_000, reference="12", question=QUESTIONS[0])
@example(text="9^" * 90 + "9", reference="12", question=QUESTIONS[0])
@settings(max_examples=60, deadline=None)
def test_any_text_gives_the_same_outcome_twice_and_no_error(
    name: str, text: str, reference: str, question: str
) -> None:
    part, (case, candidate) = ROOM.get(name), case_of(text, reference, question)
    checked = CHECKS[name](case, candidate)
    assert isinstance(checked, Checked)
    assert (checked.value is None) == (checked.reason is not None)
    assert checked.value is None or part.low <= checked.value <= part.high
    assert checked.reason in (None, "answer_unparsable", "no_ground_truth", "no_score")
    assert CHECKS[name](case, candidate) == checked == check_of(name)(case, candidate)


@pytest.mark.parametrize("name", [name for name in VERIFIERS if name not in WITHOUT_REFERENCE])
def test_the_reference_itself_is_right(name: str) -> None:
    reference = {"iou": "[0, 0, 10, 10]", "multiple_choice": "B"}.get(name, "12")
    case, candidate = case_of(reference, reference)
    assert CHECKS[name](case, candidate).value == 1.0
