"""The lease of a prefix: who builds into it right now.

A lease is an object ``lease/00000007.json``. The holder writes it anew every half minute; whoever takes over creates the next number,
and only one can. The highest number counts. A lease is stale when it has not changed for two minutes by the clock of the one that
waits, which only ever rises, so no two machines need to agree on the time. A go of the same work folder, whose lock it
holds, need not wait.

A holder that was stopped for minutes may not know yet that it is none. What it would break is refused by the commit records,
which nobody replaces.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from uuid import uuid4

from pairwright.executors import Progress
from pairwright.remote.prefix import Prefix
from pairwright.responses.ledger import Spent, from_json, to_json
from pairwright.schemas.errors import RunError

FOLDER = "lease"

REFRESH_S = 30.0
"""Seconds between two writes of the holder."""

STALE_S = 120.0
"""Seconds without a change after which a lease may be taken over."""

LOOK_S = 5.0
"""Seconds between two looks of one that waits."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Holder:
    """What a lease says."""

    owner: str
    """Name of the work folder."""
    go: str
    """Name of the go: one start of the command."""
    host: str
    process: int
    beat: int = 0
    """Counts the writes."""
    released: bool = False
    rate: float | None = None
    """Source rows per second, of this go."""
    ledger: tuple[Spent, ...] = field(default=())
    """What each model took so far."""


class Lease:
    """A lease that is held. Use :func:`held`."""

    def __init__(self, prefix: Prefix, key: str, holder: Holder, before: Holder | None) -> None:
        """Use :func:`held`."""
        self.before = before
        """Who had it last."""
        self._prefix, self._key, self._holder = prefix, key, holder
        self._ended = threading.Event()
        self._written = self._begun = time.monotonic()
        self._first: int | None = None
        self._far: tuple[float | None, tuple[Spent, ...]] = (None, ())
        """Rate and ledger. What a holder is is changed by the thread alone: two at once, and a beat could be told twice."""
        self._error: RunError | None = None
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    @property
    def go(self) -> str:
        """Return the name of this go."""
        return self._holder.go

    def check(self) -> None:
        """Raise RunError where somebody else has it now, or it could not be written for too long."""
        if self._error is not None:
            raise self._error

    def confirm(self) -> None:
        """Look now, before something is replaced that is not looked at again. Raises as :meth:`check` does."""
        self.check()
        self._look()

    def seen(self, progress: Progress) -> None:
        """Note how far the run is; it is told with the next write."""
        self._first = progress.rows if self._first is None else self._first
        rate = (progress.rows - self._first) / max(1e-3, time.monotonic() - self._begun)
        self._far = (rate or None, progress.spent)

    def release(self) -> None:
        """Let go of it, so that nobody has to wait; once is enough."""
        again = self._ended.is_set()
        self._ended.set()
        self._thread.join()
        if self._error is None and not again:
            with suppress(RunError):  # then others wait until it is stale
                self._write(released=True)

    def _keep(self) -> None:
        while not self._ended.wait(REFRESH_S):
            try:
                self._look()
                self._write()
            except RunError as error:
                if self._error is None and time.monotonic() - self._written > STALE_S:
                    self._error = error
            if self._error is not None:
                return

    def _look(self) -> None:
        if _highest(self._prefix) != self._key:
            self._error = RunError(
                f"another process has taken over {self._prefix.url}, since this one did not show itself for "
                f"{STALE_S:,.0f} s; what is finished is kept"
            )
            raise self._error

    def _write(self, *, released: bool = False) -> None:
        rate, ledger = self._far
        beat = self._holder.beat + 1
        self._holder = replace(self._holder, beat=beat, released=released, rate=rate, ledger=ledger)
        self._prefix.put(self._key, _content(self._holder))
        self._written = time.monotonic()


@contextmanager
def held(prefix: Prefix, owner: str, tell: Tell, *, patient: bool = False) -> Iterator[Lease]:
    """Hold the lease of a prefix, waiting for one that is stale or about to be.

    Args:
        prefix: of a run or a slice.
        owner: name of the work folder, whose lock is held.
        tell: told what is waited for.
        patient: whether to wait for somebody who is at work, however long it takes.

    Raises:
        RunError: somebody else is at work.
    """
    holder = Holder(owner, uuid4().hex, platform.node(), os.getpid())
    while True:
        key = _highest(prefix)
        before = None if key is None else read_lease(prefix, key)
        if key is not None and before is not None:
            _wait_for(prefix, key, before, owner, tell, patient=patient)
        following = _following(key)
        if prefix.create(following, _content(holder)):
            break
    lease = Lease(prefix, following, holder, before)
    try:
        prefix.remove(other for other in prefix.sizes(FOLDER) if other < following)
        yield lease
    finally:
        lease.release()


def _wait_for(prefix: Prefix, key: str, first: Holder, owner: str, tell: Tell, *, patient: bool) -> None:
    """Wait until a lease is stale; return at once where it need not be waited for."""
    if first.released or first.owner == owner:
        return
    tell(
        f"{prefix.url} was last built into by process {first.process} on {first.host}, which is at work or was killed; waiting "
        f"up to {STALE_S:,.0f} s for a sign of it"
    )
    deadline = time.monotonic() + STALE_S
    while time.monotonic() < deadline:
        time.sleep(LOOK_S)
        now = read_lease(prefix, key)
        if now is None or now.released:
            return
        if now != first and patient:
            first, deadline = now, time.monotonic() + STALE_S
        elif now != first:
            raise RunError(
                f"another process is building into {prefix.url} (process {now.process} on {now.host}); wait for it, or "
                "choose another --out"
            )


def current(prefix: Prefix) -> tuple[str, Holder] | None:
    """Return the key of the lease that counts and what it says; None where there is none."""
    key = _highest(prefix)
    holder = None if key is None else read_lease(prefix, key)
    return None if key is None or holder is None else (key, holder)


def read_lease(prefix: Prefix, key: str) -> Holder | None:
    """Return what a lease says, None where it is gone. Raises RunError where it is no lease."""
    content = prefix.read(key)
    if content is None:
        return None
    try:
        told = json.loads(content)
        rate = None if told["rate"] is None else float(told["rate"])
        return Holder(
            owner=str(told["owner"]),
            go=str(told["go"]),
            host=str(told["host"]),
            process=int(told["process"]),
            beat=int(told["beat"]),
            released=bool(told["released"]),
            rate=rate,
            ledger=from_json(told["ledger"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{prefix.url}/{key} is no lease ({error!r}): remove it if nobody is at work"
        ) from error


def _content(holder: Holder) -> bytes:
    told = asdict(replace(holder, ledger=())) | {"ledger": to_json(holder.ledger)}
    return json.dumps(told).encode()


def _highest(prefix: Prefix) -> str | None:
    return max(prefix.sizes(FOLDER), default=None)


def _following(key: str | None) -> str:
    number = 0 if key is None else int(key.removeprefix(f"{FOLDER}/").removesuffix(".json"))
    return f"{FOLDER}/{number + 1:08d}.json"
