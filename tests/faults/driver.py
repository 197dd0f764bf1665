"""The rest of the bot: portfolio as it is, and in the places of engine and market-data who decides by lot.

It is a process of the bot like any other: its outbox, inbox, Redis, PostgreSQL and HTTP are the product's. The engine's
place is that of the simulation (`tests.simulation.deciding`): entries by market and by limit with stops and targets,
exits, cancels, moved stops. The market's place moves the clock of the venue and tells the candles that closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import aiohttp
from tests.faults.venue import VenueProcess
from tests.simulation.deciding import Decider, Step
from tests.simulation.exchange import BEGIN, INSTRUMENTS, MINUTE

from tradewind import catalog
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import MESSAGES, CandleClosed, Message
from tradewind.domain.errors import TradewindError
from tradewind.kernel.bus.redis_streams import Pace
from tradewind.kernel.http.server import Listener
from tradewind.kernel.service import Context, Service
from tradewind.kernel.settings import Settings
from tradewind.kernel.state_directory import StateDirectory
from tradewind.topology import embedded
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions
from tradewind.topology.shared import Shared

SERVICES = ("market-data", "portfolio", "engine")
SPEED = 60.0
"""Seconds of the market in one of ours."""

_STEP = 0.25
_ACTIONS = {"enter": 10, "exit": 4, "cancel": 4, "amend": 3, "protect": 1}
_DECISIONS = 2000


class Market:
    """Market-data's place: instruments, closes, and the candles of a venue whose clock it moves."""

    def __init__(self, venue: VenueProcess) -> None:
        self.venue = venue
        self.still = False
        self._now, self._told = BEGIN, BEGIN - 2 * MINUTE
        self._context: Context | None = None

    def build(self, context: Context) -> Service:
        """As the catalog wants it."""
        self._context = context
        handlers = {MESSAGES[name]: _ignore for name in catalog.service("market-data").handles}
        answers = {
            "instruments": self._instruments,
            "known_instruments": self._instruments,
            "closes": self._closes,
            "closes_by_tick": self._none,
            "settled": self._nothing,
        }
        return Service(name="market-data", handlers=handlers, answers=answers, tasks=(self._go,))

    def leap(self, milliseconds: int) -> None:
        """So much of the market's time has passed."""
        self._now += milliseconds

    async def _go(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(_STEP)
            now = time.monotonic()
            if self.still:
                continue
            self._now += round((now - last) * SPEED * 1000)
            last = now
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, TradewindError):
                await self.venue.move(self._now)
                await self._tell(self._now)

    async def _tell(self, now: int) -> None:
        assert self._context is not None
        closed = next(iter(self.venue.series.values())).open_time.tolist()
        for index, opens in enumerate(closed):
            if self._told < opens + MINUTE <= now:
                async with self._context.unit() as unit:
                    for pair, series in self.venue.series.items():
                        name = f"candle:{pair}:{opens}"
                        candle, size = series.candle(index), len(self.venue.series)
                        unit.publish(
                            CandleClosed(id=name, time=opens, pair=pair, timeframe="1m", candle=candle, tick_size=size)
                        )
                self._told = opens + MINUTE

    async def _instruments(self) -> Any:
        return dict(INSTRUMENTS)

    async def _closes(self, **_: Any) -> Any:
        """Of the last candle that was told; of the first, where none was."""
        closed = max(0, (self._told - BEGIN) // MINUTE + 1)
        return {pair: series.candle(min(closed, len(series) - 1)).close for pair, series in self.venue.series.items()}

    async def _none(self, **_: Any) -> Any:
        return []

    async def _nothing(self) -> Any:
        return None


class Driver(EmbeddedBot):
    """The process. `decisions` is what it is going to decide; empty it, and it decides nothing more."""

    def __init__(  # noqa: PLR0917 - what one run has
        self,
        manifest: Path,
        folder: Path,
        addresses: tuple[str, str],
        settings: Settings,
        venue: VenueProcess,
        seed: int,
    ) -> None:
        """`addresses` are those of the database and of the broker."""
        bot = load_bot(manifest)
        listen = Listener(ports=dict.fromkeys(SERVICES, 0))
        options = EmbeddedOptions(until_end=False, live=True, listen=listen, services=SERVICES, settings=settings)
        super().__init__(
            bot, StateDirectory(folder), options, shared=Shared(bot, *addresses, settings, pace=Pace(longest_pause=0.5))
        )
        self.market = Market(venue)
        self.decisions: list[Step] = decisions(Random(seed))
        self._begun = asyncio.Event()
        self._since = 0.0

    async def start(self) -> None:
        """Begin, without a decision yet."""
        builds: dict[str, Callable[[Context], Service]] = {
            catalog.service("market-data").entrypoint: self.market.build,
            catalog.service("engine").entrypoint: self._engine,
        }
        with _builds(builds):
            await super().start()

    def begin(self) -> None:
        """Decide from now on."""
        self._since = time.monotonic()
        self._begun.set()

    def _engine(self, context: Context) -> Service:
        async def positions() -> Any:
            return await self.runners["portfolio"].answers["snapshot"]()

        decider = Decider(context, self.decisions, lambda: time.monotonic() - self._since, positions)
        service = decider.service()
        (decide,) = service.tasks

        async def when_begun() -> None:
            await self._begun.wait()
            await decide()

        service.tasks = (when_begun,)
        return service


def decisions(random: Random) -> list[Step]:
    """What is decided, and when: some four a second, in bursts, entries first."""
    found, at = [], 0.0
    for number in range(_DECISIONS):
        at += random.expovariate(4.0)
        action = "enter" if number < 3 else random.choices(list(_ACTIONS), list(_ACTIONS.values()))[0]
        found.append(Step(number, at, action, Random(random.getrandbits(32))))
    return found


@contextlib.contextmanager
def _builds(own: dict[str, Callable[[Context], Service]]) -> Iterator[None]:
    named = embedded._named
    with mock.patch.object(embedded, "_named", lambda place: own.get(place) or named(place)):
        yield


async def _ignore(message: Message, unit: Any) -> None:
    """Nobody waits for a market that goes on by itself."""
