"""A market that is played by a simulated venue: its clock is moved tick by tick, and says what it walked.

Time at the venue stands still until it is moved, so a run is the same at every speed. A tick is walked in at most two
steps: when the opening of its candles gave the account events, the venue waits there until execution has dealt with
them (a position that was just entered gets its stop before the candle goes on). Whatever the venue refuses for the
moment is asked again, with growing pauses; moving the clock twice moves it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.domain.timeframe import close_time
from tradewind.kernel.security import load_simulated_venue_key
from tradewind.kernel.service import Context

PATIENCE = 10.0
"""Seconds that one call may take."""
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)

QUIET_TRIES = 4
"""Failures in a row that are no news: the venue starts after market-data, because it asks for the candles."""

MOST_CANDLES = 1000
"""Candles that one call asks for: the venue takes 64 KiB."""

Wanted = tuple[str, str, int]
"""A candle: pair, timeframe and open time in milliseconds UTC."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the venue stands: `events` of the account so far, and whether it waits after an opening.

    `candles` are those that were asked for, in that order; none while it waits.
    """

    events: int
    paused: bool
    candles: tuple[Candle, ...] = ()


class VenueClock:
    """The simulated venue of one bot, as its market sees it. Connects with the first call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def move(self, timeframe: str, tick: int, wanted: Sequence[Wanted] = ()) -> Moment:
        """Let the candles that open at `tick` be walked, as far as the venue goes without us, and tell the `wanted`."""
        to = close_time(timeframe, tick)
        moment = await self._patiently(lambda: self._move(to, wanted[:MOST_CANDLES]))
        while not moment.paused and (left := wanted[len(moment.candles) :]):
            more = await self._patiently(lambda: self._move(to, left[:MOST_CANDLES]))
            moment = Moment(moment.events, paused=False, candles=moment.candles + more.candles)
        return moment

    async def moment(self, tick: int) -> Moment:
        """Where the venue stands, without moving it: paused when `tick` has opened and nothing more."""
        return await self._patiently(lambda: self._moment(tick))

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
        self._session = None

    # ------------------------------------------------------------------------------------------------------ internals

    async def _move(self, to: int, wanted: Sequence[Wanted]) -> Moment:
        asked = [[_symbol(pair), timeframe, opened] for pair, timeframe, opened in wanted]
        told = await self._told("POST", {"to": to, "pauseOnOpen": True, "klines": asked})
        events, paused = int(told["events"]), bool(told["paused"])
        if paused:
            return Moment(events, paused)
        rows = zip(wanted, told["klines"], strict=True)
        return Moment(events, paused, tuple(_candle(one, row) for one, row in rows))

    async def _moment(self, tick: int) -> Moment:
        told = await self._told("GET")
        return Moment(int(told["events"]), int(told["time"]) == tick + 1)

    async def _told(self, method: str, body: Any = None) -> Any:
        if self._session is None:
            key = load_simulated_venue_key(self._context.key_directory)
            self._session = aiohttp.ClientSession(headers={"X-MBX-APIKEY": key.api_key})
        # A pod that has taken the place of another has an address of its own.
        url = f"{self._context.address('sim-exchange')}/sim/clock"
        async with self._session.request(method, url, json=body) as answer:
            told = await answer.json(content_type=None)
            if answer.status != 200:
                raise TemporaryError(f"the simulated venue does not tell or move its time: {answer.status} {told}")
        return told

    async def _patiently(self, call: Callable[[], Awaitable[Result]]) -> Result:
        tries = 0
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await call()
            except (TemporaryError, aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
                pause = PAUSES[min(tries, len(PAUSES) - 1)]
                tries += 1
                log = self._context.log.info if tries <= QUIET_TRIES else self._context.log.warning
                log("venue asked again", error=str(error) or type(error).__name__, tries=tries)
                await asyncio.sleep(pause)


def _symbol(pair: str) -> str:
    """What the venue calls a pair."""
    return pair.replace("/", "")


def _candle(wanted: Wanted, row: Sequence[Any] | None) -> Candle:
    """Another candle than the one asked for is no answer: rather wait than trade on other prices."""
    if row is None or row[0] != wanted[2]:
        raise TemporaryError(f"the simulated venue has no candle {' '.join(map(str, wanted))}")
    opened, *values = row[:6]
    return Candle(opened, *map(float, values))
