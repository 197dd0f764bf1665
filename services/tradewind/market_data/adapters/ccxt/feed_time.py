"""The time of a feed: waiting that a test can shorten, and the exchange's clock measured against ours.

A candle closes by the exchange's clock. Where ours is ahead of it, an unfinished candle would look closed, so the
difference is measured and added; and even then a candle without a successor is given time to settle.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Protocol

from tradewind.kernel.ccxt_client import exchange_errors

MEASURE_EVERY = 600.0
SETTLE_KNOWN = 10.0
"""Seconds after its end until a candle that nothing followed is taken as closed, by the exchange's own clock."""
SETTLE_UNKNOWN = 30.0
"""The same where the exchange does not tell its clock."""
NEVER = 1 << 53
"""Milliseconds that never pass."""


class FeedTime(Protocol):
    """Seconds of market time: the wall clock, unless the exchange itself is simulated."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds of this time pass."""
        ...


class WallTime:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class ExchangeClock:
    """The exchange's clock; `skew` is the seconds it is ahead of ours, None while that is not known.

    Without `closes` it says nothing about candles: of those only a successor shows that one has closed.
    """

    def __init__(self, client: Any, feed_time: FeedTime, *, measured: bool = True, closes: bool = True) -> None:
        self.skew: float | None = None if measured else 0.0
        self._client, self._time = client, feed_time
        self._closes = closes
        self._measured = measured and bool(client.has.get("fetchTime"))

    def now(self) -> int:
        """Milliseconds UTC by the exchange's clock, as far as it is known."""
        return int((self._time.now() + (self.skew or 0.0)) * 1000)

    @property
    def settle(self) -> int:
        """Milliseconds after its end until a candle without a successor is taken as closed."""
        if not self._closes:
            return NEVER
        return int((SETTLE_UNKNOWN if self.skew is None else SETTLE_KNOWN) * 1000)

    async def measure(self) -> None:
        """Ask the exchange for its time once; half of the answer's way is taken off."""
        if not self._measured:
            return
        with exchange_errors(self._client):
            asked = self._time.now()
            theirs = await self._client.fetch_time()
            answered = self._time.now()
        if theirs is not None:
            self.skew = int(theirs) / 1000 - (asked + answered) / 2

    async def keep_measuring(self) -> None:
        """Measure now and then; an attempt that fails leaves the last measurement."""
        while self._measured:
            await self._time.sleep(MEASURE_EVERY)
            # Whatever is wrong, the streams meet it themselves and report it.
            with contextlib.suppress(Exception):
                await self.measure()
