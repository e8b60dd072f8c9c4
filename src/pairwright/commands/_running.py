"""How the verbs that build run: progress while they do, what came of it at the end."""

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import cast, get_args

import click

from pairwright.building import Outcome
from pairwright.commands._saying import say
from pairwright.executors import Watch
from pairwright.responses.ledger import Spent
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES
from pairwright.schemas.candidate_table import files_in
from pairwright.schemas.reasons import EXPLANATIONS, Reason
from pairwright.schemas.reject import Scope

_REFUSED: dict[Scope, str] = {
    "row": "rejected rows",
    "negative": "rejects of negatives",
    "candidate": "rejects of answers",
    "pair": "rejects of pairs",
}
if set(_REFUSED) != set(get_args(Scope)):
    raise AssertionError("each scope needs its words")


def run_and_tell(name: str, work: Callable[[Watch], Outcome], *, pairs_wanted: bool = True) -> None:
    """Do the work of a run, show how far it is, and tell what came of it; exit with 1 where no pair did.

    With ``pairs_wanted`` false, candidates alone are enough: there are sets without a second side.
    """
    from pairwright.commands._progress import shown_progress
    from pairwright.executors.shards import keep_freed_memory

    # A job started in the background of a script inherits that SIGINT is ignored, and could then not be stopped in order.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    keep_freed_memory()
    try:
        with shown_progress(name) as watch:
            outcome = work(watch)
    except KeyboardInterrupt:
        say("stopped. Finished shards and answers are safe; the same command goes on from there.")
        for number in (signal.SIGINT, signal.SIGTERM):  # an interrupt behind this would end in a traceback
            signal.signal(number, signal.SIG_DFL)
        sys.exit(130)
    _tell(outcome, pairs_wanted=pairs_wanted)


def _tell(outcome: Outcome, *, pairs_wanted: bool) -> None:
    from pairwright.runs.wording import counted

    counts, place = outcome.counts, _place(outcome)
    if outcome.slices_left:
        _tell_slice(outcome)
        return
    if outcome.retried:
        click.echo(f"tried {counted(outcome.retried, 'failed row')} again", err=True)
    if outcome.mended:
        what = counted(outcome.mended, "shard")
        click.echo(f"{what} had lost a file, or part of one, and was built again", err=True)
    pairs = ", ".join(f"{number:,} {kind}" for kind, number in counts.pairs.items()) or "none"
    done = f"nothing to do: {place} is finished" if outcome.already_done else f"{place} is finished"
    click.echo(
        f"{done}. {counted(counts.rows, 'source row')} = {counts.paired:,} with pairs + {counts.rejected:,} rejected."
    )
    click.echo(f"pairs: {pairs}")
    for scope, what in _REFUSED.items():
        reasons = counts.rejects.get(scope, {})
        if reasons:
            click.echo(f"{what}: " + ", ".join(f"{number:,} {reason}" for reason, number in reasons.items()))
    _tell_ledger(outcome.ledger)
    _tell_retry(outcome)
    kept = outcome.folder / CANDIDATES
    if not counts.pairs and not pairs_wanted and files_in(outcome.folder):
        click.echo(f"no pair came out, and all that was said is in {kept}")
    elif not counts.pairs:
        say(f"no pair came out of {counted(counts.rows, 'source row')}; see the reasons:")
        for reason in counts.rejects.get("row", {}):
            click.echo(f"  {reason}: {EXPLANATIONS[cast(Reason, reason)]}", err=True)
        click.echo(f"an example of each: pairwright show {_shown(outcome)}", err=True)
        sys.exit(1)
    if not outcome.already_done:
        shown = _shown(outcome)
        click.echo(f"next: {_fetched(outcome)}pairwright show {shown} | pairwright report {shown}")


def _place(outcome: Outcome) -> str:
    return outcome.url or str(outcome.folder)


def _fetched(outcome: Outcome) -> str:
    """Return the command that brings a run here, if it is elsewhere."""
    return f"pairwright fetch {outcome.url} DIR, then " if outcome.url else ""


def _shown(outcome: Outcome) -> str:
    """Return what the other verbs are given for this run."""
    return "DIR" if outcome.url else _quoted(outcome.folder)


def _tell_slice(outcome: Outcome) -> None:
    from pairwright.runs.wording import counted

    left, counts = outcome.slices_left, outcome.counts
    shown = ", ".join(map(str, left[:8])) + (", …" if len(left) > 8 else "")
    click.echo(
        f"this slice is finished: {counted(counts.rows, 'source row')} = {counts.paired:,} with pairs + {counts.rejected:,} rejected."
    )
    _tell_ledger(outcome.ledger)
    _tell_retry(outcome)
    click.echo(
        f"{counted(len(left), 'slice')} of {left[0].count} not finished: {shown}; the last to finish makes one run of all. "
        f"pairwright status {outcome.url or _quoted(outcome.folder.parent.parent)} shows how far they are"
    )


def _tell_ledger(ledger: Sequence[Spent]) -> None:
    for spent in ledger:
        money = "" if spent.usd is None else f", {spent.usd:,.4f} USD"
        failed = f", {spent.failed:,} failed" if spent.failed else ""
        refused = f", {spent.refused:,} refused" if spent.refused else ""
        click.echo(
            f"model {spent.model}: {spent.calls:,} calls{failed}{refused}, {spent.answers:,} answers, "
            f"{spent.replayed:,} more from the store, {spent.prompt_tokens:,} + {spent.completion_tokens:,} tokens{money}"
        )


def _tell_retry(outcome: Outcome) -> None:
    from pairwright.runs.failing import waiting_rows
    from pairwright.runs.wording import counted

    place, rejects = outcome.url or _quoted(outcome.folder), outcome.counts.rejects
    if later := waiting_rows(rejects):
        told = f"{counted(later, 'row')} {'waits' if later == 1 else 'wait'} for"
        click.echo(f"{told}: pairwright retry {place}")
    refused = rejects.get("row", {}).get("call_refused", 0)
    if refused and outcome.ledger:  # refused by the models of this run
        told = f"{counted(refused, 'row')} {'was' if refused == 1 else 'were'} refused; with another server or setting"
        click.echo(f"{told}: pairwright retry {place} --refused")


def _quoted(folder: Path) -> str:
    return f"'{folder}'" if " " in str(folder) else str(folder)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        raise KeyboardInterrupt
    # asyncio has a handler of its own: it cancels the work in order, and calls under way are given time to end.
    signal.raise_signal(signal.SIGINT)
