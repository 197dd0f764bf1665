"""How a tick goes to the bot: all of its candles at once, and again until the whole bot is done with it.

A replay and a live market differ in where ticks come from. That nothing comes after a tick before it is settled is
the same for both, and is what makes a run the same every time. A service that has begun meanwhile, in a process of its
own, has not seen the tick, and gets it at once.
"""

from __future__ import annotations

import asyncio
import time as wall
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import Counter, Gauge

from tradewind.contracts.messages import CandleClosed, OpeningSettled, ServiceStateChanged, TickSettled
from tradewind.domain.errors import TemporaryError
from tradewind.kernel.service import Context, ServiceState
from tradewind.kernel.store.base import Write
from tradewind.kernel.unit import UnitOfWork
from tradewind.market_data.recording import Closed, Recording

SETTLE_TIMEOUT = 30.0
NEEDED = frozenset({"engine", "execution", "portfolio", "strategy"})
"""The services that a tick is settled by."""


class Repeated:
    """Something sent again and again until the bot is done with it: at once when `again` is called, else in the end."""

    def __init__(self, context: Context, what: str) -> None:
        self.settled: int | None = None
        """The market time of the last one that the bot was done with, since this service began."""
        self._context, self._not_settled = context, f"{what} not settled, sent again"
        self._news = asyncio.Event()
        self._again = False
        self._waiting_for = -1

    def settle(self, time: int) -> None:
        """The bot is done with the one of `time`."""
        if time == self._waiting_for:
            self.settled = time
            self._news.set()

    def again(self) -> None:
        """Somebody may have missed it."""
        self._again = True
        self._news.set()

    async def until_settled(self, time: int, send: Callable[[], Awaitable[None]]) -> None:
        """Call `send` until the bot is done with the one of `time`, though it may have been before."""
        self.settled, self._waiting_for = None, time
        while self.settled != time:
            self._news.clear()
            self._again = False
            try:
                await send()
                async with asyncio.timeout(SETTLE_TIMEOUT):
                    await self._until_news()
            except TimeoutError:
                self._context.log.warning(self._not_settled, time=time, seconds=SETTLE_TIMEOUT)
            except TemporaryError as error:
                self._context.log.warning(self._not_settled, time=time, reason=str(error))
                await asyncio.sleep(error.retry_after)

    async def _until_news(self) -> None:
        while self.settled != self._waiting_for and not self._again:
            await self._news.wait()
            self._news.clear()


class TickSender:
    """Sends ticks, one at a time, and what a simulated venue tells in their middle."""

    def __init__(self, context: Context) -> None:
        self.settled: int | None = None
        """The last tick that the bot was done with, since this service began."""
        self._context = context
        self._ticks, self._openings = Repeated(context, "tick"), Repeated(context, "opening")
        self._timeframe = context.bot.spec.timeframe
        self._metrics: dict[str, tuple[Counter, Gauge]] = {}
        self._delay = context.metrics.candle_delay.labels(context.key)
        self._seconds = context.metrics.tick_seconds.labels(context.key)
        self._began: float | None = None
        context.metrics.tick_waiting.labels(context.key).set_function(self._waiting)

    def first_position(self, recording: Recording) -> int:
        """The place among the ticks of `recording` at which to go on."""
        last = self._context.resume_time if self.settled is None else self.settled
        # The tick that is named last is sent again: who has seen it recognises it.
        return 0 if last is None else max(recording.index_after(last) - 1, 0)

    async def on_settled(self, message: TickSettled, unit: UnitOfWork) -> None:  # noqa: ARG002
        """The bot is done with a tick."""
        self._ticks.settle(message.time)

    async def on_opening_settled(self, message: OpeningSettled, unit: UnitOfWork) -> None:  # noqa: ARG002
        """What the opening of a tick brought is dealt with."""
        self._openings.settle(message.time)

    async def on_state(self, message: ServiceStateChanged, unit: UnitOfWork) -> None:  # noqa: ARG002
        """A service that runs now may not have heard of the tick."""
        if message.state == ServiceState.RUNNING and message.service in NEEDED:
            self.again()

    def again(self) -> None:
        """Send what is waited for at once: somebody may have missed it."""
        self._ticks.again()
        self._openings.again()

    async def until_settled(self, time: int, send: Callable[[], Awaitable[None]]) -> None:
        """Call `send` for the tick `time`, again and again, until the bot is done with it."""
        self._began = wall.perf_counter()
        try:
            await self._ticks.until_settled(time, send)
            self._seconds.observe(self._waiting())
        finally:
            self._began = None
        self.settled = time

    async def until_opening_settled(self, time: int, send: Callable[[], Awaitable[None]]) -> None:
        """The same for the opening of the tick `time`."""
        await self._openings.until_settled(time, send)

    async def publish(
        self,
        time: int,
        candles: Sequence[Closed],
        *,
        events: int = 0,
        writes: Sequence[Write] = (),
        missed: bool = False,
    ) -> None:
        """Give the candles of the tick `time` to the bus, once `writes` are true; the rest as in `CandleClosed`."""
        span, size = self._context.tracer.span, len(candles)
        async with self._context.unit() as unit:
            unit.writes.extend(writes)
            for pair, timeframe, candle in candles:
                unit.publish(
                    CandleClosed(
                        id=f"{pair}:{timeframe}:{candle.open_time}",
                        time=time,
                        pair=pair,
                        timeframe=timeframe,
                        candle=candle,
                        tick_size=size,
                        venue_events=events,
                        missed=missed,
                        traceparent=span("candle", None, {"pair": pair, "timeframe": timeframe}),
                    )
                )

    def delayed(self, seconds: float) -> None:
        """Tell the metrics how long after its time a tick goes out."""
        self._delay.observe(max(seconds, 0.0))

    def _waiting(self) -> float:
        return 0.0 if self._began is None else wall.perf_counter() - self._began

    def count(self, candles: Sequence[Closed]) -> None:
        """Tell the metrics of the base candles of a tick that is settled."""
        for pair, timeframe, candle in candles:
            if timeframe == self._timeframe:
                counter, gauge = self._metrics_of(pair)
                counter.inc()
                gauge.set(candle.open_time / 1000)

    def _metrics_of(self, pair: str) -> tuple[Counter, Gauge]:
        found = self._metrics.get(pair)
        if found is None:
            metrics, key = self._context.metrics, self._context.key
            found = metrics.candles.labels(key, pair, self._timeframe), metrics.candle_time.labels(key, pair)
            self._metrics[pair] = found
        return found
