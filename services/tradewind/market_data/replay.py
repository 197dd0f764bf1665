"""The replay: ticks go out one by one, each when the one before is settled, at the speed that was asked for.

Where the venue is simulated the market is played there: its clock is moved to each tick, and what goes out is what
its API tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from tradewind.contracts.messages import FeedStateChanged, VenueOpened
from tradewind.domain.timeframe import close_time
from tradewind.kernel.service import Context
from tradewind.market_data.adapters.venue_clock import VenueClock
from tradewind.market_data.recording import Closed, Recording, Tick, load_recording
from tradewind.market_data.sending import TickSender


class Replay:
    """Plays a recording to the bot."""

    def __init__(self, context: Context, venue: VenueClock | None = None) -> None:
        self.recording: Recording | None = None
        self.position = 0
        self.ended = False
        self.since: float | None = None
        self.sender = TickSender(context)
        self._context = context
        self._begun = False
        self._venue = venue
        speed = context.bot.spec.data.speed
        self._speed = None if speed == "max" else float(speed)

    @property
    def interval(self) -> float | None:
        """Wall seconds from one base candle to the next; None where ticks go out as fast as they are settled."""
        if self._speed is None:
            return None
        timeframe = self._context.bot.spec.timeframe
        return close_time(timeframe, 0) / 1000 / self._speed

    @property
    def state(self) -> str:
        """Whether there is more to come."""
        return "Ended" if self.ended else "Playing"

    def trouble(self) -> dict[str, str]:
        """None: candles of a recording are there."""
        return {}

    async def load(self) -> None:
        """Read the recording; raises `ConfigError` for what the user must mend."""
        self.recording = await asyncio.to_thread(load_recording, self._context.bot)

    async def play(self) -> None:
        """Send every tick from where the run resumes."""
        recording = self.recording
        assert recording is not None
        self.position = self.sender.first_position(recording)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.position < len(recording.ticks):
            tick = recording.ticks[self.position]
            if self._speed is not None:
                await asyncio.sleep(max(due - loop.time(), 0))
                self.sender.delayed(loop.time() - due)
                pause = self._pause(recording, self.position)
                if loop.time() - due > pause:
                    # What took longer than a candle (a venue that was not there yet) makes time late, not fast.
                    due = loop.time()
                due += pause
            await self.sender.until_settled(tick.time, partial(self._send, tick))
            self.sender.count(tick.candles)
            self.position += 1
        await self._end(recording.ticks[-1].time if recording.ticks else 0)

    async def close(self) -> None:
        """Let go of the venue."""
        if self._venue is not None:
            await self._venue.close()

    def _pause(self, recording: Recording, index: int) -> float:
        """Wall seconds to the next tick; a gap in the data passes as fast as one candle."""
        assert self._speed is not None
        ticks = recording.ticks
        following = ticks[index + 1].time if index + 1 < len(ticks) else ticks[index].time
        usual = min((ticks[i + 1].time - ticks[i].time for i in range(min(len(ticks) - 1, 10))), default=0)
        return min(following - ticks[index].time, usual) / 1000 / self._speed

    async def _send(self, tick: Tick) -> None:
        candles: Sequence[Closed] = tick.candles
        events = 0
        if self._venue is not None:
            candles, events = await self._walked(self._venue, tick)
        await self.sender.publish(tick.time, candles, events=events)

    async def _walked(self, venue: VenueClock, tick: Tick) -> tuple[Sequence[Closed], int]:
        """Have the venue walk a tick; returns its candles as the venue tells them, and the account's events so far."""
        assert self.recording is not None
        if not self._begun:
            # Before a restart the venue may have come as far as the opening.
            moment = await venue.moment(tick.time)
            if moment.paused:
                await self._settle_opening(tick.time, moment.events)
            self._begun = True
        wanted = [(pair, timeframe, candle.open_time) for pair, timeframe, candle in tick.candles]
        while (moment := await venue.move(self.recording.timeframe, tick.time, wanted)).paused:
            await self._settle_opening(tick.time, moment.events)
        walked = zip(wanted, moment.candles, strict=True)
        return [(pair, timeframe, candle) for (pair, timeframe, _), candle in walked], moment.events

    async def _settle_opening(self, time: int, events: int) -> None:
        async def tell() -> None:
            async with self._context.unit() as unit:
                unit.publish(VenueOpened(id=f"opened:{time}:{events}", time=time, venue_events=events))

        await self.sender.until_opening_settled(time, tell)

    async def _end(self, time: int) -> None:
        self.ended = True
        self._context.log.info("recorded data used up")
        async with self._context.unit() as unit:
            unit.publish(FeedStateChanged(id=f"feed:{time}:Ended", time=time, state="Ended"))
