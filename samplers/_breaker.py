"""A circuit breaker: it tells a server in trouble from a request in trouble."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["limited", "answered", "unreached"]
"""How a try failed: the server wants fewer of them (429); it answered, but with an error or nonsense, or too late; or
it was not reached at all (refused or cut connection)."""

_WINDOW = 20
"""Outcomes that are looked at."""
_FEWEST = 10
"""Outcomes below which nothing is concluded."""
_SHARE = 0.8
"""Share of failures at which it opens."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0


@dataclass(slots=True)
class Breaker:
    """Watches outcomes. Open, it lets one request at a time through, with growing pauses, until one succeeds.

    Where the server can be tried by itself (``Limits`` has a canary), that is done in a request's place.
    """

    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    """Whether the last requests succeeded; rate limits are not among them."""
    failing: set[int] = field(default_factory=set)
    """Requests that failed since the last success."""
    failing_since: float | None = None
    """Time of the first failure after the last success, in seconds."""
    open: bool = False
    probe: int | None = None
    """The request that is let through while it is open."""
    until: float = 0.0
    """Time before which there is no probe."""
    pause: float = _FIRST_WAIT_S
    successes: int = 0

    def wait(self, *, now: float) -> float:
        """Return the seconds until a request may be let through."""
        return self.until - now if self.open else 0.0

    def admitted(self, number: int) -> None:
        """Note that a request is under way."""
        if self.open:
            self.probe = number

    def succeeded(self) -> bool:
        """Note an answer; return whether that closes the breaker."""
        closes = self.open
        self.recent.append(True)
        self.failing.clear()
        self.failing_since = None
        self.successes += 1
        self._close()
        return closes

    def failed(self, number: int, kind: Kind, *, now: float) -> None:
        """Note a failed try."""
        self.failing.add(number)
        self.failing_since = now if self.failing_since is None else self.failing_since
        if kind == "limited":  # it lives
            self._close()
            return
        self.recent.append(False)
        if self.open and number == self.probe:
            self.pause = min(self.pause * 2, _LONGEST_WAIT_S)
            self.probe, self.until = None, now + self.pause
        elif not self.open and self._in_trouble():
            self.open, self.until = True, now + self.pause

    def trip(self, *, now: float) -> None:
        """Open, or stay open for a longer pause: the server was tried by itself, and failed."""
        self.pause = min(self.pause * 2, _LONGEST_WAIT_S) if self.open else _FIRST_WAIT_S
        self.open, self.until = True, now + self.pause
        self.failing_since = now if self.failing_since is None else self.failing_since

    def abandoned(self, number: int) -> None:
        """Note that a request was cancelled: if it was the probe, the next one is."""
        if number == self.probe:
            self.probe = None

    def failing_for(self, *, now: float) -> float:
        """Return the seconds since the first failure after the last success."""
        return 0.0 if self.failing_since is None else now - self.failing_since

    def _close(self) -> None:
        if self.open:
            self.recent.clear()
            self.open, self.probe, self.pause = False, None, _FIRST_WAIT_S

    def _in_trouble(self) -> bool:
        """One request alone may be at fault itself, so it takes two."""
        failures = self.recent.count(False)
        return len(self.recent) >= _FEWEST and failures >= _SHARE * len(self.recent) and len(self.failing) > 1
