"""A shared feed under everything that can happen to it at once, in virtual time and repeatable by its seed."""

from __future__ import annotations

import asyncio
import random

import pytest
from tests.unit.market_data.adapters.ccxt.conftest import VirtualLoop
from tests.unit.market_data.scripted_venue import BTC, Bot, Venue

from tradewind.domain.errors import TemporaryError

LEASE = 0.4


class Server:
    """What the logs of several processes have in common, in memory; it may forget, and lose entries."""

    def __init__(self, chance):
        self.chance, self.losing, self.entries, self.number, self.leases = chance, 0.0, {}, 0, {}

    def empty(self):
        self.entries, self.leases = {}, {}


class MemoryLog:
    """`SharedLog` for one process of `server`."""

    def __init__(self, server, name, lease=LEASE):
        self.server, self.name, self.lease = server, name, lease

    def _mine(self, name):
        now = asyncio.get_running_loop().time()
        holder, ends = self.server.leases.get(name, ("", 0.0))
        if holder in {"", self.name} or ends <= now:
            self.server.leases[name] = self.name, now + self.lease
            return True
        return False

    async def lead(self, names):
        await asyncio.sleep(0.001)
        return frozenset(name for name in names if self._mine(name))

    async def append(self, name, entry):
        await asyncio.sleep(0.001)
        if not self._mine(name):
            return False
        if self.server.chance.random() < self.server.losing:
            raise TemporaryError("lost on the way", 0.0)
        self.server.number += 1
        self.server.entries.setdefault(name, []).append((self.server.number, entry))
        return True

    async def read(self, places, wait):
        await asyncio.sleep(min(wait, 0.02))
        found = {}
        for name, place in places.items():
            after = int(place.split("-")[0])
            entries = [(number, entry) for number, entry in self.server.entries.get(name, ()) if number > after]
            if entries:
                found[name] = f"{entries[-1][0]}-0", [entry for _, entry in entries]
        return found

    async def begun_anew(self, places):
        return []

    async def resign(self, names):
        for name in names:
            self.server.leases.pop(name, None)

    async def close(self):
        """Nothing is open."""


class Disturbed:
    """Candles close while bots come, are killed, are stopped for a while, and the log loses, forgets and is away."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.server, self.venue, self.bots = Server(self.chance), Venue(), []

    @property
    def alive(self):
        return [bot for bot in self.bots if bot.running is not None]

    async def run(self):
        for minute in range(200):
            if self.chance.random() < 0.9:  # else nobody traded in that minute
                self.venue.close(minute)
            await asyncio.sleep(self.chance.choice([0.0, 0.01, 0.3]))
            self.server.losing = self.chance.choice([0.0, 0.0, 0.3, 1.0])
            self.venue.lag = self.chance.choice([0, 0, 0, 3])
            await self.disturb(minute)
        await self.settle()

    async def disturb(self, minute):
        alive = self.alive
        match self.chance.randrange(12):
            case 0 if len(alive) > 1:
                await self.chance.choice(alive).kill()
            case 1 | 2 if len(alive) < 4:
                log = MemoryLog(self.server, f"bot {len(self.bots)}")
                since = max(minute - self.chance.randrange(60), 0)
                self.bots.append(Bot(self.venue, log, since, clock=True).start())
                self.bots[-1].slow = self.chance.choice([0.0, 0.1])
            case 3 if alive:
                self.chance.choice(alive).log.dead = True
            case 4:
                for bot in alive:
                    bot.log.dead = False
            case 5:
                self.server.empty()
            case 6:
                self.venue.away = not self.venue.away
                self.venue.tell()

    async def settle(self):
        """Everything is well again, and some more candles close."""
        self.venue.away, self.venue.lag, self.server.losing = False, 0, 0.0
        for bot in self.alive:
            bot.log.dead = False
        for minute in range(200, 203):
            await asyncio.sleep(70)
            self.venue.close(minute)
        await asyncio.sleep(70)
        self.left, self.receiving = self.alive, self.venue.receiving[BTC]
        for bot in self.left:
            await bot.stop()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_on_the_way_every_bot_gets_every_candle_in_order_and_once(seed):
    async def play():
        disturbed = Disturbed(seed)
        await disturbed.run()
        return disturbed

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        played = runner.run(play())
    assert len(played.bots) >= 3
    for bot in played.bots:
        truth = [one for one in played.venue.closed[BTC] if one.open_time >= bot.begin]
        assert bot.candles[BTC] == truth[: len(bot.candles[BTC])]
        if bot in played.left:
            assert bot.candles[BTC] == truth
    assert played.receiving == 1
