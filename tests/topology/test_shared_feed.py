"""Two bots in two processes on one exchange: it is listened to once, and each decides what it would decide alone.

The exchange is a script; Redis, PostgreSQL and the bots are real.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.servers.databases import Postgres
from tests.topology.conftest import TRADING
from tests.topology.test_databases import everything
from tests.topology.test_live_market import _MANIFEST, PAIRS, START, Script
from tests.topology.test_split import PACE
from tests.unit.market_data.scripted_venue import Mortal, OwnFeed, Venue, until

from tradewind.contracts.api.document import load_bot
from tradewind.domain.candle import Candle
from tradewind.domain.timeframe import HOUR
from tradewind.kernel.backoff import Backoff
from tradewind.kernel.http.server import Listener
from tradewind.kernel.settings import Settings
from tradewind.kernel.shared_log import SharedLog
from tradewind.kernel.state_directory import StateDirectory
from tradewind.market_data.ports import StreamKey
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions
from tradewind.topology.shared import Shared

LEASE = 1.0
MANIFEST = _MANIFEST.replace("[1h, 4h]", "[1h]").replace("entryPeriod: 3", "entryPeriod: 3, exitPeriod: 3")
KEYS = [StreamKey(pair, "1h") for pair in PAIRS]


def candle(pair, hour):
    """A market that swings, so that there is something to decide."""
    price = 100.0 + abs(hour % 8 - 4) * 3 + 50 * PAIRS.index(pair)
    return Candle(START + hour * HOUR, price, price + 2, price - 2, price + 1, 10.0)


class Feed(OwnFeed):
    """The feed of one bot; alone it delivers all that it follows."""

    def __init__(self, venue, script):
        super().__init__(venue)
        self.instruments, self._streams = script.instruments, {}

    def follow(self, streams):
        self._streams = streams

    async def run(self, deliver, report):
        async with asyncio.TaskGroup() as group:
            for key, since in self._streams.items():
                group.create_task(self.stream(key, since, deliver, report))


class Exchange:
    """The exchange, its clock, and the bots at it."""

    def __init__(self, folder, database, broker):
        self.folder, self.database, self.broker = folder, database, broker
        self.script, self.venue, self.logs, self.bots = Script(), Venue(), {}, {}
        self.venue.closed = {key: [candle(key.pair, hour) for hour in range(600)] for key in KEYS}
        self.venue.receiving = dict.fromkeys(KEYS, 0)

    async def connect(self, *_):
        return Feed(self.venue, self.script)

    async def begin(self, name, *, alone=False):
        manifest = self.folder / f"{name}.yaml"
        manifest.write_text(MANIFEST.replace("name: live", f"name: {name}"))
        bot, settings = load_bot(manifest), Settings(key_directory=self.folder)
        shared = None if alone else Shared(bot, self.database, self.broker, settings, pace=PACE)
        if shared is not None:
            shared.log_of = lambda group: self.logs.setdefault(name, Mortal(SharedLog(self.broker, group, name, LEASE)))
        listen = None if alone else Listener(ports=dict.fromkeys(TRADING, 0))
        options = EmbeddedOptions(
            until_end=False, clock=self.script, settings=settings, listen=listen, services=TRADING
        )
        self.bots[name] = EmbeddedBot(bot, StateDirectory(self.folder / name), options, shared=shared)
        await self.bots[name].start()
        return self.bots[name]

    async def close(self, *hours, names):
        """Candles close, one tick after the other; every bot is done with each."""
        for hour in hours:
            self.script.hour = hour + 1
            for key in KEYS:
                self.venue.closed[key].append(candle(key.pair, hour))
            self.venue.tell()
            for name in names:
                await settled(self.bots[name], hour)

    async def end(self, name):
        await self.bots.pop(name).stop()


async def settled(bot, hour):
    async with asyncio.timeout(60):
        while (await bot.ask("market-data", "progress"))["time"] < START + (hour + 1) * HOUR:  # noqa: ASYNC110 - it is asked, as by a user
            await asyncio.sleep(0.02)


@pytest.fixture
async def market(tmp_path, postgres_url, redis_server, monkeypatch):
    """Opens exchanges, each with the same market at the same time; bots that begin are at the last one."""
    await Postgres(postgres_url).migrate()
    monkeypatch.setattr("tradewind.market_data.sending.SETTLE_TIMEOUT", 2.0)
    monkeypatch.setattr(Backoff, "pause", lambda self: 0.05)
    opened = []

    def open_one(name):
        folder = tmp_path / name
        folder.mkdir()
        opened.append(Exchange(folder, postgres_url, redis_server.url))
        monkeypatch.setattr("tradewind.market_data.service.exchange_feed", opened[-1].connect)
        return opened[-1]

    yield open_one
    for exchange in opened:
        for name in list(exchange.bots):
            await exchange.end(name)


async def decided(bot):
    """What the bot decided at which candle, and what became of it; without what says whose it is."""
    rows = await everything(bot._store)
    names = {
        "engine_decisions": ("time", "pair", "action", "verdict", "reason", "amount", "gates", "reasons"),
        "execution_fills": ("time", "pair", "side", "price", "amount", "fee"),
    }
    return {
        table: [[str(row[name]) for name in wanted] for row in map(dict, rows[table]) if row["bot"] == bot.bot.key]
        for table, wanted in names.items()
    }


async def test_bots_on_one_feed_decide_what_each_would_alone_also_when_its_owner_is_killed(market):
    """The exchange is listened to once; the candles that close while nobody receives them come first, and once."""
    exchange = market("alone")
    alone = await exchange.begin("lonely", alone=True)
    await exchange.close(*range(600, 608), names=["lonely"])
    expected = await decided(alone)
    assert [len(rows) for rows in expected.values()] == [2, 2]

    exchange = market("shared")
    await exchange.begin("one")
    await until(lambda: exchange.venue.receiving == dict.fromkeys(KEYS, 1))
    two = await exchange.begin("two")
    await exchange.close(*range(600, 604), names=["one", "two"])
    assert exchange.venue.most_receiving == 1
    exchange.logs["one"].dead = True  # as by `kill -9`: Redis is not told that it has ended
    await exchange.end("one")
    assert exchange.venue.receiving == dict.fromkeys(KEYS, 0)
    await exchange.close(*range(604, 608), names=["two"])
    assert exchange.venue.receiving == dict.fromkeys(KEYS, 1)
    assert await decided(two) == expected
