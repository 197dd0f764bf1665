"""An exchange for downloads, in memory: candles of an hour each, a few a page, and what it was asked."""

from __future__ import annotations

from tradewind.domain.candle import Candle
from tradewind.domain.timeframe import HOUR
from tradewind.market_data.adapters.ccxt.candle_pages import Page
from tradewind.market_data.ports import StreamKey

LISTED = 1_640_995_200_000
BTC = StreamKey("BTC/EUR", "1h")


def candle(number):
    price = 100.0 + number % 7 / 10
    return Candle(LISTED + number * HOUR, price, price + 1, price - 1, price, 0.1 * number)


class ScriptedSource:
    """Candles from `LISTED` on, `count` of them closed; `failures` are raised first, one a request."""

    def __init__(self, count, size=10, failures=(), missing=()):
        self.count, self.size, self.failures, self.missing = count, size, list(failures), set(missing)
        self.asked = []

    def now(self):
        return LISTED + self.count * HOUR + 60_000

    async def page(self, key, since):
        self.asked.append((since - LISTED) // HOUR)
        if self.failures:
            failure = self.failures.pop(0)
            if failure is not None:
                raise failure
        first = max((since - LISTED) // HOUR, 0)
        numbers = [number for number in range(first, min(first + self.size, self.count)) if number not in self.missing]
        following = LISTED + min(first + self.size, self.count) * HOUR
        return Page([list(candle(number)) for number in numbers], following, more=first + self.size < self.count)
