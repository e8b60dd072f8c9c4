"""Starts the HTTP double as a process of its own. Needs nothing but the standard library.

Test folders share one server per test session::

    from start import running

    with running("--models", "tiny,judge") as double:
        double.rules([{"contains": "Which answer", "reply": {"verdict": "A"}}])
        double.faults(rates={"rate_limit": 0.1}, seed=1)
        ...  # ask double.url
        assert double.stats()["paid_most"] == 1
"""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("openai_server.py")


@dataclass(frozen=True)
class RunningDouble:
    """A started server; the methods are its administration (see ``openai_server``)."""

    url: str
    """Base URL, with ``/v1``."""

    def faults(self, **values: Any) -> None:
        self._call("faults", values)

    def limit(self, per_second: float | None, burst: float = 1, show: bool = True) -> None:
        self._call("limit", {"per_second": per_second, "burst": burst, "show": show})

    def rules(self, rules: list[dict[str, Any]]) -> None:
        self._call("rules", rules)

    def reset(self) -> None:
        self._call("reset", {})

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call("stats")
        return found

    def last(self) -> list[dict[str, Any]]:
        """Headers and bodies of the last chat requests, the latest last."""
        found: list[dict[str, Any]] = self._call("last")
        return found

    def _call(self, name: str, values: Any = None) -> Any:
        data = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(f"{self.url.removesuffix('/v1')}/_admin/{name}", data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def running(*options: str) -> Iterator[RunningDouble]:
    """Start the server with ``options`` and end it afterwards; it also ends when its standard input is closed."""
    command = [sys.executable, str(SERVER), "--with-parent", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server did not start: {command}")
            yield RunningDouble(json.loads(line)["url"])
        finally:
            process.terminate()
            process.wait(10)
