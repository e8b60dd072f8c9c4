"""How likely a given answer is: the same of vLLM in this process, of its server and of a forward pass of transformers."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.recipe import load_recipe
from pairwright.samplers import CallSettings, Model, opened
from pairwright.schemas.errors import RowError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import scoring

ANSWERS = ("A red circle beside a blue square.", "Drei Bälle, 三个球 🙂.", "No", "3 cups\nand 12 plates")


def likelihoods(tokens: Any) -> list[float]:
    return [token.logprob for token in tokens]


def test_all_ways_to_ask_give_the_same_likelihoods(
    run: Any, server: str, sampler: Any, white_box: Any, image: Any
) -> None:
    prompts = [Prompt("<image>\nWhat is it?", (image(1),), system="Brief."), Prompt("What is it?")]
    requests = [scoring(prompt, answer) for prompt in prompts for answer in ANSWERS]

    async def asked() -> list[list[Any]]:
        model = Model(model="tiny-vlm", base_url=server, calls=CallSettings(concurrency=8, retries=2))
        async with opened(model) as remote:
            everyone = (white_box, sampler, remote)
            return [await asyncio.gather(*(one.sample(request) for request in requests)) for one in everyone]

    by_hand, here, there = run(asked())
    for request, one, two, three in zip(requests, by_hand, here, there, strict=True):
        found = [reply.answers[0] for reply in (one, two, three)]
        assert [answer.text for answer in found] == [request.scored] * 3
        assert len(found[0].tokens) >= 1
        assert likelihoods(found[1].tokens) == pytest.approx(likelihoods(found[0].tokens), abs=2e-3)
        assert likelihoods(found[2].tokens) == pytest.approx(likelihoods(found[0].tokens), abs=2e-3)
        assert one.prompt_tokens == two.prompt_tokens == three.prompt_tokens
        assert "".join(token.text for token in found[2].tokens) == request.scored
    seeing, blind = here[: len(ANSWERS)], here[len(ANSWERS) :]
    for with_picture, without in zip(seeing, blind, strict=True):
        assert likelihoods(with_picture.answers[0].tokens) != likelihoods(without.answers[0].tokens)


def test_a_picture_that_was_asked_about_before_is_not_passed_over(run: Any, sampler: Any, image: Any) -> None:
    """vLLM keeps what it computed of a prompt's beginning; likelihoods of it are computed anew all the same."""
    request = scoring(Prompt("<image>\nWhat is it?", (image(7),)), ANSWERS[0])
    first = run(sampler.sample(replace(request, scored=None)))
    assert first.answers
    likely = [likelihoods(run(sampler.sample(request)).answers[0].tokens) for _ in range(2)]
    assert likely[0] == likely[1]
    other = scoring(Prompt("<image>\nWhat is it?", (image(8),)), ANSWERS[0])
    assert likelihoods(run(sampler.sample(other)).answers[0].tokens) != likely[0]


def test_an_answer_beyond_the_context_is_refused(run: Any, sampler: Any) -> None:
    with pytest.raises(RowError) as refused:
        run(sampler.sample(scoring(Prompt("What is it?"), "red cup " * 600)))
    assert refused.value.reason == "call_refused"


def test_pairs_are_measured_against_the_server(
    run: Any, server: str, white_box: Any, image: Any, tmp_path: Path
) -> None:
    """The recipe blind_test with all that asks models: what stands in the pairs is what a forward pass gives."""
    rows = []
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(image(number).data)
        row = {"chosen": "3 cups", "rejected": "12 plates", "ground_truth": "3", "image": f"{number}.png"}
        rows.append(json.dumps({"question": "How many cups stand there?", **row}))
    (tmp_path / "pairs.jsonl").write_text("\n".join(rows))
    told = [
        "blind.answers.verifier={kind: exact}",
        "blind.answers.max_tokens=8",
        "blind.judge.params.max_tokens=400",
    ]
    for place in ("blind.judge", "blind.answers", "blind.fluency", "dependence"):
        told += [f"{place}.model=tiny-vlm", f"{place}.base_url={server}"]
    recipe = load_recipe("blind_test", told)
    outcome = pairwright.build(recipe, source=tmp_path / "pairs.jsonl", out=tmp_path / "run")
    assert outcome.counts.pairs == {"text": 3}
    assert all(spent.failed == spent.refused == 0 for spent in outcome.ledger)
    assert pairwright.validate(tmp_path / "run") == []
    for pair in pq.read_table(tmp_path / "run" / "data").to_pylist():
        scores = {(one["target"], one["aspect"]): one["value"] for one in pair["scores"]}
        number = int(pair["source_id"].rpartition(":")[2])
        prompts = [
            Prompt("<image>\nHow many cups stand there?", (image(number),)),
            Prompt("How many cups stand there?"),
        ]
        for side in ("chosen", "rejected"):
            asked = [white_box.sample(scoring(prompt, pair[f"{side}_text"])) for prompt in prompts]
            seeing, blind = (likelihoods(run(one).answers[0].tokens) for one in asked)
            assert scores[side, "logprob"] == pytest.approx(sum(seeing), abs=0.01)
            assert scores[side, "dependence_sum"] == pytest.approx(sum(seeing) - sum(blind), abs=0.01)
        assert scores["pair", "blind_right"] in {number / 8 for number in range(9)}
        assert scores["pair", "fluent"] in (0.0, 1.0)
    assert pairwright.build(recipe, source=tmp_path / "pairs.jsonl", out=tmp_path / "run").already_done
