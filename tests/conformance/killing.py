"""Kills at random moments: a schedule drawn from a seed, victims by name, and a count of those that hit a run at work."""

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from going import Go, command, gone, is_finished, kill, marked, shards_done, slices_finished, waited
from sameness import STORE, answered, check_every_row_once, contents, differences

SEED = int(os.environ.get("CONFORMANCE_SEED", "0"))

_MOST_RUNS = 12
"""Runs that one schedule may take: where one is over before it was hit, the next one begins."""

_MOST_GOES = 40
"""Goes that a run may take."""

_NAMES = {
    "worker": ("pairwright.executors.worker",),
    "actor": ("ray::MapWorker",),
    "raylet": ("raylet/raylet",),
    "gcs": ("gcs/gcs_server",),
    "agent": ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent", "log_monitor.py", "monitor.py"),
}
"""Victims by words in their command lines. ``driver`` and ``join`` are processes that were started, ``all`` is everybody."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Processes that died while their run was not finished."""

    victim: str
    processes: int


@dataclass(frozen=True, slots=True)
class Verb:
    """What is started again and again on a run's folder, until it is done."""

    name: str
    """With the seed it decides who is killed when."""
    rows: int
    """Of the source."""
    begin: Callable[[Path], None]
    """Makes ready for a run in a folder that is not there yet."""
    commands: Callable[[Path], list[list[str]]]
    whole: Mapping[str, Any]
    """Contents of a run that nobody disturbed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Callable[[], str] = lambda: ""
    """Mark of processes that belong to it and are no children of what is started."""
    server: Any = None
    """The HTTP double, where it asks models."""
    most_under_way: int = 0
    """Requests that may be under way at once in all processes, until their answers are stored."""
    answers_before: int = 0
    """Requests that were answered before it began."""

    def is_done(self, out: Path) -> bool:
        """Return whether nothing is left to do."""
        return is_finished(out) and shards_done(out) == len(self.whole["manifest.jsonl"])

    @property
    def total(self) -> int:
        """How many lines the manifest gets; where models are asked, how many answers."""
        if self.server is None:
            return len(self.whole["manifest.jsonl"])
        return len({key for key, *_ in self.whole[STORE]["answers"]}) - self.answers_before

    def progress(self, out: Path) -> int:
        """Return how much of ``total`` there is."""
        return shards_done(out) if self.server is None else int(self.server.stats()["paid_for_rows"])


@dataclass(slots=True)
class Trial:
    """A verb that is killed again and again, until it is through its schedule; then it is let come to its end."""

    verb: Verb
    folder: Path
    hits: list[Hit] = field(default_factory=list)
    _plan: list[str] = field(default_factory=list)
    _rng: random.Random = field(default_factory=random.Random)
    _lost: int = 0
    """Answers of a run that were delivered and are not stored, over all goes."""
    _runs: int = 0
    _died: int = 0
    """Processes that were killed, those among them whose run was finished before they died."""

    def through(self, victims: Sequence[str]) -> None:
        """Kill these victims in turn, in an order that is drawn; joins come last, when a run does."""
        self._rng = random.Random(f"{SEED} {self.verb.name}")
        drawn = self._rng.sample(list(victims), len(victims))
        self._plan = sorted(drawn, key="join".__eq__)
        print(f"seed {SEED}, {self.verb.name}: {', '.join(self._plan)}")
        while self._plan:
            self._one_run()
        assert Counter(hit.victim for hit in self.hits) == Counter(victims)

    @property
    def _out(self) -> Path:
        return self.folder / str(self._runs) / "out"

    def _one_run(self) -> None:
        """Begin a run, kill whom the plan says, and check what came of it in the end."""
        self._runs += 1
        assert self._runs <= _MOST_RUNS, (
            f"{self._runs} runs were over before all were killed: make them longer"
        )
        self._lost = 0
        self.verb.begin(self._out)
        with ExitStack() as left:
            goes: list[Go] = []
            was_killed = True  # also of one that was killed when all was done, the same command has to go on
            while was_killed or not self.verb.is_done(self._out):
                go = Go(self._out, self.verb.commands(self._out))
                left.enter_context(gone(go, self.verb.environment))
                goes.append(go)
                assert len(goes) <= _MOST_GOES, f"{len(goes)} goes, and not done"
                was_killed = self._one_go(go)
            for go in goes:
                waited(lambda go=go: not marked(go.mark), "the last processes of a go to end", go.dump, 60)
        self._check()

    def _one_go(self, go: Go) -> bool:
        """Start a go and kill whom the plan says; return whether anybody was killed."""
        died_before = self._died
        while self._plan and self._moment(go):
            if self._strike(go):
                self._plan.pop(0)
        statuses = go.ended()
        assert set(statuses) <= {0, 1, -9}, f"{statuses}\n{go.said}"
        assert "Traceback" not in go.said, go.said
        if self._died == died_before:
            assert not any(statuses), f"nobody was killed, and yet: {statuses}\n{go.said}"
        if self.verb.server is not None:
            self._count_lost()
        return self._died > died_before

    def _moment(self, go: Go) -> bool:
        """Wait for a moment that is drawn; return whether anybody is left then."""
        joins, count = self._plan[0] == "join", len(go.commands)
        done, total = self.verb.progress(self._out), self.verb.total
        share = self._rng.uniform(0.2, 1.8) / (len(self._plan) + 1)
        enough = min(done + max(1, round((total - done) * share)), total - 1)

        def reached() -> bool:
            if joins:
                return slices_finished(self._out) == count
            return self.verb.progress(self._out) >= enough

        waited(lambda: reached() or not go.living(), f"the moment of {self._plan[0]}", go.dump)
        time.sleep(self._rng.uniform(0, 0.1 if joins else 0.03))
        return bool(go.living())

    def _strike(self, go: Go) -> bool:
        """Kill; return whether somebody died while the run was not finished."""
        victim, at = self._plan[0], self.verb.progress(self._out)
        there = self._victims(go, victim)
        if not there:
            time.sleep(0.01)
            return False
        died = kill(there if victim == "all" else [self._rng.choice(there)])
        self._died += died
        if not died or self.verb.is_done(self._out):
            return False
        self.hits.append(Hit(victim, died))
        print(
            f"  kill {len(self.hits)}: {victim} ({died} processes) at {at} of {self.verb.total}, run {self._runs}"
        )
        return True

    def _victims(self, go: Go, victim: str) -> list[int]:
        if victim in ("driver", "join"):
            return go.living()
        if victim == "all":
            return marked(go.mark)
        marks = [mark for mark in (go.mark, self.verb.elsewhere()) if mark]
        return [process for mark in marks for process in marked(mark, *_NAMES[victim])]

    def _count_lost(self) -> None:
        """Count answers that the server delivered in full and that are not stored: they were under way at the kill."""
        stats = self.verb.server.stats
        waited(lambda: not stats()["under_way"], "the server to see that nobody waits", str, 30)
        kept = len(answered(self._out)) - self.verb.answers_before
        lost = stats()["paid_for_rows"] - kept
        assert 0 <= lost <= self.verb.most_under_way, f"{lost} answers of a go are not stored"
        self._lost += lost

    def _check(self) -> None:
        """Check a run that came to its end: to the byte what an undisturbed one is, each row once, and nothing paid in vain."""
        assert differences(contents(self._out, killed=True), self.verb.whole) == []
        check_every_row_once(self._out, self.verb.rows)
        if self.verb.server is not None:
            stats = self.verb.server.stats()
            assert stats["paid_for_rows"] == self.verb.total
            assert stats["paid_again"] <= self._lost


def killed_until_done(
    arguments: Sequence[str], run: Path, moments: random.Random, *, longest_s: float
) -> int:
    """Run a command of pairwright again and again until it ends; return how often it was killed, five times at most.

    It is killed so many seconds after ``run.json`` says that it is at work, ``longest_s`` at most.
    """
    for kills in range(6):
        with subprocess.Popen(
            command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and '"running"' not in (run / "run.json").read_text():
                time.sleep(0.005)
            time.sleep(moments.random() * longest_s)
            if kills < 5 and process.poll() is None:
                process.kill()
                continue
            assert process.wait() == 0
            break
    return kills
