"""A proxy in front of an S3 server that goes wrong as stores and networks do. Needs nothing but the standard library."""

import http.client
import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = (
    "server_error",  # 500
    "slow_down",  # 503 SlowDown
    "cut_before",  # connection cut, the request never reached the store
    "cut_after",  # the store did it, and its answer is lost
    "slow",  # the answer comes late
)
_STATUS = {"server_error": (500, "InternalError"), "slow_down": (503, "SlowDown")}
_XML = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'


@dataclass
class Schedule:
    """Which fault a request meets."""

    rates: dict[str, float] = field(default_factory=dict)
    """Probability by fault."""
    once: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, part of the path, fault): each is met by one request, the first that fits."""
    slow_s: float = 0.2
    down: bool = False
    """Every connection is cut."""
    draws: random.Random = field(default_factory=lambda: random.Random(0))
    seen: Counter[str] = field(default_factory=Counter)
    """Faults that were met, and requests by method."""
    paths: list[str] = field(default_factory=list)
    """Method and path of every request that reached the store."""


class Proxy:
    """A started proxy; ``schedule`` may be set at any time."""

    def __init__(self, port: int) -> None:
        self.schedule = Schedule()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self, "behind": port})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, method: str, path: str) -> str | None:
        with self._lock:
            schedule = self.schedule
            found = "cut_before" if schedule.down else self._scheduled(method, path)
            schedule.seen[found or "ok"] += 1
            if found not in ("cut_before", *_STATUS):
                schedule.seen[method] += 1
                schedule.paths.append(f"{method} {path}")
            return found

    def _scheduled(self, method: str, path: str) -> str | None:
        for one in self.schedule.once:
            if one[0] == method and one[1] in path:
                self.schedule.once.remove(one)
                return one[2]
        drawn = self.schedule.draws.random()
        for name, rate in self.schedule.rates.items():
            drawn -= rate
            if drawn < 0:
                return name
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that were killed leave broken pipes."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    behind: int

    def _answer(self) -> None:
        body = self._body()
        fault = self.proxy.fault(self.command, self.path)
        if fault == "cut_before":
            self._cut()
            return
        if fault in _STATUS:
            status, code = _STATUS[fault]
            self._send(status, [("Content-Type", "application/xml")], _XML.format(code=code).encode())
            return
        status, headers, content = self._forwarded(body)
        if fault == "cut_after":
            self._cut()
            return
        if fault == "slow":
            time.sleep(self.proxy.schedule.slow_s)
        self._send(status, headers, content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815  # names of http.server

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            content = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return content
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length)
        # The client was killed; the server behind would keep the part that came, as no store does.
        if len(content) < length:
            raise ConnectionResetError(f"{self.path}: {len(content)} of {length} bytes came")
        return content

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=60)
        dropped = ("transfer-encoding", "content-length", "connection", "expect")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        connection.request(self.command, self.path, body, headers | {"Content-Length": str(len(body))})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        length = next(
            (value for name, value in headers if name.lower() == "content-length"), str(len(content))
        )
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
