"""The builder of misleading questions, row by row."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.builders._premise import disputed
from pairwright.recipe import load_recipe
from pairwright.samplers import model_id
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request, request_key
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

EVIDENCE = "a white cup of coffee [120, 80, 200, 150]; a wooden table; a spoon on the saucer"
SPOON, DOG, CUP, HOW_MANY = (
    "Who is stirring with the spoon?",
    "Describe the dog beside the cup.",
    "Why is the cup blue?",
    "What lies on the saucer?",
)
RIGHT = {
    SPOON: "Nobody is stirring; the spoon lies on the saucer.",
    DOG: "There is no dog; beside the cup stands nothing but a table.",
    CUP: "The cup is not blue, it is white.",
    HOW_MANY: "A spoon lies on the saucer.",
}
YES = {
    SPOON: "A woman in a red coat is stirring with it.",
    DOG: "The dog is small and brown and looks at the cup.",
    CUP: "It is blue to match the table cloth.",
}
KINDS = {
    "not in the pictures": "invented",
    "something false about it": "wrong_attribute",
    "that the evidence answers": "plain",
}
ASKED = {"invented": [SPOON, DOG], "wrong_attribute": [CUP], "plain": [HOW_MANY]}
QUESTIONS = {"invented": 2, "wrong_attribute": 1}
WRITTEN = {"questioner": {"model": "gpt"}, "questions": QUESTIONS, "yes_man": "written"}
SAMPLED = {"questioner": {"model": "gpt"}, "questions": QUESTIONS, "samplers": [{"model": "policy", "n": 1}]}


def kind_of(request: Request) -> str:
    system = str(request.messages[0].parts[0])
    [kind] = [kind for words, kind in KINDS.items() if words in system]
    return kind


def form(questions: Sequence[str], yes_men: Mapping[str, str] | None) -> str:
    items = [
        {"question": one, "answer": RIGHT.get(one, "So."), **({"yes_man": yes_men[one]} if yes_men else {})}
        for one in questions
    ]
    return json.dumps({"questions": items})


@pytest.fixture
def questioner(model: Any) -> Callable[..., Any]:
    """Return a way to make a questioner that writes given questions by kind."""

    def make(asked: Mapping[str, Sequence[str]] = ASKED, yes_men: Mapping[str, str] | None = None) -> Any:
        def write(request: Request) -> list[str]:
            kind = kind_of(request)
            return [form(asked[kind], None if kind == "plain" else yes_men)]

        return model(write)

    return make


def question_of(request: Request) -> str:
    return str(request.messages[-1].parts[-1])


def policy_saying(answers: Mapping[str, str]) -> Callable[[Request], list[str]]:
    return lambda request: [answers[question_of(request)]] * request.n


def said(built: Built) -> list[tuple[str, str, str]]:
    return [(pair.prompt.question, pair.chosen, pair.rejected) for pair in built.pairs]


def reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


ALL = [(f"<image>\n{one}", RIGHT[one], YES[one]) for one in (SPOON, DOG, CUP)]


def test_every_question_is_a_prompt_of_its_own(build: Build, row: Rows, model: Any, questioner: Any) -> None:
    gpt, policy = questioner(), model(policy_saying(YES))
    given = row(evidence=EVIDENCE, chosen="A cup.", ground_truth="cup")
    built = build("misled", SAMPLED, given, {"questioner": gpt, "samplers.0": policy})
    assert said(built) == ALL
    assert built.rejects == ()
    assert [pair.tags for pair in built.pairs] == [("food", "invented")] * 2 + [("food", "wrong_attribute")]
    pair = built.pairs[0]
    assert (pair.kind, pair.prompt.images, pair.ground_truth) == ("text", given.prompt.images, None)
    assert (pair.source_id, pair.extra, pair.license) == ("7", given.extra, "cc0-1.0")
    assert (pair.chosen_model, pair.rejected_model) == ("gpt", "policy")
    assert len({one.group_id for one in built.pairs}) == 1
    assert [one.record_id for one in built.candidates] == [
        "t.jsonl:0",
        *(f"t.jsonl:0#{n}" for n in (1, 2, 3)),
    ]
    assert built.candidates[0] == given
    assert [(one.text, one.side) for one in built.candidates[3].candidates] == [
        (RIGHT[CUP], "chosen"), (YES[CUP], "rejected"),
    ]  # fmt: skip
    assert (built.candidates[3].chosen, built.candidates[3].evidence) == (None, EVIDENCE)


def test_the_questioner_reads_and_the_policy_looks(
    build: Build, row: Rows, model: Any, questioner: Any
) -> None:
    gpt, policy = questioner(), model(policy_saying(YES))
    build("misled", SAMPLED, row(evidence=EVIDENCE), {"questioner": gpt, "samplers.0": policy})
    assert [kind_of(one) for one in gpt.requests] == ["invented", "wrong_attribute"]
    for request in gpt.requests:
        parts = request.messages[1].parts
        assert not any(isinstance(part, Image) for part in parts)
        assert f"\n{EVIDENCE}\n=== end evidence " in str(parts[0])
        assert "What is it?" not in str(request.messages)
        items = json.loads(request.schema or "")["properties"]["questions"]
        assert (
            items["minItems"] == items["maxItems"] == {"invented": 2, "wrong_attribute": 1}[kind_of(request)]
        )
        assert list(items["items"]["properties"]) == ["question", "answer"]
    assert len({one.sampling.seed for one in (*gpt.requests, *policy.requests)}) == 5
    assert all(isinstance(one.messages[-1].parts[0], Image) for one in policy.requests)


def test_provenance_tells_who_asked(build: Build, row: Rows, model: Any, questioner: Any) -> None:
    gpt, policy = questioner(), model(policy_saying(YES))
    built = build("misled", SAMPLED, row(evidence=EVIDENCE), {"questioner": gpt, "samplers.0": policy})
    told = json.loads(built.pairs[2].provenance or "")
    settings: Any = ROOM.get("misled").settings.model_validate(SAMPLED)
    assert (told["builder"], told["rule"], told["record_id"]) == ("misled", "sides", "t.jsonl:0#3")
    assert told["chosen"]["request"] == request_key(model_id(settings.questioner), gpt.requests[1])
    params = told["chosen"]["params"]
    assert (params["from"], params["kind"], params["temperature"]) == ("questioner", "wrong_attribute", 0.7)
    assert params["prompt"].startswith("questioner v1 #")
    assert told["rejected"]["params"]["sampler"] == "samplers.0"


def test_the_questioner_may_write_the_yes_man_too(build: Build, row: Rows, questioner: Any) -> None:
    gpt = questioner(yes_men=YES)
    built = build("misled", WRITTEN, row(evidence=EVIDENCE), {"questioner": gpt})
    assert said(built) == ALL
    assert {pair.rejected_model for pair in built.pairs} == {"gpt"}
    schema = json.loads(gpt.requests[0].schema)
    assert list(schema["properties"]["questions"]["items"]["properties"]) == ["question", "answer", "yes_man"]


def test_an_answer_that_disputes_the_premise_is_no_yes_man(
    build: Build, row: Rows, model: Any, questioner: Any
) -> None:
    answers = YES | {
        SPOON: "I see no person in the picture.",
        DOG: "There is no dog in the picture, I think.",
    }
    asks = {"questioner": questioner(), "samplers.0": model(policy_saying(answers))}
    built = build("misled", SAMPLED, row(evidence=EVIDENCE), asks)
    assert said(built)[-1] == ALL[-1]
    caught = [one for one in built.rejects if one.reason == "rejected_as_good"]
    assert ("candidate", "#2: answer 1: it does not go along with the question: 'there is no'") in [
        (one.scope, one.message) for one in caught
    ]
    assert {one.scope for one in caught} == {"candidate", "pair"}
    assert [one.side for one in built.candidates[2].candidates] == ["chosen", "any"]


def test_a_row_of_disputes_is_a_reject(build: Build, row: Rows, model: Any, questioner: Any) -> None:
    asks = {"questioner": questioner(), "samplers.0": model(lambda request: ["No, that is not so."])}
    built = build("misled", SAMPLED, row(evidence=EVIDENCE), asks)
    last = built.rejects[-1]
    assert (last.scope, last.reason) == ("row", "rejected_as_good")
    assert last.message == "3 of 3 questions; #1: answer 1: it does not go along with the question: 'no'"
    assert len(built.candidates) == 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("No, it is not.", "no"),
        ("There isn't a dog.", "there isn't"),
        ("There’s no dog here.", "there's no"),
        ("There seems to be no dog.", "there seems to be no"),
        ("I do not see a dog. I see a cup.", "i do not see"),
        ("The dog is not visible here.", "is not visible"),
        ("The image doesn't actually show a dog.", "the image doesn't actually show"),
        ("Actually, the cup is white.", "actually"),
        ("The cup is actually white.", "is actually"),
        ("The cup is white, not blue.", "not blue."),
        ("The question is misleading.", "misleading"),
        ("It cannot be determined.", "cannot be determined"),
        ("<think>There is no dog.</think>The dog is brown.", None),
        ("I'm sorry, but I can't help with that.", "i can't help"),
        ("The dog is brown and sits there. It has no collar.", None),
        ("No doubt it is the blue of the sea.", None),
        ("It is blue to match the cloth. There is no other reason.", "there is no"),
        ("It is blue. It is new. There is no cup.", None),
        ("Three people are stirring with it.", None),
    ],
)
def test_what_disputes_a_premise(answer: str, words: str | None) -> None:
    assert disputed(answer) == words


def test_descriptions_of_pictures_dispute_nothing(shared_data: Path) -> None:
    texts = [
        text
        for name in ("IIW-400", "DOCCI_Test", "DCI_Test")
        for line in (shared_data / "imageinwords" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for text in json.loads(line).values()
        if isinstance(text, str) and len(text) > 80
    ]
    taken = sum(disputed(text) is not None for text in texts)
    assert f"of {len(texts)} descriptions of pictures, which dispute nothing, {taken} hold one" in (
        Path(__file__).resolve().parents[2] / "docs" / "builders.md"
    ).read_text(encoding="utf-8")


def test_questions_that_cannot_be_used(build: Build, row: Rows, questioner: Any) -> None:
    asked = {
        "invented": [SPOON, "Look at <image> here."],
        "wrong_attribute": ["who is  stirring with the SPOON?"],
    }
    yes_men = YES | {asked["invented"][1]: "I look.", asked["wrong_attribute"][0]: "He is."}
    built = build("misled", WRITTEN, row(evidence=EVIDENCE), {"questioner": questioner(asked, yes_men)})
    assert said(built) == ALL[:1]
    assert [(one.scope, one.reason, one.field, one.message) for one in built.rejects] == [
        ("pair", "bad_question", "questioner", "the question holds <image>: 'Look at <image> here.'"),
        ("pair", "bad_question", "questioner", "the question was asked before: 'who is  stirring with the SPOON?'"),
    ]  # fmt: skip


def test_another_form_is_asked_for_again(build: Build, row: Rows, model: Any) -> None:
    replies = {0: "I would rather not.", 1: json.dumps({"questions": [
        {"question": SPOON, "answer": RIGHT[SPOON], "yes_man": YES[SPOON]}, {"question": DOG, "answer": " ", "yes_man": "A"},
    ]})}  # fmt: skip
    gpt = model(lambda request: [replies[request.first]])
    parameters = WRITTEN | {"questions": {"invented": 3, "wrong_attribute": 0}}
    built = build("misled", parameters, row(evidence=EVIDENCE), {"questioner": gpt})
    assert said(built) == ALL[:1]
    assert [one.message for one in built.rejects] == [
        "question 2 (invented): answer is empty", "2 of 3 questions were written (invented)",
    ]  # fmt: skip
    told = json.loads(built.pairs[0].provenance or "")
    assert (told["chosen"]["sample"], told["chosen"]["params"]["temperature"]) == (1, 0.7)


def test_a_kind_without_a_form_costs_that_kind(build: Build, row: Rows, model: Any) -> None:
    def write(request: Request) -> list[Any]:
        return [Answer("{", "length") if kind_of(request) == "invented" else form([CUP], YES)]

    built = build("misled", WRITTEN, row(evidence=EVIDENCE), {"questioner": model(write)})
    assert said(built) == ALL[2:]
    assert reasons(built) == [("pair", "bad_question")]
    assert "max_tokens" in built.rejects[0].message


@pytest.mark.parametrize("who", ["questioner", "samplers.0"])
def test_a_call_that_failed_costs_the_row(
    build: Build, row: Rows, model: Any, questioner: Any, who: str
) -> None:
    def fail(request: Request) -> list[str]:
        if who == "questioner" and kind_of(request) == "invented":
            return [form(ASKED["invented"], None)]
        if who == "samplers.0" and question_of(request) != DOG:
            return [YES[question_of(request)]]
        raise RowError("call_failed", None, "no answer at any try")

    asks = {"questioner": questioner(), "samplers.0": model(policy_saying(YES))} | {who: model(fail)}
    built = build("misled", SAMPLED, row(evidence=EVIDENCE), asks)
    assert built.pairs == ()
    last = built.rejects[-1]
    assert (last.scope, last.reason) == ("row", "call_failed")
    assert len(built.candidates) == (4 if who == "samplers.0" else 1)
    # The next time, every question may have another number, and so another seed: nobody answers any before all are there.
    assert len(asks["samplers.0"].requests) == (3 if who == "samplers.0" else 0)


def test_plain_questions_have_errors_put_into_their_answers(
    build: Build, row: Rows, model: Any, questioner: Any
) -> None:
    wrong = "A fork lies on the saucer."

    def write(request: Request) -> list[str]:
        change = {"kind": "objects", "was": "spoon", "now": "fork"}
        none = {"kind": "none", "was": "", "now": ""}
        return [json.dumps({"changes": {"1": change, "2": none}, "text": wrong})]

    inject = model(write)
    parameters = {
        "questioner": {"model": "gpt"},
        "questions": {"invented": 0, "wrong_attribute": 0, "plain": 1},
        "inject": {"kind": "inject", "model": "spoiler"},
    }
    built = build(
        "misled", parameters, row(evidence=EVIDENCE), {"questioner": questioner(), "inject": inject}
    )
    assert said(built) == [(f"<image>\n{HOW_MANY}", RIGHT[HOW_MANY], wrong)]
    [pair] = built.pairs
    assert (pair.tags[-1], pair.rejected_model) == ("plain", "spoiler")
    assert [(pair.chosen[one.start : one.end], one.label) for one in pair.chosen_spans] == [
        ("spoon", "objects")
    ]
    assert [pair.rejected[one.start : one.end] for one in pair.rejected_spans] == ["fork"]


def test_a_second_opinion_reads_the_evidence(
    build: Build, row: Rows, model: Any, questioner: Any, rating_judge: Any
) -> None:
    rated = {text: {"truth": 5} for text in RIGHT.values()} | {text: {"truth": 1} for text in YES.values()}
    judge = rating_judge(rated | {YES[DOG]: {"truth": 5}})
    aspects = [{"name": "truth", "description": "whether it is true"}]
    opinion = {"kind": "pointwise", "model": "judge", "params": {"look": "evidence", "aspects": aspects}}
    asks = {"questioner": questioner(), "samplers.0": model(policy_saying(YES)), "second_opinion": judge}
    built = build("misled", SAMPLED | {"second_opinion": opinion}, row(evidence=EVIDENCE), asks)
    assert said(built) == [ALL[0], ALL[2]]
    assert reasons(built) == [("pair", "rejected_as_good")]
    assert all(
        DOG in str(one.messages) or CUP in str(one.messages) or SPOON in str(one.messages)
        for one in judge.requests
    )
    assert all(EVIDENCE in str(one.messages) for one in judge.requests)


def test_several_pictures_and_a_system_text_come_along(
    build: Build, row: Rows, picture: Image, questioner: Any
) -> None:
    prompt = Prompt("And <image>?", (picture, picture), "Be brief.", (("<image>\nWhat is it?", "A cup."),))
    gpt = questioner({"invented": [SPOON], "wrong_attribute": [CUP]}, YES)
    built = build("misled", WRITTEN, row(evidence=EVIDENCE, prompt=prompt), {"questioner": gpt})
    assert built.pairs[0].prompt == Prompt(f"<image>\n<image>\n{SPOON}", (picture, picture), "Be brief.")


@pytest.mark.parametrize(
    ("fields", "parameters", "reason"),
    [
        ({}, {}, "no_evidence"),
        ({"evidence": EVIDENCE}, {"evidence": "chosen"}, "no_evidence"),
        ({"evidence": EVIDENCE, "prompt": Prompt("What?")}, {}, "no_image"),
        ({"evidence": EVIDENCE},
         {"second_opinion": {"kind": "pointwise", "model": "j", "params": {"reference": "require"}}}, "no_ground_truth"),
    ],
)  # fmt: skip
def test_rows_that_cost_no_call(
    build: Build, row: Rows, model: Any, fields: dict[str, Any], parameters: dict[str, Any], reason: str
) -> None:
    gpt = model([])
    built = build("misled", WRITTEN | parameters, row(**fields), {"questioner": gpt})
    assert reasons(built) == [("row", reason)]
    assert gpt.requests == []


def test_another_text_may_be_the_evidence(build: Build, row: Rows, questioner: Any) -> None:
    gpt = questioner(yes_men=YES)
    built = build("misled", WRITTEN | {"evidence": "chosen"}, row(chosen="A white cup."), {"questioner": gpt})
    assert said(built) == ALL
    assert built.candidates[1].evidence == "A white cup."


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "samplers: yes_man: sampled has them answer"),
        ({"samplers": [{}], "yes_man": "written"}, "samplers: yes_man: written leaves them nothing"),
        ({"samplers": [{}], "questions": {"invented": 0, "wrong_attribute": 0, "plain": 1}}, "no misleading question"),
        ({"yes_man": "written", "questions": {"plain": 1}}, "inject: the answers to plain questions need"),
        ({"samplers": [{}], "inject": {"kind": "inject"}}, r"inject: questions\.plain is 0"),
        ({"samplers": [{"side": "chosen"}]}, r"samplers\.0\.side: a yes-man's answer stands"),
        ({"samplers": [{}], "questioner": {"params": {"prompt": "listwise"}}}, r"questioner\.params\..*for the judge"),
        ({"samplers": [{}], "questioner": {"base_url": "http://a/v1"}}, r"questioner\.base_url: set"),
        ({"samplers": [{}], "pairing": {"rule": "best_worst"}}, r"pairing\.rule: best_worst goes by scores"),
        ({"yes_man": "written", "questions": {"plain": 1}, "inject": {"kind": "minimal"}}, r"inject\.kind: minimal makes"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_beforehand(parameters: dict[str, Any], message: str) -> None:
    part = ROOM.get("misled")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


def test_no_questions_at_all() -> None:
    with pytest.raises(ValueError, match="ask for at least one"):
        ROOM.get("misled").settings.model_validate({"questions": {"invented": 0, "wrong_attribute": 0}})


def test_lrv_asks_six_questions_of_each_kind(row: Rows, model: Any, questioner: Any) -> None:
    models = ["samplers.0.model=policy", "questioner.model=gpt"]
    recipe = load_recipe("lrv", models)
    assert [(name, one.model) for name, one in recipe.models().items()] == [
        ("questioner", "gpt"), ("samplers.0", "policy"),
    ]  # fmt: skip
    asked = {
        kind: [f"Why is the {kind} {n} blue?" for n in range(6)] for kind in ("invented", "wrong_attribute")
    }
    gpt = questioner(asked)
    policy = model(lambda request: [f"Since {question_of(request)[11:-1]}."])

    async def run() -> Built:
        asks = {"questioner": gpt, "samplers.0": policy}
        return await recipe.construct_asking()(row(evidence=EVIDENCE), asks)

    built = asyncio.run(run())
    assert [pair.prompt.question for pair in built.pairs] == [
        f"<image>\n{question}" for kind in asked.values() for question in kind
    ]
    assert {(pair.chosen, pair.rejected[:6]) for pair in built.pairs} == {("So.", "Since ")}
    assert [one.sampling.temperature for one in gpt.requests] == [0.7, 0.7]
    assert "Write 6 misleading questions." in str(gpt.requests[0].messages[0].parts[0])
    for request in policy.requests:
        assert (request.n, request.sampling.temperature) == (1, 1.0)
        assert "Do not correct the question" in str(request.messages[0].parts[0])
    assert all(pair.prompt.system is None for pair in built.pairs)
    assert recipe.file.source.question == "What is in the picture?"


def test_lrv_asks_itself_where_no_questioner_is_named() -> None:
    recipe = load_recipe("lrv", ["samplers.0.model=policy", "samplers.0.base_url=http://127.0.0.1:8000/v1"])
    assert {(one.model, one.base_url) for one in recipe.models().values()} == {
        ("policy", "http://127.0.0.1:8000/v1")
    }
