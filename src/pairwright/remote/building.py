"""Building a run whose output goes to an object store, whole or in slices, and going on with it on any machine."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pairwright.building import Outcome, build_whole
from pairwright.executors import Progress
from pairwright.recipe import Recipe
from pairwright.recipe_of_run import stored_recipe
from pairwright.remote.answers import Answers, fetch_answers
from pairwright.remote.finishing import finish, leftovers, put_stores
from pairwright.remote.joining import check_slices, join_slices, outcome_of_whole, own_prefix, slices_left
from pairwright.remote.lease import Lease, Tell, held
from pairwright.remote.mirror import Mirror
from pairwright.remote.prefix import Prefix, open_prefix
from pairwright.remote.run_json import is_finished, none_at, put_run_file, read_run
from pairwright.remote.work import (
    check_prefix,
    fetch_failed,
    fetch_vectors,
    is_pulled,
    name_of,
    note_pulled,
    pull,
    run_in,
    work_folder,
)
from pairwright.responses.layout import NAME as RESPONSES
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest
from pairwright.runs.slices import Slice, parse_slice
from pairwright.schemas.reasons import Reason

Watch = Callable[[Progress], None]


def build_remote(
    recipe: Recipe,
    url: str,
    *,
    work: str | Path | None,
    shard: str | None,
    limit: int | None,
    workers: int | None,
    watch: Watch | None,
    tell: Tell,
) -> Outcome:
    """Build a run, or one slice of it, into an object store; see :func:`pairwright.build`.

    Args:
        recipe: what to build.
        url: where to.
        work: folder for what is under way; one in the user's cache folder if not given.
        shard: slice ``i/n``; all if not given.
        limit: use only the first rows.
        workers: processes.
        watch: called with the progress.
        tell: told what is waited for, and where the work folder is.

    Raises:
        MissingExtraError: the package for this kind of store is not installed.
        RunError: the store cannot be used, or holds something else, or another process is at work.
        ParameterError: ``shard`` is no slice.
        As :func:`pairwright.build` does for everything else.
    """
    part = parse_slice(shard) if shard is not None else None
    plan = _Plan(recipe, limit, workers)
    return _go(open_prefix(url), plan, work, part, watch, tell)


def retry_remote(
    url: str,
    overrides: Sequence[str],
    again: Collection[Reason],
    *,
    work: str | Path | None,
    watch: Watch | None,
    tell: Tell,
) -> Outcome:
    """Try the failed rows of a run in an object store again; see :func:`pairwright.retry`.

    Args:
        url: address of the run.
        overrides: ``key=value`` lines.
        again: reasons of rejects that are tried again.
        work: folder for what is under way; one in the user's cache folder if not given.
        watch: called with the progress.
        tell: told what is waited for, and where the work folder is.

    Raises:
        RunError: there is no run at the address, or one in slices that are not joined.
        As :func:`build_remote` does for everything else.
    """
    prefix = open_prefix(url)
    run = read_run(prefix)
    if run is None:
        raise none_at(prefix)
    plan = _Plan(stored_recipe(run.recipe, overrides), run.identity.limit, None, tuple(again))
    return _go(prefix, plan, work, None, watch, tell)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be built."""

    recipe: Recipe
    limit: int | None
    workers: int | None
    again: tuple[Reason, ...] = ()


def _go(
    prefix: Prefix, plan: _Plan, work: str | Path | None, part: Slice | None, watch: Watch | None, tell: Tell
) -> Outcome:
    place = work_folder(prefix.url, work, part)
    with run_folder.locked(place):
        owner = name_of(place, prefix.url)
        prefix.check()
        check_prefix(prefix.url, prefix.names(), part)
        folder = run_in(place, prefix.url)
        ready = replace(plan, recipe=plan.recipe.placed(source=None, out=folder, seed=None))
        if part is not None and read_run(prefix) is not None:
            return outcome_of_whole(prefix, ready.recipe, plan.limit)
        if part is not None:
            check_slices(prefix, part, ready.recipe, plan.limit)
        tell(
            f"{prefix.url} is built by way of {place}; if it is stopped, the same command goes on, here or on another machine"
        )
        return _Going(prefix, place, owner, part, tell).build(ready, watch)


class _Going:
    """One go of a run, or of a slice."""

    def __init__(self, prefix: Prefix, place: Path, owner: str, part: Slice | None, tell: Tell) -> None:
        self._prefix, self._place, self._owner, self._part, self._tell = prefix, place, owner, part, tell
        self._own = own_prefix(prefix, part)
        self._folder = run_in(place, prefix.url)

    def build(self, plan: _Plan, watch: Watch | None) -> Outcome:
        """Build what is missing, put it, and finish."""
        with held(self._own, self._owner, self._tell) as lease:
            outcome = replace(self._built(plan, lease, watch), url=self._prefix.url)
            if self._part is None:
                if not outcome.already_done or not self._is_cleared():
                    finish(self._prefix, self._folder, lease)
                return outcome
            put_stores(self._own, self._folder)
            lease.release()
            put_run_file(self._own, self._folder)
        return self._after_slice(plan, self._part, outcome)

    def _is_cleared(self) -> bool:
        """Tell whether the run is finished, and was not killed while it cleared away what is of no use any more.

        It looks anew: answers of a go that was killed may have been put since this one began.
        """
        return is_finished(self._prefix) and not leftovers(self._prefix, manifest.read(self._folder))

    def _built(self, plan: _Plan, lease: Lease, watch: Watch | None) -> Outcome:
        """Build what is missing, and put it."""

        def seen(progress: Progress) -> None:
            lease.seen(progress)
            if watch is not None:
                watch(progress)

        answers = Answers(self._own, self._folder / RESPONSES, self._owner)
        sizes = self._pulled(plan, lease, answers)
        with Mirror(self._prefix, self._own, self._folder, lease, sizes, answers) as mirror:
            outcome = build_whole(
                plan.recipe,
                limit=plan.limit,
                workers=plan.workers,
                watch=seen,
                again=plan.again,
                part=self._part,
                elsewhere=mirror,
            )
            mirror.drain()
            mirror.take_left()
            mirror.drain()
        return outcome

    def _pulled(self, plan: _Plan, lease: Lease, answers: Answers) -> dict[str, int]:
        """Bring the work folder to what the prefix knows; return the size of every object."""
        trusted = lease.before is not None and is_pulled(self._folder, lease.before.go)
        sizes = pull(self._prefix, self._own, self._folder, self._part, trusted=trusted)
        if not trusted:
            answers.put()  # of a go that was killed: behind those of others nobody would know that they were not put
            fetch_answers(self._own, self._folder / RESPONSES)
            fetch_vectors(self._own, self._folder)
        if plan.again:
            fetch_failed(self._prefix, self._folder)
        note_pulled(self._folder, lease.go)
        return sizes

    def _after_slice(self, plan: _Plan, part: Slice, outcome: Outcome) -> Outcome:
        """Return the outcome of a slice, or of the whole run where it was the last."""
        left = slices_left(self._prefix, part.count)
        if left and not is_finished(self._prefix):
            return replace(outcome, slices_left=tuple(left))
        joined = join_slices(
            self._prefix, self._place, self._owner, plan.recipe, plan.limit, part.count, self._tell
        )
        return replace(joined, mended=outcome.mended)
