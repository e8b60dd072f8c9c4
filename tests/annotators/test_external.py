"""Numbers from elsewhere: with the answer, or from a function."""

import sys
from types import ModuleType

import pytest
from pydantic import ValidationError

from pairwright.annotators import ROOM, Case, Checked
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.prompt import Prompt

PART = ROOM.get("external")
JUDGED = (
    Judgement("candidate", "anna", "helpfulness", 4.0),
    Judgement("candidate", "ben", "helpfulness", 2.0),
    Judgement("candidate", "anna", "safety", None),
)


@pytest.fixture(autouse=True)
def scorers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_scorers")

    def fails(question: str, answer: str, reference: str | None) -> float:
        raise KeyError("weights")

    module.length = lambda question, answer, reference: len(answer) / 10
    module.seen = lambda question, answer, reference: float((question, reference) == ("Who?", "Ada"))
    module.nothing = lambda question, answer, reference: None
    module.text = lambda question, answer, reference: "0.5"
    module.nan = lambda question, answer, reference: float("nan")
    module.yes = lambda question, answer, reference: True
    module.fails = fails
    module.constant = 3
    monkeypatch.setitem(sys.modules, "my_scorers", module)


def checked(candidate: Candidate, **settings) -> Checked:
    case = Case("rows.jsonl:7", 0, Prompt("Who?"), (Candidate("other"), candidate), "Ada")
    return PART.prepare(PART.settings(**settings))(case, candidate)


def test_the_answers_own_score() -> None:
    assert checked(Candidate("x", score=0.0)).value == 0.0
    assert checked(Candidate("x")).reason == "no_score"


def test_a_judgement_that_came_with_the_answer() -> None:
    candidate = Candidate("x", judgements=JUDGED)
    assert checked(candidate, aspect="helpfulness").value == 4.0
    assert checked(candidate, aspect="helpfulness", scorer="ben").value == 2.0
    for wanted in ({"aspect": "safety"}, {"aspect": "honesty"}, {"aspect": "safety", "scorer": "ben"}):
        assert checked(candidate, **wanted).reason == "no_score"


def test_a_missing_number_is_told_with_the_ones_that_are_there() -> None:
    told = checked(Candidate("x", score=0.5, judgements=JUDGED), aspect="honesty", scorer="anna").message
    assert told.startswith("no number from anna on honesty; there are: ")
    assert "anna on helpfulness, ben on helpfulness, the answer's score." in told
    assert "anna on safety" not in told  # it has no number
    assert "judge.params.aspect" in told
    assert "judge.params.scorer" in told
    assert (
        "there are: ben on safety."
        in checked(Candidate("x", judgements=(Judgement("candidate", "ben", "safety", 1.0),))).message
    )
    assert checked(Candidate("x"), aspect="honesty").message.endswith("no number came with the answer")


@pytest.mark.parametrize(("name", "value"), [("length", 0.5), ("seen", 1.0), ("yes", 1.0)])
def test_a_function_is_called_with_question_answer_reference(name: str, value: float) -> None:
    assert checked(Candidate("abcde"), function=f"my_scorers:{name}").value == value


def test_a_function_may_have_no_opinion() -> None:
    assert checked(Candidate("x"), function="my_scorers:nothing").reason == "no_score"


@pytest.mark.parametrize(
    ("name", "told"), [("fails", "raised KeyError: 'weights'"), ("text", "gave '0.5'"), ("nan", "gave nan")]
)
def test_nonsense_is_an_error_that_names_candidate_and_record(name: str, told: str) -> None:
    with pytest.raises(RowError) as caught:
        checked(Candidate("x"), function=f"my_scorers:{name}")
    assert caught.value.reason == "bad_value"
    for part in (f"my_scorers:{name} {told}", "candidate 1 of rows.jsonl:7"):
        assert part in str(caught.value)


def test_numbers_outside_the_bounds_are_errors() -> None:
    assert checked(Candidate("x", score=1.0), low=0, high=1).value == 1.0
    with pytest.raises(RowError, match=r"gave 1\.5, outside 0 to 1"):
        checked(Candidate("x", score=1.5), low=0, high=1)
    with pytest.raises(RowError, match="gave -1, outside 0 to ∞"):
        checked(Candidate("x", score=-1.0), low=0)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("my_scorers", "write it as module:function"),
        ("my_scorers:none", "cannot be imported"),
        ("no_such_module_here:score", "PYTHONPATH"),
        ("my_scorers:constant", "is no function but int"),
    ],
)
def test_a_function_that_cannot_be_called_is_found_before_the_run(name: str, told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        PART.prepare(PART.settings(function=name))


@pytest.mark.parametrize(
    "settings", [{"function": "a:b", "aspect": "x"}, {"scorer": "anna"}, {"low": 1, "high": 1}], ids=str
)
def test_settings_that_contradict_each_other_are_refused(settings: dict) -> None:
    with pytest.raises(ValidationError):
        PART.settings(**settings)
