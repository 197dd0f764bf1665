"""The live market: the candles of a real exchange, as they close, in the place of a replay.

The feed listens and the market plays: what streams tell is gathered into ticks, each tick is kept and sent, and the
next one waits until the bot is done with it. What was missed (the bot was down, the feed was gone) comes from the
feed in order before anything new, so it is traded tick by tick as well, as if it were closing now.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from decimal import localcontext
from typing import Literal

from tradewind.contracts.messages import FeedStateChanged
from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.domain.order_book import Depth
from tradewind.domain.timeframe import close_time
from tradewind.kernel.service import Context
from tradewind.kernel.store.base import Write
from tradewind.market_data.beginning import begin, history_of, patiently
from tradewind.market_data.candle_store import candles_write, read_candles_kept
from tradewind.market_data.gathering import GRACE, PATIENCE, Gathering
from tradewind.market_data.growing import grow, present
from tradewind.market_data.ports import Feed, FeedState, PublicTrade, Quote, StateChange, StreamKey
from tradewind.market_data.recording import Recording, Tick
from tradewind.market_data.sending import TickSender

_WELL = (FeedState.CONNECTED, FeedState.RESYNCED)
_TROUBLE = (FeedState.DISCONNECTED, FeedState.SILENT)

# Without the end: to the bot `Ended` is that of recorded data. A feed that ends for good fails this service.
_TOLD: dict[FeedState, Literal["Starting", "Connected", "Disconnected", "Silent", "Resynced"]] = {
    FeedState.STARTING: "Starting",
    FeedState.CONNECTED: "Connected",
    FeedState.DISCONNECTED: "Disconnected",
    FeedState.SILENT: "Silent",
    FeedState.RESYNCED: "Resynced",
}


class LiveMarket:
    """Gives the market of an exchange to the bot; `connect` makes its feed."""

    ended = False

    def __init__(self, context: Context, connect: Callable[[], Awaitable[Feed]]) -> None:
        self.recording: Recording | None = None
        self.position = 0
        self.since: float | None = None
        self.sender = TickSender(context)
        self._context, self._connect = context, connect
        self._feed: Feed | None = None
        self._gathering: Gathering | None = None
        self._states: dict[str, StateChange] = {}
        self._refused: dict[tuple[StreamKey, str], int] = {}
        self._news = asyncio.Event()

    @property
    def interval(self) -> float:
        """Wall seconds from one base candle to the next."""
        return close_time(self._context.bot.spec.timeframe, 0) / 1000

    @property
    def state(self) -> str:
        """How the worst of the streams stands."""
        found = {self._state(pair) for pair in self.recording.checked} if self.recording else set()
        worst = next((state for state in (*_TROUBLE, FeedState.STARTING) if state in found), FeedState.CONNECTED)
        return worst.value

    def trouble(self) -> dict[str, str]:
        """The pairs whose candles do not come as they should, each with what is wrong."""
        states = self._states.items()
        return {pair: f"{one.state}: {one.reason}" for pair, one in states if one.state in _TROUBLE}

    async def load(self) -> None:
        """Know what was before the first tick; waits for an exchange that does not answer yet."""
        if self.recording is not None:
            return
        context, spec = self._context, self._context.bot.spec
        kept = await context.store.read(lambda connection: read_candles_kept(connection, context.key))
        # ccxt changes the decimal context of whoever calls it.
        with localcontext():
            if self._feed is None:
                self._feed = await patiently(context.log, spec.exchanges[0].name, self._connect)
            recording = await begin(spec, self._feed, kept, int(context.clock.now() * 1000), context.log)
        if not kept.candles:
            await context.store.commit([candles_write(context.key, history_of(recording), traded=False)])
        since = present(recording)
        self._feed.follow({StreamKey(pair, spec.timeframe): since for pair in recording.checked})
        self._gathering = Gathering(recording.checked, since, self._broken)
        self.recording, self.since = recording, context.clock.now()

    async def listen(self) -> None:
        """Take what the feed tells, without end. Raises what ends it for good."""
        assert self._feed is not None
        feed, exchange = self._feed, self._context.bot.spec.exchanges[0]
        await patiently(self._context.log, exchange.name, lambda: feed.run(self._deliver, self._report))

    async def play(self) -> None:
        """Send every tick from where the run resumes, then each as it comes."""
        recording = self.recording
        assert recording is not None
        self.position = self.sender.first_position(recording)
        while self.position < len(recording.ticks):
            # Nobody knows how long ago they closed: the exchange has not told yet what came after.
            await self._send(recording.ticks[self.position], [], missed=True)
        while True:
            tick = await self._next(recording)
            base = {pair: [candle] for pair, timeframe, candle in tick.candles if timeframe == recording.timeframe}
            kept = candles_write(self._context.key, base, traded=True)
            if self._context.bot.spec.exchanges[0].endpoint is None:  # the time of a simulation is not that of the wall
                self.sender.delayed(self._context.clock.now() - self._closed_at(tick.time))
            await self._send(tick, [kept], missed=self._is_late(tick.time))

    async def quote(self, pair: str) -> Quote:
        """Where a pair trades now; raises `TemporaryError` where the exchange does not answer."""
        with localcontext():
            return await self._asked().quote(pair)

    async def order_book(self, pair: str, count: int) -> Depth:
        """The best `count` levels of both sides now; raises as `quote` does."""
        with localcontext():
            return await self._asked().order_book(pair, count)

    async def trades(self, pair: str, count: int) -> Sequence[PublicTrade]:
        """The latest `count` trades of anybody, the oldest first; raises as `quote` does."""
        with localcontext():
            return await self._asked().trades(pair, count)

    async def close(self) -> None:
        """Let go of the exchange."""
        if self._feed is not None:
            await self._feed.close()

    # ------------------------------------------------------------------------------------------------------ internals

    def _asked(self) -> Feed:
        if self._feed is None:
            raise TemporaryError("the exchange has not answered yet")
        return self._feed

    def _is_late(self, time: int) -> bool:
        """Whether the tick `time` closed so long ago that the market is another one now."""
        spec = self._context.bot.spec
        assert self._gathering is not None
        if self._gathering.gone_on(time):
            return True
        if spec.exchanges[0].endpoint is not None:
            return False  # the time of a simulation is not that of the wall
        return self._context.clock.now() - self._closed_at(time) > PATIENCE + GRACE

    def _closed_at(self, time: int) -> float:
        """When, in wall seconds, the base candles of the tick `time` closed."""
        return close_time(self._context.bot.spec.timeframe, time) / 1000

    async def _send(self, tick: Tick, writes: list[Write], *, missed: bool) -> None:
        async def send() -> None:
            await self.sender.publish(tick.time, tick.candles, writes=writes, missed=missed)
            writes.clear()  # sent again, it is kept already

        await self.sender.until_settled(tick.time, send)
        self.sender.count(tick.candles)
        self.position += 1

    async def _next(self, recording: Recording) -> Tick:
        gathering, loop = self._gathering, asyncio.get_running_loop()
        assert gathering is not None
        while True:
            self._news.clear()
            found = gathering.next(loop.time())
            if found is not None:
                return grow(recording, found.time, found.candles)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(gathering.due()):
                    await self._news.wait()

    async def _deliver(self, stream: StreamKey, candles: Sequence[Candle]) -> None:
        assert self._gathering is not None
        self._count_refused(stream)
        late = self._gathering.take(stream.pair, candles, asyncio.get_running_loop().time())
        if late:
            context = self._context
            context.log.warning(
                "candles came after their tick", pair=stream.pair, candles=len(late), gap=late[0].open_time
            )
            context.metrics.gaps.labels(context.key, stream.pair).inc(len(late))
        self._news.set()

    async def _report(self, change: StateChange) -> None:
        pair = change.stream.pair
        self._count_refused(change.stream)
        self._states[pair] = change
        self._news.set()
        log = self._context.log.warning if change.state in _TROUBLE else self._context.log.info
        log("feed", pair=pair, state=change.state.value, reason=change.reason)
        state = _TOLD.get(change.state)
        if state is not None and self.recording is not None:
            identity = f"feed:{pair}:{change.state}:{change.time}"
            async with self._context.unit() as unit:
                unit.publish(
                    FeedStateChanged(
                        id=identity,
                        time=present(self.recording),
                        state=state,
                        pair=pair,
                        reason=change.reason,
                    )
                )

    def _count_refused(self, stream: StreamKey) -> None:
        """Tell the metrics of the rows that the feed has refused since it was asked last."""
        health = self._asked().health().streams.get(stream)
        for reason, count in health.quarantined.items() if health is not None else ():
            fresh = count - self._refused.get((stream, reason), 0)
            self._context.metrics.quarantined.labels(self._context.key, stream.pair, reason).inc(fresh)
            self._refused[stream, reason] = count

    def _state(self, pair: str) -> FeedState:
        return self._states[pair].state if pair in self._states else FeedState.STARTING

    def _broken(self, pair: str) -> bool:
        return self._state(pair) not in _WELL
