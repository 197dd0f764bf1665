"""How a tick goes to the bot: all of its candles at once, and again until the whole bot is done with it.

A replay and a live market differ in where ticks come from. That nothing comes after a tick before it is settled is
the same for both, and is what makes a run the same every time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import Counter, Gauge

from tradewind.contracts.messages import CandleClosed, TickSettled
from tradewind.kernel.service import Context
from tradewind.kernel.store.base import Write
from tradewind.kernel.unit import UnitOfWork
from tradewind.market_data.recording import Closed

SETTLE_TIMEOUT = 30.0


class TickSender:
    """Sends ticks, one at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settled = asyncio.Event()
        self._waiting_for = -1
        self._timeframe = context.bot.spec.timeframe
        self._metrics: dict[str, tuple[Counter, Gauge]] = {}

    async def on_settled(self, message: TickSettled, unit: UnitOfWork) -> None:  # noqa: ARG002
        """The bot is done with a tick."""
        if message.time == self._waiting_for:
            self._settled.set()

    async def until_settled(self, time: int, send: Callable[[], Awaitable[None]]) -> None:
        """Call `send` for the tick `time`, again and again, until the bot is done with it."""
        while True:
            self._settled.clear()
            self._waiting_for = time
            await send()
            try:
                async with asyncio.timeout(SETTLE_TIMEOUT):
                    await self._settled.wait()
            except TimeoutError:
                self._context.log.warning("tick not settled, sent again", time=time, seconds=SETTLE_TIMEOUT)
            else:
                return

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
