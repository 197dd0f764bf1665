"""An exchange for the feed: a client with ccxt's methods, its own truth, scripted failures and virtual time."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque

import ccxt
import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.timeframe import MILLISECONDS, bucket_start
from tradewind.market_data.adapters.ccxt.feed import CcxtFeed
from tradewind.market_data.ports import StreamKey

START = 1_700_000_400.0  # seconds; the beginning of an hour's 20th minute
BTC = StreamKey("BTC/USDT", "1m")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next thing that is due, as soon as there is nothing else to do."""

    def __init__(self):
        self._virtual = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self):
        return self._virtual

    def advance(self, seconds):
        self._virtual += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop):
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("nothing will ever happen")
        if not events and timeout > 0:
            self._loop.advance(timeout)
        return events


class VirtualTime:
    """`FeedTime` on the virtual loop."""

    def now(self):
        return START + asyncio.get_running_loop().time()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


def now_ms():
    return int(VirtualTime().now() * 1000)


def true_candle(open_time, span=60_000):
    """What the exchange's candle is when it has closed: different for every time, and for no part of it."""
    number = open_time // span
    close = 100.0 + number % 17
    return Candle(open_time, 100.0, max(100.0, close) + 1, 99.0, close, 10.0 + number % 7)


def partial_candle(now, span=60_000):
    """The candle that is being made at `now`: its volume grows, so an unfinished one is never taken for the true."""
    open_time = now // span * span
    whole = true_candle(open_time, span)
    share = (now - open_time) / span
    return Candle(open_time, 100.0, 100.5, 99.5, 100.0 + share / 3, whole.volume * share / 2)


SOCKET_FAILURES = {
    "disconnect": ccxt.NetworkError("fake: connection closed by remote server, closing code 1006"),
    "timeout": ccxt.RequestTimeout("Connection timeout"),
    "cancelled": asyncio.CancelledError(),
    "crash": TypeError("'NoneType' object is not subscriptable"),
}


class FakeExchange:
    """ccxt's interface. `rest` and `socket` are scripts: one word per call, the ordinary when used up."""

    id = "fake"
    precisionMode = 4  # noqa: N815 - ccxt's name
    timeframes = {"1m": "1m", "5m": "5m", "1h": "1h"}  # noqa: RUF012
    features = {"spot": {"fetchOHLCV": {"limit": 100}}}  # noqa: RUF012

    def __init__(self, rest=(), socket=(), holes=(), bad=None, update_every=20.0, skew=0.0, websocket=True, clock=True):  # noqa: PLR0917
        self.has = {"watchOHLCV": websocket, "unWatchOHLCV": True, "fetchTime": clock, "watchOrderBook": False}
        self.rest, self.socket = deque(rest), deque(socket)
        self.holes, self.bad, self.skew, self.update_every = set(holes), dict(bad or {}), skew, update_every
        self.last_response_headers = {}
        self.markets = {}
        self.all_markets = {
            name: {
                "symbol": name,
                "spot": ":" not in name,
                "active": True,
                "base": name[:3],
                "quote": "USDT",
                "precision": {"price": 0.01, "amount": 1e-05},
                "limits": {"amount": {"min": 1e-05}, "cost": {"min": 5.0}},
            }
            for name in ("BTC/USDT", "ETH/USDT", "BTC/USDT:USDT")
        }
        self.calls = []
        self._renewed = asyncio.Event()
        self._last_update = None

    # ------------------------------------------------------------------------------------------------------------ REST

    async def load_markets(self, reload=False):
        self.calls.append("load_markets")
        await self._fault()
        self.markets = self.all_markets
        return self.markets

    async def fetch_time(self):
        await asyncio.sleep(0.1)
        theirs = now_ms() + int(self.skew * 1000)
        await asyncio.sleep(0.1)
        return theirs

    async def fetch_ohlcv(self, pair, timeframe, since, limit):
        self.calls.append(("fetch_ohlcv", VirtualTime().now(), since))
        word = await self._fault()
        await asyncio.sleep(0.1)
        if word == "empty":
            return []
        rows = self._rows(MILLISECONDS[timeframe], since, limit, now_ms() - (4000 if word == "late" else 0))
        if word == "hole" and len(rows) > 1:
            del rows[len(rows) // 2 - 1]
        if word == "doubled":
            rows = [row for row in rows for _ in range(2)]
        if word == "stray":
            rows.append([4_102_444_800_000, 100.0, 100.0, 100.0, 100.0, 1.0])
        if word == "early":
            rows = self._rows(MILLISECONDS[timeframe], since - 180_000, 3, now_ms()) + rows
        if word == "shuffled":
            rows = rows[1::2] + rows[::2]
        return rows

    def _rows(self, span, since, limit, now):
        now += int(self.skew * 1000)
        rows = []
        for time in range(since, now + 1, span):
            if time not in self.holes:
                whole = self.bad.get(time) or true_candle(time, span)
                rows.append(list(whole if time + span <= now else partial_candle(now, span)))
        return rows[:limit]

    async def _fault(self):
        word = self.rest.popleft() if self.rest else "ok"
        self.last_response_headers = {}
        if word == "timeout":
            await asyncio.sleep(10)
            raise ccxt.RequestTimeout("fake GET /candles")
        if word == "busy":
            self.last_response_headers = {"Retry-After": "30"}
            raise ccxt.RateLimitExceeded("fake 429")
        if word == "down":
            raise ccxt.OnMaintenance("fake is down")
        if word == "odd":
            raise ccxt.ExchangeError("fake said something new")
        if word == "broken":
            raise KeyError("result")
        if word == "refused":
            raise ccxt.AuthenticationError("fake: invalid key")
        return word

    # ------------------------------------------------------------------------------------------------------- WebSocket

    async def watch_ohlcv(self, pair, timeframe):
        word = self.socket.popleft() if self.socket else "update"
        span = MILLISECONDS[timeframe]
        if word in SOCKET_FAILURES:
            await asyncio.sleep(1)
            raise SOCKET_FAILURES[word]
        if word == "hang":
            self._renewed.clear()
            await self._renewed.wait()
            raise asyncio.CancelledError
        if word == "doubled" and self._last_update:
            return [self._last_update]
        if word == "older" and self._last_update:
            return [[self._last_update[0] - span, *self._last_update[1:]]]
        if word == "garbage":
            await asyncio.sleep(1)
            return [[None, None, None, None, None, None], []]
        if word == "future":
            return [[now_ms() // span * span + 1000 * span, 1, 1, 1, 1, 1]]
        row = list(partial_candle(now_ms(), span))
        if word == "delayed":
            await asyncio.sleep(45)
            return [row]
        await asyncio.sleep(self.update_every * (2 if word == "dropped" else 1))
        self._last_update = list(partial_candle(now_ms(), span))
        return [self._last_update]

    async def close_ws_clients(self):
        self.calls.append("close_ws_clients")
        self._renewed.set()

    async def un_watch_ohlcv(self, pair, timeframe):
        self.calls.append("un_watch_ohlcv")

    async def close(self):
        self.calls.append("close")


class Listener:
    """Who the feed delivers and reports to."""

    def __init__(self):
        self.candles = {}
        self.delivered_at = []
        self.changes = []

    async def deliver(self, key, candles):
        assert candles
        self.candles.setdefault(key, []).extend(candles)
        self.delivered_at += [(VirtualTime().now(), candle.open_time) for candle in candles]

    async def report(self, change):
        self.changes.append(change)

    @property
    def states(self):
        return [change.state.value for change in self.changes]


class World:
    """Runs a feed for so many seconds of virtual time."""

    def __init__(self, seconds=600.0, since=-300, streams=None, closes=True, **exchange):
        self.seconds, self.since, self.exchange_arguments = seconds, since, exchange
        self.streams, self.closes = streams, closes
        self.listener = Listener()

    def run(self):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._run())
        return self

    async def _run(self):
        self.exchange = FakeExchange(**self.exchange_arguments)
        begin = int(START + self.since) * 1000
        self.feed = CcxtFeed(
            self.exchange,
            self.streams or {BTC: begin},
            feed_time=VirtualTime(),
            random=_Half(),
            closes=self.closes,
        )
        running = asyncio.ensure_future(self.feed.run(self.listener.deliver, self.listener.report))
        await asyncio.wait({running}, timeout=self.seconds)
        self.end = now_ms() + int(self.exchange.skew * 1000)
        if running.done():
            running.result()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        self.health = self.feed.health()
        await self.feed.close()

    def truth(self, key=BTC, until_before_end=60.0):
        """The exchange's closed candles, from where the feed was asked to begin to so many seconds before the end."""
        span = MILLISECONDS[key.timeframe]
        first = -(-int(START + self.since) * 1000 // span) * span
        last = bucket_start(key.timeframe, self.end - int(until_before_end * 1000)) - span
        return [true_candle(t, span) for t in range(first, last + 1, span) if t not in self.exchange.holes]


class _Half:
    """A random number that is none."""

    def random(self):
        return 0.5


@pytest.fixture(scope="session")
def world():
    """Make a world; the same names as `FakeExchange` for what goes wrong in it."""
    return World


@pytest.fixture(scope="session")
def virtual():
    """Run a coroutine function in virtual time: `virtual(work)`."""

    def run(work):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(work())

    return run


@pytest.fixture(scope="session")
def fake_exchange():
    return FakeExchange


@pytest.fixture(scope="session")
def virtual_time():
    return VirtualTime
