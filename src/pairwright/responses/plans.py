"""What the store knows of batches: planned before they are handed in, so that no crash leaves one that nobody knows of."""

from asyncio import Future
from collections.abc import Iterable
from dataclasses import dataclass

from pairwright.responses.store import Question, Store, now
from pairwright.responses.writer import Change


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch as the store has it."""

    run: str
    """Run that handed it in, and pays."""
    id: str | None
    """The provider's name for it; None while it may not have been handed in."""
    ended: bool
    """Whether everything that came of it is stored."""


@dataclass(frozen=True, slots=True)
class Place:
    """A request in a batch."""

    tag: str
    name: str
    key: str
    samples: range


def put_plan(store: Store, run: str, tag: str, questions: Iterable[tuple[str, Question]]) -> "Future[None]":
    """Record a batch that is about to be handed in, with its questions by name."""
    asked = tuple(questions)
    entries = tuple((tag, name, one.key, one.request.first, one.request.n) for name, one in asked)
    return store.put(
        Change(
            requests=tuple((one.key, one.model.model, one.text) for _, one in asked),
            statements=(
                ("INSERT INTO batches (tag, run, created) VALUES (?, ?, ?)", ((tag, run, now()),)),
                ("INSERT INTO batch_requests (tag, name, key, first, n) VALUES (?, ?, ?, ?, ?)", entries),
            ),
        )
    )


def put_id(store: Store, tag: str, batch: str) -> "Future[None]":
    """Record that a batch was handed in."""
    return store.put(Change(statements=(("UPDATE batches SET id = ? WHERE tag = ?", ((batch, tag),)),)))


def put_end(store: Store, tag: str) -> "Future[None]":
    """Record that nothing more will come of a batch."""
    return store.put(Change(statements=(("UPDATE batches SET ended = 1 WHERE tag = ?", ((tag,),)),)))


def plan_of(store: Store, tag: str) -> Plan:
    """Return a batch."""
    [(run, batch, ended)] = store.rows("SELECT run, id, ended FROM batches WHERE tag = ?", (tag,))
    return Plan(run, batch, bool(ended))


def place_of(store: Store, key: str, samples: range) -> Place | None:
    """Return where a request stands in a batch that has not ended, if some of its samples do."""
    sql = (
        "SELECT r.tag, r.name, r.key, r.first, r.n FROM batch_requests r JOIN batches b USING (tag) "
        "WHERE r.key = ? AND NOT b.ended AND NOT r.done AND r.first < ? AND r.first + r.n > ? LIMIT 1"
    )
    found = store.rows(sql, (key, samples.stop, samples.start))
    return _place(*found[0]) if found else None


def places_left(store: Store, tag: str) -> dict[str, Place]:
    """Return the requests of a batch, by name, whose outcome is not stored."""
    sql = "SELECT tag, name, key, first, n FROM batch_requests WHERE tag = ? AND NOT done"
    return {row[1]: _place(*row) for row in store.rows(sql, (tag,))}


def _place(tag: str, name: str, key: str, first: int, n: int) -> Place:
    return Place(tag, name, key, range(first, first + n))
