"""An exchange that several bots listen to, and the feed of each: what it tells is the test's.

`Venue` counts who receives a stream. A candle is told to receivers when the test closes it; asked for, it may be known
only some questions later, as an exchange's caches lag behind its streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import SimpleNamespace

from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import CheckedCandles
from tradewind.domain.errors import TemporaryError
from tradewind.domain.series import CandleSeries
from tradewind.kernel.shared_log import SharedLog
from tradewind.market_data.ports import FeedHealth, FeedState, StateChange, StreamHealth, StreamKey
from tradewind.market_data.shared_feed import SharedFeed

BTC = StreamKey("BTC/USDT", "1m")
ETH = StreamKey("ETH/USDT", "1m")
MINUTE = 60_000
START = 1_700_000_400_000 // MINUTE * MINUTE


def candle(minute):
    price = 100.0 + minute
    return Candle(START + minute * MINUTE, price, price + 1, price - 1, price + 0.5, 1.0 + minute)


def minutes(candles):
    return [(one.open_time - START) // MINUTE for one in candles]


class Venue:
    """The exchange."""

    def __init__(self):
        self.closed = {BTC: [], ETH: []}
        self.receiving = {BTC: 0, ETH: 0}
        self.most_receiving = 0
        self.asked = 0
        self.lag = 0
        """So many of the next questions are answered without the latest two candles."""
        self.away = False
        self._news = asyncio.Event()

    def close(self, minute, key=BTC):
        self.closed[key].append(candle(minute))
        self.tell()

    def tell(self):
        self._news.set()
        self._news = asyncio.Event()

    async def news(self):
        await self._news.wait()


class OwnFeed:
    """The feed of one bot, as it would be without the others."""

    exchange = "fake"

    def __init__(self, venue):
        self.venue = venue
        self.failure = None

    async def stream(self, key, since, deliver, report):
        venue = self.venue
        venue.receiving[key] += 1
        venue.most_receiving = max(venue.most_receiving, venue.receiving[key])
        state = None
        try:
            while True:
                if self.failure is not None:
                    raise self.failure
                news = asyncio.ensure_future(venue.news())
                new = FeedState.DISCONNECTED if venue.away else FeedState.CONNECTED
                if new is not state:
                    state = new
                    await report(StateChange(key, new, START, "gone" if venue.away else ""))
                fresh = [] if venue.away else [one for one in venue.closed[key] if one.open_time >= since]
                if fresh:
                    await deliver(key, fresh)
                    since = fresh[-1].open_time + MINUTE
                await news
        finally:
            venue.receiving[key] -= 1

    async def keep_time(self):
        await asyncio.Event().wait()

    async def history(self, pair, timeframe, since, until):
        venue = self.venue
        venue.asked += 1
        if venue.away:
            raise TemporaryError("gone", 0.05)
        known = venue.closed[StreamKey(pair, timeframe)]
        if venue.lag:
            venue.lag -= 1
            known = known[:-2]
        found = [one for one in known if since <= one.open_time < until]
        return CheckedCandles(CandleSeries.of(pair, timeframe, found))

    async def instruments(self):
        return {"BTC/USDT": "instrument"}

    async def quote(self, pair):
        return f"quote of {pair}"

    async def order_book(self, pair, count):
        return f"{count} levels of {pair}"

    async def trades(self, pair, count):
        return [f"{count} trades of {pair}"]

    def health(self):
        streams = {key: StreamHealth(state=FeedState.SILENT) for key in (BTC, ETH)}
        return FeedHealth("fake", 0.5, streams, {})

    async def close(self):
        self.closed = True


class Mortal:
    """A log of which the process may die, or be stopped for a while: then nothing of it reaches Redis any more."""

    def __init__(self, log):
        self._log, self.lease, self.dead, self.losing = log, log.lease, False, False

    def __getattr__(self, name):
        if self.dead or (self.losing and name == "append"):
            return self._gone
        return getattr(self._log, name)

    async def _gone(self, *_, **__):
        raise TemporaryError("this process is gone", 0.0)

    async def close(self):
        await self._log.close()


class Bot:
    """A bot on the shared feed: what it was given, and what it was told of its streams."""

    def __init__(self, venue, log, since=0, keys=(BTC,), *, clock=False):
        self.log, self.own = Mortal(log), OwnFeed(venue)
        quiet = SimpleNamespace(info=lambda *_, **__: None, warning=lambda *_, **__: None)
        now = asyncio.get_running_loop().time if clock else time.monotonic
        self.begin = START + since * MINUTE
        self.feed = SharedFeed(self.own, self.log, quiet, now)
        self.feed.follow(dict.fromkeys(keys, self.begin))
        self.candles, self.changes = {key: [] for key in keys}, []
        self.running = None
        self.killed = False
        self.slow = 0.0
        """Seconds that it takes to take candles."""

    def start(self):
        self.running = asyncio.create_task(self.feed.run(self._deliver, self._report))
        return self

    async def _deliver(self, key, candles):
        if self.killed:
            return
        self.candles[key] += candles
        await asyncio.sleep(self.slow)

    async def _report(self, change):
        self.changes.append(change)

    @property
    def had(self):
        return minutes(self.candles[BTC])

    @property
    def leads(self):
        return any(stream.leads for stream in self.feed._streams.values())

    async def kill(self):
        """As by `kill -9`: Redis hears nothing of it, not even that it has ended."""
        self.log.dead = self.killed = True
        await self.stop()

    async def stop(self):
        if self.running is not None:
            self.running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.running
            self.running = None
        await self.log.close()


def real_log(redis_server, name, lease=1.0):
    return SharedLog(redis_server.url, "default/fake", name, lease)


async def until(holds, seconds=60):
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - another process would not tell either
            await asyncio.sleep(0.005)
