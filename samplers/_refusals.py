"""Refusals before the first answer: do they speak of the request, or of the server?

A server that was set up wrongly (a context that is too short, no pictures, no structured output) refuses every request,
and a refusal is stored for good. So until a model has given its first answer, refused requests are held back:

- an answer to any other request shows that the refusals are about theirs;
- the first :data:`MOST` requests all refused shows that the server is at fault. First in the order in which they were
  begun, because refusals come faster than answers;
- where nobody is left whose outcome could tell, the canary decides (see ``Limits``).
"""

import asyncio
from dataclasses import dataclass, field

from pairwright.schemas.errors import RowError

MOST = 20
"""Requests that are refused, with none answered, before the server is held to be at fault."""


@dataclass(slots=True)
class Refusals:
    """What became of the requests of one open model, until one is answered."""

    answered: bool = False
    """Whether the model has answered a request."""
    undecided: dict[int, None] = field(default_factory=dict)
    """Requests, in the order in which they were begun, that are neither answered nor refused nor failed."""
    refused: list[int] = field(default_factory=list)
    """Requests that were refused before any answer."""
    believed: int = 0
    """How many of those, from the start of the list, are known to be about their request."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, number: int) -> None:
        """Note a request; numbers rise."""
        self.undecided[number] = None

    def end(self, number: int) -> None:
        """Note that a request has come to its end."""
        self.undecided.pop(number, None)
        self.changed.set()

    def answer(self) -> None:
        """Note an answer."""
        self.answered = True
        self.changed.set()

    def refuse(self, number: int) -> int:
        """Note a refusal; return its place among them."""
        self.undecided.pop(number, None)
        self.refused.append(number)
        self.changed.set()
        return len(self.refused) - 1

    def believe(self) -> None:
        """Take every refusal so far for one of its request."""
        self.believed = len(self.refused)
        self.changed.set()

    def is_believed(self, place: int) -> bool:
        """Return whether a refusal is known to be about its request."""
        return self.answered or place < self.believed

    def all_refused(self) -> bool:
        """Return whether so many were refused that the server is at fault: more than all that are undecided before."""
        oldest = next(iter(self.undecided), None)
        return sum(oldest is None or number < oldest for number in self.refused) >= MOST

    async def change(self) -> None:
        """Wait until something was noted."""
        self.changed.clear()
        await self.changed.wait()


def blamed(name: str, why: str, error: RowError) -> str:
    """Return what to tell where a server refuses everything; ``error`` is its last refusal."""
    told = error.message.removeprefix(f"{name}: ").rstrip(" .")
    return (
        f"{name} {why}; last: {told}. Look at how the server was started (context length, pictures per prompt, "
        "structured output) and at what is asked of it (max_tokens, options); then start the run again."
    )
