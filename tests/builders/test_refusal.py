"""The refusal builder, row by row."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.request import Answer, Request
from pairwright.schemas.source_row import SourceRow

ROOT = Path(__file__).resolve().parents[2]

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

SORRY = "I'm sorry, but I can't help with that."
NO = "I cannot assist with this request, it could hurt somebody."
STEPS = "First you take a long wire."
MORE = "Open the box and cut the red one."
CUP = "It is a cup of coffee on a saucer."
DUNNO = "As an AI, I cannot look at pictures."
WRITER = {"model": "policy", "n": 3}
BY_TAG = {"by": "tag", "tag": "unsafe"}
HELPFUL = {
    "kind": "pointwise",
    "model": "judge",
    "params": {"aspects": [{"name": "help", "description": "whether it does what is right"}]},
}


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_a_gold_refusal_stands_over_answers_that_comply(build: Build, row: Rows, model: Any) -> None:
    writer = model([STEPS, NO, MORE])
    built = build("refusal", {"samplers": [WRITER]}, row(chosen=SORRY), {"samplers.0": writer})
    assert _said(built) == [(SORRY, STEPS), (SORRY, MORE)]
    pair = built.pairs[0]
    assert (pair.tags, pair.chosen_model, pair.rejected_model) == (("food", "refusal"), None, "policy")
    assert (pair.score_chosen, pair.score_rejected, pair.kind) == (1.0, 0.0, "text")
    assert [(one.target, one.scorer, one.aspect, one.value, one.rationale) for one in pair.scores] == [
        ("chosen", "refusal", "correct", 1.0, 'refuses: "i can\'t help"'),
        ("rejected", "refusal", "correct", 0.0, "does not refuse"),
    ]
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"], told["judged_by"]) == (
        "refusal", "sides", [{"name": "refusal", "kind": "refusal"}],
    )  # fmt: skip
    assert [(one.text, one.side) for one in built.candidates[0].candidates] == [
        (SORRY, "chosen"), (STEPS, "rejected"), (NO, "any"), (MORE, "rejected"),
    ]  # fmt: skip


def test_a_gold_answer_stands_over_refusals(build: Build, row: Rows, model: Any) -> None:
    writer = model([DUNNO, "A cup.", SORRY])
    built = build("refusal", {"samplers": [WRITER]}, row(chosen=CUP), {"samplers.0": writer})
    assert _said(built) == [(CUP, DUNNO), (CUP, SORRY)]
    assert all(pair.tags == ("food", "over_refusal") for pair in built.pairs)


@pytest.mark.parametrize(
    ("tags", "pairs", "tag"),
    [
        (("unsafe",), [(NO, STEPS), (SORRY, STEPS)], "refusal"),
        (("safe",), [(STEPS, NO), (STEPS, SORRY)], "over_refusal"),
    ],
)
def test_without_gold_the_models_own_right_answers_are_chosen(
    build: Build, row: Rows, model: Any, tags: tuple[str, ...], pairs: list[tuple[str, str]], tag: str
) -> None:
    writer = model([NO, STEPS, SORRY])
    built = build("refusal", {"samplers": [WRITER], **BY_TAG}, row(tags=tags), {"samplers.0": writer})
    assert _said(built) == pairs
    assert built.pairs[0].tags == (*tags, tag)


def test_the_answers_of_the_source_count_whatever_their_side(build: Build, row: Rows) -> None:
    given = (Candidate(STEPS, "old", side="chosen"), Candidate(NO, "old", side="rejected"))
    built = build("refusal", {}, row(chosen=SORRY, candidates=given), {})
    assert _said(built) == [(SORRY, STEPS)]


@pytest.mark.parametrize(
    ("chosen", "answers", "reason", "message"),
    [
        (SORRY, [NO, SORRY + " No."], "all_right", "2 answers refuse, as they should"),
        (CUP, ["A cup.", "Coffee."], "all_right", "2 answers comply, as they should"),
        (CUP, ["<think>Hm.</think>", "<think>So.</think>"], "answer_unparsable", "the answer is empty"),
        (CUP, [Answer("A c", "length"), Answer("It", "length")], "answer_cut", "reached max_tokens"),
    ],
)
def test_rows_that_teach_nothing(
    build: Build, row: Rows, model: Any, chosen: str, answers: list[Any], reason: str, message: str
) -> None:
    writer = model(answers)
    parameters = {"samplers": [{"model": "policy", "n": 2}]}
    built = build("refusal", parameters, row(chosen=chosen), {"samplers.0": writer})
    last = built.rejects[-1]
    assert (last.scope, last.reason) == ("row", reason)
    assert message in last.message


def test_without_gold_and_without_a_right_answer(build: Build, row: Rows, model: Any) -> None:
    parameters = {"samplers": [{"model": "policy", "n": 2}], **BY_TAG}
    built = build("refusal", parameters, row(tags=("unsafe",)), {"samplers.0": model([STEPS, MORE])})
    [reject] = built.rejects
    assert (reject.reason, reject.message) == (
        "all_wrong", "none of 2 answers would refuse, and the row has no answer of its own",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "fields", "reason", "message"),
    [
        ({}, {}, "no_answer", "set by: tag"),
        (BY_TAG, {"chosen": CUP, "tags": ("unsafe",)}, "bad_value", "tagged unsafe, and its own answer does not refuse"),
        (BY_TAG, {"chosen": SORRY, "tags": ()}, "bad_value", "not tagged unsafe, and its own answer refuses: \"I'm"),
        ({}, {"chosen": "<think>Hm.</think>"}, "empty_answer", "the answer is empty"),
    ],
)  # fmt: skip
def test_rows_that_cost_no_call(
    build: Build, row: Rows, model: Any, parameters: dict[str, Any], fields: Any, reason: str, message: str
) -> None:
    writer = model([])
    built = build("refusal", {"samplers": [WRITER], **parameters}, row(**fields), {"samplers.0": writer})
    [reject] = built.rejects
    assert (reject.reason, reject.scope) == (reason, "row")
    assert message in reject.message
    assert writer.requests == []


def test_a_call_that_failed_costs_the_row(build: Build, row: Rows, model: Any) -> None:
    def fail(request: Request) -> list[str]:
        raise RowError("call_failed", None, "no answer at any try")

    samplers = [{"model": "policy", "n": 1}, {"model": "other", "n": 1}]
    asks = {"samplers.0": model([STEPS]), "samplers.1": model(fail)}
    built = build("refusal", {"samplers": samplers}, row(chosen=SORRY), asks)
    assert _reasons(built) == [("candidate", "call_failed"), ("row", "call_failed")]
    assert [one.text for one in built.candidates[0].candidates] == [SORRY, STEPS]


def test_a_second_opinion_must_agree(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    soft = "Here is why one should not do it: people get hurt."
    judge = rating_judge({SORRY: {"help": 4}, soft: {"help": 5}, STEPS: {"help": 1}})
    parameters = {"samplers": [{"model": "policy", "n": 2}], "second_opinion": HELPFUL}
    asks = {"samplers.0": model([soft, STEPS]), "second_opinion": judge}
    built = build("refusal", parameters, row(chosen=SORRY), asks)
    assert _said(built) == [(SORRY, STEPS)]
    assert _reasons(built) == [("pair", "rejected_as_good")]


def test_how_many_sentences_are_read(build: Build, row: Rows, model: Any) -> None:
    late = "It is a wire. It is red. I cannot help you with cutting it."
    for sentences, reasons in ((2, []), (3, [("row", "all_right")])):
        parameters = {"samplers": [{"model": "policy"}], "sentences": sentences}
        built = build("refusal", parameters, row(chosen=SORRY), {"samplers.0": model([late])})
        assert _reasons(built) == reasons


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pairing": {"rule": "margin"}}, r"pairing\.rule: margin goes by scores"),
        ({"pairing": {"params": {"min_margin": 1}}}, r"pairing\.params\.min_margin: sides goes by scores"),
        ({"samplers": [{"side": "rejected"}]}, r"samplers\.0\.side: whether an answer refuses decides"),
        ({"guards": [{"kind": "nearly"}]}, r"guards\.0\.kind: "),
    ],
)
def test_what_does_not_fit_is_told_beforehand(parameters: dict[str, Any], message: str) -> None:
    part = ROOM.get("refusal")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


@pytest.mark.parametrize("parameters", [{"by": "tag"}, {"tag": "unsafe"}])
def test_a_tag_is_there_where_it_counts(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="by: "):
        ROOM.get("refusal").settings.model_validate(parameters)


def _vlguard(row: SourceRow, writer: Any) -> Built:
    recipe = load_recipe("vlguard", ["samplers.0.model=policy"])
    assert set(recipe.models()) == {"samplers.0"}

    async def run() -> Built:
        return await recipe.construct_asking()(row, {"samplers.0": writer})

    return asyncio.run(run())


def test_vlguard_has_both_kinds_of_pairs(row: Rows, model: Any) -> None:
    writer = model([STEPS, NO, DUNNO, MORE])
    [unsafe] = _vlguard(row(chosen=SORRY, tags=("unsafe",)), writer).pairs
    assert (unsafe.chosen, unsafe.tags) == (SORRY, ("unsafe", "refusal"))
    assert unsafe.rejected in (STEPS, MORE)
    [safe] = _vlguard(row(chosen=CUP, tags=("safe",)), writer).pairs
    assert (safe.chosen, safe.tags) == (CUP, ("safe", "over_refusal"))
    assert safe.rejected in (NO, DUNNO)
    assert {(one.n, one.sampling.temperature) for one in writer.requests} == {(4, 1.0)}
    assert _vlguard(row(chosen=CUP, tags=("unsafe",)), writer).rejects[0].reason == "bad_value"


def test_the_code_of_the_page_makes_rows_of_vlguards_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    [code] = re.findall(
        r"```python\n(.*?)```", page.partition("\n## vlguard\n")[2].partition("\n## ")[0], re.DOTALL
    )
    records = [
        {"id": "a", "image": "a.png", "safe": False, "harmful_category": "privacy",
         "instr-resp": [{"instruction": "Who is she?", "response": SORRY}]},
        {"id": "b", "image": "b.png", "safe": True, "instr-resp": [
            {"safe_instruction": "What is it?", "response": CUP},
            {"unsafe_instruction": "How do I spit into it?", "response": NO}]},
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("train.json").write_text(json.dumps(records), encoding="utf-8")
    exec(compile(code, "recipes.md", "exec"), {})
    rows = [json.loads(line) for line in Path("vlguard.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(one["id"], one["image"], one["question"], one["chosen"], one["tags"]) for one in rows] == [
        ("a-0", "a.png", "Who is she?", SORRY, ["unsafe"]),
        ("b-0", "b.png", "What is it?", CUP, ["safe"]),
        ("b-1", "b.png", "How do I spit into it?", NO, ["unsafe"]),
    ]
    assert [one["harmful_category"] for one in rows] == ["privacy", None, None]
