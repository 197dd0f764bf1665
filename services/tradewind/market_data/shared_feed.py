"""The feed of an exchange that bots have in common: each stream is received by one process and read by the others.

`SharedFeed` is a `Feed` over the bot's own one, which it uses for the streams that this process leads, for what is
missing, and for questions. Who leads a stream holds the lease of its log (`kernel.shared_log`); when it dies the next
to ask has it, at most a lease and a beat later. While Redis is away for longer than a lease every bot receives for
itself, as it would without Redis, and shares again when Redis is back: nothing that is traded on rests on Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tradewind.domain.candle_checks import CheckedCandles
from tradewind.domain.errors import TemporaryError
from tradewind.domain.instrument import Instrument
from tradewind.domain.order_book import Depth
from tradewind.kernel.shared_log import BEGINNING, SharedLog
from tradewind.market_data.adapters.ccxt.waiting import together
from tradewind.market_data.ports import (
    Deliver,
    FeedHealth,
    FeedState,
    PublicTrade,
    Quote,
    Report,
    StateChange,
    StreamFeed,
    StreamKey,
)
from tradewind.market_data.shared_stream import SharedStream

BEATS = 4
"""How often in a lease it is renewed, or asked for."""


class SharedFeed:
    """Implements `ports.Feed` over `feed`, with logs in `log`; `now` gives seconds that only grow."""

    def __init__(
        self, feed: StreamFeed, log: SharedLog, journal: Any, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._feed, self._log, self._journal, self._now = feed, log, journal, now
        self._beat = log.lease / BEATS
        self._streams: dict[str, SharedStream] = {}
        self._places: dict[str, str] = {}
        self._heard = now()

    def follow(self, streams: Mapping[StreamKey, int]) -> None:
        """Deliver these streams when it runs, each from an open time (milliseconds UTC)."""
        made = [
            SharedStream(key, since, f"{key.pair}:candles-{key.timeframe}", self._feed, self._log, self._journal)
            for key, since in streams.items()
        ]
        self._streams = {stream.name: stream for stream in made}
        self._places = dict.fromkeys(self._streams, BEGINNING)

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Deliver closed candles of every stream, without end. Raises what `deliver` raises, and what ends a stream."""
        for stream in self._streams.values():
            stream.for_whom(deliver, report)
        readers = [stream.read_on() for stream in self._streams.values()]
        self._heard = self._now()
        try:
            await together(self._feed.keep_time(), self._lead_on(), self._read_on(), *readers)
        except Exception as error:
            for stream in self._streams.values():
                with contextlib.suppress(Exception):
                    await report(StateChange(stream.key, FeedState.ENDED, 0, str(error)))
            raise
        finally:
            await self._stand_back()

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every spot pair that trades now, with its filters."""
        return await self._feed.instruments()

    async def history(self, pair: str, timeframe: str, since: int, until: int) -> CheckedCandles:
        """The closed candles opened in `since <= open time < until` (milliseconds UTC), validated."""
        return await self._feed.history(pair, timeframe, since, until)

    async def quote(self, pair: str) -> Quote:
        """Where the pair trades now."""
        return await self._feed.quote(pair)

    async def order_book(self, pair: str, count: int) -> Depth:
        """The best `count` levels of both sides now."""
        return await self._feed.order_book(pair, count)

    async def trades(self, pair: str, count: int) -> Sequence[PublicTrade]:
        """The latest `count` trades, the oldest first."""
        return await self._feed.trades(pair, count)

    def health(self) -> FeedHealth:
        """How the feed does now: of streams that are received elsewhere, what was read of them."""
        own = self._feed.health()
        streams = {
            one.key: own.streams.get(one.key, one.health) if one.leads else one.health for one in self._streams.values()
        }
        return replace(own, streams=streams)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._feed.close()
        await self._log.close()

    # ------------------------------------------------------------------------------------------------------ internals

    async def _lead_on(self) -> None:
        """Lead what nobody else does, and learn what somebody else does by now."""
        while True:
            await self._settle(await self._led())
            for stream in self._streams.values():
                if stream.failure is not None:
                    raise stream.failure
                if stream.leads and stream.owes:
                    await stream.tell_again()
            await asyncio.sleep(self._beat)

    async def _led(self) -> frozenset[str]:
        """The streams to lead."""
        try:
            led = await self._log.lead(list(self._streams))
        except TemporaryError:
            if self._now() - self._heard > self._log.lease:
                return frozenset(self._streams)
            return frozenset(name for name, stream in self._streams.items() if stream.leads)
        self._heard = self._now()
        return led

    async def _settle(self, led: frozenset[str]) -> None:
        for name, stream in self._streams.items():
            if name in led:
                stream.lead()
            else:
                await stream.follow()

    async def _read_on(self) -> None:
        """Read the logs. Also of what is led here: another one may lead it a moment later."""
        while True:
            try:
                found = await self._log.read(self._places, self._beat)
                if not found:
                    self._places |= dict.fromkeys(await self._log.begun_anew(self._places), BEGINNING)
            except TemporaryError:
                await asyncio.sleep(self._beat)
                continue
            for name, (place, entries) in found.items():
                self._places[name] = place
                self._streams[name].heard(entries)

    async def _stand_back(self) -> None:
        """Lead nothing any more, so that another one may at once."""
        led = [name for name, stream in self._streams.items() if stream.leads]
        for stream in self._streams.values():
            await stream.end()
        with contextlib.suppress(TemporaryError):
            await self._log.resign(led)
