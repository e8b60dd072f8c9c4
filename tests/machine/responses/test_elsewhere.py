"""Answers that are stored under another address are told of, and models that could not be asked are named."""

import asyncio

import pytest

from pairwright.responses.asking import check_reachable, open_models
from pairwright.responses.elsewhere import stored_elsewhere
from pairwright.samplers import Model
from pairwright.schemas.errors import ParameterError, RunError

HERE, THERE = "http://127.0.0.1:8000/v1", "http://localhost:8000/v1"


def store_answers(world, request_of, endpoint: str, answers: int) -> None:
    async def work():
        models = {"m": world.model(base_url=endpoint)}
        async with open_models(models, store=world.store, run="run") as opened:
            await opened.asks["m"](request_of("cat", n=answers))

    asyncio.run(work())


def test_another_spelling_of_an_address_is_told(world, request_of):
    store_answers(world, request_of, HERE, 1234)
    store_answers(world, request_of, "http://old/v1", 2)
    models = {
        "judge": world.model(base_url=THERE),
        "samplers.0": world.model(base_url=HERE),
        "samplers.1": world.model(base_url=THERE, endpoint=HERE),
        "samplers.2": world.model(base_url=THERE, model="other"),
        "samplers.3": world.model(sampler="engine"),
    }
    [told] = stored_elsewhere(world.store, models)
    found = f"judge (m): the store has 1,234 answers of it at {HERE} and none at {THERE}"
    assert told == f"{found}; set judge.endpoint={HERE} to use them"


def test_only_refusals_are_nothing_to_use(world, request_of):
    async def work():
        async with open_models({"m": world.model(base_url=HERE)}, store=world.store, run="run") as opened:
            await asyncio.gather(opened.asks["m"](request_of("refuse")), return_exceptions=True)

    asyncio.run(work())
    assert stored_elsewhere(world.store, {"judge": world.model(base_url=THERE)}) == ()


def test_no_store_is_made_and_another_file_is_named(world):
    models = {"judge": world.model()}
    assert stored_elsewhere(world.store, models) == ()
    assert not world.store.exists()
    world.store.write_text("no database, for certain")
    with pytest.raises(RunError, match="is no response store"):
        stored_elsewhere(world.store, models)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "^judge.base_url: missing; .*OPENAI_API_KEY"),
        (
            {"base_url": HERE, "api_key_env": "NOPE"},
            "^judge.api_key_env: the environment variable NOPE is not set",
        ),
        ({"base_url": "https://api.openai.com/v1"}, "^judge.api_key_env: api.openai.com needs a key"),
    ],
)
def test_a_model_that_could_not_be_asked_is_named(monkeypatch, settings, told):
    for name in ("OPENAI_API_KEY", "NOPE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ParameterError, match=told):
        check_reachable({"judge": Model(model="m", **settings)})


def test_models_that_can_be_asked_pass(world, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("MINE", "sk-2")
    own = Model(model="m", base_url=HERE, api_key_env="MINE")
    check_reachable(
        {"a": Model(model="m"), "b": Model(model="m", base_url=HERE), "c": own, "d": world.model()}
    )
