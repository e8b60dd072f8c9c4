"""Keys stay in the environment: after a run with every fault that could tell one, it stands in nothing that was written."""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Called = Callable[..., "subprocess.CompletedProcess[str]"]
KEY = "sk-right-0123456789-abcdefghij"
PIECE = KEY[:10]
"""Part of the key that is told nowhere either."""
pytestmark = pytest.mark.usefixtures("short_waits")
TELLING = ["tells_key_in_error", "tells_key_in_nonsense", "tells_key_in_page"]


def assert_untold(folder: Path, done: Iterable["subprocess.CompletedProcess[str]"]) -> None:
    for one in done:
        assert PIECE not in one.stdout + one.stderr
        assert "Traceback" not in one.stderr
    found = [path for path in folder.rglob("*") if path.is_file() and PIECE.encode() in path.read_bytes()]
    assert found == []
    assert (folder / "run.json").exists()
    assert (folder / "responses.sqlite").exists()


def test_a_run_through_faults_that_tell_the_key(own: Any, odd_server: Any, called: Called) -> None:
    """Retried answers, a refused and a failed row, which leave words of the server in rejects, store, card and report."""
    run = own(12, retries=1)
    odd_server.odd.extend([*TELLING, "tells_key_in_refusal", *TELLING, *TELLING])
    done = [called("build", run.path)]
    done += [called(verb, run.folder) for verb in ("show", "report", "status", "retry", "validate")]
    assert [one.returncode for one in done] == [0] * 6, done
    assert "call_refused" in done[0].stdout or "call_failed" in done[0].stdout
    assert not odd_server.odd
    assert_untold(run.folder, done)


def test_a_key_that_is_refused(own: Any, odd_server: Any, called: Called) -> None:
    run, odd_server.always = own(8), "tells_key"
    done = called("build", run.path)
    assert done.returncode == 1
    assert "refuses the key: 401 Incorrect API key provided: [key]. Set KEY_OF_ODD" in done.stderr
    assert_untold(run.folder, [done])


@pytest.mark.parametrize("told", TELLING)
def test_a_server_that_is_given_up(told: str, own: Any, odd_server: Any, called: Called) -> None:
    """Its words are cut to a length at which the key is cut in two."""
    run, odd_server.always = own(4, give_up_after_s=0.2), told
    done = called("build", run.path)
    assert done.returncode == 1
    assert "[key]" in done.stderr
    assert_untold(run.folder, [done])


@pytest.mark.parametrize("in_it", ["\n", " ", "\x01", "…"])
def test_a_key_with_something_else_in_it(
    in_it: str, own: Any, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package that sends headers repeats one that it does not take."""
    run = own(4)
    monkeypatch.setenv("KEY_OF_ODD", KEY + in_it + "second-line")
    done = called("build", run.path)
    assert done.returncode == 1
    assert "KEY_OF_ODD holds something that no key has in it" in done.stderr
    assert PIECE not in done.stderr


@pytest.mark.parametrize(
    "override",
    [
        f"base_url=http://me:{KEY}@127.0.0.1/v1",
        f"base_url=http://127.0.0.1/v1?api_key={KEY}",
        f"api_key_env={KEY}",
        f"api_key={KEY}",
        f"options.headers.Authorization=Bearer {KEY}",
        f"options.extra_body.api_key={KEY}",
    ],
)
def test_a_key_in_a_recipe_is_refused(override: str, own: Any, called: Called) -> None:
    run = own(4)
    done = called("build", run.path, "--set", f"samplers.0.{override}")
    assert done.returncode == 1
    assert PIECE not in done.stdout + done.stderr
    assert not run.folder.exists()


def test_a_variable_in_a_recipe_is_not_filled_in(own: Any, called: Called) -> None:
    """``${NAME}`` is text like any other: a recipe cannot draw a secret out of the environment."""
    run = own(4)
    run.path.write_text(run.path.read_text().replace("model: odd", "model: '${KEY_OF_ODD}'"))
    done = called("build", run.path)
    assert "${KEY_OF_ODD}" in (run.folder / "run.json").read_text()
    assert_untold(run.folder, [done])
