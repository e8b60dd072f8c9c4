"""What a second opinion would cost is counted, also behind guards that drop what is alike or goes round in circles."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import pairwright
from pairwright.builders._guarding import Guarded, prepare_guards
from pairwright.estimate import _Counter
from pairwright.guards import Contrast
from pairwright.samplers import Model
from pairwright.schemas.request import Message, Request

ADDRESS = "base_url: 'http://127.0.0.1:9/v1'"
OPINION = f"parameters.second_opinion={{kind: pairwise, model: judge, {ADDRESS}}}"
EVERY = [{"kind": kind} for kind in ("damage_talk", "near_equal", "cut_word", "repetition")]
GUARDS = f"parameters.guards={json.dumps(EVERY)}"


@pytest.mark.parametrize("guards", [[], [GUARDS]])
def test_a_second_opinion_is_counted_behind_guards(prompts: Callable[..., Path], guards: list[str]) -> None:
    source = prompts(3, chosen=lambda number: f"A cup of tea, number {number}.")
    sets = [f"source.path={source}", "samplers.0.model=tiny", f"samplers.0.{ADDRESS.replace(': ', '=', 1)}"]
    recipe = pairwright.load_recipe("squba", [*sets, OPINION, *guards])
    counted = {one.name: one.calls for one in pairwright.check(recipe).estimates}
    assert counted == {"samplers.0": 1, "second_opinion": 2}  # both ways round


def test_answers_of_one_request_pass_every_guard() -> None:
    counter = _Counter(Model(model="m", base_url="http://127.0.0.1:9/v1"))
    request = Request((Message("user", ("What is it?",)),), n=2)
    one, other = (answer.text for answer in asyncio.run(counter.ask(request)))
    guarding = prepare_guards(Guarded.model_validate({"guards": EVERY}))
    assert guarding.catch(Contrast("What is it?", one, other)) is None
    assert 500 < len(one) < 700
