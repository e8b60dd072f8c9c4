"""Servers that take no connection are told, each once."""

import socket

import pytest

from pairwright.responses.unreached import unreached
from pairwright.samplers import Model


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def address_of(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1"


def test_a_server_that_is_not_there_is_told_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_server(("127.0.0.1", 0)) as gone:
        port, lost = there.getsockname()[1], gone.getsockname()[1]
        gone.close()
        models = {
            "samplers.0": Model(model="m", base_url=address_of(port)),
            "judge": Model(model="j", base_url=address_of(lost)),
            "critic": Model(model="c", base_url=address_of(lost)),
        }
        [told] = unreached(models)
    assert told.startswith(f"judge: nothing answers at {address_of(lost)} now (Connection refused)")
    assert "300 s" in told


def test_behind_a_proxy_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert list(unreached({"judge": Model(model="j", base_url="http://judge.example/v1")})) == []


def test_an_engine_in_this_process_has_no_address() -> None:
    assert list(unreached({"samplers.0": Model(sampler="vllm", model="m")})) == []
