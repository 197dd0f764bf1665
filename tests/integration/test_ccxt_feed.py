"""The feed with ccxt's own clients, over real HTTP and WebSocket, against small servers that speak as the venues do.

The exchange's time runs a hundred times as fast as ours. Which states follow each other exactly is tested in virtual
time; here a busy machine may make a feed fall silent once more than was asked for.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from random import Random

import pytest
from aiohttp import WSMsgType, web

from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.order_book import Level, kraken_checksum
from tradewind.kernel.ccxt_client import ClientSettings, make_client
from tradewind.market_data.adapters.ccxt.feed import CcxtFeed
from tradewind.market_data.ports import FeedState, StreamKey

SPEED = 100
MINUTE = 60_000
BTC = StreamKey("BTC/USDT", "1m")


class FastTime:
    """`FeedTime` of a market that runs faster than ours."""

    start = 1_700_000_400.0

    def __init__(self, speed):
        self._loop, self._speed = asyncio.get_running_loop(), speed
        self._begin = self._loop.time()

    def now(self):
        return self.start + (self._loop.time() - self._begin) * self._speed

    async def sleep(self, seconds):
        await asyncio.sleep(seconds / self._speed)


def candle_at(open_time, share=1.0):
    close = 100.0 + open_time // MINUTE % 17
    return Candle(open_time, 100.0, 120.0, 99.0, close, round(10.0 * share, 3))


class Venue:
    """What the servers have in common: connections that can be cut, and a way to wait for what happens."""

    def __init__(self, feed_time):
        self.time = feed_time
        self.sockets = []
        self.received = []
        self.status = 200
        self.silent = False
        self._runner = None

    async def start(self):
        app = web.Application(middlewares=[self._maybe_refuse])
        self.routes(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def stop(self):
        await self.cut()
        await self._runner.cleanup()

    async def cut(self):
        sockets, self.sockets = self.sockets, []
        for socket in sockets:
            await socket.close()

    def now(self):
        return int(self.time.now() * 1000)

    @web.middleware
    async def _maybe_refuse(self, request, handler):
        if self.status != 200 and not request.path.startswith(("/ws", "/v2")):
            return web.json_response({"code": -1003}, status=self.status, headers={"Retry-After": "1"})
        return await handler(request)

    async def socket(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                body = json.loads(message.data)
                self.received.append(body)
                await self.take(socket, body)
        return socket


class Binance(Venue):
    """Binance's spot interface, as far as market data needs it."""

    symbol = {  # noqa: RUF012
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8, "isSpotTradingAllowed": True,
        "orderTypes": ["LIMIT", "MARKET"], "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    }  # fmt: skip
    number = 1

    def routes(self, app):
        for path, answer in {
            "exchangeInfo": lambda _: {"symbols": [self.symbol]},
            "time": lambda _: {"serverTime": self.now()},
            "klines": self.klines,
            "depth": lambda _: {
                "lastUpdateId": self.number,
                "bids": [["100.00", "1.50000"]],
                "asks": [["101.00", "2"]],
            },
            "ticker/24hr": lambda _: {"symbol": "BTCUSDT", "lastPrice": "100.10", "closeTime": 5, "bidPrice": "100.00"},
            "aggTrades": lambda _: [{"a": 7, "p": "100.10", "q": "0.50000", "T": 5, "m": True}],
        }.items():
            app.router.add_get(f"/api/v3/{path}", self._answering(answer))
        app.router.add_get("/ws/{stream}", self.socket)

    def _answering(self, answer):
        async def respond(request):
            return web.json_response(answer(request.query))

        return respond

    def klines(self, query):
        since, limit, now = int(query["startTime"]), int(query["limit"]), self.now()
        rows = []
        for time in range(since, now + 1, MINUTE)[:limit]:
            one = candle_at(time, min((now - time) / MINUTE, 1.0))
            rows.append([time, *map(str, one[1:]), time + MINUTE - 1, "0", 1, "0", "0", "0"])
        return rows

    async def take(self, socket, body):
        await socket.send_json({"result": None, "id": body["id"]})
        for name in body["params"] if body["method"] == "SUBSCRIBE" else ():
            if "@kline" in name:
                socket.updates = asyncio.ensure_future(self.send_klines(socket))

    async def send_klines(self, socket):
        while not socket.closed:
            await self.time.sleep(10)
            now = self.now()
            one = candle_at(now // MINUTE * MINUTE, 0.5)
            kline = {"t": one[0], "T": one[0] + MINUTE - 1, "s": "BTCUSDT", "i": "1m", "x": False}
            kline |= dict(zip("ohlcv", map(str, one[1:]), strict=True))
            if not self.silent and not socket.closed:
                await socket.send_json({"e": "kline", "E": now, "s": "BTCUSDT", "k": kline})

    async def change_book(self, first, last, bids):
        self.number = last
        for socket in self.sockets:
            message = {"e": "depthUpdate", "E": self.now(), "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": []}
            await socket.send_json(message)


class Kraken(Venue):
    """Kraken's spot interface, as far as order books need it."""

    def routes(self, app):
        pair = {
            "altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1,
            "lot_decimals": 8, "cost_decimals": 5, "tick_size": "0.1", "ordermin": "0.0001", "costmin": "0.5",
            "status": "online", "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]],
        }  # fmt: skip

        async def pairs(_):
            return web.json_response({"error": [], "result": {"XXBTZUSD": pair}})

        async def assets(_):
            return web.json_response({"error": [], "result": {"XXBT": {"altname": "XBT"}, "ZUSD": {"altname": "USD"}}})

        async def depth(_):
            sides = {"bids": [["99.0", "1.00000000", 5]], "asks": [["199.0", "1.00000000", 5]]}
            return web.json_response({"error": [], "result": {"XXBTZUSD": sides}})

        app.router.add_get("/0/public/AssetPairs", pairs)
        app.router.add_get("/0/public/Assets", assets)
        app.router.add_get("/0/public/Depth", depth)
        app.router.add_get("/v2", self.socket)

    async def take(self, socket, body):
        reply = {"method": body["method"], "success": True, "result": {"channel": "book", "symbol": "BTC/USD"}}
        await socket.send_json(reply)
        if body["method"] == "subscribe":
            await self.send(socket, "snapshot", [("100.0", "0.10000000")], [("101.0", "2.00000000")])

    async def send(self, socket, kind, bids, asks, checksum=None):
        levels = [[Level(Decimal(price), Decimal(amount)) for price, amount in side] for side in (bids, asks)]
        proof = checksum or kraken_checksum(type("Depth", (), dict(zip(("bids", "asks"), levels, strict=True))))
        rows = [[{"price": float(p), "qty": float(a)} for p, a in side] for side in (bids, asks)]
        book = {"symbol": "BTC/USD", "bids": rows[0], "asks": rows[1], "checksum": proof}
        await socket.send_json({"channel": "book", "type": kind, "data": [book]})


class Watcher:
    """Takes candles and reports, and waits for them."""

    def __init__(self):
        self.candles, self.states, self.reasons = [], [], []
        self._changed = asyncio.Condition()

    async def deliver(self, key, candles):
        async with self._changed:
            self.candles += candles
            self._changed.notify_all()

    async def report(self, change):
        async with self._changed:
            self.states.append(change.state)
            self.reasons.append(change.reason)
            self._changed.notify_all()

    async def until(self, condition):
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(condition)

    async def more(self, count):
        wanted = len(self.candles) + count
        await self.until(lambda: len(self.candles) >= wanted)


async def eventually(question, wanted):
    """Ask until the answer is the wanted one; an answer that never is fails by time."""
    async with asyncio.timeout(60):
        while (answer := await question()) != wanted:  # noqa: ASYNC110 - a question has no event
            await asyncio.sleep(0.01)
    return answer


@pytest.fixture
async def connect():
    """Make a venue, and a feed with ccxt's client for it."""
    made = []

    async def run(kind, exchange, streams=None, speed=SPEED, **settings):
        feed_time = FastTime(speed)
        venue = kind(feed_time)
        await venue.start()
        settings.setdefault("rest_url", f"http://127.0.0.1:{venue.port}")
        settings.setdefault("websocket_url", f"ws://127.0.0.1:{venue.port}")
        client = make_client(ClientSettings(exchange, rate_limit=False, number=Decimal, **settings))
        client.timeout_on_exit = 0
        begin = int(feed_time.start * 1000) - 5 * MINUTE
        feed = CcxtFeed(client, streams or {BTC: begin}, feed_time=feed_time, random=Random(1), measured=False)
        made.append((venue, feed))
        return venue, feed

    yield run
    for venue, feed in made:
        await feed.close()
        await venue.stop()


@pytest.fixture
async def playing(connect):
    """A Binance whose candles are being delivered."""
    venue, feed = await connect(Binance, "binance")
    watcher = Watcher()
    task = asyncio.ensure_future(feed.run(watcher.deliver, watcher.report))
    await watcher.until(lambda: FeedState.CONNECTED in watcher.states)
    yield venue, feed, watcher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    first = int(FastTime.start * 1000) // MINUTE * MINUTE - 5 * MINUTE
    first += 0 if first == int(FastTime.start * 1000) - 5 * MINUTE else MINUTE
    assert watcher.candles == [candle_at(first + index * MINUTE) for index in range(len(watcher.candles))]


async def test_closed_candles_come_from_the_past_into_the_present(playing):
    _, feed, watcher = playing
    await watcher.until(lambda: len(watcher.candles) >= 9)

    assert FeedState.DISCONNECTED not in watcher.states
    assert feed.health().streams[BTC].quarantined == {}


async def test_candles_go_on_through_a_cut_websocket_and_it_comes_back(playing):
    venue, _, watcher = playing
    await watcher.more(1)
    async with asyncio.timeout(60):
        # That candle may have come over HTTP, before there is anything to cut.
        while not venue.sockets:  # noqa: ASYNC110 - aiohttp has no event for it
            await asyncio.sleep(0.01)
    await venue.cut()
    await watcher.until(lambda: FeedState.DISCONNECTED in watcher.states)
    await watcher.until(lambda: watcher.states[-1] is FeedState.CONNECTED)
    await watcher.more(2)

    assert FeedState.RESYNCED in watcher.states[watcher.states.index(FeedState.DISCONNECTED) :]
    assert len(venue.sockets) == 1


async def test_a_silent_websocket_is_left_and_made_anew(playing):
    venue, _, watcher = playing
    venue.silent = True
    await watcher.until(lambda: FeedState.SILENT in watcher.states)
    venue.silent = False
    await watcher.until(lambda: watcher.states[-1] is FeedState.CONNECTED)

    assert [body["method"] for body in venue.received][:2] == ["SUBSCRIBE", "SUBSCRIBE"]


async def test_what_was_refused_for_too_many_requests_comes_later(playing):
    venue, feed, watcher = playing
    await watcher.more(1)
    venue.status = 429
    await watcher.until(lambda: FeedState.DISCONNECTED in watcher.states)
    with pytest.raises(TemporaryError) as busy:
        await feed.quote("BTC/USDT")
    venue.status = 200
    await watcher.more(5)

    assert busy.value.retry_after == 1
    assert FeedState.RESYNCED in watcher.states[watcher.states.index(FeedState.DISCONNECTED) :]


async def test_questions_are_answered_with_every_digit(connect):
    _, feed = await connect(Binance, "binance")
    quote = await feed.quote("BTC/USDT")
    trades = await feed.trades("BTC/USDT", 5)
    instruments = await feed.instruments()

    assert (str(quote.last), str(quote.bid), quote.time) == ("100.10", "100.00", 5)
    assert [(trade.trade_id, trade.price, trade.amount) for trade in trades] == [
        ("7", Decimal("100.10"), Decimal("0.50000"))
    ]
    assert {(one.price_tick, one.amount_step, one.minimum_notional) for one in instruments.values()} == {
        (Decimal("0.01"), Decimal("0.00001"), Decimal(5))
    }
    with pytest.raises(ConfigError, match="pair: received"):
        await feed.quote("BTC/EUR")


async def test_a_book_of_binance_is_kept_by_its_numbers(connect):
    venue, feed = await connect(Binance, "binance", speed=1)

    async def best():
        return (await feed.order_book("BTC/USDT", 5)).bids

    async def proven():
        return [(book.in_step, book.resyncs) for book in feed.health().books.values()]

    assert await best() == (Level(Decimal("100.00"), Decimal("1.50000")),)
    await eventually(lambda: answered(len(venue.sockets)), 1)
    await eventually(proven, [(True, 0)])
    await venue.change_book(2, 3, [["100.50", "4.00000"]])
    await eventually(best, (Level(Decimal("100.50"), Decimal(4)), Level(Decimal(100), Decimal("1.5"))))

    await venue.change_book(6, 7, [["100.70", "1.00000"]])
    await eventually(proven, [(True, 1)])
    await venue.change_book(8, 8, [["100.60", "1.00000"]])
    await eventually(best, (Level(Decimal("100.60"), Decimal(1)), Level(Decimal(100), Decimal("1.5"))))


async def test_a_book_of_kraken_is_kept_by_its_checksums(connect):
    venue, feed = await connect(Kraken, "kraken", speed=1)

    async def best():
        return (await feed.order_book("BTC/USD", 1)).bids

    async def proven():
        return [(book.in_step, book.resyncs) for book in feed.health().books.values()]

    await best()
    await eventually(proven, [(True, 0)])
    assert await best() == (Level(Decimal("100.0"), Decimal("0.1")),)
    await venue.send(venue.sockets[0], "update", [("100.2", "1.00000000")], [], checksum=123)
    await eventually(proven, [(True, 1)])

    assert await best() == (Level(Decimal("100.0"), Decimal("0.1")),)
    assert [body["method"] for body in venue.received] == ["subscribe", "unsubscribe", "subscribe"]
    assert len(venue.sockets) == 1


async def answered(value):
    return value


async def test_an_exchange_that_is_not_there_is_waited_for_and_told(connect):
    _, feed = await connect(Binance, "binance", rest_url="http://127.0.0.1:9", websocket_url="ws://127.0.0.1:9")
    watcher = Watcher()
    task = asyncio.ensure_future(feed.run(watcher.deliver, watcher.report))
    await watcher.until(lambda: watcher.states)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert watcher.states == [FeedState.DISCONNECTED]
    assert "binance GET http://127.0.0.1:9/api/v3/exchangeInfo" in watcher.reasons[0]
