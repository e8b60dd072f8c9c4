"""The corrector that criticises first."""

import json

import pytest

from pairwright.correctors import ROOM, Task
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image

CRITIQUE = json.dumps({"critique": "The cat is black.</s> There are no dogs.", "nothing_to_improve": False})
REFINED = json.dumps({"text": "A black cat sleeps on a mat. Nobody is there to watch it."})


def test_the_critique_is_read_by_who_writes_again(rewrite, task: Task) -> None:
    made = rewrite("critique", task, [CRITIQUE, REFINED], look="both")
    assert made.rewritten.text == "A black cat sleeps on a mat. Nobody is there to watch it."
    assert [made.rewritten.text[one.start : one.end] for one in made.rewritten.spans] == [
        "black",
        "Nobody is there to",
    ]
    assert json.loads(made.rewritten.notes or "")["critique"].startswith("The cat is black.")
    assert (made.rewritten.prompt or "").count(" v1 #") == 2
    assert made.requests[0].sampling.seed != made.requests[1].sampling.seed
    assert "notes" not in made.user(0)
    assert "The cat is black.< /s> There are no dogs.\n=== end notes " in made.user(1)
    for request in made.requests:
        assert sum(isinstance(part, Image) for part in request.messages[1].parts) == 1
        assert "no other animal" in str(request.messages[1].parts[-1])


def test_nothing_to_improve(rewrite, task: Task) -> None:
    fine = json.dumps({"critique": "All of it is right.", "nothing_to_improve": True})
    with pytest.raises(RowError, match=r"All of it is right\.") as told:
        rewrite("critique", task, [fine, REFINED])
    assert told.value.reason == "no_correction"


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([json.dumps({"critique": " ", "nothing_to_improve": False})], "critique is empty"),
        ([json.dumps({"critique": "x", "nothing_to_improve": "no"})], "neither true nor false"),
        ([CRITIQUE, json.dumps({"text": "a red cat sleeps on a mat two dogs watch it"})], "is the same"),
        ([CRITIQUE, CRITIQUE], "lacks text"),
    ],
)
def test_what_cannot_be_used(rewrite, task: Task, answers: list[str], why: str) -> None:
    with pytest.raises(RowError, match=why) as told:
        rewrite("critique", task, answers)
    assert told.value.reason == "bad_rewrite"


def test_both_prompts_are_files_of_their_own(tmp_path) -> None:
    part = ROOM.get("critique")
    assert part.marks
    assert set(part.marks(part.settings())) == {"prompt", "refine_prompt"}
    with pytest.raises(ParameterError, match="no 'critique_refin' among prompts"):
        part.prepare(part.settings(refine_prompt="critique_refin"))
    with pytest.raises(ParameterError, match="for the corrector minimal, not critique"):
        part.prepare(part.settings(refine_prompt="minimal"))
