"""Asking samplers for candidates."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pairwright.builders import Run
from pairwright.builders._writers import Writer, Written, Wrote, prepare_writers, writer_models
from pairwright.samplers import model_id
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Message, Request, Sampling, request_key, sampling_seed
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow

Rows = Callable[..., SourceRow]


def _write(row: SourceRow, asks: Any, *, seed: int = 0, pick: Any = None, writers: Any = None) -> Wrote:
    settings = Written(samplers=writers or ({"model": "w"},), pick=pick)
    return asyncio.run(prepare_writers(settings, Run("test", seed, "0"))(row, asks))  # type: ignore[arg-type]


def _images(request: Request) -> list[Image]:
    return [part for message in request.messages for part in message.parts if isinstance(part, Image)]


def test_one_request_per_temperature_holds_all_that_was_set(row: Rows, model: Any, picture: Image) -> None:
    asked = model(lambda request: [f"{request.sampling.temperature} {k}" for k in range(request.n)])
    writer = {
        "model": "w", "n": 3, "temperatures": [0, 0.7], "top_p": 0.9, "top_k": 50, "max_tokens": 64, "stop": ["##"],
        "logprobs": 2,
    }  # fmt: skip
    wrote = _write(row(), {"samplers.0": asked}, seed=5, writers=[writer])
    greedy, warm = asked.requests
    assert greedy.messages == (Message("user", (picture, "What is it?")),)
    assert (greedy.n, warm.n) == (1, 3)
    seed = sampling_seed(5, "t.jsonl:0", "samplers.0@0.7")
    assert warm.sampling == Sampling(0.7, 0.9, 50, 64, ("##",), seed, 2)
    assert greedy.sampling.seed == sampling_seed(5, "t.jsonl:0", "samplers.0@0")
    assert [(one.text, one.sample, one.model, one.finish) for one in wrote.candidates] == [
        ("0.0 0", 0, "w", "stop"),
        ("0.7 0", 0, "w", "stop"),
        ("0.7 1", 1, "w", "stop"),
        ("0.7 2", 2, "w", "stop"),
    ]
    identity = model_id(Writer.model_validate(writer))
    assert wrote.candidates[1].request == request_key(identity, warm)
    assert json.loads(wrote.candidates[1].params or "") == {
        "sampler": "samplers.0", "temperature": 0.7, "top_p": 0.9, "top_k": 50, "max_tokens": 64, "seed": seed,
        "stop": ["##"],
    }  # fmt: skip


def test_the_model_may_be_asked_in_other_words(row: Rows, model: Any, picture: Image) -> None:
    asked = model([" of coffee."])
    prompt = Prompt("<image>\nWhat is {it}?", (picture,), system="Be brief.", history=(("Hi", "Hello."),))
    writer = {
        "model": "w", "system": "Think first.", "ask": "Answer in a {word}: {question}", "prefill": "A cup",
        "side": "rejected",
    }  # fmt: skip
    wrote = _write(row(prompt=prompt), {"samplers.0": asked}, writers=[writer])
    assert asked.requests[0].messages == (
        Message("system", ("Think first.",)),
        Message("user", ("Hi",)),
        Message("assistant", ("Hello.",)),
        Message("user", ("Answer in a {word}: ", picture, "What is {it}?")),
        Message("assistant", ("A cup",)),
    )
    [candidate] = wrote.candidates
    assert (candidate.text, candidate.side) == ("A cup of coffee.", "rejected")
    told = json.loads(candidate.params or "")
    assert {name: told[name] for name in ("system", "ask", "prefill")} == {
        name: writer[name] for name in ("system", "ask", "prefill")
    }


def test_the_prompts_own_system_text_stays_unless_replaced(row: Rows, model: Any, picture: Image) -> None:
    given = row(prompt=Prompt("<image>\nWhat?", (picture,), system="Be brief."))
    for system, wanted in ((None, "system"), ("", "user")):
        asked = model(["A cup."])
        _write(given, {"samplers.0": asked}, writers=[{"model": "w", "system": system}])
        assert asked.requests[0].messages[0].role == wanted


def test_a_writer_may_be_shown_no_picture(row: Rows, model: Any, picture: Image) -> None:
    asked = model(["A cup."])
    prompt = Prompt("Compare <image>\nwith this.", (picture, picture), history=(("<image>\nA cup?", "Yes."),))
    wrote = _write(row(prompt=prompt), {"samplers.0": asked}, writers=[{"model": "w", "images": "none"}])
    assert [message.parts for message in asked.requests[0].messages] == [
        ("A cup?",),
        ("Yes.",),
        ("Compare with this.",),
    ]
    assert json.loads(wrote.candidates[0].params or "")["images"] == "none"


def test_a_prompt_of_pictures_alone_cannot_be_asked_without(row: Rows, model: Any, picture: Image) -> None:
    asked = model(["A cup."])
    given = row(prompt=Prompt("<image>", (picture,)))
    wrote = _write(given, {"samplers.0": asked}, writers=[{"model": "w", "images": "none"}])
    assert (asked.requests, wrote.candidates) == ([], ())
    assert [(one.scope, one.reason, one.field) for one in wrote.rejects] == [
        ("candidate", "no_question", "samplers.0")
    ]


def test_a_writer_may_be_shown_changed_pictures(row: Rows, model: Any, picture: Image) -> None:
    writers = [{"model": "w", "images": {"name": "downscale", "params": {"short_side": 20}}}]
    first, again = model(["A blur."]), model(["A blur."])
    wrote = _write(row(), {"samplers.0": first}, writers=writers)
    assert _write(row(), {"samplers.0": again}, writers=writers) == wrote
    [seen] = _images(first.requests[0])
    assert seen.sha256 != picture.sha256
    assert seen == _images(again.requests[0])[0]
    assert (seen.header.width, seen.header.height) <= (picture.header.width, picture.header.height)
    assert np.abs(decode(picture).astype(int).mean() - decode(seen).astype(int).mean()) < 10
    [told] = json.loads(wrote.candidates[0].params or "")["images"]
    assert told["perturbation"] == "downscale"
    assert told["params"]["short_side"] == 20


def test_changes_are_drawn_per_picture_and_record(row: Rows, model: Any, picture: Image) -> None:
    prompt = Prompt("<image><image>\nWhat differs?", (picture, picture))
    writers = [{"model": "w", "images": {"name": "gaussian_blur"}}]
    radii = []
    for record in ("t:0", "t:1"):
        wrote = _write(row(prompt=prompt, record_id=record), {"samplers.0": model(["No."])}, writers=writers)
        told = json.loads(wrote.candidates[0].params or "")["images"]
        radii += [one["params"]["radius"] for one in told]
    assert len(set(radii)) == 4


def test_a_change_that_changes_nothing_costs_the_writers_answers(row: Rows, model: Any) -> None:
    grey = read_image(encode(np.full((200, 200, 3), 128, np.uint8), "png"))
    asked = model(["Grey."])
    given = row(prompt=Prompt("<image>\nWhat?", (grey,)))
    wrote = _write(
        given, {"samplers.0": asked}, writers=[{"model": "w", "images": {"name": "gaussian_blur"}}]
    )
    assert [(one.scope, one.reason) for one in wrote.rejects] == [("candidate", "no_op")]
    assert asked.requests == []


@pytest.mark.parametrize(
    "images", [{"name": "other_image"}, {"name": "gaussian_blur", "params": {"sigma": 3}}]
)
def test_changes_that_cannot_be_made_are_refused(images: Any) -> None:
    with pytest.raises(ParameterError):
        prepare_writers(Written(samplers=({"model": "w", "images": images},)), Run("test", 0, "0"))  # type: ignore[arg-type]


def test_some_of_a_pool_are_drawn_per_record(row: Rows, model: Any) -> None:
    writers = [{"model": name} for name in "abcdef"]
    asks = {f"samplers.{number}": model([f"by {number}"]) for number in range(6)}
    drawn = [_write(row(record_id=f"t:{n}"), asks, pick=2, writers=writers).candidates for n in range(200)]
    assert all(len(one) == 2 and one[0].model < one[1].model for one in drawn)  # type: ignore[operator]
    counts = Counter(one.model for pair in drawn for one in pair)
    assert len(counts) == 6
    assert all(40 < count < 100 for count in counts.values())
    assert len({tuple(one.model for one in pair) for pair in drawn}) == 15
    assert _write(row(record_id="t:0"), asks, pick=2, writers=writers).candidates == drawn[0]
    assert len(_write(row(), asks, pick=9, writers=writers).candidates) == 6


def _who(row: Rows, model: Any, writers: Any, pick: Any, rows: int = 400) -> list[list[str]]:
    """Return the models that wrote for each of some rows."""
    asks = {f"samplers.{number}": model([f"by {number}"]) for number in range(len(writers))}
    wrote = (_write(row(record_id=f"t:{n}"), asks, pick=pick, writers=writers) for n in range(rows))
    return [[one.model or "" for one in each.candidates] for each in wrote]


def test_who_writes_is_drawn_by_weight(row: Rows, model: Any) -> None:
    writers = [{"model": "a", "weight": 2}, {"model": "b"}, {"model": "c"}]
    drawn = _who(row, model, writers, 1)
    counts = Counter(one for names in drawn for one in names)
    assert all(len(names) == 1 for names in drawn)
    assert (160 < counts["a"] < 240, 70 < counts["b"] < 130, 70 < counts["c"] < 130) == (True, True, True)
    doubled = [writer | {"weight": 3 * writer.get("weight", 1)} for writer in writers]  # type: ignore[operator]
    assert _who(row, model, doubled, 1) == drawn  # only the ratio counts
    of_two = Counter(one for names in _who(row, model, writers, 2) for one in names)
    assert of_two["a"] > 310  # without replacement: 5 of 6


def test_equal_weights_draw_those_of_the_lowest_numbers(row: Rows, model: Any) -> None:
    for number, names in enumerate(_who(row, model, [{"model": name} for name in "abcd"], 2, 20)):
        rng = generator(0, f"t:{number}", "samplers")
        drawn = {name: rng.random() for name in "abcd"}
        assert names == sorted(sorted(drawn, key=drawn.__getitem__)[:2])


def test_so_many_of_each_side_are_drawn(row: Rows, model: Any) -> None:
    sides = {"a": "chosen", "b": "rejected", "c": "rejected", "d": "chosen", "e": "any", "f": "any"}
    writers = [{"model": name, "side": side} for name, side in sides.items()]
    drawn = _who(row, model, writers, {"chosen": 1, "rejected": 1}, 100)
    assert {tuple(names) for names in drawn} == {
        (*sorted((good, bad)), "e", "f") for good in "ad" for bad in "bc"
    }
    assert all(len(names) == 6 for names in _who(row, model, writers, {"chosen": 7}, 3))


def test_a_side_that_nobody_writes_for_cannot_be_drawn_from() -> None:
    settings = Written.model_validate({"samplers": [{"model": "w"}], "pick": {"chosen": 1}})
    with pytest.raises(ParameterError, match=r"pick\.chosen: no sampler has side: chosen"):
        prepare_writers(settings, Run("test", 0, "0"))


def test_one_of_several_templates_is_drawn_per_prompt(row: Rows, model: Any, picture: Image) -> None:
    templates = [f"{word}: {{question}}" for word in ("Look", "Tell", "Say")]
    writers = [{"model": "w", "n": 2, "temperatures": [0.2, 1.0], "ask": templates}]
    seen = Counter[str]()
    for number in range(60):
        asked = model(lambda request: ["A cup."] * request.n)
        wrote = _write(row(record_id=f"t:{number}"), {"samplers.0": asked}, writers=writers)
        [template] = {json.loads(one.params or "")["ask"] for one in wrote.candidates}
        begun = template.removesuffix("{question}")
        assert [request.messages[0].parts for request in asked.requests] == 2 * [
            (begun, picture, "What is it?")
        ]
        seen[template] += 1
    assert set(seen) == set(templates)
    assert min(seen.values()) > 8


def test_who_names_no_model_is_the_first_one(row: Rows, model: Any) -> None:
    writers = [{"model": "w", "base_url": "http://127.0.0.1:1/v1"}, {"side": "rejected"}]
    asks = {"samplers.0": model(["A cup."]), "samplers.1": model(["A dog."])}
    wrote = _write(row(), asks, writers=writers)
    assert [(one.model, one.side) for one in wrote.candidates] == [("w", "any"), ("w", "rejected")]
    models = writer_models(Written.model_validate({"samplers": writers}))
    assert {one.base_url for one in models.values()} == {"http://127.0.0.1:1/v1"}
    # The recipe that a run has kept tells every key.
    kept = Written.model_validate(Written.model_validate({"samplers": writers}).model_dump(mode="json"))
    assert writer_models(kept) == models
    with pytest.raises(ParameterError, match=r"samplers\.1\.base_url: set samplers\.1\.model too"):
        _write(row(), asks, writers=[{"model": "w"}, {"base_url": "http://127.0.0.1:2/v1"}])


def test_a_failed_request_costs_its_own_answers(row: Rows, model: Any) -> None:
    def fails_when_warm(request: Request) -> list[str]:
        if request.sampling.temperature > 0.5:
            raise RowError("call_refused", "images", "too many pictures")
        return ["A cup."] * request.n

    writers = [{"model": "w", "n": 2, "temperatures": [0.2, 1.0]}]
    wrote = _write(row(), {"samplers.0": model(fails_when_warm)}, writers=writers)
    assert [one.text for one in wrote.candidates] == ["A cup."] * 2
    [reject] = wrote.rejects
    assert (reject.reason, reject.scope, reject.field, reject.source_id) == (
        "call_refused", "candidate", "samplers.0", "7",
    )  # fmt: skip
    assert reject.message == "2 answers at temperature 1: too many pictures"


def test_all_requests_are_under_way_at_once_and_the_rest_end_with_a_fatal_one(row: Rows) -> None:
    begun: list[str] = []
    ended: list[str] = []

    async def waits(request: Request) -> tuple[Answer, ...]:
        begun.append("waits")
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("waits")
        return ()

    async def dies(request: Request) -> tuple[Answer, ...]:
        begun.append("dies")
        await asyncio.sleep(0.01)
        raise ModelError("the engine is dead")

    asks = {"samplers.0": waits, "samplers.1": dies, "samplers.2": waits}
    with pytest.raises(ModelError, match="the engine is dead"):
        _write(row(), asks, writers=[{"model": name} for name in "abc"])
    assert sorted(begun) == ["dies", "waits", "waits"]
    assert ended == ["waits", "waits"]


def test_of_several_fatal_errors_none_is_lost(row: Rows) -> None:
    async def dies(request: Request) -> tuple[Answer, ...]:
        raise ModelError(f"dead at {request.sampling.temperature:g}")

    with pytest.raises(ModelError, match="dead at 0") as raised:
        _write(row(), {"samplers.0": dies}, writers=[{"model": "w", "temperatures": [0, 1]}])
    assert isinstance(raised.value.__cause__, BaseExceptionGroup)
    assert [str(one) for one in raised.value.__cause__.exceptions] == ["dead at 0", "dead at 1"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ask": "Tell me."}, "ask must hold {question} exactly once"),
        ({"ask": "{question} {question}"}, "exactly once"),
        ({"ask": "<image> {question}"}, "cannot hold it"),
        ({"ask": []}, "at least 1"),
        ({"ask": ["{question}", "Tell me."]}, "exactly once"),
        ({"ask": ["{question}", "{question}"]}, "one template twice"),
        ({"weight": 0}, "greater than 0"),
        ({"temperatures": [1, 1.0]}, "twice"),
        ({"temperatures": []}, "at least 1"),
        ({"n": 0}, "greater than or equal to 1"),
        ({"images": "some"}, "same"),
    ],
)
def test_writers_that_mean_nothing_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Writer.model_validate({"model": "w"} | settings)
