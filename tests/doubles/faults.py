"""What goes wrong in the HTTP double: a schedule, a rate limit, and the statistics that tests look at."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

FAULTS = (
    "ok",
    "rate_limit",  # 429 with Retry-After
    "server_error",  # 500
    "error_then_drop",  # 500, and the next request on this connection is cut off, as vLLM does
    "unavailable",  # 503
    "timeout",  # 408
    "conflict",  # 409
    "slow",  # the answer comes after slow_ms
    "cut_before",  # connection cut before the answer
    "cut_middle",  # connection cut in the middle of the body
    "html",  # a proxy's page, with status 200
    "cut_json",  # JSON cut short, with a whole HTTP answer
    "no_choices",
    "fewer_choices",
    "null_content",  # neither content nor finish_reason, and paid for: it broke inside
    "no_words",  # finish_reason stop, content null: the model had nothing to say
    "aborted",  # finish_reason abort, as vLLM does
    "bad_request",  # 400
    "too_large",  # 413
    "unprocessable",  # 422
    "filter_error",  # 400 with code content_filter, as Azure does
    "content_filter",  # 200 with finish_reason content_filter
    "unauthorized",  # 401
    "forbidden",  # 403
    "moderated",  # 403 for what was asked, as OpenRouter does
    "unknown_model",  # 404
    "no_quota",  # 429 with code insufficient_quota: no money left, waiting does not help
)

STATUS = {
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    "no_quota": (429, "insufficient_quota", "You exceeded your current quota."),
    "server_error": (500, None, "The server had an error while processing your request."),
    "error_then_drop": (500, None, "Internal Server Error"),
    "unavailable": (503, None, "The server is overloaded."),
    "timeout": (408, None, "Request timeout."),
    "conflict": (409, None, "Conflict."),
    "bad_request": (400, "context_length_exceeded", "This model's maximum context length is 512 tokens."),
    "too_large": (413, None, "Request too large."),
    "unprocessable": (422, None, "Unprocessable entity."),
    "filter_error": (400, "content_filter", "The response was filtered by the content management policy."),
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided: {key}."),
    "forbidden": (403, "unsupported_country", "Not allowed."),
    "moderated": (403, None, "This input requires moderation. It was flagged for violence."),
    "unknown_model": (404, "model_not_found", "The model `{model}` does not exist."),
}
"""Status, OpenAI's code and words of the faults that are answers. ``{key}``: some servers repeat the key sent."""


@dataclass
class Schedule:
    """Which fault a request meets. Every field may be set through ``POST /_admin/faults``."""

    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    """Probability by fault. Drawn from (seed, request, its number of tries), so the order of arrival is the same."""
    queue: list[str] = field(default_factory=list)
    """Faults of the next requests, in order of arrival; before ``rates``."""
    by_text: list[dict[str, Any]] = field(default_factory=list)
    """``{"contains": text, "fault": name, "times": k}``: requests with that text, the first ``times`` tries of each
    (all without ``times``); before everything else."""
    down: bool = False
    """Every connection is cut without an answer."""
    latency_ms: float = 0.0
    slow_ms: float = 2000.0
    retry_after: float | None = 1.0
    """Seconds told with 429; None tells nothing."""
    batch: str | None = None
    """Fault of batches: expired, failed, errors, cut_after_submit."""
    batch_polls: int = 1
    """Times that a batch's status is asked before it ends."""

    def draw(self, text: str, digest: str, tries: int) -> str:
        """The fault of the ``tries``-th try (from 0) of a request."""
        for rule in self.by_text:
            if rule["contains"] in text and tries < rule.get("times", tries + 1):
                return str(rule["fault"])
        if self.queue:
            return self.queue.pop(0)
        left = random.Random(f"{self.seed} {digest} {tries}").random()
        for name, rate in self.rates.items():
            left -= rate
            if left < 0:
                return name
        return "ok"

    def change(self, values: dict[str, Any]) -> None:
        """Set fields; an unknown field or fault is an error."""
        named = [
            *values.get("queue", []),
            *values.get("rates", {}),
            *(r["fault"] for r in values.get("by_text", [])),
        ]
        for name in named:
            if name not in FAULTS:
                raise ValueError(f"no fault {name!r}; known: {', '.join(FAULTS)}")
        for name, value in values.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"no field {name!r}")
            setattr(self, name, value)


@dataclass
class Bucket:
    """A real rate limit: ``per_second`` requests, ``burst`` saved up at most. None per second: no limit."""

    per_second: float | None = None
    burst: float = 1.0
    show: bool = True
    """Whether x-ratelimit-* headers tell of it."""
    level: float = 1.0
    since: float = field(default_factory=time.monotonic)

    def set(self, per_second: float | None, burst: float = 1.0, show: bool = True) -> None:
        self.per_second, self.burst, self.show, self.level = per_second, burst, show, burst
        self.since = time.monotonic()

    def take(self) -> float:
        """Take one request; return the seconds to wait if there is none, else 0."""
        if self.per_second is None:
            return 0.0
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.since) * self.per_second)
        self.since = now
        if self.level < 1:
            return (1 - self.level) / self.per_second
        self.level -= 1
        return 0.0

    def headers(self) -> dict[str, str]:
        """OpenAI's headers: limits per minute, durations as ``1.5s``."""
        if self.per_second is None or not self.show:
            return {}
        reset = (self.burst - self.level) / self.per_second
        return {
            "x-ratelimit-limit-requests": f"{self.per_second * 60:.0f}",
            "x-ratelimit-remaining-requests": f"{int(self.level)}",
            "x-ratelimit-reset-requests": f"{reset:.3f}s",
        }


@dataclass
class Stats:
    """What happened since the start or the last ``POST /_admin/reset``."""

    by_status: Counter[str] = field(default_factory=Counter)
    """Chat calls by HTTP status; ``cut`` for a connection that was cut."""
    by_fault: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    """Whole answers with status 200, by hash of the request."""
    greetings: set[str] = field(default_factory=set)
    """Those of them that say a mere "Hi", by which a sampler finds out whether a server is there."""
    under_way: int = 0
    most_under_way: int = 0
    batches: int = 0

    def shown(self) -> dict[str, Any]:
        return {
            "calls": sum(self.by_status.values()),
            "by_status": dict(self.by_status),
            "by_fault": dict(self.by_fault),
            "distinct": len(self.tries),
            "paid": sum(self.paid.values()),
            "paid_distinct": len(self.paid),
            "paid_most": max(self.paid.values(), default=0),
            "paid_for_rows": len(self.paid.keys() - self.greetings),
            "paid_again": sum(n - 1 for name, n in self.paid.items() if name not in self.greetings),
            "under_way": self.under_way,
            "most_under_way": self.most_under_way,
            "batches": self.batches,
        }
