"""Statements about a picture that several people called true or false."""

from collections.abc import Iterable

from pairwright.schemas.candidate import Candidate, Comparison, Outcome

TRUE, FALSE = Candidate("Yes."), Candidate("No.")
"""The two answers: a vote for true prefers the first one."""


def question(statement: str) -> str:
    """Return a statement as a question, in our words.

    >>> question("The cat is on the mat.")
    'Is this true of the picture? The cat is on the mat.'
    """
    return f"Is this true of the picture? {statement}"


def votes(people: Iterable[tuple[str, Outcome]]) -> tuple[Comparison, ...]:
    """Return what each person said: ``first`` for true, ``second`` for false."""
    return tuple(
        Comparison(0, 1, outcome, person, 1.0 if outcome in ("first", "second") else 0.0)
        for person, outcome in people
    )
