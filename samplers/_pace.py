"""How fast a server may be asked: buckets for requests and tokens, and what its headers tell of its limits.

Headers as OpenAI sends them and most compatible servers copy them: ``x-ratelimit-limit-requests``, ``-remaining-`` and
``-reset-``, the same for ``tokens``, and ``retry-after`` (seconds or a date) or ``retry-after-ms``. Limits are taken as
per minute; a server that means a longer time answers 429, and its ``retry-after`` is followed.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_TOLERANCE = 1e-6
"""Share of one request by which a bucket may fall short: sleeping is not exact."""
_LONGEST_RESET = 60.0
"""Seconds. A reset that lies further off is that of a whole day's limit, a little of which comes back long before."""


@dataclass(slots=True)
class Bucket:
    """A token bucket: it fills with ``rate`` units a second up to ``capacity``, and every call takes some out.

    >>> bucket = Bucket.per_minute(60, now=0.0)
    >>> bucket.take(1, now=0.0); bucket.wait(1, now=0.0)
    1.0
    >>> bucket.wait(1, now=0.75)
    0.25
    """

    rate: float
    """Units per second; infinite where nothing is known."""
    capacity: float
    level: float
    since: float
    """Time at which the level was right, in seconds."""
    own: float = math.inf
    """The rate that was set, which no server's header raises."""

    @classmethod
    def per_minute(cls, limit: float | None, *, now: float, burst_s: float = 1.0) -> "Bucket":
        """Return a full bucket for ``limit`` units per minute that saves up ``burst_s`` seconds' worth."""
        if limit is None:
            return cls(math.inf, math.inf, math.inf, now)
        capacity = max(1.0, limit / 60 * burst_s)
        return cls(limit / 60, capacity, capacity, now, limit / 60)

    def wait(self, need: float, *, now: float) -> float:
        """Return the seconds until ``need`` units may be taken; a need above the capacity waits for a full bucket."""
        self._fill(now)
        missing = min(need, self.capacity) - self.level
        return missing / self.rate if missing > _TOLERANCE else 0.0

    def take(self, need: float, *, now: float) -> None:
        """Take units out; the level may fall below zero."""
        self._fill(now)
        self.level -= need

    def put_back(self, amount: float) -> None:
        """Correct the level by what was taken too much, or too little if negative."""
        self.level = min(self.capacity, self.level + amount)

    def learn(self, limit: float, remaining: float, *, now: float) -> None:
        """Take over a server's limit per minute and what is left of it, where they are tighter than what is known."""
        self._fill(now)
        if limit / 60 < self.own:
            # How much the server lets save up is only seen in what it says remains.
            self.capacity = max(self.capacity, remaining + 1) if math.isfinite(self.rate) else remaining + 1
            self.rate = limit / 60
        self.level = min(self.level, remaining)

    def _fill(self, now: float) -> None:
        if math.isfinite(self.rate):
            self.level = min(self.capacity, self.level + (now - self.since) * self.rate)
        self.since = now


def seconds_of(text: str) -> float | None:
    """Return a duration as servers write it, in seconds; None for anything else.

    >>> [seconds_of(text) for text in ("6m0s", "20ms", "1.5", "soon")]
    [360.0, 0.02, 1.5, None]
    """
    number = number_of(text)
    if number is not None:
        return number
    found = _DURATION.findall(text)
    whole = "".join(value + unit for value, unit in found) == text.strip()
    return sum(float(value) * _UNITS[unit] for value, unit in found) if found and whole else None


def number_of(text: str | None) -> float | None:
    """Return a header's number, None where there is none that is finite and not negative."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds for which a server asks to be left alone, None where it does not ask.

    A date is compared with the answer's own ``date``, so that the two clocks need not agree.

    >>> asked_wait({"retry-after": "2"}), asked_wait({"retry-after-ms": "250"}), asked_wait({})
    (2.0, 0.25, None)
    """
    milliseconds = number_of(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    return _after(told, headers.get("date")) if told else _reset(headers)


def _after(told: str, date: str | None) -> float | None:
    seconds = seconds_of(told)
    if seconds is not None or date is None:
        return seconds
    try:
        wait = (parsedate_to_datetime(told) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return None
    return max(0.0, wait)


def _reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit that is used up is whole again."""
    waits = [
        seconds_of(headers.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in ("requests", "tokens")
        if number_of(headers.get(f"x-ratelimit-remaining-{kind}")) == 0
    ]
    known = [wait for wait in waits if wait is not None]
    return min(max(known), _LONGEST_RESET) if known else None
