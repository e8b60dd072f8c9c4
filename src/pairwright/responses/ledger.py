"""The ledger: what a run took of each model, made of the calls in the store, so that it survives any end.

``seconds`` are those of the answers added up; many are under way at once, so they pass the clock's.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pairwright.responses.expecting import estimate
from pairwright.responses.settings import Budget
from pairwright.responses.store import Call, Question, Store
from pairwright.samplers import Prices
from pairwright.schemas.errors import BudgetError
from pairwright.schemas.request import ModelId

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run took of one model, in all of its goes."""

    model: str
    endpoint: str
    sampler: str
    calls: int = 0
    """Requests made."""
    answers: int = 0
    """Answers that these brought."""
    replayed: int = 0
    """Answers that were there already and cost nothing, in this go."""
    refused: int = 0
    """Requests that the model will never take."""
    failed: int = 0
    """Requests that failed at every try."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens, among those above, that the server had cached."""
    attempts: int = 0
    """Tries, those of failed requests too."""
    seconds: float = 0.0
    usd: float | None = None
    """US dollars by the recipe's prices; None where it has none. For batch files, give the prices of batch files."""


def to_json(spent: Sequence[Spent]) -> list[dict[str, Any]]:
    """Return a ledger as plain values."""
    return [asdict(one) for one in spent]


def from_json(entries: Iterable[Mapping[str, Any]]) -> tuple[Spent, ...]:
    """Return the ledger that :func:`to_json` was given; raises TypeError for anything else.

    >>> from_json(to_json([Spent("m", "http://a", "openai", calls=2)]))[0].calls
    2
    """
    return tuple(Spent(**entry) for entry in entries)


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """What one account of the ledger is about."""

    model: str
    endpoint: str
    sampler: str


def account_of(model: ModelId) -> Account:
    """Return the ledger's account for a model: its options and revision make no other."""
    return Account(model.model, model.endpoint, model.sampler)


@dataclass(slots=True)
class _Sums:
    calls: int = 0
    answers: int = 0
    refused: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    attempts: int = 0
    seconds: float = 0.0

    def add(self, other: "_Sums") -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@dataclass(frozen=True, slots=True)
class _Take:
    """What one call takes."""

    tokens: float
    usd: float


_SUMS = """
SELECT max(id), go, model, endpoint, sampler, count(*), sum(answers), sum(outcome = 'refused'),
    sum(outcome = 'failed'), sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens), sum(attempts), sum(seconds)
FROM calls WHERE run = ? AND id > ? GROUP BY go, model, endpoint, sampler
"""


class Ledger:
    """Counts what a run takes, and keeps its budget."""

    def __init__(
        self, store: Store, run: str, budget: Budget, prices: Mapping[Account, Prices | None]
    ) -> None:
        """``prices`` has every model that the run may ask."""
        self._store = store
        self._run = run
        self._budget = budget
        self._prices = dict(prices)
        self._own: dict[Account, _Sums] = {account: _Sums() for account in prices}
        self._others: dict[Account, _Sums] = {}
        self._seen = 0
        self._replayed = dict.fromkeys(prices, 0)
        self._under_way = dict.fromkeys(prices, 0)
        self._estimates: dict[Account, _Sums] = {account: _Sums() for account in prices}
        """Of every call that was begun here."""
        self._turn = asyncio.Lock()
        self._returned = asyncio.Event()
        self._closed = False
        self.stopped = False
        """Whether a call was not made because the budget is spent."""

    async def begin_in_turn(self, question: Question) -> None:
        """Note that a call is about to be made, once what is under way leaves room for it.

        Near a limit so fewer and fewer calls are under way at once. Raises as :meth:`begin` does.
        """
        if not self._limited:
            self.begin(question)
            return
        async with self._turn:  # so that one looks at each return, not all who wait
            while not self._spent_out(question) and self._crowded(question):
                self._returned.clear()
                await self._returned.wait()
            self.begin(question)

    def begin(self, question: Question) -> None:
        """Note that a call is about to be made.

        Raises:
            BudgetError: it would certainly pass the budget, or is expected to pass it together with what is under way.
        """
        account = account_of(question.model)
        if self._limited:
            for told in self._spent_out(question) or self._crowded(question):
                self.stopped = True
                raise BudgetError(told)
        self._under_way[account] += 1
        self._estimates[account].add(_estimated(question))

    def end(self, model: ModelId) -> None:
        """Note that a call has come to its end."""
        self._under_way[account_of(model)] -= 1
        self._returned.set()

    def count(self, call: Call) -> None:
        """Count a call that was made; it goes to the store at once."""
        if call.run != self._run:
            return
        sums = self._own[account_of(call.model)]
        sums.calls += 1
        sums.answers += call.answers
        sums.refused += call.outcome == "refused"
        sums.failed += call.outcome == "failed"
        sums.prompt_tokens += call.prompt_tokens
        sums.completion_tokens += call.completion_tokens
        sums.cached_tokens += call.cached_tokens
        sums.attempts += call.attempts
        sums.seconds += call.seconds

    def replayed(self, model: ModelId, answers: int) -> None:
        """Count answers that cost nothing."""
        self._replayed[account_of(model)] += answers

    def spent(self) -> tuple[Spent, ...]:
        """Return what the run took so far, by model; also after :meth:`close`."""
        if not self._closed:
            self._look()
        accounts = sorted({*self._own, *self._others})
        return tuple(self._spent(account) for account in accounts)

    def close(self) -> None:
        """Look at the store for the last time."""
        self._look()
        self._closed = True

    @property
    def _limited(self) -> bool:
        return any(limit is not None for limit in (self._budget.usd, self._budget.tokens, self._budget.calls))

    def _look(self) -> None:
        """Add what other goes, and other processes at work on this run, have spent since the last look."""
        for last, go, model, endpoint, sampler, *sums in self._store.rows(_SUMS, (self._run, self._seen)):
            self._seen = max(self._seen, last)
            if go != self._store.go:
                self._others.setdefault(Account(model, endpoint, sampler), _Sums()).add(_Sums(*sums))

    def _sums(self, account: Account) -> _Sums:
        sums = _Sums()
        for part in (self._own.get(account), self._others.get(account)):
            if part is not None:
                sums.add(part)
        return sums

    def _spent(self, account: Account) -> Spent:
        sums = self._sums(account)
        return Spent(
            model=account.model,
            endpoint=account.endpoint,
            sampler=account.sampler,
            replayed=self._replayed.get(account, 0),
            usd=_dollars(sums, self._prices.get(account)),
            **asdict(sums),
        )

    def _spent_out(self, question: Question) -> list[str]:
        """Return what to tell for each limit that one call more would certainly pass.

        A call takes at least one prompt token, and so does each that is under way.
        """
        self._look()
        return self._passed(self._least, self._least(account_of(question.model)))

    def _crowded(self, question: Question) -> list[str]:
        """Return what to tell for each limit that one call more is expected to pass, with all that is under way.

        One alone may begin: what is expected of it may be wrong, and it passes a limit by less than itself.
        """
        if not any(self._under_way.values()):
            return []
        one_more = self._expected(account_of(question.model), _estimated(question))
        return self._passed(self._expected, one_more)

    def _least(self, account: Account) -> _Take:
        return _Take(1, _cheapest(self._prices[account]))

    def _expected(self, account: Account, before: _Sums | None = None) -> _Take:
        """Return the mean of the calls so far, or by ``before``, else by all estimates, where none was answered yet."""
        least = self._least(account)
        for sums in (self._sums(account), before or self._estimates[account]):
            answered = sums.calls - sums.refused - sums.failed
            if answered:
                tokens = (sums.prompt_tokens + sums.completion_tokens) / answered
                usd = (_dollars(sums, self._prices[account]) or 0.0) / answered
                return _Take(max(least.tokens, tokens), max(least.usd, usd))
        return least

    def _passed(self, each: Callable[[Account], _Take], one_more: _Take) -> list[str]:
        """Return what to tell for each limit that is passed if calls under way, and one more, take so much."""
        budget, waiting = self._budget, {one: n for one, n in self._under_way.items() if n}
        under_way = sum(waiting.values())
        known = [*self._own.items(), *self._others.items()]
        told = []
        calls = sum(sums.calls for _, sums in known)
        if budget.calls is not None and calls + under_way + 1 > budget.calls:
            told.append(_told("calls", f"{calls:,} calls are made", f"{budget.calls:,}", under_way))
        tokens = sum(sums.prompt_tokens + sums.completion_tokens for _, sums in known)
        held = sum(n * each(one).tokens for one, n in waiting.items())
        if budget.tokens is not None and tokens + held + one_more.tokens > budget.tokens:
            about = f"{sum(n * self._expected(one).tokens for one, n in waiting.items()):,.0f} tokens"
            told.append(
                _told("tokens", f"{tokens:,} tokens are spent", f"{budget.tokens:,}", under_way, about)
            )
        usd = sum(_dollars(sums, self._prices.get(one)) or 0.0 for one, sums in known)
        held = sum(n * each(one).usd for one, n in waiting.items())
        if budget.usd is not None and usd + held + one_more.usd > budget.usd:
            about = f"{sum(n * self._expected(one).usd for one, n in waiting.items()):,.4f} US dollars"
            told.append(
                _told("usd", f"{usd:,.4f} US dollars are spent", f"{budget.usd:,.4f}", under_way, about)
            )
        return told


def _estimated(question: Question) -> _Sums:
    prompt, answers = estimate(question.request)
    return _Sums(calls=1, prompt_tokens=prompt, completion_tokens=answers)


def _dollars(sums: _Sums, prices: Prices | None) -> float | None:
    if prices is None:
        return None
    cached = prices.input if prices.cached_input is None else prices.cached_input
    fresh = sums.prompt_tokens - sums.cached_tokens
    return (
        fresh * prices.input + sums.cached_tokens * cached + sums.completion_tokens * prices.output
    ) / MILLION


def _cheapest(prices: Prices | None) -> float:
    """Return what a call costs at least: one prompt token."""
    if prices is None:
        return 0.0
    return min(prices.input, prices.input if prices.cached_input is None else prices.cached_input) / MILLION


def _told(limit: str, spent: str, most: str, waiting: int, about: str | None = None) -> str:
    expected = f" (expected to take {about})" if about else ""
    under_way = f", {waiting:,} more under way are let finish and stored{expected}" if waiting else ""
    return (
        f"budget.{limit}: {spent} of {most}{under_way}. "
        f"Raise budget.{limit} and run again: what is stored is not paid again"
    )
