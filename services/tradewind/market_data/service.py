"""Composition root of market-data."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tradewind.contracts.messages import TickSettled
from tradewind.domain.candle import CandleSeries
from tradewind.domain.instrument import Instrument
from tradewind.kernel.service import Context, Service
from tradewind.market_data.recording import Recording, load_recording
from tradewind.market_data.replay import Replay


def build(context: Context) -> Service:
    """Market data of one bot, from a recording or a synthetic market."""
    replay = Replay(context, until_end=context.until_end)

    def recording() -> Recording:
        assert replay.recording is not None
        return replay.recording

    async def load() -> None:
        if replay.recording is not None:
            return
        replay.recording = await asyncio.to_thread(load_recording, context.bot)
        for pair, checked in replay.recording.checked.items():
            for row in checked.quarantined:
                context.metrics.quarantined.labels(context.key, pair, row.reason).inc()
            context.metrics.gaps.labels(context.key, pair).inc(sum(gap.missing for gap in checked.gaps))

    async def instruments() -> Mapping[str, Instrument]:
        """Every instrument of the bot, in the order in which pairs are decided."""
        return recording().instruments

    async def series(pair: str, timeframe: str) -> CandleSeries:
        """All candles of a pair."""
        return recording().series[pair, timeframe]

    async def closes(time: int) -> dict[str, float]:
        """The latest closes at a tick."""
        return recording().closes(time)

    async def closes_by_tick(until: int) -> list[tuple[int, dict[str, float]]]:
        """The closes of every tick so far."""
        return recording().closes_by_tick(until)

    async def status() -> dict[str, Any]:
        """How far the replay is, and what was wrong with the data."""
        ticks = recording().ticks
        return {
            "candles": recording().candles,
            "ticks": len(ticks),
            "position": replay.position,
            "time": ticks[min(replay.position, len(ticks) - 1)].time if ticks else None,
            "ended": replay.ended,
            "notes": recording().notes(),
            "quarantined": [
                {"pair": pair, **row._asdict()}
                for pair, checked in recording().checked.items()
                for row in checked.quarantined
            ],
            "gaps": [
                {"pair": pair, **gap._asdict()} for pair, checked in recording().checked.items() for gap in checked.gaps
            ],
        }

    return Service(
        name="market-data",
        handlers={TickSettled: replay.on_settled},
        load=load,
        tasks=(replay.play,),
        answers={
            "instruments": instruments,
            "series": series,
            "closes": closes,
            "closes_by_tick": closes_by_tick,
            "status": status,
        },
    )
