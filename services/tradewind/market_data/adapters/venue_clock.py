"""A market that is played by a simulated venue: its clock is moved tick by tick, its candles come through ccxt.

Time at the venue stands still until it is moved, so a run is the same at every speed. A tick is walked in at most two
steps: when the opening of its candles gave the account events, the venue waits there until execution has dealt with
them (a position that was just entered gets its stop before the candle goes on). Whatever the venue refuses for the
moment is asked again, with growing pauses; moving the clock twice moves it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import localcontext
from typing import Any, TypeVar

import aiohttp

from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.domain.timeframe import close_time
from tradewind.kernel.ccxt_client import ClientSettings, exchange_errors, make_client, move_client
from tradewind.kernel.security import load_simulated_venue_key
from tradewind.kernel.service import Context

PATIENCE = 10.0
"""Seconds that one call may take."""
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)

QUIET_TRIES = 4
"""Failures in a row that are no news: the venue starts after market-data, because it asks for the candles."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the venue stands: `events` of the account so far, and whether it waits after an opening."""

    events: int
    paused: bool


class VenueClock:
    """The simulated venue of one bot, as its market sees it. Connects with the first call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client: Any = None
        self._session: aiohttp.ClientSession | None = None
        self._url = ""
        self._connecting = asyncio.Lock()

    async def move(self, timeframe: str, tick: int) -> Moment:
        """Let the candles that open at `tick` be walked, as far as the venue goes without us."""
        return await self._patiently(lambda: self._move(close_time(timeframe, tick)))

    async def moment(self, tick: int) -> Moment:
        """Where the venue stands, without moving it: paused when `tick` has opened and nothing more."""
        return await self._patiently(lambda: self._moment(tick))

    async def candle(self, pair: str, timeframe: str, open_time: int) -> Candle:
        """A closed candle, by ccxt."""
        return await self._patiently(lambda: self._candle(pair, timeframe, open_time))

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.close()
        if self._session is not None:
            await self._session.close()
        self._client = self._session = None

    # ------------------------------------------------------------------------------------------------------ internals

    async def _connect(self) -> None:
        async with self._connecting:
            url = self._context.address("sim-exchange")
            if self._client is not None:
                # A pod that has taken the place of another has an address of its own.
                if url != self._url:
                    move_client(self._client, url)
                    self._url = url
                return
            key = load_simulated_venue_key(self._context.key_directory)
            settings = ClientSettings("binance", key.api_key, key.secret, rest_url=url, rate_limit=False)
            # Importing ccxt takes seconds, in which others of this process must go on.
            client = await asyncio.to_thread(make_client, settings)
            try:
                with exchange_errors(client):
                    await client.load_markets()
            except BaseException:
                await client.close()
                raise
            self._session = aiohttp.ClientSession(headers={"X-MBX-APIKEY": key.api_key})
            self._url, self._client = url, client

    async def _move(self, to: int) -> Moment:
        assert self._session is not None
        body = {"to": to, "pauseOnOpen": True}
        async with self._session.post(f"{self._url}/sim/clock", json=body) as answer:
            told = await answer.json(content_type=None)
            if answer.status != 200:
                raise TemporaryError(f"the simulated venue does not move its clock: {answer.status} {told}", 0.0)
        return Moment(int(told["events"]), bool(told["paused"]))

    async def _moment(self, tick: int) -> Moment:
        assert self._session is not None
        async with self._session.get(f"{self._url}/sim/clock") as answer:
            told = await answer.json(content_type=None)
            if answer.status != 200:
                raise TemporaryError(f"the simulated venue does not tell its time: {answer.status} {told}", 0.0)
        return Moment(int(told["events"]), int(told["time"]) == tick + 1)

    async def _candle(self, pair: str, timeframe: str, open_time: int) -> Candle:
        with exchange_errors(self._client):
            rows = await self._client.fetch_ohlcv(pair, timeframe, since=open_time, limit=1)
        if not rows or rows[0][0] != open_time:
            raise TemporaryError(f"the simulated venue has no candle {pair} {timeframe} {open_time}", 0.0)
        return Candle(*rows[0])

    async def _patiently(self, call: Callable[[], Awaitable[Result]]) -> Result:
        tries = 0
        while True:
            try:
                # ccxt changes the decimal context of whoever calls it.
                with localcontext():
                    async with asyncio.timeout(PATIENCE):
                        await self._connect()
                        return await call()
            except (TemporaryError, aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
                pause = PAUSES[min(tries, len(PAUSES) - 1)]
                wanted = error.retry_after if isinstance(error, TemporaryError) else None
                tries += 1
                log = self._context.log.info if tries <= QUIET_TRIES else self._context.log.warning
                log("venue asked again", error=str(error) or type(error).__name__, tries=tries)
                await asyncio.sleep(min(max(pause, wanted or 0.0), PAUSES[-1]))
