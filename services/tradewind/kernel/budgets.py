"""Budgets of what an exchange allows, shared by all bots and processes that ask it from one address.

A request takes its weight from the budget of (exchange, outgoing address), an order besides from that of (exchange,
account), before anything of it is sent. The key names no bot, so whoever has the same Redis has the same budget; a
process without Redis has one to itself. Where there is no room a request waits; where that would be longer than it has
time it is refused, and a refusal from here is certain: nothing was sent.

Not everybody may use a budget up: candles stop before entries, entries before questions about the account, and what
ends risks (exits, stops, cancellations: whatever is done inside `resilience.vital`) never waits for a count at all.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import NamedTuple, TypedDict

from tradewind.kernel.budget_counts import Counts, Need, OwnCounts, Told, loop_time
from tradewind.kernel.resilience import RefusedError, is_vital
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.venue_limits import ExchangeLimits, Window

LONGEST_PAUSE = 3 * 86_400.0
"""Seconds: the longest ban that Binance knows. Nobody who names more is believed."""


class Waiting(NamedTuple):
    """Seconds that only grow, and how to let some pass: those of the event loop, so that a simulation has its own."""

    now: Callable[[], float] = loop_time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Purpose(Enum):
    """What a request is for, and which part of a budget may be used up by its like."""

    MARKET = 0.7
    ENTRY = 0.8
    ACCOUNT = 0.9


class BudgetSpentError(RefusedError):
    """There is no room in time. Nothing was sent, for certain; there may be room after `retry_after` seconds."""


class BudgetState(TypedDict):
    """How it stands with a budget: `used_ratio` of its fullest window, and seconds.

    `pause` is how long the exchange wants to hear nothing; `waited` is the sum of all waiting so far.
    """

    used_ratio: float
    pause: float
    waited: float
    refused: int


class Budget:
    """One budget; `name` is for people and for metrics, `key` is what is shared."""

    def __init__(self, name: str, key: str, windows: tuple[Window, ...], counts: Counts, waiting: Waiting) -> None:
        self.name, self.key, self.windows = name, key, windows
        self.counted: Callable[[str, float], None] = lambda _outcome, _seconds: None
        """Called with what came of each need (taken, waited, beyond, refused) and the seconds that it waited."""
        self.waited, self.refused = 0.0, 0
        self._counts, self._now, self._sleep = counts, waiting.now, waiting.sleep
        self._used: tuple[float, ...] = ()
        self._used_at = 0.0
        self._pause_ends = 0.0

    @property
    def used_ratio(self) -> float:
        """How full the fullest window was when something was taken last; one that has passed since is empty."""
        since = self._now() - self._used_at
        pairs = zip(self._used, self.windows, strict=False)
        return max((used / window.limit for used, window in pairs if since < window.seconds), default=0.0)

    @property
    def pause(self) -> float:
        """Seconds for which the exchange wants to hear nothing, as far as this process knows."""
        return max(self._pause_ends - self._now(), 0.0)

    async def take(self, cost: float, purpose: Purpose, patience: float) -> None:
        """Count `cost`; waits at most `patience` seconds for room, and raises `BudgetSpentError` then."""
        vital, began = is_vital(), self._now()
        need = Need(self.windows, cost, purpose.value, vital)
        while True:
            taken = await self._counts.take(self.key, need)
            if taken.used:
                self._used, self._used_at = taken.used, self._now()
            self._pause_ends = max(self._pause_ends, self._now() + taken.pause) if taken.pause else self._pause_ends
            waited = self._now() - began
            if taken.wait <= 0:
                self._tell(vital=vital, waited=waited)
                return
            if waited + taken.wait > patience:
                self._refuse(taken.wait, waited, paused=taken.pause > 0)
            await self._sleep(taken.wait)

    async def correct(self, told: Told) -> None:
        """Have everybody know what the exchange said."""
        pause = min(told.pause, LONGEST_PAUSE)
        self._pause_ends = max(self._pause_ends, self._now() + pause) if pause else self._pause_ends
        await self._counts.correct(self.key, self.windows, Told(told.used, pause, told.guessed))

    def exceeds(self, told: Told) -> bool:
        """Whether the exchange has counted more than was known, or wants a pause."""
        known = self._used or (0.0,) * len(self.windows)
        return told.pause > 0 or any(u is not None and u > mine for u, mine in zip(told.used, known, strict=False))

    def describe(self) -> BudgetState:
        """How it stands."""
        return {
            "used_ratio": round(self.used_ratio, 4),
            "pause": round(self.pause, 3),
            "waited": round(self.waited, 3),
            "refused": self.refused,
        }

    def _tell(self, *, vital: bool, waited: float) -> None:
        self.waited += waited
        beyond = vital and any(used > w.limit for used, w in zip(self._used, self.windows, strict=False))
        self.counted("beyond" if beyond else "waited" if waited else "taken", waited)

    def _refuse(self, wait: float, waited: float, *, paused: bool) -> None:
        self.waited += waited
        self.refused += 1
        self.counted("refused", waited)
        why = "has asked for a pause" if paused else "allows no more now"
        raise BudgetSpentError(f"{self.name}: the exchange {why}; not sent, there is room in {math.ceil(wait)} s", wait)


class Budgets:
    """The budgets of a process. `address` names the outgoing address; with `metrics` they are those of the bot."""

    def __init__(
        self,
        counts: Counts | None = None,
        *,
        address: str = "shared",
        bot: str = "",
        metrics: Metrics | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        self._waiting = waiting or Waiting()
        self._counts = counts or OwnCounts(self._waiting.now)
        self._address, self._bot, self._metrics = address, bot, metrics
        self._known: dict[str, Budget] = {}

    def requests(self, exchange: str, limits: ExchangeLimits, place: str = "") -> Budget:
        """The budget of requests to `exchange`; `place` is its address where it is not the exchange's own."""
        key = f"{exchange}{place and f'@{place}'}:address:{self._address}"
        return self._of(f"{exchange} requests", key, limits.requests)

    def orders(self, exchange: str, limits: ExchangeLimits, account: str, place: str = "") -> Budget:
        """The budget of orders of `account`."""
        key = f"{exchange}{place and f'@{place}'}:account:{account}"
        return self._of(f"{exchange} orders", key, limits.orders)

    def describe(self) -> Mapping[str, BudgetState]:
        """How it stands with each, by name."""
        return {one.name: one.describe() for _, one in sorted(self._known.items())}

    async def close(self) -> None:
        """Let go of connections."""
        await self._counts.close()

    def _of(self, name: str, key: str, windows: tuple[Window, ...]) -> Budget:
        if key not in self._known:
            budget = self._known[key] = Budget(name, key, windows, self._counts, self._waiting)
            if self._metrics is not None:
                _measure(budget, self._bot, self._metrics)
        return self._known[key]


def _measure(budget: Budget, bot: str, metrics: Metrics) -> None:
    def counted(outcome: str, seconds: float) -> None:
        metrics.budget_needs.labels(bot, budget.name, outcome).inc()
        metrics.budget_wait.labels(bot, budget.name).observe(seconds)

    budget.counted = counted
    metrics.budget_used.labels(bot, budget.name).set_function(lambda: budget.used_ratio)
    metrics.budget_pause.labels(bot, budget.name).set_function(lambda: budget.pause)
