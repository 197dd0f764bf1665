"""What market-data answers to the other services: the candles themselves, and how far they have been played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.kernel.ask import Answer
from tradewind.market_data.recording import Recording
from tradewind.market_data.sending import TickSender
from tradewind.market_data.window import Window


class Market(Protocol):
    """Where candles come from: a replay or a live market. `position` counts the ticks that the bot is done with."""

    recording: Recording | None
    position: int
    since: float | None
    """The wall time (seconds) from which candles are waited for; None where they are all there."""
    sender: TickSender

    @property
    def ended(self) -> bool:
        """Whether no tick will come any more."""
        ...

    @property
    def interval(self) -> float | None:
        """Wall seconds from one base candle to the next; None: as fast as they are settled."""
        ...

    def trouble(self) -> dict[str, str]:
        """The pairs whose candles do not come as they should, each with what is wrong."""
        ...


class Answers:
    """The answers about one market; before it has loaded nobody may ask."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.known: Mapping[str, Instrument] = {}
        """What `known_instruments` answers."""

    @property
    def recording(self) -> Recording:
        """All candles of the bot."""
        assert self._market.recording is not None
        return self._market.recording

    def window(self) -> Window:
        """What of it can be seen now."""
        return Window.of(self.recording, self._market.position)

    def by_question(self) -> Mapping[str, Answer]:
        """Every answer, by its question."""
        return {
            "instruments": self.instruments,
            "known_instruments": self.known_instruments,
            "series": self.series,
            "closes": self.closes,
            "closes_by_tick": self.closes_by_tick,
            "daily_closes": self.daily_closes,
            "progress": self.progress,
            "settled": self.settled,
            "status": self.status,
        }

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every instrument of the bot, in the order in which pairs are decided."""
        return self.recording.instruments

    async def known_instruments(self) -> Mapping[str, Instrument]:
        """Those, and of every pair that the bot traded before and may still hold."""
        return self.known

    async def series(self, pair: str, timeframe: str) -> CandleSeries:
        """All candles of a pair; of one that is traded no more what was seen of it, in the bot's timeframe."""
        if pair in self.recording.instruments:
            return self.recording.series[pair, timeframe]
        return self.recording.left.get(pair) or CandleSeries.of(pair, timeframe, [])

    async def closes(self, time: int) -> dict[str, float]:
        """The latest closes at a tick."""
        return self.recording.closes(time)

    async def closes_by_tick(self, until: int) -> list[tuple[int, dict[str, float]]]:
        """The closes of every tick so far."""
        return self.recording.closes_by_tick(until)

    async def daily_closes(self) -> dict[str, dict[int, float]]:
        """The last close of every pair on every day of market time that is over."""
        return self.window().daily_closes()

    async def settled(self) -> int | None:
        """The last tick that the bot was done with since this service began: who begins later goes on from there."""
        return self._market.sender.settled

    async def progress(self) -> dict[str, Any]:
        """Whether the feed has ended, its present, how often (seconds) and since when ticks come, what is wrong."""
        market = self._market
        return {
            "ended": market.ended,
            "time": self.window().now,
            "interval": market.interval,
            "since": market.since,
            "trouble": market.trouble(),
        }

    async def status(self) -> dict[str, Any]:
        """How far the bot is, and what was wrong with the data."""
        market, recording = self._market, self.recording
        ticks = recording.ticks
        return {
            "candles": recording.candles,
            "ticks": len(ticks),
            "position": market.position,
            "time": ticks[min(market.position, len(ticks) - 1)].time if ticks else None,
            "ended": market.ended,
            "notes": recording.notes(),
            "quarantined": [
                {"pair": pair, **row._asdict()} for pair, one in recording.checked.items() for row in one.quarantined
            ],
            "gaps": [{"pair": pair, **gap._asdict()} for pair, one in recording.checked.items() for gap in one.gaps],
        }
