"""What goes wrong around a run: a server that misbehaves on the wire, and runs as processes of their own."""

import json
import re
import socket
import socketserver
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import pairwright
from pairwright.building import Outcome
from pairwright.recipe import load_recipe

KEY = "sk-right-0123456789-abcdefghij"
"""The key that the server is sent, and that nothing else may hold."""


class OddServer(socketserver.ThreadingTCPServer):
    """Answers chat requests over a plain socket; ``odd`` names what the next ones are answered with instead."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.odd: deque[str] = deque()
        self.always: str | None = None
        self.answered: Counter[str] = Counter()
        """Whole answers by the hash of the request, those to a mere greeting left out."""
        self.asked = 0
        self.over = threading.Event()
        self.slow_s = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is what these tests are about."""


class _Handler(socketserver.StreamRequestHandler):
    server: OddServer

    def handle(self) -> None:
        plain = not isinstance(self.connection, ssl.SSLSocket)
        if plain and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":  # somebody begins with TLS
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        while head := self._head():
            body = self.rfile.read(int(head["content-length"]))
            self.server.asked += 1
            odd = self.server.odd.popleft() if self.server.odd else self.server.always
            if odd is not None:
                getattr(self, f"_{odd}")(head.get("authorization", "").removeprefix("Bearer "))
                return
            time.sleep(self.server.slow_s)
            self._say(_completion(f"An answer {sha256(body).hexdigest()[:8]}."))
            if b'"content":"Hi"' not in body:  # which is how a server is tried by itself
                self.server.answered[sha256(body).hexdigest()] += 1

    def _head(self) -> dict[str, str]:
        lines = iter(lambda: self.rfile.readline().strip().decode(), "")
        _, *fields = list(lines) or [""]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}

    def _say(self, body: bytes, status: str = "200 OK", fields: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def _hangs(self, key: str) -> None:
        self.server.over.wait(20)

    def _trickles(self, key: str) -> None:
        """A byte now and then, so that a time limit between two bytes would never be over."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not self.server.over.wait(0.1):
            self.wfile.write(b" ")

    def _garbage(self, key: str) -> None:
        self.wfile.write(bytes(range(256)) * 8)

    def _closes(self, key: str) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def _half_json(self, key: str) -> None:
        self._say(_completion("An answer.")[:60])

    def _html(self, key: str) -> None:
        self._say(b"<html><body>502 Bad Gateway</body></html>")

    def _deep_json(self, key: str) -> None:
        self._say(b"[" * 200_000)

    def _deep_error(self, key: str) -> None:
        self._say(b"[" * 200_000, "503 Service Unavailable")

    def _not_gzip(self, key: str) -> None:
        self._say(b"this is no gzip", fields="Content-Encoding: gzip\r\n")

    def _endless(self, key: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"100000\r\n" + b" " * 2**20 + b"\r\n"
        while not self.server.over.is_set():
            self.wfile.write(piece)

    def _limited(self, key: str) -> None:
        self._say(b"{}", "429 Too Many Requests", "Retry-After: 0.02\r\n")

    def _limited_till_a_date(self, key: str) -> None:
        """By a clock that is wrong by years."""
        dates = "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2015 07:28:01 GMT\r\n"
        self._say(b"{}", "429 Too Many Requests", dates)

    def _in_circles(self, key: str) -> None:
        self._say(b"", "307 Temporary Redirect", f"Location: {self.server.url}/chat/completions\r\n")

    def _tells_key(self, key: str) -> None:
        self._tell("401 Unauthorized", f"Incorrect API key provided: {key}.")

    def _tells_key_in_refusal(self, key: str) -> None:
        self._tell("400 Bad Request", f"Bad request. Authorization was Bearer {key}")

    def _tells_key_in_error(self, key: str) -> None:
        self._tell("500 Internal Server Error", f"{'x' * 280} {key}")

    def _tells_key_in_nonsense(self, key: str) -> None:
        self._say(json.dumps({"debug": "y" * 244, "authorization": key}).encode())

    def _tells_key_in_page(self, key: str) -> None:
        self._say(f"<html>{'z' * 280} {key}</html>".encode())

    def _tells_strange_text(self, key: str) -> None:
        self._say(_completion("Half \ud83d, zero \x00, and \u202e more."))

    def _tells_no_tokens(self, key: str) -> None:
        """Counts that no server can mean."""
        self._say(_completion("An answer.", {"prompt_tokens": -5, "completion_tokens": 10**30}))

    def _tell(self, status: str, words: str) -> None:
        self._say(json.dumps({"error": {"message": words}}).encode(), status)


def _completion(text: str, usage: dict[str, int] | None = None) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = usage or {"prompt_tokens": 10, "completion_tokens": 5}
    return json.dumps({"model": "odd", "choices": [choice], "usage": usage}).encode()


@pytest.fixture
def odd_server() -> Iterator[OddServer]:
    with OddServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


RECIPE = """
name: own
builder: gold_vs_own
parameters:
  samplers: [{n: 1, model: odd, base_url: URL, calls: CALLS, api_key_env: KEY_OF_ODD}]
  guards: []
source: {path: SOURCE}
output: {path: OUT, shard_rows: 4}
"""
CALLS = {"concurrency": 4, "timeout_s": 0.5, "retries": 30, "give_up_after_s": 60}


@dataclass(frozen=True)
class Own:
    """A run with one call for each row, whose recipe lies in ``path``."""

    path: Path
    folder: Path

    def build(self) -> Outcome:
        return pairwright.build(load_recipe(self.path))


@pytest.fixture
def own(
    tmp_path: Path, table: Callable[..., Path], odd_server: OddServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Own]:
    """Return a function that writes a recipe for ``rows`` rows; further names are the settings of its calls."""
    monkeypatch.setenv("KEY_OF_ODD", KEY)

    def make(rows: int = 8, out: str = "out", *, url: str | None = None, **calls: object) -> Own:
        source = tmp_path / f"{rows}.parquet"
        if not source.exists():
            table(rows, name=source.name)
        told = {"URL": url or odd_server.url, "CALLS": json.dumps(CALLS | calls)}
        told |= {"SOURCE": str(source), "OUT": str(tmp_path / out)}
        path = tmp_path / f"{out}.yaml"
        path.write_text(re.sub("|".join(told), lambda found: told[found[0]], RECIPE))
        return Own(path, tmp_path / out)

    return make
