"""Between a builder's question and a model: what is stored is not asked, what is asked is stored before it is used.

For each request: look up its samples; for those that are missing, claim the request against other processes, look
again, keep the budget, ask, store, hand on what the store now holds. So a replay gives exactly what the first run was
given, and opens no model at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pairwright.responses.ledger import Ledger, Spent
from pairwright.schemas.request import Ask

_GRACE_S = 10.0
"""Seconds that calls under way are given when a run breaks off: most of them are paid for by then, and an interrupt
must not take a minute. A budget stop waits for all of them."""

_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.05, 5.0
"""Seconds between looks for the answer to a request that another process is asking: calls take seconds, batches
hours."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a run, ready to be asked."""

    asks: Mapping[str, Ask]
    """Ways to ask them, by the builder's names."""
    _ledger: Ledger

    def spent(self) -> tuple[Spent, ...]:
        """Return what the run took so far, earlier goes included."""
        return self._ledger.spent()
