"""One stream of candles that several bots have in common, as one of them sees it.

One process leads: it receives from the exchange, hands over to its own bot, and tells the others. The others read.
Each of them knows one thing, as a stream of its own does: the open time of the next candle to hand over. Every
entry says from which time on it tells the candles, so a reader knows whether anything is missing before them, and that
it asks the exchange for; and what it had before, from whomever, it leaves out. So it does not matter who leads, how
often that changes, or whether two do for a moment: a candle that has closed is the same from everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.domain.timeframe import close_time
from tradewind.kernel.shared_log import KEPT, SharedLog
from tradewind.market_data.adapters.ccxt.candle_pages import first_open
from tradewind.market_data.ports import Deliver, FeedState, Report, StateChange, StreamFeed, StreamHealth, StreamKey

BACKFILL_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between questions for candles that others have had already; then the exchange has them no more."""


class Told(msgspec.Struct, frozen=True, array_like=True):
    """An entry: the closed candles from `since` on (an open time), and how the stream stands.

    Without candles it says how the stream stands, and from when on whoever leads now tells it.
    """

    since: int
    candles: tuple[Candle, ...]
    state: str
    reason: str = ""


_DECODER = msgspec.msgpack.Decoder(Told)


class SharedStream:
    """The stream `key`, from the candle opened at `since` (milliseconds UTC) on; `name` is that of its log."""

    def __init__(  # noqa: PLR0917 - what a stream is made of, each once
        self, key: StreamKey, since: int, name: str, feed: StreamFeed, log: SharedLog, journal: Any
    ) -> None:
        self.key, self.name = key, name
        self.health = StreamHealth()
        self.failure: Exception | None = None
        self.owes = False
        """Whether there is something that the others could not be told."""
        self._next = first_open(key.timeframe, since)
        self._feed, self._log, self._journal = feed, log, journal
        self._deliver: Deliver | None = None
        self._report: Report | None = None
        self._entries: asyncio.Queue[list[bytes]] = asyncio.Queue()
        self._turn = asyncio.Lock()
        self._leading: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._told_up_to = 0
        self._untold: list[Candle] = []
        self._telling = asyncio.Lock()

    def for_whom(self, deliver: Deliver, report: Report) -> None:
        """Who gets the candles and hears of the states from now on."""
        self._deliver, self._report = deliver, report

    @property
    def leads(self) -> bool:
        """Whether this process receives the stream from the exchange."""
        return self._leading is not None

    def lead(self) -> None:
        """Receive from the exchange from now on."""
        if self._leading is None:
            self._journal.info("feed received here", pair=self.key.pair, timeframe=self.key.timeframe)
            self.failure = None
            self._leading = asyncio.create_task(self._receive(), name=f"feed {self.name}")

    async def follow(self) -> None:
        """Receive no more from the exchange: another process does, or nobody wants it."""
        if self._leading is not None:
            self._journal.info("feed received elsewhere", pair=self.key.pair, timeframe=self.key.timeframe)
            leading, self._leading = self._leading, None
            # Until the exchange sends no more may take seconds, in which leases run out.
            self._ending.add(leading)
            leading.add_done_callback(self._ending.discard)
            async with self._turn:  # what is being handed over counts, or does not
                leading.cancel()

    async def tell_again(self) -> None:
        """Tell the others what they could not be told, so that nobody waits for the next candle to learn of it."""
        await self._tell(())

    async def end(self) -> None:
        """Have nothing be left running."""
        await self.follow()
        ending = list(self._ending)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def heard(self, entries: list[bytes]) -> None:
        """Take entries of the log, in their order; they are handed over by `read_on`."""
        self._entries.put_nowait(entries)

    async def read_on(self) -> None:
        """Hand over what was heard, without end. Raises what `deliver` raises."""
        while True:
            last = None
            for entry in await self._entries.get():
                try:
                    told = _DECODER.decode(entry)
                except msgspec.MsgspecError as error:
                    # A newer version's: the next one that can be read shows that something is missing.
                    self._journal.warning("feed entry cannot be read", pair=self.key.pair, error=str(error))
                    continue
                await self._take(told)
                last = told
            if last is not None and not self.leads:
                await self._enter(self._change(FeedState(last.state), last.reason))

    # -------------------------------------------------------------------------------------------------------- leading

    async def _receive(self) -> None:
        since = self._told_up_to = self._next
        self._untold = []
        try:
            await self._tell(())
            await self._feed.stream(self.key, since, self._received, self._reported)
        except Exception as error:  # noqa: BLE001 - it ends the whole feed, which looks for it
            self.failure = error

    async def _received(self, _key: StreamKey, candles: Sequence[Candle]) -> None:
        await self._hand_over(candles)
        await self._tell(candles)

    async def _reported(self, change: StateChange) -> None:
        await self._enter(change)
        if change.state is not FeedState.ENDED:  # others may fare better
            await self._tell(())

    async def _tell(self, candles: Sequence[Candle]) -> None:
        """Tell the others these candles, what they could not be told before, and how the stream stands."""
        self._untold += candles
        async with self._telling:
            sent = self._untold[-KEPT:]
            since = self._told_up_to if len(sent) == len(self._untold) else sent[0].open_time
            entry = Told(since, tuple(sent), self.health.state.value, self.health.reason)
            try:
                await self._log.append(self.name, msgspec.msgpack.encode(entry))
            except TemporaryError:
                self.owes = True
                return
            # Told, or another one leads and tells it.
            self._untold = [candle for candle in self._untold if not sent or candle.open_time > sent[-1].open_time]
            self._told_up_to = close_time(self.key.timeframe, sent[-1].open_time) if sent else since
            self.owes = False

    # ------------------------------------------------------------------------------------------------------ following

    async def _take(self, told: Told) -> None:
        if told.since > self._next:
            if self.leads:
                return  # what is received here comes without a gap
            if not told.candles:
                await self._look(told.since)
                return
            await self._backfill(told.candles[0].open_time)
        await self._hand_over(told.candles)

    async def _look(self, until: int) -> None:
        """Ask once for what closed before somebody else began; the rest shows when the next candle does."""
        with contextlib.suppress(Exception):
            await self._hand_over(await self._asked(until))

    async def _backfill(self, known: int) -> None:
        """Hand over everything before the candle opened at `known`, which shows that what is before it has closed.

        An exchange's caches may lag behind what another process was told, so it is asked until it has that one, too.
        While it does not answer nothing is given up: a stream of one's own would wait as well.
        """
        pauses = iter(BACKFILL_PAUSES)
        while self._next <= known:
            try:
                candles = await self._asked(known + 1)
            except Exception as error:  # noqa: BLE001 - whatever is wrong, without these candles nothing may go on
                await self._enter(self._change(FeedState.DISCONNECTED, f"REST: {error}"))
                await asyncio.sleep(max(getattr(error, "retry_after", 0.0), BACKFILL_PAUSES[1]))
                continue
            if candles and candles[-1].open_time == known:
                await self._hand_over(candles)
                return
            if (pause := next(pauses, None)) is None:
                self._journal.warning("candles missing", pair=self.key.pair, since=self._next, until=known)
                await self._hand_over(candles)
                return
            await asyncio.sleep(pause)

    async def _asked(self, until: int) -> Sequence[Candle]:
        checked = await self._feed.history(self.key.pair, self.key.timeframe, self._next, until)
        return checked.series.candles()

    # ----------------------------------------------------------------------------------------------------------- both

    async def _hand_over(self, candles: Sequence[Candle]) -> None:
        """Deliver what is new of `candles`, one hand-over at a time."""
        assert self._deliver is not None
        async with self._turn:
            fresh = [candle for candle in candles if candle.open_time >= self._next]
            if fresh:
                await self._deliver(self.key, fresh)
                self._next = close_time(self.key.timeframe, fresh[-1].open_time)
                self.health.delivered += len(fresh)
                self.health.last_candle = fresh[-1].open_time

    def _change(self, state: FeedState, reason: str) -> StateChange:
        """A change that is told here, of which each has a time of its own."""
        return StateChange(self.key, state, max(int(time.time() * 1000), (self.health.last_update or 0) + 1), reason)

    async def _enter(self, change: StateChange) -> None:
        health = self.health
        health.last_update = change.time
        if (change.state, change.reason) != (health.state, health.reason):
            health.state, health.reason = change.state, change.reason
            if self._report is not None:
                await self._report(change)
