"""One stream of candles: every closed candle of one pair and timeframe, in order, once.

It knows one thing, the open time of the next candle to deliver, and asks REST for everything from there: when the
listener says that something closed, when by the clock something should have closed, and after failures. Because each
answer is handed over before the next is asked for, what was missed always goes out before what is new.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.timeframe import close_time
from tradewind.kernel.backoff import Backoff
from tradewind.market_data.adapters.ccxt.candle_listener import CandleListener
from tradewind.market_data.adapters.ccxt.candle_pages import CandlePages, Page, first_open, validated
from tradewind.market_data.adapters.ccxt.feed_time import ExchangeClock, FeedTime
from tradewind.market_data.adapters.ccxt.stream_status import StreamStatus
from tradewind.market_data.adapters.ccxt.waiting import together, within
from tradewind.market_data.ports import Deliver, StreamKey

PULL_DELAY = 1.0
"""Seconds after a candle's end at which REST is asked if the WebSocket has not said anything."""
OVERDUE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between questions for a candle that should be there: quiet markets make none at some exchanges."""


class CandleStream:
    """Delivers one stream, from the candle opened at `since` (milliseconds UTC) on."""

    def __init__(  # noqa: PLR0917 - what a stream is made of, each once
        self,
        key: StreamKey,
        since: int,
        pages: CandlePages,
        clock: ExchangeClock,
        feed_time: FeedTime,
        status: StreamStatus,
        backoff: Backoff,
        listener: CandleListener | None,
    ) -> None:
        self._key, self._next = key, first_open(key.timeframe, since)
        self._pages, self._clock, self._time = pages, clock, feed_time
        self._status, self._backoff, self._listener = status, backoff, listener
        self._previous: Candle | None = None
        self._hint = asyncio.Event()
        self._pause = 0.0
        self._overdue = 0
        self._pulled = False

    async def run(self, deliver: Deliver) -> None:
        """Deliver, without end. Raises what `deliver` raises, and `ConfigError` when the first question is refused."""
        listening = [self._listener.listen(self._heard)] if self._listener else []
        await together(self._pull_on(deliver), *listening)

    async def _pull_on(self, deliver: Deliver) -> None:
        while True:
            await self._wait(self._pause)
            await self._pull(deliver)

    def _heard(self, newest: int, again: bool) -> None:
        if again or newest >= close_time(self._key.timeframe, self._next):
            self._hint.set()

    async def _wait(self, seconds: float) -> None:
        """Until a hint comes, but no longer than `seconds`."""
        with contextlib.suppress(TimeoutError):
            await within(self._time, self._hint.wait(), seconds)
        if self._hint.is_set():
            self._hint.clear()
            self._overdue = 0

    async def _pull(self, deliver: Deliver) -> None:
        """Deliver everything that REST knows to be closed, then decide when to ask next."""
        more = True
        while more:
            page = await self._page()
            if page is None:
                return
            await self._hand_over(page, deliver)
            more = page.more
        self._pulled = True
        self._backoff.reset()
        await self._status.pulled()
        self._pause = self._until_next()

    async def _page(self) -> Page | None:
        """The next page; None when it could not be had, and the pause before the next attempt is over."""
        try:
            return await self._pages.page(self._key, self._next)
        except Exception as error:
            if isinstance(error, ConfigError) and not self._pulled:
                raise
            asked = error.retry_after if isinstance(error, TemporaryError) else 0.0
            await self._status.failed(f"REST: {error}")
            # No hint shortens this: an exchange that asks to be left alone is left alone.
            await self._time.sleep(max(asked, self._backoff.pause()))
            self._pause = 0.0
            return None

    async def _hand_over(self, page: Page, deliver: Deliver) -> None:
        candles, quarantined, missing = validated(self._key, page.rows, self._previous, page.strays)
        if candles:
            await deliver(self._key, candles)
            self._previous = candles[-1]
            self._overdue = 0
        self._next = page.following
        health = self._status.health
        health.delivered += len(candles)
        health.missing += missing
        health.quarantined = dict(Counter(health.quarantined) + Counter(row.reason for row in quarantined))
        if self._previous is not None:
            health.last_candle = self._previous.open_time

    def _until_next(self) -> float:
        due = (close_time(self._key.timeframe, self._next) - self._clock.now()) / 1000
        if due > 0:
            self._overdue = 0
            return due + PULL_DELAY
        self._overdue = min(self._overdue + 1, len(OVERDUE_PAUSES))
        return OVERDUE_PAUSES[self._overdue - 1]
