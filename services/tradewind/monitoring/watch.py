"""The watch: gathers what is known of the bot every second, and at once when something changes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

from tradewind import catalog
from tradewind.contracts.messages import (
    CandleClosed,
    CycleCompleted,
    FeedStateChanged,
    ServiceStateChanged,
    TradingStateChanged,
)
from tradewind.domain.errors import TradewindError
from tradewind.domain.health import HealthFacts, HealthPart, health_parts, health_score, late_after
from tradewind.kernel.service import Context, ServiceState
from tradewind.kernel.unit import UnitOfWork
from tradewind.monitoring.conditions import ConditionLog, conditions_of
from tradewind.monitoring.resources import ResourceReader, Resources

EVERY = 1.0
FAILURE_WINDOW = 300.0

_SILENT: dict[str, Any] = {"state": "Unknown", "reasons": {"service": "does not answer"}, "failures": 0}


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found at one moment (`time`, wall seconds)."""

    time: float
    facts: HealthFacts
    parts: tuple[HealthPart, ...]
    score: int
    services: Mapping[str, Mapping[str, Any]]
    trading: Mapping[str, Any] | None
    resources: Resources


@dataclass(slots=True)
class Seen:
    """What messages have told, by the wall clock at which they came."""

    candle: float | None = None
    candle_time: int | None = None
    cycle: float | None = None
    feed_ended: bool = False
    states: dict[str, str] = field(default_factory=dict)


class Watch:
    """Follows messages, asks the owners, and keeps the last picture."""

    def __init__(self, context: Context) -> None:
        self.seen = Seen()
        self.conditions = ConditionLog()
        self._context = context
        self._asked = catalog.service(context.service).asks
        self._resources = ResourceReader(context.data_directory)
        self._wake = asyncio.Event()
        self._failures: deque[tuple[float, int]] = deque()
        self._score = context.metrics.health_score.labels(context.key)

    # ------------------------------------------------------------------------------------------------------ messages

    async def on_candle(self, message: CandleClosed, unit: UnitOfWork) -> None:  # noqa: ARG002
        """Data flows."""
        self.seen.candle, self.seen.candle_time = self._context.clock.now(), message.time

    async def on_cycle(self, message: CycleCompleted, unit: UnitOfWork) -> None:  # noqa: ARG002
        """Decisions are made."""
        self.seen.cycle = self._context.clock.now()

    async def on_feed(self, message: FeedStateChanged, unit: UnitOfWork) -> None:  # noqa: ARG002
        """The feed ended, or candles of an exchange come in another way; how, it says itself when it is asked."""
        self.seen.feed_ended = message.state == "Ended"
        self._wake.set()

    async def on_service(self, message: ServiceStateChanged, unit: UnitOfWork) -> None:  # noqa: ARG002
        """A service moved; for those that are not asked, this is all there is.

        One that has ended in order, such as a replica too many, says nothing of the others of its name.
        """
        if message.state == ServiceState.TERMINATED.value:
            self.seen.states.pop(message.service, None)
        else:
            self.seen.states[message.service] = message.state
        self._wake.set()

    async def on_trading(self, message: TradingStateChanged, unit: UnitOfWork) -> None:  # noqa: ARG002
        """Somebody started, paused or stopped trading."""
        self._wake.set()

    # -------------------------------------------------------------------------------------------------------- looking

    async def run(self) -> None:
        """Look again and again, so that a condition's time is that of its flip and not of somebody's question."""
        while True:
            self._wake.clear()
            await self.look()
            try:
                async with asyncio.timeout(EVERY):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def look(self) -> Picture:
        """Ask everybody, judge, and note what flipped."""
        now = self._context.clock.now()
        services = await self._services()
        trading = await self._ask("engine", "status")
        account = await self._ask("portfolio", "snapshot")
        feed = await self._ask("market-data", "progress") or {}
        resources = self._resources.read()
        # A bot on an exchange waits for its first candle for as long as one takes: that is no delay.
        candle = self.seen.candle if self.seen.candle is not None else feed.get("since")
        facts = HealthFacts(
            services={name: _reasons(one) for name, one in services.items()},
            down=frozenset(name for name, one in services.items() if one["state"] != ServiceState.RUNNING.value),
            feed_ended=self.seen.feed_ended or feed.get("ended", False),
            data_age=now - candle if candle is not None else None,
            data_interval=feed.get("interval"),
            trading=trading["state"] if trading else None,
            balance_drift=account["drift"] if account else None,
            disk_free=resources.disk_free_bytes,
            feed_trouble=feed.get("trouble", {}),
            failures=self._recent_failures(now, sum(one["failures"] for one in services.values())),
        )
        parts = health_parts(facts)
        self.conditions.update(conditions_of(facts, parts), now)
        score = health_score(parts)
        self._score.set(score)
        self._show(facts)
        return Picture(now, facts, parts, score, services, trading, resources)

    def _show(self, facts: HealthFacts) -> None:
        """Tell the metrics what the score is made of; an age that nothing depends on is not a number."""
        metrics, key = self._context.metrics, self._context.key
        age = None if facts.feed_ended else facts.data_age
        metrics.data_age.labels(key).set(nan if age is None else age)
        metrics.data_late.labels(key).set(late_after(facts.data_interval))
        metrics.disturbed.labels(key).set(len(facts.feed_trouble))
        if facts.disk_free is not None:
            metrics.disk_free.labels(key).set(facts.disk_free)

    async def _services(self) -> dict[str, Mapping[str, Any]]:
        found = {name: await self._ask(name, "state") or _SILENT for name in self._asked}
        for name, state in self.seen.states.items():
            if name not in found:
                running = state == ServiceState.RUNNING.value
                found[name] = {"state": state, "reasons": {} if running else {"service": state}, "failures": 0}
        return found

    async def _ask(self, service: str, question: str) -> Any:
        """The answer, or None: whoever does not answer is what this service is here to tell."""
        try:
            return await self._context.ask(service, question)
        except TradewindError:
            return None
        except Exception:
            self._context.log.exception("a service cannot answer", asked=service, question=question)
            return None

    def _recent_failures(self, now: float, total: int) -> int:
        """How many of the failures counted since the start fall into the last five minutes."""
        self._failures.append((now, total))
        while self._failures[0][0] < now - FAILURE_WINDOW:
            self._failures.popleft()
        return total - self._failures[0][1]


def _reasons(described: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {reason}" for name, reason in described["reasons"].items())
