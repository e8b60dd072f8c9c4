"""How a build shows where it is: a bar on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from pairwright.executors import Progress

_SECONDS_BETWEEN_LINES = 10.0


class _Rate(ProgressColumn):
    """Rows per second."""

    def render(self, task: Task) -> Text:
        """Return the rate of the last rows."""
        return Text(_rate(task.speed) if task.speed else "- rows/s", style="cyan")


@contextmanager
def shown_progress(name: str) -> Iterator[Callable[[Progress], None]]:
    """Yield a function to be told of the progress."""
    console = Console(stderr=True)
    if console.is_terminal:
        with Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
        ) as bar:
            yield _on_bar(bar, name)
    else:
        yield _in_lines(name)


def _on_bar(bar: Bar, name: str) -> Callable[[Progress], None]:
    task = bar.add_task(name, total=None, told="")
    begun = False

    def watch(progress: Progress) -> None:
        nonlocal begun
        if not begun:  # rows of an earlier go are no speed of this one
            bar.reset(task, total=progress.total, completed=progress.rows)
            begun = True
        bar.update(task, completed=progress.rows, told=_told(progress))

    return watch


def _in_lines(name: str) -> Callable[[Progress], None]:
    begun = last = time.monotonic()
    first: int | None = None

    def watch(progress: Progress) -> None:
        nonlocal last, first
        now = time.monotonic()
        first = progress.rows if first is None else first
        if now - last < _SECONDS_BETWEEN_LINES:
            return
        last = now
        rate = (progress.rows - first) / (now - begun)
        of = f" of {progress.total:,}" if progress.total else ""
        left = f", {(progress.total - progress.rows) / rate:,.0f} s left" if progress.total and rate else ""
        told = f"{_told(progress)}, {_rate(rate)}{left}"
        print(f"{name}: {progress.rows:,}{of} rows, {told}", file=sys.stderr, flush=True)

    return watch


def _told(progress: Progress) -> str:
    """Return what a run has given and taken so far."""
    told = f"{progress.pairs:,} pairs, {progress.rejects:,} rejects"
    if progress.spent:
        calls = sum(spent.calls for spent in progress.spent)
        tokens = sum(spent.prompt_tokens + spent.completion_tokens for spent in progress.spent)
        told += f", {calls:,} calls, {tokens:,} tokens"
        if any(spent.usd is not None for spent in progress.spent):
            told += f", {sum(spent.usd or 0.0 for spent in progress.spent):,.2f} USD"
    return told


def _rate(rows: float) -> str:
    """Return rows per second, or per minute where they are few.

    >>> _rate(812.4), _rate(0.25)
    ('812 rows/s', '15 rows/min')
    """
    return f"{rows:,.0f} rows/s" if rows >= 10 else f"{60 * rows:,.0f} rows/min"
