"""What a model is known to be unable to do is told before it is asked."""

import pytest

from pairwright.samplers import Model, check_continuing, check_logprobs
from pairwright.schemas.errors import ParameterError, UnknownPartError

SERVER = "http://127.0.0.1:8000/v1"


def at_server(*left_out: str) -> Model:
    return Model(model="m", base_url=SERVER, options={"leave_out": list(left_out)})


@pytest.mark.parametrize(
    "able",
    [
        at_server(),
        at_server("top_p"),
        Model(sampler="vllm", model="m"),
        Model(sampler="transformers", model="m"),
    ],
)
def test_models_that_can_do_both(able: Model) -> None:
    check_continuing(able)
    check_logprobs(able)


@pytest.mark.parametrize("base_url", [None, "https://api.openai.com/v1"])
def test_openai_begins_anew_and_tells_log_probabilities(base_url: str | None) -> None:
    model = Model(model="gpt-4o", base_url=base_url)
    with pytest.raises(ParameterError, match=r"base_url: api\.openai\.com cannot be given the beginning"):
        check_continuing(model)
    check_logprobs(model)


def test_a_field_that_is_left_out_does_nothing() -> None:
    with pytest.raises(ParameterError, match=r"options\.leave_out: without continue_final_message"):
        check_continuing(at_server("continue_final_message"))
    with pytest.raises(ParameterError, match=r"options\.leave_out: without logprobs"):
        check_logprobs(at_server("logprobs"))


def test_who_it_is_must_be_known() -> None:
    with pytest.raises(ParameterError, match="model: missing"):
        check_continuing(Model())
    with pytest.raises(UnknownPartError, match="vlm"):
        check_logprobs(Model(sampler="vlm", model="m"))
