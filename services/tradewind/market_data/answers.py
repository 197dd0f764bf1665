"""What market-data answers to the other services: the recording itself, and how far it has been played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.kernel.ask import Answer
from tradewind.market_data.recording import Recording
from tradewind.market_data.replay import Replay
from tradewind.market_data.window import Window


class Answers:
    """The answers about one replay; before it has loaded nobody may ask."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    @property
    def recording(self) -> Recording:
        """All candles of the bot."""
        assert self._replay.recording is not None
        return self._replay.recording

    def window(self) -> Window:
        """What of it can be seen now."""
        return Window.of(self.recording, self._replay.position)

    def by_question(self) -> Mapping[str, Answer]:
        """Every answer, by its question."""
        return {
            "instruments": self.instruments,
            "series": self.series,
            "closes": self.closes,
            "closes_by_tick": self.closes_by_tick,
            "daily_closes": self.daily_closes,
            "progress": self.progress,
            "status": self.status,
        }

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every instrument of the bot, in the order in which pairs are decided."""
        return self.recording.instruments

    async def series(self, pair: str, timeframe: str) -> CandleSeries:
        """All candles of a pair."""
        return self.recording.series[pair, timeframe]

    async def closes(self, time: int) -> dict[str, float]:
        """The latest closes at a tick."""
        return self.recording.closes(time)

    async def closes_by_tick(self, until: int) -> list[tuple[int, dict[str, float]]]:
        """The closes of every tick so far."""
        return self.recording.closes_by_tick(until)

    async def daily_closes(self) -> dict[str, dict[int, float]]:
        """The last close of every pair on every day of market time that is over."""
        return self.window().daily_closes()

    async def progress(self) -> dict[str, Any]:
        """Whether the feed has ended, its present, and the wall seconds between its ticks (None: as fast as it can)."""
        replay = self._replay
        return {"ended": replay.ended, "time": self.window().now, "interval": replay.interval}

    async def status(self) -> dict[str, Any]:
        """How far the replay is, and what was wrong with the data."""
        replay, recording = self._replay, self.recording
        ticks = recording.ticks
        return {
            "candles": recording.candles,
            "ticks": len(ticks),
            "position": replay.position,
            "time": ticks[min(replay.position, len(ticks) - 1)].time if ticks else None,
            "ended": replay.ended,
            "notes": recording.notes(),
            "quarantined": [
                {"pair": pair, **row._asdict()} for pair, one in recording.checked.items() for row in one.quarantined
            ],
            "gaps": [{"pair": pair, **gap._asdict()} for pair, one in recording.checked.items() for gap in one.gaps],
        }
