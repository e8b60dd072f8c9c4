"""VQA accuracy: how people are counted, and the official normalisation."""

import json

import pytest

from pairwright.annotators.vqa_score import normalised


def people(**counts: int) -> str:
    return json.dumps([answer for answer, count in counts.items() for _ in range(count)])


@pytest.mark.parametrize(("agree", "value"), [(0, 0.0), (1, 1 / 3), (2, 2 / 3), (3, 1.0), (9, 1.0)])
def test_three_people_make_an_answer_right(verify, agree: int, value: float) -> None:
    reference = people(blue=agree, red=10 - agree)
    assert verify("vqa_score", "Blue.", reference).value == pytest.approx(value)


@pytest.mark.parametrize(("agree", "value"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_the_official_average_over_nine_people(verify, agree: int, value: float) -> None:
    reference = people(blue=agree, red=10 - agree)
    assert verify("vqa_score", "blue", reference, leave_one_out=True).value == pytest.approx(value)


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_one_answer_stands_for_all(verify, leave_one_out: bool) -> None:
    assert verify("vqa_score", "two dogs", "2 dogs", leave_one_out=leave_one_out).value == 1.0
    assert verify("vqa_score", "three dogs", "2 dogs", leave_one_out=leave_one_out).value == 0.0


@pytest.mark.parametrize(
    ("text", "evened"),
    [
        ("None", "0"), ("Ten cats", "10 cats"), ("eleven", "eleven"), ("The dog", "dog"), ("dont", "don't"),
        ("couldnt've", "couldn't've"), ("its", "its"), ("well", "well"), ("3.5", "3.5"), ("Dr. No", "dr no"),
        ("1,000", "1000"), ("yes, no", "yes no"), ("black/white", "black white"), ("what?", "what"), ("it’s", "it's"),
        ("a\nb", "b"),
    ],
)  # fmt: skip
def test_official_normalisation(text: str, evened: str) -> None:
    assert normalised(text) == evened


def test_answers_as_vqa_has_them(verify) -> None:
    reference = json.dumps([{"answer": "net", "answer_id": k} for k in range(10)])
    assert verify("vqa_score", "a net", reference).value == 1.0


def test_articles_alone_are_nothing(verify) -> None:
    assert verify("vqa_score", "the", "cat").reason == "answer_unparsable"
    assert verify("vqa_score", "cat", "A").reason == "no_ground_truth"
