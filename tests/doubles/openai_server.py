"""A real HTTP server that speaks the OpenAI protocol and answers deterministic nonsense. For tests and benchmarks.

    python tests/doubles/openai_server.py --port 0

prints one JSON line, ``{"url": "http://127.0.0.1:PORT/v1", "port": PORT}``, and serves until it is ended. Tests start
it through ``start.py`` beside it, which returns a handle with the administration's calls as methods.

It serves POST /v1/chat/completions, GET /v1/models, POST /v1/files, GET /v1/files/{id}/content, and /v1/batches. What
it answers is in ``answers.py``, what goes wrong in ``faults.py``, batches in ``batch_files.py``.

Administration, all JSON:

- POST /_admin/faults  fields of ``faults.Schedule``: rates, queue, by_text, down, latency_ms, batch, ...
- POST /_admin/limit   ``{"per_second": 20, "burst": 5, "show": true}``: a real rate limit
- POST /_admin/rules   scripted answers, a list of ``{"contains": text or list, "reply": text or JSON}``; ``regex``
                       in place of ``contains`` (``\\1`` in the reply is then the group), ``replies`` in place of
                       ``reply`` for one per sample. The first rule that fits the texts of all messages is taken.
- POST /_admin/reset   forgets statistics, kept requests, files, batches, and every fault, limit and rule
- GET  /_admin/stats   calls by status; how often distinct requests were answered in full (``paid``): nothing is paid
                       twice when ``paid_most`` is 1
- GET  /_admin/last    headers (without the key) and bodies of the last requests (``--keep``)
"""

import argparse
import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import answers
import batch_files
import faults
from aiohttp import web


class Double:
    """The server's state and its handlers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.models = options.models.split(",")
        self.rules: list[dict[str, Any]] = json.loads(options.rules)
        self.last: deque[dict[str, Any]] = deque(maxlen=options.keep)
        self.dropped: WeakSet[Any] = WeakSet()
        self._reset()

    def _reset(self) -> None:
        self.stats = faults.Stats()
        self.schedule = faults.Schedule()
        self.schedule.latency_ms = self.options.latency_ms
        self.bucket = faults.Bucket()
        self.cabinet = batch_files.Cabinet(self._batch_answer)
        self.last.clear()

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        stats = self.stats
        if self.schedule.down or request.transport in self.dropped:
            return self._cut(request, stats)
        stats.under_way += 1
        stats.most_under_way = max(stats.most_under_way, stats.under_way)
        try:
            return await self._chat(request, stats)
        finally:
            stats.under_way -= 1

    async def _chat(self, request: web.Request, stats: faults.Stats) -> web.StreamResponse:
        body = json.loads(await request.read())
        if self.options.keep:
            headers = {k.lower(): v for k, v in request.headers.items() if k.lower() != "authorization"}
            self.last.append({"headers": headers, "body": body})
        refused = self._gate(request, body)
        if refused:
            return self._told(stats, *refused)
        name = answers.digest(body)
        fault = self.schedule.draw(answers.text_of(body), name, stats.tries[name])
        stats.tries[name] += 1
        stats.by_fault[fault] += 1
        wait = self.bucket.take()
        if wait:
            return self._told(stats, *faults.STATUS["rate_limit"], wait=wait)
        delay = self.schedule.latency_ms + (self.schedule.slow_ms if fault == "slow" else 0)
        if delay:
            await asyncio.sleep(delay / 1000)
        return await self._answer(request, body, fault, name, stats)

    def _gate(self, request: web.Request, body: dict[str, Any]) -> tuple[int, str | None, str] | None:
        """What every server checks first."""
        key = self.options.api_key
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return 401, "invalid_api_key", "Incorrect API key provided."
        if body.get("model") not in self.models:
            return 404, "model_not_found", f"The model `{body.get('model')}` does not exist."
        for field in filter(None, self.options.refuse.split(",")):
            if field in body:
                return 400, "unsupported_parameter", f"Unsupported parameter: '{field}' is not supported."
        try:
            answers.check(body)
        except answers.BadRequestError as error:
            return 400, error.code, str(error)
        return None

    async def _answer(
        self, request: web.Request, body: dict[str, Any], fault: str, name: str, stats: faults.Stats
    ) -> web.StreamResponse:
        if fault == "cut_before":
            return self._cut(request, stats)
        if fault in faults.STATUS:
            status, code, words = faults.STATUS[fault]
            sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if fault == "error_then_drop":
                self.dropped.add(request.transport)
            wait = self.schedule.retry_after if fault == "rate_limit" else None
            return self._told(stats, status, code, words.format(key=sent, model=body["model"]), wait=wait)
        made = answers.reply_to(body, self.rules, take_n=not self.options.ignores_n)
        text = _spoilt(made, fault)
        if fault == "cut_middle":
            return await self._cut_middle(request, text, stats)
        if request.transport is None or request.transport.is_closing():
            stats.by_status["gone"] += 1  # the caller did not wait for it
            return web.Response()
        stats.by_status["200"] += 1
        if fault in {"ok", "slow", "content_filter", "no_words"}:
            stats.paid[name] += 1
            if answers.text_of(body) == "Hi":
                stats.greetings.add(name)
        kind = "text/html" if fault == "html" else "application/json"
        return web.Response(body=text.encode(), content_type=kind, headers=self.bucket.headers())

    def _told(
        self, stats: faults.Stats, status: int, code: str | None, words: str, *, wait: float | None = None
    ) -> web.Response:
        """An error in OpenAI's form."""
        stats.by_status[str(status)] += 1
        headers = self.bucket.headers() | ({"Retry-After": f"{wait:.3f}"} if wait is not None else {})
        error = {"message": words, "type": "error", "param": None, "code": code}
        return web.json_response({"error": error}, status=status, headers=headers)

    def _cut(self, request: web.Request, stats: faults.Stats) -> web.Response:
        stats.by_status["cut"] += 1
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _cut_middle(self, request: web.Request, text: str, stats: faults.Stats) -> web.StreamResponse:
        stats.by_status["cut"] += 1
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Content-Length": str(len(text))}
        )
        await response.prepare(request)
        await response.write(text[: len(text) // 2].encode())
        if request.transport is not None:
            request.transport.abort()
        return response

    def _batch_answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One line of a batch."""
        try:
            answers.check(body)
        except answers.BadRequestError as error:
            return 400, {"error": {"message": str(error), "code": error.code}}
        self.stats.paid[answers.digest(body)] += 1
        return 200, answers.reply_to(body, self.rules, take_n=not self.options.ignores_n)

    async def list_models(self, _: web.Request) -> web.Response:
        """GET /v1/models."""
        return web.json_response(
            {"object": "list", "data": [{"id": n, "object": "model"} for n in self.models]}
        )

    async def upload(self, request: web.Request) -> web.Response:
        """POST /v1/files."""
        form = await request.post()
        content = form["file"].file.read()  # type: ignore[union-attr]
        name = self.cabinet.store(content)
        return web.json_response(
            {"id": name, "object": "file", "bytes": len(content), "purpose": form["purpose"]}
        )

    async def content(self, request: web.Request) -> web.Response:
        """GET /v1/files/{id}/content."""
        found = self.cabinet.files.get(request.match_info["id"])
        if found is None:
            return self._told(self.stats, 404, None, "No such File object.")
        return web.Response(body=found, content_type=batch_files.CONTENT_TYPE)

    async def create_batch(self, request: web.Request) -> web.Response:
        """POST /v1/batches."""
        body = await request.json()
        if body["input_file_id"] not in self.cabinet.files:
            return self._told(self.stats, 400, "invalid_input_file", "No such file.")
        plan = self.schedule
        made = self.cabinet.create(body, polls=plan.batch_polls, fault=plan.batch)
        self.stats.batches += 1
        if plan.batch == "cut_after_submit":
            return self._cut(request, self.stats)
        return web.json_response(made.shown())

    async def list_batches(self, request: web.Request) -> web.Response:
        """GET /v1/batches."""
        return web.json_response(
            self.cabinet.listed(int(request.query.get("limit", 20)), request.query.get("after"))
        )

    async def get_batch(self, request: web.Request) -> web.Response:
        """GET /v1/batches/{id}."""
        if request.match_info["id"] not in self.cabinet.batches:
            return self._told(self.stats, 404, None, "No such batch.")
        return web.json_response(self.cabinet.poll(request.match_info["id"]).shown())

    def admin(self, act: Callable[[Any], None]) -> Callable[[web.Request], Any]:
        """A handler that takes JSON and answers with the statistics."""

        async def handle(request: web.Request) -> web.Response:
            try:
                act(await request.json())
            except (ValueError, TypeError, KeyError) as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response(self.stats.shown())

        return handle

    def _set_rules(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules

    def _start_anew(self, _: Any) -> None:
        self.rules = json.loads(self.options.rules)
        self._reset()

    def app(self) -> web.Application:
        """All routes."""
        made = web.Application(client_max_size=256 * 2**20)
        made.router.add_post("/v1/chat/completions", self.chat)
        made.router.add_get("/v1/models", self.list_models)
        made.router.add_post("/v1/files", self.upload)
        made.router.add_get("/v1/files/{id}/content", self.content)
        made.router.add_post("/v1/batches", self.create_batch)
        made.router.add_get("/v1/batches", self.list_batches)
        made.router.add_get("/v1/batches/{id}", self.get_batch)
        made.router.add_post("/_admin/faults", self.admin(lambda values: self.schedule.change(values)))
        made.router.add_post("/_admin/limit", self.admin(lambda values: self.bucket.set(**values)))
        made.router.add_post("/_admin/rules", self.admin(self._set_rules))
        made.router.add_post("/_admin/reset", self.admin(self._start_anew))
        made.router.add_get("/_admin/stats", self._stats)
        made.router.add_get("/_admin/last", self._last)
        return made

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self.stats.shown())

    async def _last(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.last))


def _spoilt(made: dict[str, Any], fault: str) -> str:
    """An answer's JSON text with a fault in it."""
    choices = made["choices"]
    if fault == "html":
        return "<html><body>502 Bad Gateway</body></html>"
    if fault == "no_choices":
        made["choices"] = []
    elif fault == "fewer_choices":
        made["choices"] = choices[:-1]
    elif fault == "null_content":
        choices[0]["message"]["content"] = choices[0]["finish_reason"] = None
    elif fault == "no_words":
        choices[0]["message"]["content"] = None
    elif fault == "aborted":
        choices[0]["finish_reason"] = "abort"
    elif fault == "content_filter":
        choices[0] |= {"finish_reason": "content_filter"}
        choices[0]["message"]["content"] = ""
    text = json.dumps(made)
    return text[: len(text) // 2] if fault == "cut_json" else text


def arguments() -> argparse.ArgumentParser:
    """The options of a start."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server for tests.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--models", default="tiny", help="names it knows, with commas between")
    parser.add_argument("--api-key", default="", help="the only key it takes; none: it takes any")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="before every answer")
    parser.add_argument("--ignores-n", action="store_true", help="one answer whatever n says, as Ollama does")
    parser.add_argument("--refuse", default="", help="body fields refused with 400, with commas between")
    parser.add_argument("--rules", default="[]", help="scripted answers, as JSON")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    parser.add_argument("--keep", type=int, default=16, help="requests kept for /_admin/last")
    return parser


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is ended."""
    runner = web.AppRunner(Double(options).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port, backlog=2048)
    await site.start()
    port = runner.addresses[0][1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}/v1", "port": port}), flush=True)
    await (asyncio.to_thread(sys.stdin.read) if options.with_parent else asyncio.Event().wait())
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(arguments().parse_args()))
