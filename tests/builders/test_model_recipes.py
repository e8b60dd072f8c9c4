"""The packaged recipes that ask models: each loads as it is, takes its models from ``--set``, and builds."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import Built
from pairwright.recipe import Recipe, load_recipe
from pairwright.schemas.arrow import to_table
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Request
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate import check_table

Rows = Callable[..., SourceRow]

JUDGED = ("silkie", "llava_hound", "ct_report")
VERIFIED = ("mavis", "mmpr_correctness", "verified_rollouts")
ADDRESS = "http://127.0.0.1:8000/v1"


def _loaded(name: str, *more: str) -> Recipe:
    models = [f"samplers.0.model={name}-writer", f"samplers.0.base_url={ADDRESS}"]
    if name in JUDGED:
        models += ["judge.model=a-judge", f"judge.base_url={ADDRESS}"]
    return load_recipe(name, [*models, *more])


def _build(recipe: Recipe, row: SourceRow, asks: dict[str, Any]) -> Built:
    async def run() -> Built:
        return await recipe.construct_asking()(row, asks)

    built = asyncio.run(run())
    if built.pairs:
        assert check_table(to_table(built.pairs)) == []
    return built


def _said(built: Built) -> set[tuple[str, str]]:
    return {(pair.chosen, pair.rejected) for pair in built.pairs}


@pytest.mark.parametrize("name", [*JUDGED, *VERIFIED])
def test_models_are_set_from_outside(name: str) -> None:
    load_recipe(name)  # as it is, without any model: for the list of recipes
    models = _loaded(name).models()
    assert set(models) == ({"samplers.0", "judge"} if name in JUDGED else {"samplers.0"})
    assert all(one.base_url == ADDRESS for one in models.values())
    assert models["samplers.0"].model == f"{name}-writer"


def test_silkie_judges_four_of_a_pool(row: Rows, model: Any, rating_judge: Any) -> None:
    texts = {f"m{n}": f"Answer {n}." for n in range(12)}
    rated = {
        text: {"helpfulness": n % 5 + 1, "ethics": 5, "visual_faithfulness": 5}
        for n, text in enumerate(texts.values())
    }
    pool = ", ".join(f"{{model: {name}}}" for name in texts)
    recipe = load_recipe("silkie", [f"samplers=[{pool}]", "judge.model=gpt"])
    asks = {f"samplers.{n}": model([text]) for n, text in enumerate(texts.values())}
    judge = rating_judge(rated)
    built = _build(recipe, row(), {**asks, "judge": judge})
    assert sum(len(one.requests) for one in asks.values()) == 4
    assert len(judge.requests) == 1
    assert any(isinstance(part, Image) for part in judge.requests[0].messages[-1].parts)
    assert built.candidates
    scores = [one.score for one in built.candidates[0].candidates]
    unequal = sum(a != b for n, a in enumerate(scores) for b in scores[n + 1 :])
    assert (len(scores), len(built.pairs)) == (4, unequal)


def test_llava_hound_reads_a_text_in_place_of_the_picture(row: Rows, model: Any, rating_judge: Any) -> None:
    given = {"5": 5, "3": 3, "2": 2, "1": 1, "4": 4, "1b": 1}
    texts = [f"Answer {name}." for name in given]
    judge = rating_judge({f"Answer {name}.": {"correctness": value} for name, value in given.items()})
    writer = model(texts)
    told = row(chosen="It pours.", evidence="A woman pours coffee.")
    built = _build(_loaded("llava_hound"), told, {"samplers.0": writer, "judge": judge})
    assert (writer.requests[0].n, writer.requests[0].sampling.temperature) == (6, 1.0)
    [pair] = built.pairs
    assert (pair.chosen, pair.score_chosen, pair.score_rejected) == ("Answer 5.", 5.0, 1.0)
    assert len(judge.requests) == 6
    for request in judge.requests:
        assert not any(isinstance(part, Image) for part in request.messages[-1].parts)
        assert "A woman pours coffee." in str(request.messages)
        assert "It pours." in str(request.messages)


def test_llava_hound_wants_evidence(row: Rows) -> None:
    built = _build(_loaded("llava_hound"), row(chosen="It pours."), {})
    assert [one.reason for one in built.rejects] == ["no_evidence"]


def test_ct_report_sets_every_good_report_over_every_bad_one(
    row: Rows, model: Any, rating_judge: Any
) -> None:
    values = {"a": 5, "b": 3, "c": 2, "d": 1, "e": 4, "f": 2}
    aspects = ("accuracy", "completeness", "clarity", "consistency")
    judge = rating_judge({f"Report {k}.": dict.fromkeys(aspects, value) for k, value in values.items()})
    writer = model([f"Report {k}." for k in values])
    built = _build(_loaded("ct_report"), row(chosen="No nodules."), {"samplers.0": writer, "judge": judge})
    good, bad = [[f"Report {k}." for k in names] for names in ("abe", "cdf")]
    assert _said(built) == {(one, other) for one in good for other in bad}
    assert all("No nodules." in str(request.messages) for request in judge.requests)


def test_mavis_sets_the_annotated_solution_over_an_own_mistake(row: Rows, model: Any) -> None:
    writer = model(lambda request: [f"So {n}.\nFinal answer: {n}" for n in range(request.n)])
    solution = "Half of 8 is 4, so the area is 4."
    built = _build(_loaded("mavis"), row(chosen=solution, ground_truth="4"), {"samplers.0": writer})
    [pair] = built.pairs
    assert pair.chosen == solution
    assert pair.rejected != "So 4.\nFinal answer: 4"
    assert "Final answer" in str(writer.requests[0].messages)
    assert pair.prompt.question == "<image>\nWhat is it?"


def test_mmpr_makes_pairs_of_correctness_and_of_form(row: Rows, model: Any) -> None:
    def write(request: Request) -> list[str]:
        ends = ["Final answer: 12", "Final answer: 13", "and so on"]
        return [f"Way {n}: {ends[n % 3]}" for n in range(request.n)]

    writer = model(write)
    built = _build(_loaded("mmpr_correctness"), row(ground_truth="12", tags=()), {"samplers.0": writer})
    sampling = writer.requests[0].sampling
    assert (writer.requests[0].n, sampling.temperature, sampling.top_k, sampling.max_tokens) == (
        32,
        0.7,
        50,
        4096,
    )
    form = [pair for pair in built.pairs if "format" in pair.tags]
    plain = [pair for pair in built.pairs if "format" not in pair.tags]
    assert (len(plain), len(form)) == (15, 15)
    assert all(pair.chosen.endswith("12") for pair in built.pairs)
    assert all(pair.rejected.endswith("13") for pair in plain)
    assert all(pair.rejected.endswith("so on") for pair in form)


@pytest.mark.parametrize(
    ("tag", "truth", "right", "wrong"),
    [
        ("chart", "100", "97", "80"),
        ("ocr", "coffee house", "cofee house", "tea"),
        ("vqa", "red", "Red", "blue"),
    ],
)
def test_mmpr_checks_by_the_rows_tag(
    row: Rows, model: Any, tag: str, truth: str, right: str, wrong: str
) -> None:
    writer = model(lambda request: [f"Final answer: {(right, wrong)[n % 2]}" for n in range(request.n)])
    built = _build(_loaded("mmpr_correctness"), row(ground_truth=truth, tags=(tag,)), {"samplers.0": writer})
    assert _said(built) == {(f"Final answer: {right}", f"Final answer: {wrong}")}


def test_verified_rollouts_think_before_they_answer(row: Rows, model: Any, picture: Any) -> None:
    def write(request: Request) -> list[str]:
        ends = ["<answer>7</answer>", "<answer>8</answer>", "it is 7"]
        return [f"<think>Way {n}.</think> {ends[n % 3]}" for n in range(request.n)]

    writer = model(write)
    built = _build(_loaded("verified_rollouts"), row(ground_truth="7", tags=()), {"samplers.0": writer})
    assert len(built.pairs) == 4
    assert all(pair.chosen.endswith("<answer>7</answer>") for pair in built.pairs)
    assert not any(pair.rejected.endswith("<answer>7</answer>") for pair in built.pairs)
    assert "<think>" in str(writer.requests[0].messages[0])
    boxes = model(lambda request: [f"<answer>[0, 0, {10 * n + 10}, 100]</answer>" for n in range(request.n)])
    given = row(ground_truth="[0, 0, 100, 100]", tags=("iou",), prompt=Prompt("<image>\nWhere?", (picture,)))
    built = _build(_loaded("verified_rollouts"), given, {"samplers.0": boxes})
    assert all((pair.score_chosen or 0) >= 0.5 > (pair.score_rejected or 0) for pair in built.pairs)
    assert len(built.pairs) == 4


def test_interactive_cot_goes_by_the_scores_of_the_source(row: Rows) -> None:
    recipe = load_recipe("interactive_cot")
    assert recipe.models() == {}
    outputs = tuple(
        Candidate(f"Thought {n}. Action {n}.", score=score) for n, score in enumerate([-1.0, 0.0, 0.5])
    )
    built = _build(recipe, row(candidates=outputs), {})
    assert _said(built) == {(outputs[1].text, outputs[0].text), (outputs[2].text, outputs[0].text)}
    assert json.loads(built.pairs[0].provenance or "")["judged_by"] == [
        {"name": "external", "kind": "external"}
    ]
